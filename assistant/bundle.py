"""A bundle: the directory that names the components of one assistant.

`bundle.json` holds the name and, per component, a path relative to it; the language model may be a
hub id instead (`hub_llm`). `components` loads what it names.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.chat.prompts import menu_tasks
from assistant.checkpoint import sha256_of, write_json
from assistant.errors import BundleError
from assistant.llm import embeddings

FORMAT_VERSION = 1
PAIR_HEADS = "pair_heads"
"""A directory of pair models with heads of their own; they need no language model."""
PREDICTED = "predicted"
"""A directory of what was measured of the numbers that the language model predicts."""
SPECIALIST = "specialist"
"""A directory with a small language model of its own for reactions (`assistant.specialist`)."""

_KNOWN = (
    "llm",
    "encoder",
    "projector",
    "generator",
    "experts",
    "pairs",
    PAIR_HEADS,
    PREDICTED,
    SPECIALIST,
    "lora",
    embeddings.COMPONENT,
)


@dataclass(frozen=True)
class Bundle:
    """A bundle directory and the components it names.

    Attributes:
        directory: Where it is.
        name: What the header calls it.
        components: Path of each component.
        hub_llm: Hub id of the language model, where it is no component.
        reads_names: Whether its language model can copy a molecule's name from the prompt; one that
            cannot invents names when it is shown any, so it is shown none.
        most_molecules: The highest number of a molecule that it has learned to speak of; 0 where
            there is no end to them.
        cannot: Tasks of the question menu (`prompts/menu`) that its language model was not trained
            for, so that it always declines them.
        english_only: Whether its language model has read nothing but English.
    """

    directory: Path
    name: str
    components: dict[str, Path]
    hub_llm: str = ""
    reads_names: bool = True
    most_molecules: int = 0
    cannot: tuple[str, ...] = ()
    english_only: bool = False

    @classmethod
    def read(cls, directory: Path) -> "Bundle":
        """Reads `bundle.json`.

        Raises:
            BundleError: No such file, another version, or an unknown component or task.
        """
        path = directory / "bundle.json"
        if not path.is_file():
            raise BundleError(
                f"No bundle at {directory}: bundle.json is missing. Choose one with --bundle."
            )
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise BundleError(f"{path} is not JSON ({error}); restore the file.") from error
        if values.get("format_version") != FORMAT_VERSION:
            raise BundleError(
                f"{path} has format version {values.get('format_version')!r};"
                f" version {FORMAT_VERSION} is read."
            )
        unknown = set(values["components"]) - set(_KNOWN)
        if unknown:
            raise BundleError(
                f"{path} names unknown components {sorted(unknown)}; known are {', '.join(_KNOWN)}."
            )
        parts = {name: directory / place for name, place in values["components"].items()}
        return cls(
            directory,
            values["name"],
            parts,
            hub_llm=values.get("hub_llm", ""),
            reads_names=bool(values.get("reads_names", True)),
            most_molecules=int(values.get("most_molecules", 0)),
            cannot=_tasks(values.get("cannot", []), path),
            english_only=bool(values.get("english_only", False)),
        )

    @classmethod
    def write(
        cls,
        directory: Path,
        name: str,
        components: dict[str, str],
        *,
        hub_llm: str = "",
        reads_names: bool = True,
        most_molecules: int = 0,
        cannot: Sequence[str] = (),
        english_only: bool = False,
    ) -> "Bundle":
        """Writes `bundle.json`.

        Args:
            directory: The bundle's directory.
            name: What the header calls it.
            components: Paths relative to the directory, or absolute ones.
            hub_llm: Hub id of the language model, where it is no component.
            reads_names: Whether its language model can copy a molecule's name.
            most_molecules: The highest number that it speaks of rightly; 0 for any.
            cannot: Tasks of the question menu that its language model was not trained for.
            english_only: Whether its language model has read nothing but English.

        Raises:
            BundleError: The menu has no such task; nothing is written.
        """
        path = directory / "bundle.json"
        values = {"format_version": FORMAT_VERSION, "name": name, "components": components}
        values |= {"hub_llm": hub_llm} if hub_llm else {}
        values |= {} if reads_names else {"reads_names": False}
        values |= {"most_molecules": most_molecules} if most_molecules else {}
        values |= {"cannot": list(_tasks(list(cannot), path))} if cannot else {}
        values |= {"english_only": True} if english_only else {}
        write_json(path, values)
        return cls.read(directory)

    def with_component(self, name: str, place: str) -> "Bundle":
        """Writes `bundle.json` again with one component more, or at another place."""
        here = self.directory
        places = {
            known: str(path.relative_to(here) if path.is_relative_to(here) else path)
            for known, path in self.components.items()
        }
        return Bundle.write(
            here,
            self.name,
            places | {name: place},
            hub_llm=self.hub_llm,
            reads_names=self.reads_names,
            most_molecules=self.most_molecules,
            cannot=self.cannot,
            english_only=self.english_only,
        )

    def speaking_through(self, llm: str) -> "Bundle":
        """The same beside another language model, of which nothing is known but its name."""
        return replace(
            self, name=llm, reads_names=True, most_molecules=0, cannot=(), english_only=False
        )

    def digest(self) -> str:
        """SHA-256 over all component files, for the passport."""
        return sha256_of(self.directory)


def _tasks(given: object, path: Path) -> tuple[str, ...]:
    """Tasks of the question menu as `cannot` lists them.

    Raises:
        BundleError: It is no list of them; the message names what is wrong and what there is.
    """
    known = menu_tasks()
    if not isinstance(given, list):
        raise BundleError(
            f'{path} has "cannot": {given!r}; write a list of tasks of the question menu, of'
            f" {', '.join(known)}."
        )
    unknown = [task for task in given if task not in known]
    if unknown:
        raise BundleError(
            f"{path} says that it cannot {', '.join(map(repr, unknown))}, which the question menu"
            f" does not have; known are {', '.join(known)}."
        )
    return tuple(given)
