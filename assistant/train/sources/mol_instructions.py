"""Mol-Instructions (Fang et al., ICLR 2024): a JSON array of instruction, input, output, metadata.

Molecules are written as SELFIES, also several joined by dots; here they become SMILES, in the
answer too. An input in words (a description to design a molecule by) goes on with the question.

Reading SELFIES needs the `selfies` package (`pip install selfies`).
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, UnreadableFileError
from assistant.rows import Row, read_json_array
from assistant.train.sources.records import Instruction, Skipped, in_split, parsed, usable

_SYMBOLS = r"(?:\[[^\[\]\s]+\])+"
_SELFIES = re.compile(rf"{_SYMBOLS}(?:\.{_SYMBOLS})*")
_ARROW = ">>"

Decode = Callable[[str], str]


def selfies_decoder() -> Decode:
    """The decoder of the `selfies` package.

    Raises:
        AssistantError: The package is not installed.
    """
    try:
        import selfies
    except ImportError as error:
        raise AssistantError(
            "Mol-Instructions writes molecules as SELFIES; reading them needs the selfies package:"
            " pip install selfies"
        ) from error

    def decode(text: str) -> str:
        try:
            smiles = selfies.decoder(text)
        except selfies.DecoderError as error:
            raise AssistantError(f"{text[:60]!r} is no SELFIES ({error})") from error
        if not smiles:
            raise AssistantError(f"{text[:60]!r} is no SELFIES: it holds no atom")
        return smiles

    return decode


def read_mol_instructions(
    path: Path, *, split: str = "train", skipped: Skipped | None = None
) -> Iterator[Instruction]:
    """Questions and answers of one Mol-Instructions file about molecules.

    The split stands in each entry's metadata. A reaction's input may show reactants, then the
    product behind two arrows (reagent prediction).
    """
    decode = selfies_decoder()

    def read(row: Row) -> Iterator[Instruction]:
        metadata = row.values.get("metadata")
        if isinstance(metadata, str):
            metadata = _json_object(row, metadata)
        about = metadata if isinstance(metadata, dict) else {}
        own = Row({**row.values, "split": str(about.get("split", ""))}, row.line, row.path)
        if not in_split(own, split):
            return
        shown, question = row.text("input"), row.needed("instruction")
        in_words = len(shown.split()) > 1 and not _SELFIES.match(shown)
        if in_words:
            question = f"{question}\n{shown}"
        molecules = () if in_words else _molecules(row, shown, decode)
        answer = _in_smiles(row, row.needed("output"), decode)
        yield Instruction(molecules, question, answer, str(about.get("task", "")), row.place)

    return usable(read_json_array(path), read, skipped)


def _json_object(row: Row, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise row.error(f"metadata is not JSON ({error})") from error


def _molecules(row: Row, text: str, decode: Decode) -> tuple[Molecule, ...]:
    """Molecules of an input: reactants and product apart, each side as one."""
    sides = [side.strip() for side in text.split(_ARROW) if side.strip()]
    found = []
    for side in sides:
        if not _SELFIES.fullmatch(side):
            raise row.error(f"input {side[:60]!r} is no SELFIES")
        found.append(parsed(row, _decoded(row, side, decode)))
    return tuple(found)


def _in_smiles(row: Row, text: str, decode: Decode) -> str:
    """The answer with a molecule in SMILES, if it is nothing but one."""
    if not _SELFIES.fullmatch(text):
        return text
    return parsed(row, _decoded(row, text, decode)).smiles


def _decoded(row: Row, selfies: str, decode: Decode) -> str:
    try:
        return ".".join(decode(part) for part in re.split(r"(?<=\])\.(?=\[)", selfies))
    except UnreadableFileError:
        raise
    except AssistantError as error:
        raise row.error(str(error)) from error
