"""Pairs of molecules and what can be asked of them: tasks with roles, an order, an answer.

A task says which roles its two molecules play, whether their order matters, and what an answer
holds: yes or no, or a value with a unit. ModuLM (arXiv 2506.00880) calls the three families DDI
(drug–drug interaction), SSI (solute–solvent) and CSI (chromophore–solvent).
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError

PairRole = Literal["drug", "solute", "solvent", "chromophore"]
PAIR_ROLES: tuple[PairRole, ...] = ("drug", "solute", "solvent", "chromophore")
"""All roles, in the order of their embeddings; new ones go to the end."""


@dataclass(frozen=True)
class PairTask:
    """One question about two molecules.

    Attributes:
        name: As in configurations, prompts and data.
        roles: Of the first and the second molecule.
        answer: "yes_no", or "value" with a quantity and a unit.
        quantity: What the answer calls its value.
        unit: The unit values are given in.
        other_units: Units that are understood too: value in `unit` = value in other × factor.
    """

    name: str
    roles: tuple[PairRole, PairRole]
    answer: Literal["yes_no", "value"]
    quantity: str = ""
    unit: str = ""
    other_units: tuple[tuple[str, float], ...] = ()

    @property
    def is_symmetric(self) -> bool:
        """Whether the two molecules can change places without changing the question."""
        return self.roles[0] == self.roles[1]


PAIR_TASKS: MappingProxyType[str, PairTask] = MappingProxyType(
    {
        task.name: task
        for task in (
            PairTask("drug_drug", ("drug", "drug"), "yes_no"),
            PairTask(
                "solvation",
                ("solute", "solvent"),
                "value",
                "solvation free energy",
                "kcal/mol",
                (("kJ/mol", 1 / 4.184),),
            ),
            PairTask("absorption", ("chromophore", "solvent"), "value", "absorption maximum", "nm"),
            PairTask("emission", ("chromophore", "solvent"), "value", "emission maximum", "nm"),
            PairTask(
                "lifetime",
                ("chromophore", "solvent"),
                "value",
                "fluorescence lifetime",
                "ns",
                (("ps", 1e-3), ("µs", 1e3)),
            ),
        )
    }
)


def pair_task(name: str) -> PairTask:
    """The task of this name.

    Raises:
        AssistantError: There is none; the message lists those there are.
    """
    if name not in PAIR_TASKS:
        raise AssistantError(
            f"There is no pair task {name!r}; choose one of {', '.join(PAIR_TASKS)}."
        )
    return PAIR_TASKS[name]


@dataclass(frozen=True)
class MoleculePair:
    """Two molecules and the task they are asked about, in the order of the task's roles."""

    first: Molecule
    second: Molecule
    task: PairTask

    def canonical(self) -> "MoleculePair":
        """The same pair in the one order that stands for both where the order does not matter."""
        if not self.task.is_symmetric or self.first.smiles <= self.second.smiles:
            return self
        return MoleculePair(self.second, self.first, self.task)

    @property
    def key(self) -> tuple[str, str, str]:
        """Structures and task: equal keys mean equal interaction tokens."""
        pair = self.canonical()
        return pair.first.smiles, pair.second.smiles, pair.task.name
