import pytest
from rdkit.Chem import rdChemReactions

from assistant.chem.molecule import Molecule
from assistant.chem.reaction import from_rxnblock, is_reaction, parse_reaction
from assistant.errors import InputTooLargeError, InvalidMoleculeError

ESTER = "C[C@H](N)C(=O)O.CCO>[H+]>CCOC(=O)[C@H](C)N.O"


def drawn(smiles: str, *, v3000: bool = False) -> str:
    reaction = rdChemReactions.ReactionFromSmarts(smiles, useSmiles=True)
    rdChemReactions.Compute2DCoordsForReaction(reaction)
    return rdChemReactions.ReactionToRxnBlock(reaction, separateAgents=True, forceV3000=v3000)


@pytest.mark.parametrize("text", ["CCO>>CC=O", "CCO>[Cr]>CC=O", "CCO>>", ">>CCO", "N->[Pt]>>N"])
def test_two_arrows_make_a_reaction(text: str) -> None:
    assert is_reaction(text)


@pytest.mark.parametrize(
    "text", ["CCO", "N->[Pt]", "N->[Pt]<-N", "CCO>CC", "<b>bold</b>", "a > b > c"]
)
def test_dative_bonds_and_markup_are_no_reaction(text: str) -> None:
    assert not is_reaction(text)


def test_roles_are_kept_in_order() -> None:
    reaction = parse_reaction("CCO.CC(=O)O>OS(=O)(=O)O>CCOC(C)=O.O")
    assert [m.smiles for m in reaction.reactants] == ["CCO", "CC(=O)O"]
    assert [m.smiles for m in reaction.agents] == ["O=S(=O)(O)O"]
    assert [m.smiles for m in reaction.products] == ["CCOC(C)=O", "O"]


def test_atom_maps_are_dropped_and_stereo_is_kept() -> None:
    reaction = parse_reaction("[CH3:1][C@H:2]([NH2:3])[OH:4]>>[CH3:1][CH:2]=[NH:3]")
    assert reaction.reactants == (Molecule.parse("C[C@H](N)O"),)


def test_counter_ions_are_not_stripped() -> None:
    assert len(parse_reaction("CC(=O)[O-].[Na+]>>CC(=O)O").reactants) == 2


def test_grouped_fragments_stay_one_molecule() -> None:
    reaction = parse_reaction("CC(=O)[O-].[Na+].CI>>CC(=O)OC |f:0.1|")
    assert [m.smiles for m in reaction.reactants] == ["CC(=O)[O-].[Na+]", "CI"]


def test_a_reaction_can_be_written_back() -> None:
    reaction = parse_reaction(ESTER)
    assert parse_reaction(reaction.smiles) == reaction


def test_the_faulty_molecule_is_located_in_the_whole_text() -> None:
    with pytest.raises(InvalidMoleculeError, match="ring 1") as caught:
        parse_reaction("CCO>>CC.C1CC")
    assert caught.value.position == 9
    assert caught.value.fix == "CCO>>CC.C1CC1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [(">>", "neither reactants nor products"), ("CCO>C", "two '>' signs"), ("C..C>>C", "empty")],
)
def test_impossible_reactions_are_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidMoleculeError, match=reason):
        parse_reaction(text)


def test_too_many_molecules_are_refused() -> None:
    with pytest.raises(InputTooLargeError):
        parse_reaction(".".join("C" * 50) + ">>C")


@pytest.mark.parametrize("v3000", [False, True])
def test_a_drawn_reaction_keeps_roles_and_stereo(v3000: bool) -> None:
    assert from_rxnblock(drawn(ESTER, v3000=v3000)) == parse_reaction(ESTER)


@pytest.mark.parametrize("block", ["", "$RXN\n", "$RXN\n\n\n\n  1  1\n", "$RXN V3000\nM  END\n"])
def test_a_damaged_rxnfile_is_refused(block: str) -> None:
    with pytest.raises(InvalidMoleculeError, match="No reaction in this drawing"):
        from_rxnblock(block)


def test_a_query_in_a_drawn_reaction_names_the_role() -> None:
    block = drawn("CCO>>CC=O").replace(" O   0", " A   0", 1)
    with pytest.raises(InvalidMoleculeError, match=r"The reaction's reactant 1: .*query atom"):
        from_rxnblock(block)
