"""Questions that a specialist is asked in the fewest words: no system text, no card, one SMILES.

    Suggest a retrosynthesis.            Reactants: CC(=O)O.Nc1ccc(O)cc1
    SMILES: CC(=O)Nc1ccc(O)cc1     ─►

Training and serving make question and answer here, so that both read alike.
"""

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

    def smiles_in(self, answer: str) -> str:
        """What an answer gives; "" where it has another form."""
        label, sign, rest = answer.strip().partition(": ")
        return rest.strip() if sign and label == self.label else ""


SHORT_TASKS = {
    task.name: task
    for task in (ShortTask("retrosynthesis", "Reactants"), ShortTask("product", "Product"))
}
"""By name."""
