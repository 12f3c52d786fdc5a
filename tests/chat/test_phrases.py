"""Which sentences an answer has, and which atoms its words point at."""

import pytest

from assistant.chat.phrases import phrases
from assistant.chat.sentences import sentence_spans
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")


def atoms_of(text: str, molecule: Molecule = ASPIRIN) -> dict[str, tuple[int, ...]]:
    found = phrases(text, molecule, compute_facts(molecule).groups)
    return {text[phrase.start : phrase.end]: phrase.atoms for phrase in found}


def test_named_groups_elements_rings_and_numbers_point_at_their_atoms():
    text = "It has a carboxylic acid, an ester, a benzene ring; 4 oxygens. Atoms 2, 3 and 4 react."
    assert atoms_of(text) == {
        "carboxylic acid": (11, 12, 13),
        "ester": (2, 3, 4),
        "benzene ring": (5, 6, 7, 8, 9, 10),
        "oxygens": (3, 4, 12, 13),
        "Atoms 2, 3 and 4": (2, 3, 4),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ketone", {}),
        ("two carbonyl groups", {"carbonyl groups": (2, 3, 11, 12)}),
        ("a hydroxyl group", {"hydroxyl group": (13,)}),
        ("one aromatic ring", {"aromatic ring": (5, 6, 7, 8, 9, 10)}),
        ("atoms 5 to 7", {"atoms 5 to 7": (5, 6, 7)}),
        ("atom 99", {}),
        ("CC(=O)Oc1ccccc1C(=O)O", {}),
        ("", {}),
    ],
)
def test_words_of_what_is_not_there_point_at_nothing(text, expected):
    assert atoms_of(text) == expected


def test_stereocentres_point_at_their_carbons():
    assert atoms_of("one stereocentre", Molecule.parse("CC(O)C(=O)O")) == {"stereocentre": (2,)}


def test_sentences_are_whole_and_every_character_belongs_to_one():
    text = (
        "Molecule 1 is aspirin (e.g. for pain). It has 2 rings!\n\n- one ester\n- cLogP 1.31\nEnd"
    )
    spans = sentence_spans(text)
    assert [text[s.start : s.end] for s in spans] == [
        "Molecule 1 is aspirin (e.g. for pain).",
        "It has 2 rings!",
        "one ester",
        "cLogP 1.31",
        "End",
    ]
    assert [s.until for s in spans] == [s.start for s in spans[1:]] + [len(text)]
    assert [s.since for s in spans] == [0, *(s.start for s in spans[1:])]


def test_a_smiles_with_dots_ends_no_sentence():
    text = "The salt is CC(=O)[O-].[Na+] here. It dissolves."
    assert [text[s.start : s.end] for s in sentence_spans(text)] == [
        "The salt is CC(=O)[O-].[Na+] here.",
        "It dissolves.",
    ]


def test_no_words_have_no_sentence():
    assert sentence_spans("") == sentence_spans(" \n") == ()
