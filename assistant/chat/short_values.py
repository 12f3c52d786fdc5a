"""Numbers that a specialist's language model writes of a molecule that it reads by graph tokens.

    HOMO:<graph tokens>   ─►   -0.2451

Training and serving make question and answer here, so that both read alike. The page says the rest:
the name, the unit, the same energy in electronvolts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from assistant.chat.prompts import Prompt, PromptMessage, Slot, fill

HARTREE_IN_EV = 27.211386
_NUMBER = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class ShortValue:
    """One quantity of one molecule.

    Attributes:
        name: The file of its question in `prompts/short`, and a directory of the specialist.
        key: What claims on it are called (`chat.claims`), and its name in an answer.
        unit: Of the number.
        decimals: That are written.
        in_ev: The factor to electronvolts.
        method: By which the values that were learned had been computed.
    """

    name: str
    key: str
    unit: str
    decimals: int
    in_ev: float
    method: str

    def prompt(self, number: int) -> Prompt:
        """The question about a molecule of this number; its graph tokens go to its slot."""
        words = fill(f"short/{self.name}")
        message = PromptMessage("user", (words, Slot(number)), 0)
        return Prompt((message,), {}, ((number,),))

    def written(self, value: float) -> str:
        """A value as the language model writes it."""
        return f"{value:.{self.decimals}f}"

    def value_in(self, text: str) -> float | None:
        """The number that a language model has written; None where it has written none."""
        found = _NUMBER.fullmatch(text.strip())
        return float(found[0]) if found else None

    def answer(self, value: float) -> str:
        """The answer on the page."""
        return f"{self.key}: {self._in_both_units(value)}, estimated for {self.method}"

    def answer_of_several(self, values: Mapping[int, float], error: float | None) -> str:
        """The answer about several molecules, and which of them has the highest.

        Args:
            values: By the molecules' numbers.
            error: Mean absolute error of such values, where it is known.
        """
        lines = [
            f"{self.key} of molecule {number}: {self._in_both_units(value)}"
            for number, value in values.items()
        ]
        first, second = sorted(values, key=values.__getitem__, reverse=True)[:2]
        most = "higher" if len(values) == 2 else "highest"
        told = f"Molecule {first} has the {most} one, estimated for {self.method}"
        if values[first] == values[second]:
            equal = "Both" if len(values) == 2 else "The highest ones"
            told = f"{equal} are equal, estimated for {self.method}"
        elif error is not None and values[first] - values[second] < error:
            told += (
                f"; it is ahead by less than the mean error of {self.written(error)} {self.unit}"
            )
        return "\n".join([*lines, f"{told}."])

    def _in_both_units(self, value: float) -> str:
        return f"{self.written(value)} {self.unit} ({value * self.in_ev:.2f} eV)"


SHORT_VALUES = {
    value.name: value
    for value in (
        ShortValue("homo", "HOMO energy", "Hartree", 4, HARTREE_IN_EV, "B3LYP/6-31G(2df,p)"),
    )
}
"""By name."""
