"""OGB's columns out of RDKit's serialisation of a molecule: one call instead of nine per atom.

    mol.ToBinary() ─► header │ n atom records │ e bond records │ rings │ …
                                 └ a record is the key of a finished row of columns ┘

Asking an atom for one value costs 0.1 µs from Python, an enumeration 0.5 µs, and nine of them an
atom are what a graph's time goes to. In the serialisation all of it lies side by side, few distinct
records occur, and so a molecule is two regular expressions and a look-up. Anything else than plain
atoms and bonds (queries, atom maps, dummies, residues, more than 255 atoms) and any version of the
format but the one described here gives None; `chem.graph` then asks atom by atom.

    atom: element | flags | fields (4 bytes) | charge? chirality? hybridisation? explicit Hs?
          explicit valence? implicit Hs? radicals? isotope (4)?     a bit of `fields` for each
    bond: begin | end | flags | type? direction? stereo, its atoms?   a bit of `flags` for each
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from rdkit import Chem
from torch import Tensor

Columns = tuple[Tensor, Tensor, Tensor]
"""`x` (n, 9), `edge_index` (2, 2e), `edge_attr` (2e, 3), int64."""

# Byte order mark, tag, version 16.4.0.
_HEADER = bytes.fromhex("efbeadde 00000000 10000000 04000000 00000000")
_TWO_COUNTS = struct.Struct("<ii")  # atoms, bonds
_ATOMS = len(_HEADER) + _TWO_COUNTS.size + 2  # behind a byte of options and a tag
_BEFORE_ATOMS, _BEFORE_BONDS, _BEFORE_RINGS = b"\x80\x01", 0x0B, 0x42
_MOST_ATOMS = 255  # more, and an index takes four bytes

_CHARGE, _CHIRALITY, _HYBRIDISATION, _EXPLICIT_HS = 1 << 1, 1 << 2, 1 << 3, 1 << 4
_EXPLICIT_VALENCE, _IMPLICIT_HS, _RADICALS = 1 << 5, 1 << 6, 1 << 7
_ORDER = (
    _CHARGE,
    _CHIRALITY,
    _HYBRIDISATION,
    _EXPLICIT_HS,
    _EXPLICIT_VALENCE,
    _IMPLICIT_HS,
    _RADICALS,
)
_ATOM_AROMATIC = 1 << 6
_BOND_CONJUGATED, _BOND_TYPE, _BOND_DIRECTION, _BOND_STEREO = 1 << 5, 1 << 3, 1 << 2, 1 << 1
_DEGREE, _RING = 2, 8  # columns that depend on the neighbours
_MOST_DEGREE = 11
_MOST_ROWS = 32_768

_SINGLE, _SP3 = int(Chem.BondType.SINGLE), int(Chem.HybridizationType.SP3)


def _class_of(values: list[int]) -> bytes:
    """A character class of these bytes."""
    return b"[" + b"".join(b"\\x%02x" % value for value in values) + b"]"


def _atom_pattern() -> bytes:
    """One atom record; no bits 0 (a mass) and none of the flags that bring further parts."""
    shapes = []
    for n_fields in range(len(_ORDER) + 1):
        low = [b for b in range(0, 256, 2) if b.bit_count() == n_fields]
        shapes.append(_class_of(low) + rb"\x00\x00\x00.{%d}" % n_fields)
        shapes.append(_class_of(low) + rb"\x01\x00\x00.{%d}" % (n_fields + 4))
    return rb"[^\x00][\x00\x20\x40\x60](?:" + b"|".join(shapes) + b")"


def _bond_pattern() -> bytes:
    """One bond record; its first two bytes are the ends."""
    shapes = []
    for extra, n_fields in ((0, 0), (_BOND_TYPE, 1), (_BOND_DIRECTION, 1), (12, 2)):
        plain = _class_of([aromatic | extra for aromatic in (0, 0x20, 0x40, 0x60)])
        shapes.append(plain + b".{%d}" % n_fields)
        marked = _class_of([a | extra | _BOND_STEREO for a in (0, 0x20, 0x40, 0x60)])
        shapes.append(marked + rb".{%d}.(?:\x00|\x02..)" % n_fields)
    return b"..(?:" + b"|".join(shapes) + b")"


_ATOM = re.compile(_atom_pattern(), re.DOTALL)
_BOND = re.compile(_bond_pattern(), re.DOTALL)


class PackedReader:
    """Reads the columns of plain molecules.

    Args:
        atom_row: The nine classes of (element, chirality, degree, charge, hydrogens, radicals,
            hybridisation, aromatic, in ring), RDKit's numbers.
        bond_row: The three classes of (type, stereo, conjugated).
    """

    def __init__(
        self,
        atom_row: Callable[[tuple[int, ...]], tuple[int, ...]],
        bond_row: Callable[[tuple[int, ...]], tuple[int, ...]],
    ) -> None:
        self._atoms = _Rows(lambda record: _atom(record, atom_row))
        self._bonds = _Rows(lambda record: _bond(record, bond_row))

    def __call__(self, serialised: Sequence[bytes]) -> list[Columns | None]:
        """Columns of serialised molecules; None for each that is not plain.

        Args:
            serialised: What `Mol.ToBinary` gives, without properties.
        """
        found = [self._read(data) for data in serialised]
        columns = iter(_columns([parts for parts in found if parts is not None]))
        return [None if parts is None else next(columns) for parts in found]

    def _read(self, data: bytes) -> "_Parts | None":
        if not data.startswith(_HEADER) or data[_ATOMS - 2 : _ATOMS] != _BEFORE_ATOMS:
            return None
        n_atoms, n_bonds = _TWO_COUNTS.unpack_from(data, len(_HEADER))
        if n_atoms > _MOST_ATOMS:
            return None
        found = _records(_ATOM, data, _ATOMS, len(data) - 3 * n_bonds, n_atoms)
        if found is None or data[found[1]] != _BEFORE_BONDS:
            return None
        atoms, end = found
        found = _records(_BOND, data, end + 1, len(data), n_bonds)
        if found is None or data[found[1]] != _BEFORE_RINGS:
            return None
        bonds, end = found
        return (
            n_atoms,
            n_bonds,
            b"".join(map(self._atoms.__getitem__, atoms)),
            b"".join(map(self._bonds.__getitem__, bonds)),
            _ring_atoms(data, end + 1),
        )


# Of one molecule: its numbers of atoms and bonds, rows of atoms, of bonds, atoms of rings.
_Parts = tuple[int, int, bytes, bytes, bytes]


class _Rows(dict[bytes, bytes]):
    """Record -> row.

    A few hundred records of atoms occur among drug-like molecules, some thousands of bonds, whose
    records begin with their ends; isotopes and large molecules could make more.
    """

    def __init__(self, make: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, record: bytes) -> bytes:
        if len(self) >= _MOST_ROWS:
            self.clear()
        self[record] = row = self._make(record)
        return row


def _columns(molecules: list[_Parts]) -> Iterator[Columns]:
    """Tensors of molecules, views of those of all: calls for each cost as much as the reading."""
    if not molecules:
        return
    atom_counts, bond_counts, atoms, bonds, rings = zip(*molecules, strict=True)
    x = _array(atoms).reshape(-1, 9)
    n_atoms = np.array(atom_counts)
    before = n_atoms.cumsum() - n_atoms
    x[_array(rings) + before.repeat([len(r) for r in rings]), _RING] = 1
    directed = _array(bonds).reshape(-1, 2 + 3)  # begin, end, and their columns
    n_directed = [2 * n for n in bond_counts]
    degree = x[:, _DEGREE]
    degree += np.bincount(directed[:, 0] + before.repeat(n_directed), minlength=len(x))
    np.minimum(degree, _MOST_DEGREE, out=degree)
    edges = torch.from_numpy(_in_blocks(directed[:, :2], n_directed))
    yield from zip(
        torch.from_numpy(x).split_with_sizes(atom_counts),
        (
            edge.view(2, n)
            for edge, n in zip(
                edges.split_with_sizes([2 * n for n in n_directed]), n_directed, strict=True
            )
        ),
        torch.from_numpy(directed[:, 2:].copy()).split_with_sizes(n_directed),
        strict=True,
    )


def _in_blocks(ends: npt.NDArray[np.int64], counts: list[int]) -> npt.NDArray[np.int64]:
    """Begins and ends (n, 2) with those of each molecule behind each other: b … e …, b … e …."""
    n = np.array(counts)
    begins = (n.cumsum() - n).repeat(n) + np.arange(len(ends))
    blocks = np.empty(2 * len(ends), np.int64)
    blocks[begins], blocks[begins + n.repeat(n)] = ends[:, 0], ends[:, 1]
    return blocks


def _array(parts: Sequence[bytes]) -> npt.NDArray[np.int64]:
    return np.frombuffer(b"".join(parts), np.uint8).astype(np.int64)


def _records(
    pattern: re.Pattern[bytes], data: bytes, start: int, stop: int, count: int
) -> tuple[list[bytes], int] | None:
    """So many records and the place behind them; None if one is of another form."""
    records = pattern.findall(data, start, stop)[:count]
    joined = b"".join(records)
    # A form that is not matched is skipped by `findall`.
    if len(records) != count or not data.startswith(joined, start):
        return None
    return records, start + len(joined)


def _ring_atoms(data: bytes, place: int) -> bytes:
    """Atoms of all rings: a count, then each ring's size and members."""
    rings = []
    n_rings = int.from_bytes(data[place : place + 4], "little")
    place += 4
    for _ in range(n_rings):
        end = place + 1 + data[place]
        rings.append(data[place + 1 : end])
        place = end
    return b"".join(rings)


def _atom(record: bytes, row: Callable[[tuple[int, ...]], tuple[int, ...]]) -> bytes:
    """Columns of an atom without neighbours; its hydrogens are counted in the degree."""
    fields = int.from_bytes(record[2:6], "little")
    values = iter(record[6:])
    of = {bit: next(values) for bit in _ORDER if fields & bit}
    charge = of.get(_CHARGE, 0)
    n_hydrogens = of.get(_EXPLICIT_HS, 0) + of.get(_IMPLICIT_HS, 0)
    columns = row(
        (
            record[0],
            of.get(_CHIRALITY, 0),
            0,
            charge - 256 if charge > 127 else charge,
            n_hydrogens,
            of.get(_RADICALS, 0),
            of.get(_HYBRIDISATION, _SP3),
            int(bool(record[1] & _ATOM_AROMATIC)),
            0,
        )
    )
    return bytes(columns[:_DEGREE]) + bytes([n_hydrogens]) + bytes(columns[_DEGREE + 1 :])


def _bond(record: bytes, row: Callable[[tuple[int, ...]], tuple[int, ...]]) -> bytes:
    """Ends and columns of a bond, in both directions."""
    begin, end, flags = record[:3]
    values = iter(record[3:])
    kind = next(values) if flags & _BOND_TYPE else _SINGLE
    if flags & _BOND_DIRECTION:
        next(values)
    stereo = next(values) if flags & _BOND_STEREO else 0
    columns = bytes(row((kind, stereo, int(bool(flags & _BOND_CONJUGATED)))))
    return bytes((begin, end)) + columns + bytes((end, begin)) + columns
