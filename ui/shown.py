"""What a tab shows beside the dialogue: the current molecule, and a part of the list."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from assistant.chem.molecule import Molecule


@dataclass(frozen=True)
class Current:
    """The molecule that sketcher, box and facts show.

    Attributes:
        molecule: What is drawn.
        inspection: What the chemistry worker said about it (facts, drawing, normalisation).
        before: The molecule it was before "use the parent", to go back to.
        reaction: Reaction SMILES, when this is the first molecule of a drawn or typed reaction.
    """

    molecule: Molecule
    inspection: dict[str, object] = field(default_factory=dict, compare=False)
    before: str | None = None
    reaction: str = ""

    @property
    def text(self) -> str:
        """What the box shows when the molecule did not come from there."""
        return self.reaction or self.molecule.smiles


@dataclass(frozen=True)
class Listing:
    """What the list of conversations shows.

    Attributes:
        query: What is searched for, "" for everything.
        structures: What the chemistry worker found for it, None when it is no structure.
        problem: Why structures could not be searched.
        grouped: By molecule instead of by day.
        n_shown: Most entries.
        deleted: Id and title of the conversation that was deleted last, until something else is.
    """

    query: str = ""
    structures: Mapping[str, object] | None = None
    problem: str = ""
    grouped: bool = False
    n_shown: int = 50
    deleted: tuple[str, str] | None = None
