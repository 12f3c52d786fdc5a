"""Trivial names, CAS numbers and synonyms of common compounds, from a table that people can extend.

Columns (tab-separated, first line is the header): name, smiles, cas, synonyms (separated by `|`),
kind (drug, reagent, solvent, other). Systematic names are `opsin`'s business.
"""

import csv
import difflib
import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from assistant.chem.limits import MAX_FILE_BYTES, clean_name
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, UnreadableFileError

logger = logging.getLogger(__name__)

BUILT_IN = Path(__file__).parent / "data" / "names.tsv"
REQUIRED_COLUMNS = ("name", "smiles")
COLUMNS = (*REQUIRED_COLUMNS, "cas", "synonyms", "kind")
CAS_NUMBER = re.compile(r"(\d{2,7})-(\d{2})-(\d)")
_SLIP = 0.85  # of a six-letter name one letter
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ω": "omega"}


@dataclass(frozen=True)
class NameEntry:
    """One compound of the table."""

    name: str
    smiles: str
    cas: str = ""
    synonyms: tuple[str, ...] = ()
    kind: str = "other"

    @property
    def all_names(self) -> tuple[str, ...]:
        """Name and synonyms."""
        return (self.name, *self.synonyms)

    def molecule(self) -> Molecule:
        """The compound under its name."""
        return Molecule.parse(self.smiles, name=self.name)


class NameTable:
    """Names to structures and back. Earlier entries win, and a main name wins over a synonym."""

    def __init__(self, entries: Iterable[NameEntry]) -> None:
        self.entries = tuple(entries)
        self._by_key: dict[str, NameEntry] = {}
        self._by_loose_key: dict[str, NameEntry] = {}
        self._by_cas: dict[str, NameEntry] = {}
        for entry in self.entries:
            self._add_name(entry.name, entry)
            if entry.cas:
                self._by_cas.setdefault(entry.cas, entry)
        for entry in self.entries:
            for name in entry.synonyms:
                self._add_name(name, entry)

    @classmethod
    def load(cls, extra: Path | None = None) -> "NameTable":
        """The built-in table, and a person's own on top.

        Raises:
            UnreadableFileError: The extra file is missing, lacks a column or has a wrong SMILES.
        """
        built_in = _read(BUILT_IN).values() if BUILT_IN.exists() else ()
        own = _read(extra) if extra is not None else {}
        for number, entry in own.items():
            try:
                entry.molecule()
            except AssistantError as error:
                raise UnreadableFileError(
                    f"Names file '{extra}', line {number} ({entry.name}): {error}"
                ) from error
        return cls([*own.values(), *built_in])

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, text: str) -> NameEntry | None:
        """The entry of a name, synonym or CAS number; case, spaces and hyphens are forgiven."""
        name = text.strip()
        return (
            self._by_cas.get(name)
            or self._by_key.get(_key(name))
            or (self._by_loose_key.get(_loose_key(name)) if len(_loose_key(name)) > 3 else None)
        )

    def find_exactly(self, text: str) -> NameEntry | None:
        """The entry that has the text as a name letter by letter (`NO` is not `No`)."""
        entry = self.find(text)
        return entry if entry is not None and text.strip() in entry.all_names else None

    def find_inchikey(self, inchikey: str) -> NameEntry | None:
        """The entry with this InChIKey."""
        return self._by_inchikey.get(inchikey)

    def name_of(self, molecule: Molecule) -> str | None:
        """The table's name of a structure, if it has one."""
        entry = self._by_smiles.get(molecule.smiles)
        return entry.name if entry else None

    def slip_of(self, word: str) -> str | None:
        """The name that a word is nearly the same as: a letter or two more, less or in its place.

        Looser likeness, as `closest` has for what is meant to be a name, is no reason to take a
        word of a sentence for one.
        """
        keys = difflib.get_close_matches(_key(word), self._by_key, n=1, cutoff=_SLIP)
        if not keys or self.find(word):
            return None
        entry = self._by_key[keys[0]]
        return next((name for name in entry.all_names if _key(name) == keys[0]), entry.name)

    def closest(self, text: str, *, n: int = 3) -> list[str]:
        """The names most like the text, best first."""
        wanted = _key(text)
        keys = difflib.get_close_matches(wanted, self._by_key, n=4 * n, cutoff=0.72)
        names: list[str] = []
        for key in keys:
            entry = self._by_key[key]
            shown = next((name for name in entry.all_names if _key(name) == key), entry.name)
            if entry.smiles not in {self._by_key[_key(name)].smiles for name in names}:
                names.append(shown)
        return names[:n]

    def completions(self, text: str, *, n: int = 8) -> list[str]:
        """Names that begin with the text, shortest first; for a list under the box."""
        begun = _key(text)
        if not begun:
            return []
        keys = sorted((key for key in self._by_key if key.startswith(begun)), key=len)
        shown: dict[str, str] = {}
        for key in keys:
            entry = self._by_key[key]
            shown.setdefault(entry.smiles, next(m for m in entry.all_names if _key(m) == key))
        return list(shown.values())[:n]

    def _add_name(self, name: str, entry: NameEntry) -> None:
        self._by_key.setdefault(_key(name), entry)
        self._by_loose_key.setdefault(_loose_key(name), entry)

    @cached_property
    def _molecules(self) -> tuple[tuple[NameEntry, Molecule], ...]:
        """Last entry first, so that a mapping built from it keeps the earlier one."""
        found = []
        for entry in reversed(self.entries):
            try:
                found.append((entry, entry.molecule()))
            except AssistantError as error:
                logger.warning("name table: %s has no usable SMILES", entry.name)
                logger.debug("name table: %s", error)
        return tuple(found)

    @cached_property
    def _by_smiles(self) -> dict[str, NameEntry]:
        return {molecule.smiles: entry for entry, molecule in self._molecules}

    @cached_property
    def _by_inchikey(self) -> dict[str, NameEntry]:
        return {molecule.inchikey: entry for entry, molecule in self._molecules}


@cache
def built_in_names() -> NameTable:
    """The table without anybody's own names, read once; its structures are parsed when asked of."""
    return NameTable.load()


def cas_check_digit(cas: str) -> int | None:
    """The check digit that the first digits of a CAS number ask for; None if it is not one."""
    match = CAS_NUMBER.fullmatch(cas)
    if match is None:
        return None
    digits = (match[1] + match[2])[::-1]
    return sum(place * int(digit) for place, digit in enumerate(digits, start=1)) % 10


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    for greek, latin in _GREEK.items():
        plain = plain.replace(greek, latin)
    plain = re.sub(r"[‐‑–—−]", "-", plain).replace("’", "'").replace("′", "'")
    return " ".join(plain.split())


def _loose_key(name: str) -> str:
    """Without spaces and hyphens: `acetylsalicylicacid`, `tetra hydrofuran`."""
    return re.sub(r"[\s\-']", "", _key(name))


def _read(path: Path) -> dict[int, NameEntry]:
    """The entries of a file by the number of their line."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnreadableFileError(
                f"Names file '{path}' is over {MAX_FILE_BYTES // 2**20} MB; split it."
            )
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UnreadableFileError(
            f"Names file '{path}' cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"Names file '{path}' is not UTF-8 text.") from error
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    rows.fieldnames = [_unquoted(head).casefold() for head in rows.fieldnames or ()]
    missing = [column for column in REQUIRED_COLUMNS if column not in rows.fieldnames]
    if missing:
        raise UnreadableFileError(
            f"Names file '{path}' lacks the column {' and '.join(missing)}; its first line must be:"
            " name, smiles, cas, synonyms, kind (separated by tabs)."
        )
    entries = ((rows.line_num, _entry(row)) for row in rows)
    return {number: entry for number, entry in entries if entry.name}


def _entry(row: dict[str, str | None]) -> NameEntry:
    cells = {head: _unquoted(row.get(head) or "") for head in COLUMNS}
    synonyms = (clean_name(one) for one in cells["synonyms"].split("|"))
    return NameEntry(
        name=clean_name(cells["name"]) or "",
        smiles=cells["smiles"],
        cas=cells["cas"],
        synonyms=tuple(one for one in synonyms if one),
        kind=cells["kind"] or "other",
    )


def _unquoted(cell: str) -> str:
    """A cell without the quotation marks that spreadsheets put round 1,2-dichloroethane."""
    bare = cell.strip()
    is_quoted = len(bare) > 1 and bare[0] == bare[-1] == '"'
    return bare[1:-1].replace('""', '"').strip() if is_quoted else bare
