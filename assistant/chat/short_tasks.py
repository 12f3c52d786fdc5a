"""Questions that a specialist is asked in the fewest words: no system text, no card, one SMILES.

    Suggest a retrosynthesis.            Reactants: CC(=O)O.Nc1ccc(O)cc1
    SMILES: CC(=O)Nc1ccc(O)cc1     ─►

Training and serving make question and answer here, so that both read alike. Where there are several
candidates, the page shows the likeliest ones with their shares:

    Reactants: CC(=O)O.Nc1ccc(O)cc1 (61%)

    Less likely:
    2. CC(=O)Cl.Nc1ccc(O)cc1 (22%)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.chat.prompts import Prompt, PromptMessage, fill


@dataclass(frozen=True)
class ShortTask:
    """One task, answered by a SMILES.

    Attributes:
        name: The file of its question in `prompts/short`, and the task of the question menu.
        label: What its answer begins with.
    """

    name: str
    label: str

    def prompt(self, smiles: str) -> Prompt:
        """The question about a molecule, spelled as given.

        Args:
            smiles: Of one or several parts.
        """
        text = fill(f"short/{self.name}", smiles=smiles)
        return Prompt((PromptMessage("user", (text,), 0),), {}, ((),))

    def answer(self, smiles: str) -> str:
        """A SMILES as the whole answer."""
        return f"{self.label}: {smiles}"

    def several(self, smiles: Sequence[str], shares: Sequence[float]) -> str:
        """The answer that gives several, the likeliest first, each with its share in [0, 1]."""
        told = [f"{one} ({_percent(share)})" for one, share in zip(smiles, shares, strict=True)]
        first, *others = told
        lines = [self.answer(first)]
        if others:
            lines += ["", LESS_LIKELY, *(f"{n}. {one}" for n, one in enumerate(others, 2))]
        return "\n".join(lines)

    def smiles_in(self, answer: str) -> str:
        """What an answer gives, of several the first; "" where it has another form."""
        return next(iter(self.all_smiles_in(answer)), "")

    def all_smiles_in(self, answer: str) -> tuple[str, ...]:
        """All that an answer gives, the likeliest first; none where it has another form."""
        first, *lines = answer.strip().splitlines() or [""]
        label, sign, rest = first.partition(": ")
        if not sign or label != self.label or not rest.strip():
            return ()
        others = (_NUMBERED.match(line) for line in lines)
        return (rest.split()[0], *(found[1] for found in others if found))


LESS_LIKELY = "Less likely:"
_NUMBERED = re.compile(r"\d+\. (\S+)")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "under 1%"


SHORT_TASKS = {
    task.name: task
    for task in (ShortTask("retrosynthesis", "Reactants"), ShortTask("product", "Product"))
}
"""By name."""
