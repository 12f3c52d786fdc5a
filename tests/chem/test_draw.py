import re
import xml.etree.ElementTree as ElementTree

import pytest

from assistant.chem.draw import draw_svg, slim, to_molblock
from assistant.chem.molecule import Molecule

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")


def test_the_picture_is_bare_svg_of_the_asked_size() -> None:
    svg = draw_svg(ASPIRIN, width=321, height=234)
    assert svg.startswith("<svg")
    assert "<?xml" not in svg
    root = ElementTree.fromstring(svg)
    assert root.get("width") == "321px"
    assert root.get("height") == "234px"


def test_the_ground_is_transparent() -> None:
    assert "<rect" not in draw_svg(ASPIRIN, width=200, height=200)


def test_every_atom_can_be_found_by_its_class() -> None:
    svg = draw_svg(ASPIRIN, width=200, height=200)
    classes = set(re.findall(r"\batom-(\d+)\b", svg))
    assert classes == {str(index) for index in range(ASPIRIN.rdmol().GetNumAtoms())}


def test_highlights_count_from_one_and_unknown_numbers_are_ignored() -> None:
    plain = draw_svg(ASPIRIN, width=200, height=200)
    assert draw_svg(ASPIRIN, width=200, height=200, highlight=[0, -3, 999]) == plain
    marked = draw_svg(ASPIRIN, width=200, height=200, highlight=[1])
    assert re.search(r"<ellipse[^>]*class='atom-0'", marked)
    assert not re.search(r"<ellipse[^>]*class='atom-1'", marked)


def test_bonds_between_marked_atoms_are_marked_too() -> None:
    alone = draw_svg(ASPIRIN, width=200, height=200, highlight=[1, 4])
    joined = draw_svg(ASPIRIN, width=200, height=200, highlight=[1, 2])
    assert joined.count("<path") > alone.count("<path")


def test_numbers_are_drawn_when_asked() -> None:
    plain = draw_svg(ASPIRIN, width=300, height=200)
    assert len(draw_svg(ASPIRIN, width=300, height=200, numbers=True)) > len(plain)


def test_dark_pictures_have_no_black_lines() -> None:
    assert "#000000" in draw_svg(ASPIRIN, width=200, height=200)
    assert "#000000" not in draw_svg(ASPIRIN, width=200, height=200, dark=True)


def test_a_hostile_name_never_enters_the_picture() -> None:
    molecule = Molecule.parse("CCO", name="<script>alert(1)</script>")
    assert "script" not in draw_svg(molecule, width=200, height=200)
    assert "script" not in to_molblock(molecule)


@pytest.mark.parametrize(
    "smiles", ["[Na+].[Cl-]", "C", "[H+]", "N->[Pt](<-N)(Cl)Cl", "*C", "[2H]O"]
)
def test_small_and_odd_molecules_are_drawn(smiles: str) -> None:
    ElementTree.fromstring(draw_svg(Molecule.parse(smiles), width=120, height=90))


@pytest.mark.parametrize("size", [(0, 0), (-5, 10), (10**9, 10**9)])
def test_absurd_sizes_are_clamped(size: tuple[int, int]) -> None:
    root = ElementTree.fromstring(draw_svg(ASPIRIN, width=size[0], height=size[1]))
    assert 40 <= int(root.get("width", "").removesuffix("px")) <= 2000


def test_the_molblock_has_flat_coordinates_and_keeps_the_atom_order() -> None:
    lines = to_molblock(ASPIRIN).splitlines()[4:]
    atoms = [line.split() for line in lines if len(line.split()) >= 10][:13]
    assert [atom[3] for atom in atoms] == [a.GetSymbol() for a in ASPIRIN.rdmol().GetAtoms()]
    assert {float(atom[2]) for atom in atoms} == {0.0}
    assert len({atom[0] for atom in atoms}) > 5


@pytest.mark.parametrize(
    ("smiles", "is_marked"),
    [
        ("[Na+].CC(=O)[O-]", False),
        ("[Ca+2].[Cl-].[Cl-]", False),
        ("[Fe+3].[Cl-].[Cl-].[Cl-]", False),
        ("[Mg+].[Cl-]", True),  # without the mark it would be MgH
        ("[Na]", True),
        ("C[Mg]Br", False),
    ],
)
def test_bare_cations_have_no_mark_where_their_charge_says_enough(
    smiles: str, is_marked: bool
) -> None:
    molecule = Molecule.parse(smiles)
    block = to_molblock(molecule)
    assert (" 15  0" in block) == is_marked
    assert Molecule.from_molblock(block) == molecule


@pytest.mark.parametrize("smiles", ["CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "[Na+].[OH-]"])
def test_a_slim_drawing_has_the_same_lines_in_fewer_characters(smiles: str) -> None:
    svg = draw_svg(Molecule.parse(smiles), width=132, height=84)
    small = slim(svg)
    assert len(small) < len(svg)
    drawn = (p for p in ElementTree.fromstring(svg).iter() if "selector" not in p.get("class", ""))
    wanted = [p.get("d") for p in drawn if p.get("d")]
    kept = [p.get("d") for p in ElementTree.fromstring(small).iter() if p.get("d")]
    assert kept == wanted
    assert "atom-" not in small
