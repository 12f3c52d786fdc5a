"""Questions that name another species than the one drawn, and questions that do not."""

import json
import time
import tomllib
from pathlib import Path

import pytest

from assistant.chat.check import check_answer
from assistant.chat.other_species import Drawn, Elsewhere, confirmed_numbers, other_species
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from tests.chat.texts import texts_of

ROOT = Path(__file__).parents[2]
HELD_OUT = ROOT / "tests" / "data"
TRAIN = ROOT / "assistant" / "train"
SALT = Drawn(is_salt=True)
NEUTRAL = Drawn()
MEANT = {
    "If I removed the chlorine, would it then pass Lipinski?": "If I removed the chlorine",
    "What's the molecular weight of the salt?": "the salt",  # the salt is attached there
}
"""Held-out questions that name another species than a neutral molecule drawn alone."""


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("formula of the dimer", "the dimer"),
        ("MW of the monohydrate?", "the monohydrate"),
        ("formula of its methyl ester", "its methyl ester"),
        ("exact mass of the sodium adduct", "the sodium adduct"),
        ("exact mass of [M+H]+", "[M+H]+"),
        ("What m/z would I see for [M-H]-?", "[M-H]-"),
        ("exact mass of [2M+H]+?", "[2M+H]+"),
        ("M+Na, exact mass?", "M+Na"),
        ("exact mass of M+•", "M+•"),
        ("logP of the anion", "the anion"),
        ("mass of the glucuronide", "the glucuronide"),
        ("exact mass of the TFA salt", "the TFA salt"),
        ("What's the MW as the HCl salt?", "the HCl salt"),
        ("mw after demethylation?", "after demethylation"),
        ("what is the mass after losing water", "after losing water"),
        ("mass of its main metabolite", "its main metabolite"),
        ("mass of the deprotonated form", "the deprotonated form"),
        ("if I methylate the nitrogen, what's the mass", "if I methylate the nitrogen"),
        ("What does the dimer weigh?", "the dimer"),
        ("exact mass of the caffeine dimer?", "the caffeine dimer"),
        ("monohydrate MW?", "monohydrate"),
        ("MW without the counterion", "without the counterion"),
        ("mass minus water", "minus water"),
        ("TPSA of the corresponding amide", "the corresponding amide"),
        ("What is the formula? And of the dimer?", "the dimer"),
        ("Molmasse des Calciumsalzes?", "des Calciumsalzes"),
        ("Masse nach der Methylierung?", "nach der Methylierung"),
        ("masse molaire de l'hydrate", "l'hydrate"),
        ("Quelle est la masse molaire du dimère ?", "du dimère"),
        ("masa molar del clorhidrato", "del clorhidrato"),
        ("massa molare dell’idrato", "dell’idrato"),
    ],
)  # fmt: skip
def test_another_species_is_found_in_its_own_words(question: str, words: str) -> None:
    assert other_species(question, NEUTRAL) == words


@pytest.mark.parametrize(
    "question",
    [
        "is it a salt?", "how many esters?", "Does it contain a methyl ester?", "Is it an anion?",
        "Is it an anion, and what is its charge?", "mass of the compound after the break",
        "which ester?", "dimer?", "What is a dimer?", "number of methyl ester groups, and the mass",
        "how many heavy atoms after removing the hydrogens?", "exact mass, without adduct",
        "mass of the methyl ester group", "What is the charge of this zwitterion?",
        "mass of the dimer I drew", "formula of the methyl ester, molecule 2?",
        "If I add up all the masses, what is the total mass?", "MW including counter-ions",
        "MW of the free acid", "exact mass of the neutral form", "Is the metabolite toxic?",
        "I want to work out [M+H]+ myself, so tell me the exact mass M.", "TPSA of the acid",
        "The supplier sells it as the hydrochloride. How many fragments are in the structure?",
        "", "mass " * 200,
    ],
)  # fmt: skip
def test_nothing_is_found_where_the_drawn_one_is_meant(question: str) -> None:
    assert other_species(question, NEUTRAL) == ""


@pytest.mark.parametrize(
    ("question", "drawn"),
    [
        ("molecular weight of the salt", SALT),
        ("MW of the monohydrate?", SALT),
        ("Molmasse des Calciumsalzes?", SALT),
        ("logP of the anion", Drawn(is_charged=True)),
        ("formula of the methyl ester", Drawn(is_ester=True)),
    ],
)
def test_a_word_for_what_is_drawn_names_no_other(question: str, drawn: Drawn) -> None:
    assert other_species(question, drawn) == ""
    assert other_species(question, NEUTRAL) != ""


def test_the_free_acid_is_another_species_than_its_salt() -> None:
    assert other_species("MW of the free acid?", SALT) == "the free acid"
    assert other_species("MW of the free acid?") == "the free acid"  # nothing is known of it


def test_what_is_drawn_is_told_by_the_facts() -> None:
    def drawn(smiles: str) -> Drawn:
        return Drawn.of((compute_facts(Molecule.parse(smiles)),))

    assert drawn("CC(=O)[O-].[Na+]") == Drawn(is_salt=True)
    assert drawn("CC(=O)[O-]") == Drawn(is_charged=True)
    assert drawn("CC(=O)OC") == Drawn(is_ester=True)
    assert drawn("CC(=O)O") == NEUTRAL


def test_a_name_that_has_a_number_is_drawn_as_it_is_named() -> None:
    question = "MW of lidocaine hydrochloride?"
    assert other_species("MW of hydrochloride?") == "hydrochloride"
    assert other_species(question, mentions=((6, len(question) - 1, 1),)) == ""
    assert other_species("MW of the sodium salt of aspirin", mentions=((25, 32, 1),))
    words = other_species("MW of the aspirin sodium salt", mentions=((10, 17, 1),))
    assert words == "the aspirin sodium salt"


@pytest.mark.parametrize(
    ("words", "numbers", "said"),
    [
        ("the dimer", (1,), "values are of molecule 1 as drawn, not of “the dimer”"),
        ("its salt", (1, 2), "values are of molecules 1 and 2 as drawn, not of “its salt”"),
        ("if I add CO2", (1,), "values are of molecule 1 as drawn, not “if I add CO2”"),
    ],
)
def test_it_is_said_in_a_line(words: str, numbers: tuple[int, ...], said: str) -> None:
    assert Elsewhere(words, numbers).line == said


def test_only_confirmed_values_are_told_of() -> None:
    facts = {1: compute_facts(Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"))}

    def numbers(answer: str) -> tuple[int, ...]:
        return confirmed_numbers(check_answer(answer, facts, (1,)))

    assert numbers("The formula of molecule 1 is C9H8O4.") == (1,)
    assert numbers("The exact mass is 180.0423.") == (1,)
    assert numbers("The formula of molecule 1 is C9H8O5.") == ()
    assert numbers("It has 1 ester.") == ()
    assert numbers("I do not know that.") == ()


def held_out() -> list[str]:
    questions: list[str] = []
    for path in sorted([*HELD_OUT.glob("heldout*/*.json*")]):
        text = path.read_text(encoding="utf-8")
        if path.name.endswith("_questions.json"):
            questions += texts_of(json.loads(text))
        elif path.suffix == ".jsonl":
            rows = [json.loads(line) for line in text.splitlines()]
            questions += [row["question"] for row in rows if "question" in row]
            questions += [turn["user"] for row in rows for turn in row.get("turns", ())]
    return questions


def test_hand_written_questions_name_the_drawn_one_but_for_those_that_do_not() -> None:
    questions = held_out()
    assert len(questions) > 1000
    found = {q: words for q in questions if (words := other_species(q, NEUTRAL))}
    assert found == MEANT


@pytest.mark.parametrize("path", ["wordings/asked.toml", "wording_questions.toml"])
def test_no_training_wording_names_another_species(path: str) -> None:
    asked = tomllib.loads((TRAIN / path).read_text(encoding="utf-8"))["ASKED"]
    frames = texts_of(asked)
    assert len(frames) > 200
    for frame in frames:
        question = frame.replace("{m}", "molecule 1")
        assert other_species(question, NEUTRAL) == "", question


def test_long_and_hostile_text_takes_no_time() -> None:
    other_species("What is the mass of it?")  # word lists are read once
    started = time.perf_counter()
    texts = ("mass of the " * 33, "mass " + "a" * 395, "mass [M" + "+H" * 190, "mass" + " " * 395)
    for text in texts:
        other_species(text)
        other_species(text * 1000)
    assert time.perf_counter() - started < 5
