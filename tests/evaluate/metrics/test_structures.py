"""Structures count when they are the same molecule, however they are written."""

import pytest

from assistant.evaluate.metrics.structures import levenshtein, read_structure, structure_metrics


def scores(predictions, references):
    return {m.name: m.value for m in structure_metrics(predictions, references)}


def test_spelling_and_order_of_fragments_do_not_matter():
    found = scores(["OCC.[Na+].[Cl-]"], ["[Cl-].C(C)O.[Na+]"])
    assert found["exact"] == found["Morgan similarity"] == found["BLEU-4 (letters)"] == 1.0
    assert found["Levenshtein"] == 0.0


def test_another_stereoisomer_is_exact_only_without_stereo():
    found = scores(["C[C@H](N)C(=O)O"], ["C[C@@H](N)C(=O)O"])
    assert (found["exact"], found["exact without stereo"]) == (0.0, 1.0)


@pytest.mark.parametrize("answer", [None, "", "C1CC", "benzene"])
def test_an_invalid_or_missing_answer_is_wrong_in_every_number(answer):
    found = scores([answer, "CC"], ["CC", "CC"])
    assert found["exact"] == found["validity"] == found["MACCS similarity"] == 0.5
    assert found["Levenshtein"] > 0


def test_atom_maps_are_no_part_of_a_structure():
    assert read_structure("[CH3:1][OH:2]").smiles == "CO"


def test_a_reference_that_is_no_structure_is_a_mistake_of_the_table():
    with pytest.raises(ValueError, match="no structure"):
        structure_metrics(["C"], ["not a smiles"])


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("abc", "", 3), ("ab", "ba", 2)],
)
def test_levenshtein(first, second, distance):
    assert levenshtein(first, second) == levenshtein(second, first) == distance


def test_levenshtein_of_long_texts_is_that_of_the_plain_algorithm():
    first, second = "CC(=O)Oc1ccccc1C(=O)O" * 5, "CC(=O)Nc1ccc(O)cc1" * 6
    row = list(range(len(second) + 1))
    for i, x in enumerate(first, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(second, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    assert levenshtein(first, second) == row[-1]
