"""Molecules from files: MOL, SDF, SMI/TXT/CSV, CDXML, RXN. A bad record never spoils the good ones.

Packed by gzip or not. The content decides, the extension only helps: an SD file called `.txt` is
read as one. Titles are inert text; whoever shows them escapes them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import rdChemReactions

from assistant.chem.file_text import READ_KINDS, read_text
from assistant.chem.inputs import looks_like_name, recognise, sd_records, unknown_name
from assistant.chem.limits import MAX_FILE_BYTES, MAX_RECORDS, clean_name
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameTable
from assistant.chem.own_columns import LISTED, Cells, OwnColumns, has_stray_text, sd_fields
from assistant.chem.quiet import quiet_rdkit
from assistant.chem.reaction import Reaction, from_rxnblock, is_reaction, parse_reaction
from assistant.chem.stereo import stands_for_several
from assistant.chem.tables import TableRow, find_table, heads_without_structures, lines_as_rows
from assistant.errors import AssistantError, UnreadableFileError

MAX_PROBLEMS = 50
_SD_NAME_FIELDS = (
    "NAME",
    "COMPOUND_NAME",
    "PUBCHEM_IUPAC_TRADITIONAL_NAME",
    "PUBCHEM_IUPAC_NAME",
    "ID",
)
_NO_CELLS: Cells = {}


@dataclass
class FileReport:
    """Molecules and reactions of a file in order, and a sentence for each record that failed.

    Attributes:
        molecules: What could be read.
        problems: A sentence for each record that could not.
        reactions: Reactions of the file.
        own: The file's further columns, a row for each of the molecules.
        mixed: Records that stand for several stereoisomers, of which the one drawn was taken.
    """

    molecules: list[Molecule] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    own: OwnColumns = field(default_factory=OwnColumns)
    mixed: list[str] = field(default_factory=list)

    @property
    def remarks(self) -> list[str]:
        """What has to be said of molecules that were read."""
        if not self.mixed:
            return []
        more = f" and {len(self.mixed) - LISTED:,} more" if len(self.mixed) > LISTED else ""
        return [
            "Written as a racemate, or as one isomer of several (enhanced stereochemistry); read as"
            f" the isomer that is drawn: {', '.join(self.mixed[:LISTED])}{more}."
        ]

    def attempt(
        self,
        label: str,
        read: Callable[[], Molecule | Reaction],
        cells: Cells = _NO_CELLS,
        written: str = "",
    ) -> None:
        """Adds what `read` gives of what is `written`, or its error under the record's label."""
        try:
            found = read()
        except AssistantError as error:
            self.problems.append(f"{label}: {error}")
            return
        except RuntimeError as error:  # RDKit's own invariants: its text is for developers
            self.problems.append(
                f"{label}: RDKit cannot handle this record ({type(error).__name__}). Check its"
                " charges, valences and unusual bonds."
            )
            return
        if isinstance(found, Reaction):
            self.reactions.append(found)
            return
        self.molecules.append(found)
        self.own.add(cells)
        if stands_for_several(written):
            self.mixed.append(label)


def read_file(path: Path, *, name: str, names: NameTable | None = None) -> FileReport:
    """Reads all molecules of a file.

    Args:
        path: The file on this machine.
        name: The name the person gave it; used in messages and for its extension.
        names: Where a line that is no structure is looked up.

    Raises:
        UnreadableFileError: Missing, empty, too big, binary, or without one readable molecule.
    """
    shown = clean_name(Path(name).name) or "the file"
    return _report_of(read_text(path, shown), f"'{shown}'", names, exact_first=False)


def read_pasted(text: str, names: NameTable) -> FileReport:
    """Reads pasted text: a whole SD file or table, or SMILES, InChI and names, one on each line.

    Raises:
        UnreadableFileError: Too long, or without one readable molecule.
    """
    if len(text) > MAX_FILE_BYTES:
        raise UnreadableFileError(
            f"The text has {len(text):,} characters; up to {MAX_FILE_BYTES:,} are read."
        )
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return _report_of(plain, "the text", names, exact_first=True)


def _report_of(text: str, shown: str, names: NameTable | None, *, exact_first: bool) -> FileReport:
    """Reads a text.

    Args:
        text: With line feeds only.
        shown: What messages call it.
        names: Where lines are looked up.
        exact_first: Whether a line that is a name letter by letter is no SMILES, as in the box.
    """
    report = FileReport()
    for records, read in ((_is_rxn, _read_rxn), (_is_cdxml, _read_cdxml), (_is_sdf, _read_sdf)):
        if records(text):
            read(text, report)
            break
    else:
        _read_lines(text, report, names, exact_first=exact_first)
    if not report.molecules and not report.reactions:
        reasons = " ".join(report.problems[:3])
        raise UnreadableFileError(f"No molecule in {shown}. {reasons}".rstrip())
    if len(report.problems) > MAX_PROBLEMS:
        further = len(report.problems) - MAX_PROBLEMS
        report.problems[MAX_PROBLEMS:] = [f"{further:,} more records could not be read."]
    return report


def _is_rxn(text: str) -> bool:
    return text.lstrip().startswith("$RXN")


def _is_cdxml(text: str) -> bool:
    return "<CDXML" in text[:4096]


def _is_sdf(text: str) -> bool:
    return re.search(r"^M  END|^\$\$\$\$|V[23]000[ \t]*$", text, re.MULTILINE) is not None


def _read_rxn(text: str, report: FileReport) -> None:
    report.attempt("The reaction", lambda: from_rxnblock(text.lstrip()))


def _read_cdxml(text: str, report: FileReport) -> None:
    with quiet_rdkit():
        try:
            reactions = rdChemReactions.ReactionsFromCDXMLBlock(text, sanitize=False)
            mols = () if reactions else Chem.MolsFromCDXML(text, sanitize=True, removeHs=True)
        except (RuntimeError, ValueError) as error:
            raise UnreadableFileError("The CDXML is damaged and cannot be read.") from error
        blocks = [rdChemReactions.ReactionToRxnBlock(one) for one in reactions]
    for number, block in enumerate(blocks[:MAX_RECORDS], start=1):
        report.attempt(f"Reaction {number}", lambda block=block: from_rxnblock(block))
    for number, mol in enumerate(mols[:MAX_RECORDS], start=1):
        report.attempt(f"Drawing {number}", lambda mol=mol: Molecule.from_rdmol(mol))
    _note_rest(len(blocks) + len(mols), report)


def _read_sdf(text: str, report: FileReport) -> None:
    records = sd_records(text)
    for number, record in enumerate(records[:MAX_RECORDS], start=1):
        title = clean_name(record.split("\n", 1)[0])
        label = f"Record {number} ('{title}')" if title else f"Record {number}"
        name, cells = _sd_name(title, sd_fields(record))
        report.attempt(
            label, lambda r=record, n=name: Molecule.from_molblock(r, name=n), cells, record
        )
        if has_stray_text(record):
            report.own.clipped.append(label)
    _note_rest(len(records), report)


def _sd_name(title: str | None, fields: dict[str, str]) -> tuple[str | None, Cells]:
    """What a record is called, and the fields that say something else."""
    by_key = {key.upper(): key for key in fields if fields[key]}
    key = next((by_key[one] for one in _SD_NAME_FIELDS if one in by_key), None)
    has_words = title is not None and not title.isdigit()
    if key is None or (has_words and key.upper() == "ID"):  # a code says less than a title
        return title, fields
    name = clean_name(fields[key])
    code = {"title": title} if title and title != name else {}
    return name, code | {head: value for head, value in fields.items() if head != key}


def _read_lines(
    text: str, report: FileReport, names: NameTable | None, *, exact_first: bool
) -> None:
    """A table with a column of structures; or a SMILES (InChI, reaction, name) on each line.

    A single line may hold several, as in the box.
    """
    table = find_table(text)
    if table is None and names is not None and "\n" not in text.strip():
        together = recognise(text, names)
        if len(together) > 1 and all(one.molecule for one in together):
            for one in together:
                report.attempt("", partial(getattr, one, "molecule"))
            return
    rows = list(table.rows() if table is not None else lines_as_rows(text))
    exact_first = exact_first and table is None
    for row in rows[:MAX_RECORDS]:
        label = f"Line {row.number} ('{row.name}')" if row.name else f"Line {row.number}"
        if row.smiles:
            is_told = len(report.problems) < MAX_PROBLEMS
            line = " ".join(filter(None, (row.smiles, None if table is not None else row.name)))
            read = partial(_read_line, row, line, names, exact_first=exact_first, is_told=is_told)
            report.attempt(label, read, row.cells, row.smiles)
        else:
            empty = f"column “{table.column}”" if table is not None else "first cell"
            report.problems.append(f"{label}: its {empty} is empty.")
    report.own.shifted = [row.number for row in rows[:MAX_RECORDS] if row.is_shifted]
    _note_rest(len(rows), report)
    if table is not None:
        report.own.choices = table.choices
        if not rows:
            report.problems.append("The table has a header and no line below it.")
    elif not report.molecules and not report.reactions:
        heads = heads_without_structures(text)
        report.problems[:] = [_unheaded(heads)] if heads else [*report.problems[:2], READ_KINDS]


def _unheaded(heads: str) -> str:
    return (
        f"There is no column of structures among {heads}: write “SMILES” over the one that holds"
        " SMILES or InChI."
    )


def _read_line(
    row: TableRow, line: str, names: NameTable | None, *, exact_first: bool, is_told: bool
) -> Molecule | Reaction:
    """A line of text; where there is a name table, also a name with case and spaces forgiven.

    The name may be the whole `line`; of a table it is the cell. Names that are alike are looked for
    only where the mistake `is_told`: the search takes time.
    """
    entry = names.find_exactly(line) if names is not None and exact_first else None
    if entry is None:
        try:
            return _read_notation(row.smiles, row.name)
        except AssistantError as mistake:
            entry = names.find(line) if names is not None else None
            if entry is None:
                if names is not None and is_told and looks_like_name(line, mistake):
                    raise unknown_name(line, names) from mistake
                raise
    is_named_beside = row.name is not None and line == row.smiles
    return Molecule(entry.molecule().smiles, row.name if is_named_beside else entry.name)


def _read_notation(written: str, name: str | None) -> Molecule | Reaction:
    if is_reaction(written):
        return parse_reaction(written)
    if written.startswith("InChI="):
        found = recognise(written, _NO_NAMES)[0]
        if found.molecule is None:
            raise found.error
        return Molecule(found.molecule.smiles, name)
    return Molecule.parse(written, name=name)


_NO_NAMES = NameTable(())


def _note_rest(n_records: int, report: FileReport) -> None:
    if n_records > MAX_RECORDS:
        report.problems.append(
            f"Only the first {MAX_RECORDS:,} of {n_records:,} records were read."
        )
