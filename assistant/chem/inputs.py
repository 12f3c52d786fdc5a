"""What a person typed or pasted: SMILES, reaction, InChI, molfile, CAS number or name.

The order is fixed: files by their marks, InChI and CAS by their form, an exact name, a reaction, a
SMILES, a name with case and spaces forgiven, a systematic name. So `CO` is a SMILES unless the
table has `CO` as a name letter by letter. Several lines are several entries.
"""

import re
from dataclasses import dataclass
from typing import Literal

from rdkit import Chem

from assistant.chem.diagnose import explain, is_unfinished, parses, shorten
from assistant.chem.limits import MAX_NAME_CHARS, MAX_SMILES_CHARS, MAX_TEXT_CHARS, trimmed
from assistant.chem.molecule import CX_EXTENSION, Molecule
from assistant.chem.names import CAS_NUMBER, NameTable, cas_check_digit
from assistant.chem.opsin import opsin_command, read_systematic_name
from assistant.chem.quiet import quiet_rdkit
from assistant.chem.reaction import Reaction, from_rxnblock, is_reaction, parse_reaction
from assistant.errors import (
    AssistantError,
    ChemistryTimeoutError,
    InputTooLargeError,
    InvalidMoleculeError,
)

Kind = Literal["smiles", "reaction", "inchi", "molblock", "name", "cas"]

MAX_LINES = 100
MAX_INCHI_CHARS = 3 * MAX_SMILES_CHARS
_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]")
_WORDY = re.compile(r"[a-z]{3,}", re.IGNORECASE)
_ROTATION = re.compile(r"^\((?:\+|-|−|±|\+/-)\)-")  # says nothing of which stereoisomer it is
_IS_MOLBLOCK = re.compile(r"^M  END|V[23]000\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Recognised:
    """One reading; exactly one of molecule, reaction and error is set."""

    molecule: Molecule | None
    reaction: Reaction | None
    kind: Kind
    source: str
    error: AssistantError | None


def recognise(text: str, names: NameTable) -> list[Recognised]:
    """Reads everything in the text, in order; mistakes come as `error`, never raised.

    An empty text gives one entry whose error says so.
    """
    if len(text) > MAX_TEXT_CHARS:
        return [_failed("smiles", text, InputTooLargeError(
            f"The text has {len(text):,} characters; at most {MAX_TEXT_CHARS:,} are read."
        ))]  # fmt: skip
    if _IS_MOLBLOCK.search(text) or text.lstrip().startswith("$RXN"):
        return _recognise_blocks(text)
    lines = [line for line in map(trimmed, text.splitlines()) if line]
    if len(lines) > MAX_LINES:
        return [_failed("smiles", text, InputTooLargeError(
            f"The text has {len(lines):,} lines; at most {MAX_LINES} molecules are read at once."
            " Open it as a file instead."
        ))]  # fmt: skip
    if len(lines) <= 1:
        return _recognise_line(lines[0] if lines else "", text, names)
    joined = "".join(lines)
    if len(joined) <= MAX_INCHI_CHARS and any(_is_torn(line, names) for line in lines):
        whole = _recognise_one(joined, names)
        if whole.error is None and whole.kind in ("smiles", "reaction", "inchi"):
            return [whole]
    return [one for line in lines for one in _recognise_line(line, line, names)]


def is_half_typed(text: str, names: NameTable) -> bool:
    """Whether a SMILES, InChI, CAS number or known name is being typed: no error is shown yet."""
    return is_unfinished(text) or bool(names.completions(text, n=1))


def _is_torn(line: str, names: NameTable) -> bool:
    """Whether a line makes no sense alone, so that it may be a piece of one broken over lines."""
    return _recognise_one(line, names).error is not None or line.startswith("InChI=")


def _recognise_line(line: str, source: str, names: NameTable) -> list[Recognised]:
    whole = _recognise_one(line, names, source=source)
    if whole.error is None:
        return [whole]
    for pattern in (r"\s*;\s*", r",\s+", r"\s+(?:and|und|et|\+|&)\s+"):
        pieces = [piece for piece in re.split(pattern, line) if piece]
        if 2 <= len(pieces) <= MAX_LINES:
            parts = [_recognise_one(piece, names) for piece in pieces]
            if all(part.error is None for part in parts):
                return parts
    if whole.kind == "name":
        return [_recognise_one(line, names, source=source, systematic=True)]
    return [whole]


def _recognise_one(
    text: str, names: NameTable, *, source: str | None = None, systematic: bool = False
) -> Recognised:
    """One reading of one line; `systematic` asks OPSIN too, which may have to start first."""
    source = text if source is None else source
    bare = text.strip().strip("`\"'“”") if not text.startswith("InChI=") else text.strip()
    kind: Kind = "smiles"
    try:
        if bare.startswith("InChI="):
            kind = "inchi"
            return _ok(kind, source, _from_inchi(bare))
        cas = re.sub(r"^CAS(?:RN| ?no\.?| number)?\s*:?\s*", "", bare, flags=re.IGNORECASE)
        if CAS_NUMBER.fullmatch(cas):
            kind = "cas"
            return _ok(kind, source, _from_cas(cas, names))
        return _from_name_or_smiles(bare, source, names, systematic=systematic)
    except AssistantError as error:
        return _failed(kind, source, error)


def _from_name_or_smiles(
    text: str, source: str, names: NameTable, *, systematic: bool
) -> Recognised:
    exact = names.find_exactly(text)
    if exact is not None:
        return _ok("name", source, exact.molecule())
    if is_reaction(text):
        try:
            return Recognised(None, parse_reaction(source), "reaction", source, None)
        except AssistantError as error:
            return _failed("reaction", source, error)
    try:
        return _ok("smiles", source, _smiles_with_name(text))
    except AssistantError as error:
        mistake = error
    entry = names.find(text) or (names.find_inchikey(text) if _INCHIKEY.fullmatch(text) else None)
    if entry is not None:
        return _ok("name", source, entry.molecule())
    if isinstance(mistake, InputTooLargeError):
        return _failed("smiles", source, mistake)
    if not looks_like_name(text, mistake):
        return _failed("smiles", source, explain(source) if text else mistake)
    if not systematic or _INCHIKEY.fullmatch(text):
        return _failed("name", source, unknown_name(text, names))
    try:
        return _ok("name", source, _from_systematic_name(text, names))
    except AssistantError as error:
        return _failed("name", source, error)


def _from_systematic_name(text: str, names: NameTable) -> Molecule:
    found = read_systematic_name(text)
    if found.is_late:
        raise ChemistryTimeoutError(
            f"OPSIN, which reads systematic names, is still starting; enter '{shorten(text)}' again"
            " in a moment."
        )
    if found.is_ambiguous:
        raise InvalidMoleculeError(
            f"'{shorten(text)}' names several structures; add the positions, as in 1,2-xylene.",
            source=text,
        )
    if found.smiles is None:
        raise unknown_name(text, names)
    name = _ROTATION.sub("", text) if found.ignored_stereo else text
    return Molecule.parse(found.smiles, name=name)


def _smiles_with_name(text: str) -> Molecule:
    """A SMILES, or `SMILES name` as in a .smi file."""
    if len(text.split()) > 1 and not CX_EXTENSION.match(text):
        first, rest = text.split(maxsplit=1)
        plausible = "\t" in text or (len(first) > 2 and not parses(rest))
        if plausible and parses(first) and len(rest) <= MAX_NAME_CHARS:
            return Molecule.parse(first, name=rest)
    return Molecule.parse(text)


def looks_like_name(text: str, mistake: AssistantError) -> bool:
    """Words, not a mistyped SMILES: a run of letters that no SMILES has, or nothing to mend."""
    if _INCHIKEY.fullmatch(text):
        return True
    runs = re.findall(r"[a-z]{3,}", text)
    if any(set(run) - set("bcnopslr") for run in runs):
        return True
    has_fix = isinstance(mistake, InvalidMoleculeError) and mistake.fix is not None
    wordy = _WORDY.search(text) is not None and re.fullmatch(r"[\w\s,'’\-()]+", text) is not None
    closes = text.count("(") == text.count(")")  # "c1ccccc(1" is no name that nobody knows
    return wordy and closes and not has_fix and len(runs) + text.isupper() > 0


def unknown_name(text: str, names: NameTable) -> InvalidMoleculeError:
    """The error for a name that no source knows: the closest ones, and how to add it."""
    closest = names.closest(text) or names.completions(text, n=3)
    shown = shorten(text)
    if _INCHIKEY.fullmatch(text):
        return InvalidMoleculeError(
            f"An InChIKey cannot be turned back into a structure, and '{shown}' belongs to none of"
            f" the {len(names):,} compounds known here. Enter its SMILES.",
            source=text,
        )
    hint = f" Did you mean {_listed(closest)}?" if closest else ""
    systematic = (
        "OPSIN cannot read it as a systematic name either."
        if opsin_command()
        else "Systematic names are read where py2opsin and Java are installed."
    )
    return InvalidMoleculeError(
        f"No molecule named '{shown}' among the {len(names):,} compounds known here.{hint}"
        f" {systematic} Enter a SMILES, or add names with --names FILE.",
        source=text,
        position=None,
        fix=closest[0] if closest else None,
    )


def _from_cas(cas: str, names: NameTable) -> Molecule:
    digit = cas_check_digit(cas)
    if digit != int(cas[-1]):
        corrected = f"{cas[:-1]}{digit}"
        raise InvalidMoleculeError(
            f"'{cas}' is not a CAS number: its last digit should be {digit}.",
            source=cas,
            position=len(cas) - 1,
            fix=corrected if names.find(corrected) else None,
        )
    entry = names.find(cas)
    if entry is None:
        raise InvalidMoleculeError(
            f"CAS number {cas} is valid but is not among the {len(names):,} compounds known here."
            " Enter a SMILES, or add it with --names FILE.",
            source=cas,
        )
    return entry.molecule()


def _from_inchi(text: str) -> Molecule:
    if len(text) > MAX_INCHI_CHARS:
        raise InputTooLargeError(
            f"The InChI has {len(text):,} characters; at most {MAX_INCHI_CHARS:,} are read."
        )
    with quiet_rdkit():
        mol = Chem.MolFromInchi(text)
    if mol is None or mol.GetNumAtoms() == 0:
        raise InvalidMoleculeError(
            f"No molecule in '{shorten(text)}': it is not a complete InChI."
            " It should look like InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3.",
            source=text,
        )
    return Molecule.from_rdmol(mol)


def _recognise_blocks(text: str) -> list[Recognised]:
    """Pasted molfiles, an SD file's records, or a rxnfile."""
    if text.lstrip().startswith("$RXN"):
        try:
            return [Recognised(None, from_rxnblock(text.lstrip()), "reaction", text, None)]
        except AssistantError as error:
            return [_failed("reaction", text, error)]
    found = []
    records = sd_records(text)
    for record in records[:MAX_LINES]:
        try:
            found.append(_ok("molblock", record, Molecule.from_molblock(record)))
        except AssistantError as error:
            found.append(_failed("molblock", record, error))
    if len(records) > MAX_LINES:
        found.append(_failed("molblock", text, InputTooLargeError(
            f"Only the first {MAX_LINES} of {len(records):,} records were read. Open them as a file"
            " instead."
        )))  # fmt: skip
    return found or [_failed("molblock", text, InvalidMoleculeError("The drawing is empty."))]


def sd_records(text: str) -> list[str]:
    """The records of an SD file; molfiles that follow each other without a `$$$$` are one each."""
    records: list[str] = []
    for part in re.split(r"^\$\$\$\$[^\n]*\n?", text, flags=re.MULTILINE):
        first, *further = re.split(r"(?<=^M  END\n)", part, flags=re.MULTILINE)
        records.append(first)
        for piece in further:
            if _IS_MOLBLOCK.search(piece):
                records.append(piece)
            else:
                records[-1] += piece  # its data fields
    return [record for record in records if record.strip()]


def _ok(kind: Kind, source: str, molecule: Molecule) -> Recognised:
    return Recognised(molecule, None, kind, source, None)


def _failed(kind: Kind, source: str, error: AssistantError) -> Recognised:
    return Recognised(None, None, kind, source, error)


def _listed(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
