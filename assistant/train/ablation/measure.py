"""What the arms answer: each task with each control, and the differences that count."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.evaluate.arms import Arm
from assistant.evaluate.compare import Difference, compare
from assistant.evaluate.metrics.interval import Metric
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.outcomes import Outcome, read_answered
from assistant.evaluate.report import Report, ReportRow, write_report
from assistant.evaluate.run import model_row, score_row
from assistant.evaluate.tasks.base import Example, Scored
from assistant.evaluate.tasks.registry import task_of
from assistant.train.ablation.data import second_turns
from assistant.train.ablation.recipe import ARMS, AblationArm, AblationRecipe
from assistant.train.ablation.short import ShortAsker

OWN, OTHER, ZERO = "own", "other molecule", "zero graph"
LATER = "own, second turn"
CONTROLS = (OWN, OTHER, ZERO, LATER)
_AGAINST = ("text", "lora")


def controls_of(arm: AblationArm, recipe: AblationRecipe) -> dict[str, Arm]:
    """What an arm is measured with: its molecule, another one's graph and ΔW, neither.

    And its molecule once more behind a question about another one, where the recipe says so.
    """
    card = recipe.card
    found = {OWN: Arm(OWN, card=card)}
    if arm.sees_the_graph:
        found[OTHER] = Arm(OTHER, graph="other", lora="other", card=card)
        found[ZERO] = Arm(ZERO, graph="zero", lora="none", card=card)
    if recipe.second_turn:
        found[LATER] = Arm(LATER, card=card)
    return found


def report_path(directory: Path, task: str, control: str) -> Path:
    """Where the answers of a task under a control are kept."""
    control = control.replace(",", "").replace(" ", "-")
    return directory / f"{task.replace(':', '-')}__{control}.json"


def measure_arm(
    arm: AblationArm,
    directory: Path,
    asked: Mapping[str, Sequence[Example]],
    train: Mapping[str, Sequence[Example]],
    scoring: TextScoring,
    *,
    recipe: AblationRecipe,
    device: str,
    command: str,
) -> None:
    """Asks the bundle of an arm every task under every control; what was asked before is kept."""
    wanted = [
        (task, control, how)
        for task in asked
        for control, how in controls_of(arm, recipe).items()
        if not report_path(directory, task, control).is_file()
    ]
    if not wanted:
        return
    ask = (_short_asking if recipe.short else _asking)(directory / "bundle", device, scoring)
    written = Bundle.read(directory / "bundle")
    bundle = {"name": written.name, "sha256": written.digest()[:12]}
    for name, control, how in wanted:
        known = train[name]
        rows = second_turns(name, asked[name]) if control == LATER else asked[name]
        row, outcomes = ask(name, rows, known, how)
        report = Report(
            name,
            Path(task_of(name).test.path).name,
            [row],
            command,
            seed=0,
            bundle=bundle,
            arm=control,
            n_train=len(known),
            outcomes=outcomes,
        )
        write_report(report, report_path(directory, name, control), with_outcomes=True)


_Ask = Callable[[str, Sequence[Example], Sequence[Example], Arm], tuple[ReportRow, list[Outcome]]]
"""Asks rows of a task in an arm; training rows say what a missing value counts as."""


def _asking(bundle: Path, device: str, scoring: TextScoring) -> _Ask:
    """As the page asks."""
    assistant = Assistant.load(bundle, device=device)

    def ask(
        name: str, rows: Sequence[Example], known: Sequence[Example], how: Arm
    ) -> tuple[ReportRow, list[Outcome]]:
        return model_row(task_of(name), assistant, rows, known, scoring, arm=how, seed=0)

    return ask


def _short_asking(bundle: Path, device: str, scoring: TextScoring) -> _Ask:
    """In the fewest words."""
    asker = ShortAsker(Bundle.read(bundle), device)

    def ask(
        name: str, rows: Sequence[Example], known: Sequence[Example], how: Arm
    ) -> tuple[ReportRow, list[Outcome]]:
        task, outcomes = task_of(name), asker.outcomes(name, rows, known, how)
        scored = Scored(f"language model, {how.name}", [o["prediction"] for o in outcomes])
        return score_row(task, scored, "language model", rows, known, scoring, 0), outcomes

    return ask


def metrics_of(path: Path, train: Sequence[Example], scoring: TextScoring) -> list[Metric]:
    """The numbers of kept answers, with their bootstrap draws."""
    answered = read_answered(path)
    task = task_of(answered.task)
    return task.metrics(answered.scored(task), answered.examples, train, scoring, 0)


@dataclass(frozen=True)
class Compared:
    """One comparison of the first metric of a task; positive differences are a - b.

    Attributes:
        a, b: What is compared: arm and control.
    """

    task: str
    a: str
    b: str
    difference: Difference


def comparisons(
    recipe: AblationRecipe,
    found: Mapping[tuple[str, str, str], Sequence[Sequence[Metric]]],
) -> list[Compared]:
    """Every arm against text and static LoRA, and against itself with another molecule.

    And a variant, or an arm with experts, against the arm that it is without.

    Args:
        recipe: Arms and tasks.
        found: Metrics of each seed by task, arm and control.
    """
    pairs: list[tuple[str, tuple[str, str], tuple[str, str]]] = []
    for task in recipe.tasks:
        for arm in recipe.arms:
            others = [(name, OWN) for name in _AGAINST if name in recipe.arms and name != arm]
            if arm in _AGAINST:
                others = []
            others += [(arm, control) for control in CONTROLS[1:] if (task, arm, control) in found]
            pairs += [(task, (arm, OWN), other) for other in others]
            beside = ARMS[arm].beside
            if beside in recipe.arms:
                same = [c for c in (OWN, LATER) if (task, arm, c) in found]
                pairs += [(task, (arm, control), (beside, control)) for control in same]
    compared = []
    for task, a, b in pairs:
        difference = compare(found[task, *a], found[task, *b])[0]
        compared.append(Compared(task, _name(*a), _name(*b), difference))
    return compared


def _name(arm: str, control: str) -> str:
    return arm if control == OWN else f"{arm}, {control}"


def read_figures(directory: Path) -> dict[str, float]:
    """What a finished arm cost."""
    return json.loads((directory / "done.json").read_text(encoding="utf-8"))
