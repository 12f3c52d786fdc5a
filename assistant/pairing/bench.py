"""Which pair tasks a bundle can answer by a head, and why not the others.

`bundle.json` names one directory, `pair_heads`; each directory in it is a component. A task without
a head is off, with the reason and the command that trains it; nothing stands in for it.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.bundle import PAIR_HEADS, Bundle
from assistant.checkpoint import CONFIG
from assistant.chem.pairs import PAIR_TASKS
from assistant.errors import BundleError
from assistant.pairing.predictor import PairPredictor

log = logging.getLogger(__name__)

RECIPES: Mapping[str, str] = {
    "drug_drug": "pairs_drugs.toml",
    "solvation": "pairs_solvation.toml",
    "absorption": "pairs_chromophore.toml",
    "emission": "pairs_chromophore.toml",
    "lifetime": "pairs_chromophore.toml",
}
_NOT_GIVEN_AWAY = (
    "This bundle ships no model that says whether two drugs interact. The reason is the terms of"
    " the data: the pairs to train one on state no licence and derive from DrugBank, whose terms"
    " are non-commercial, so weights trained on them are not given away (the model card, README.md"
    " of the bundle, lists the terms of each source)."
)


@dataclass(frozen=True)
class Off:
    """A task that cannot be answered.

    Attributes:
        reason: Why.
        command: What trains it into a bundle.
    """

    reason: str
    command: str


class PairBench:
    """The heads of a bundle by task."""

    def __init__(self, predictors: Mapping[str, PairPredictor], off: Mapping[str, Off]) -> None:
        self.predictors, self.off = dict(predictors), dict(off)

    @classmethod
    def load(cls, bundle: Path | None) -> "PairBench":
        """Reads all heads of a bundle directory; what cannot be read is off with its reason.

        Without a directory every task is off.
        """
        predictors: dict[str, PairPredictor] = {}
        reasons: dict[str, str] = {}
        for directory in _directories(bundle, reasons):
            try:
                predictor = PairPredictor.load(directory)
            except BundleError as error:
                log.warning("pair head %s is off: %s", directory.name, error)
                reasons[directory.name] = f"The head {directory.name} cannot be read."
                continue
            predictors |= {task.name: predictor for task in predictor.tasks}
        broken = " ".join(reasons.values())
        off = {
            task: Off(_reason(task, broken), training_command(task))
            for task in PAIR_TASKS
            if task not in predictors
        }
        return cls(predictors, off)


def training_command(task: str) -> str:
    """The command that trains a task's head into a bundle."""
    return (
        f"python -m assistant.train.pairs --config assistant/train/configs/{RECIPES[task]}"
        " --data DIR --run RUN --bundle BUNDLE"
    )


def _directories(bundle: Path | None, reasons: dict[str, str]) -> list[Path]:
    if bundle is None:
        reasons["bundle"] = "There is no bundle."
        return []
    try:
        parts = Bundle.read(bundle).components
    except BundleError as error:
        log.warning("no pair heads: %s", error)
        reasons["bundle"] = "The bundle cannot be read."
        return []
    if PAIR_HEADS not in parts:
        return []
    return sorted(path.parent for path in parts[PAIR_HEADS].glob(f"*/{CONFIG}"))


def _reason(task: str, broken: str) -> str:
    if task == "drug_drug":
        return f"{broken} {_NOT_GIVEN_AWAY}".strip()
    return broken or "No head for this task is in this bundle."
