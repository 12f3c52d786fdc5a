"""2D pictures of a molecule: SVG for the page, molblock for the sketcher.

Every atom has an invisible circle with the class `atom-N` (N counts from 0), so a page can
highlight atoms by CSS. The SVG holds shapes only: letters are drawn as paths, names never enter it.
"""

import re
from collections.abc import Callable, Sequence

from rdkit import Chem
from rdkit.Chem import rdCoordGen, rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import AssistantError

HIGHLIGHT_LIGHT = (
    0.90,
    0.62,
    0.0,
    0.55,
)  # Okabe-Ito orange: told apart by every kind of colour vision
HIGHLIGHT_DARK = (0.34, 0.71, 0.91, 0.55)  # Okabe-Ito sky blue, the same on dark
TRANSPARENT = (1.0, 1.0, 1.0, 0.0)
# Columns of a V2000 atom line: see the CTfile formats (BIOVIA), "atom block", vvv.
_ATOM_ROWS, _VALENCE, _NO_HYDROGENS = 4, slice(48, 51), " 15"
NOTE_SCALE = 0.72  # values are read, numbers only found
MIN_SIDE, MAX_SIDE = 40, 2000


def draw_svg(
    molecule: Molecule,
    *,
    width: int,
    height: int,
    highlight: Sequence[int] = (),
    numbers: bool = False,
    notes: Sequence[str] = (),
    dark: bool = False,
) -> str:
    """An SVG picture on a transparent ground.

    Args:
        molecule: What to draw.
        width: Pixels, clamped to 40..2000.
        height: Pixels, clamped to 40..2000.
        highlight: Atoms to mark, numbered from 1; numbers that do not exist are ignored.
        numbers: Whether to write the atom numbers.
        notes: What to write beside each atom instead, in order; none where it is empty.
        dark: Light lines for a dark page.
    """
    mol = with_coordinates(molecule)
    if numbers:
        for atom in mol.GetAtoms():
            atom.SetProp("atomNote", str(atom.GetIdx() + 1))
    for atom, note in zip(mol.GetAtoms(), notes, strict=False):
        atom.SetProp("atomNote", note)
    size = (min(max(int(side), MIN_SIDE), MAX_SIDE) for side in (width, height))
    drawer = rdMolDraw2D.MolDraw2DSVG(*size)
    _set_options(drawer.drawOptions(), dark=dark)
    if notes:
        drawer.drawOptions().annotationFontScale = NOTE_SCALE
    atoms = sorted({int(n) - 1 for n in highlight if 1 <= int(n) <= mol.GetNumAtoms()})
    marked = set(atoms)
    bonds = [
        bond.GetIdx()
        for bond in mol.GetBonds()
        if bond.GetBeginAtomIdx() in marked and bond.GetEndAtomIdx() in marked
    ]
    with quiet_rdkit():
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, mol, highlightAtoms=atoms, highlightBonds=bonds)
        drawer.TagAtoms(mol)
    drawer.FinishDrawing()
    svg = drawer.GetDrawingText()
    return svg[svg.index("<svg") :]


_NEEDLESS = re.compile(
    r"<!--.*?-->|<(?:circle|ellipse|path)[^>]*atom-selector[^>]*/>|<path[^>]*bond-selector[^>]*/>"
    r"|\s+xmlns:\w+='[^']*'|\s+xml:space='[^']*'| class='[^']*'|(?<=>)\s+(?=<)"
    r"|fill-rule:evenodd;|stroke-linecap:butt;|stroke-linejoin:miter;|;?stroke-opacity:1(?=')"
)  # the styles are what SVG assumes anyway; selectors are seen by nobody


def slim(svg: str) -> str:
    """The same picture in about half the characters, for lists: without marks of atoms."""
    opening, end, body = svg.partition(">")
    return _NEEDLESS.sub("", " ".join(opening.split()) + end + body)


def to_molblock(molecule: Molecule) -> str:
    """A molfile with 2D coordinates and stereo wedges, for the sketcher.

    Double bonds whose stereo is open are written crossed, else their drawing would set it.
    Square-planar and octahedral stereo has no place in a molfile and is lost there.
    """
    written = ""
    for lay_out in _LAYOUTS:
        mol = with_coordinates(molecule, lay_out=lay_out)
        _mark_open_double_bonds(mol)
        with quiet_rdkit():
            block = Chem.MolToMolBlock(mol)
        written = written or block
        if _reads_back(block, molecule):
            plain = _without_marks_on_cations(block, mol)
            return plain if _reads_back(plain, molecule) else block
    return written


def _without_marks_on_cations(block: str, mol: Chem.Mol) -> str:
    """Without the mark "no hydrogens" on bare cations, which a sketcher shows as `Na⁺(0)`.

    Where the charge alone does not say so (Mg⁺) the block reads otherwise, and keeps its marks.
    """
    if "V2000" not in block:
        return block
    lines = block.split("\n")
    for atom in mol.GetAtoms():
        row = _ATOM_ROWS + atom.GetIdx()
        is_bare_cation = atom.GetFormalCharge() > 0 and not atom.GetDegree()
        if is_bare_cation and lines[row][_VALENCE] == _NO_HYDROGENS:
            start, end = _VALENCE.start, _VALENCE.stop
            lines[row] = f"{lines[row][:start]}  0{lines[row][end:]}"
    return "\n".join(lines)


def _lay_out_by_rings(mol: Chem.Mol) -> None:
    rdDepictor.Compute2DCoords(mol, canonOrient=True)
    rdDepictor.StraightenDepiction(mol)


def _lay_out_by_force(mol: Chem.Mol) -> None:
    """For cages: the first layout leaves, once in 700 molecules, a wedge that reads otherwise."""
    rdCoordGen.AddCoords(mol)


def _lay_out_by_sampling(mol: Chem.Mol) -> None:
    rdDepictor.Compute2DCoords(
        mol, nFlipsPerSample=3, nSample=100, sampleSeed=7, permuteDeg4Nodes=True
    )


_LAYOUTS = (_lay_out_by_rings, _lay_out_by_force, _lay_out_by_sampling)


def _reads_back(block: str, molecule: Molecule) -> bool:
    try:
        return Molecule.from_molblock(block) == molecule
    except AssistantError:
        return False


def _mark_open_double_bonds(mol: Chem.Mol) -> None:
    with quiet_rdkit():
        for found in Chem.FindPotentialStereo(mol):
            if (
                found.type == Chem.StereoType.Bond_Double
                and found.specified != Chem.StereoSpecified.Specified
            ):
                mol.GetBondWithIdx(found.centeredOn).SetStereo(Chem.BondStereo.STEREOANY)


def with_coordinates(
    molecule: Molecule, *, lay_out: Callable[[Chem.Mol], None] = _lay_out_by_rings
) -> Chem.Mol:
    """A copy of the molecule's RDKit form laid out in two dimensions, atom order kept."""
    mol = Chem.Mol(molecule.rdmol())
    with quiet_rdkit():
        lay_out(mol)
    return mol


def _set_options(options: rdMolDraw2D.MolDrawOptions, *, dark: bool) -> None:
    if dark:
        rdMolDraw2D.SetDarkMode(options)
    options.setBackgroundColour(TRANSPARENT)
    options.clearBackground = False
    options.setHighlightColour(HIGHLIGHT_DARK if dark else HIGHLIGHT_LIGHT)
    options.annotationFontScale = 0.6
    options.bondLineWidth = 2
    options.padding = 0.06
    options.addStereoAnnotation = True
    options.fixedBondLength = 40  # pixels: methane and ethanol do not fill the picture
