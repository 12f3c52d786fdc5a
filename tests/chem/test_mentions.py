"""Molecules that sentences are about: found where they are meant, left alone where they are not."""

import pytest

from assistant.chem.mentions import MAX_MENTIONS, is_only_about, mentions_in
from assistant.chem.molecule import Molecule
from assistant.chem.names import built_in_names


def named(text: str, *, has_subject: bool = False, after_group: bool = False) -> list[str]:
    names = built_in_names()
    found = mentions_in(text, names, has_subject=has_subject, after_group=after_group)
    return [text[mention.start : mention.end] for mention in found]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("What is the logP of caffeine?", ["caffeine"]),
        ("Compare aspirin and ibuprofen", ["aspirin", "ibuprofen"]),
        ("Is CCO more polar than CCC?", ["CCO", "CCC"]),
        ("TPSA of acetic acid, please", ["acetic acid"]),
        ("vitamin C: formula?", ["vitamin C"]),
        ("Tell me about N-methyl-2-pyrrolidone.", ["N-methyl-2-pyrrolidone"]),
        ("What is 58-08-2?", ["58-08-2"]),
        ("mass of (CC(=O)Oc1ccccc1C(=O)O)?", ["CC(=O)Oc1ccccc1C(=O)O"]),
        ("What is the water solubility of aspirin?", ["aspirin"]),
        ("Does benzene have a ring?", ["benzene"]),
        ("What is Caffeine, and is it basic?", ["Caffeine"]),
        ("What is the mass of water?", ["water"]),
        ("What is aspirin's logP?", ["aspirin"]),
        ("How many rings are in caffeine?", ["caffeine"]),
        ("Is caffeine soluble in water?", ["caffeine"]),
        ("Is (R)-limonene chiral?", ["(R)-limonene"]),
        ("Heaviest: acetic acid, ethanol or methanol?", ["acetic acid", "ethanol", "methanol"]),
        ("Compare ethyl acetate, acetone and THF", ["ethyl acetate", "acetone", "THF"]),
        ("caffeine/theobromine: which is heavier?", ["caffeine", "theobromine"]),
        ("How heavy is the caffeine molecule?", ["caffeine"]),
        ("octanol/water partition coefficient of aspirin", ["aspirin"]),
        ("How does aspirin partition between octanol and water?", ["aspirin"]),
        ("Compare octanol and water", ["octanol", "water"]),
        ("What is the logP of octanol?", ["octanol"]),
        ("Mass of caffeine after losing water", ["caffeine"]),
        ("What is warfarin plus aspirin?", ["warfarin", "aspirin"]),
    ],
)
def test_names_and_structures_of_a_sentence_are_found(text: str, wanted: list[str]) -> None:
    assert named(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Is it soluble in water or ethanol?",
        "logP in octanol, and in THF?",
        "Does it contain a phenol?",
        "Is the pyridine ring basic?",
        "How many C=C and C-H bonds are there?",
        "Does it have a C(=O)O group?",
        "Can you say that again? No? OK.",
        "I need 10 mM DMSO stock",
        "Is its HCl salt known?",
        "Count all atoms except hydrogen.",
        "lidocaine hydrochloride",  # not lidocaine
        "the methyl aspirin",
        "Is it made from phenol?",
        "What about unobtainium?",
        "What about hydrogen bonding?",
        "Number of oxygen?",
        "Is benzene present?",
        "Where is the benzene?",
        "Is it an ester or ether?",
        "Does the drug bind serotonin receptors?",
        "Rf in 1:1 hexane/EtOAc?",
        "solubility in supercritical CO2",
        "an FCC lattice",
        "What is the octanol/water partition coefficient?",
        "octanol water log P?",
        "Does it partition between water and octanol?",
        "octanol water logP, please",
        "Everything heavier than hydrogen: how many atoms?",
        "mass after losing water",
        "exact mass after loss of water?",
        "mass after removing the acetic acid",
        "what is the mass after adding methanol",
        "mass minus water",
        "mass without water",
        "it loses HCl: what mass?",
        "Is it soluble in ethanol, in DMSO or in water?",
    ],
)
def test_media_groups_parts_and_longer_names_are_not_taken_for_subjects(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Will LiAlH4 reduce it?", []),
        ("Does it react like aniline?", []),
        ("Is it a stronger acid than benzoic acid?", ["benzoic acid"]),
        ("How does it differ from caffeine?", ["caffeine"]),
        ("And aspirin?", ["aspirin"]),
        ("If naphthalene is one and biphenyl is two, how many ring systems are here?", []),
        ("If biphenyl counts two and naphthalene one, what does it count?", []),
        ("Naphthalene is one ring system. How many does it have?", []),
        ("Is biphenyl two rings?", ["biphenyl"]),
        ("DCM sol?", []),
        ("solubility acetone?", []),
        ("Water uptake at 80 % relative humidity?", []),
        ("CO2 footprint of making it?", []),
        ("CO2 or water on burning it?", []),
        ("Is water included in the mass?", []),
        ("CCS value?", []),
        ("What is a crown ether?", []),
        ("Does it have fewer atoms without counting hydrogen than molecule 1?", []),
        ("If naphthalene counts as two, how many rings does it have?", []),
        ("solubility of caffeine?", ["caffeine"]),
        ("What is theobromine, and is it basic?", ["theobromine"]),
    ],
)
def test_beside_a_molecule_only_subjects_and_comparisons_count(
    text: str, wanted: list[str]
) -> None:
    assert named(text, has_subject=True) == wanted


@pytest.mark.parametrize(
    "text",
    ["quinoline?", "Pyrrole?", "any pyridine?", "pyridine or pyrrole?", "benzene ring?",
     "quinoline or not?", "Is there quinoline?", "phenol, indole?"],
)  # fmt: skip
def test_beside_a_molecule_the_name_of_a_ring_alone_asks_for_the_ring(text: str) -> None:
    assert named(text, has_subject=True) == []


@pytest.mark.parametrize(
    "text", ["pyridine", "logP of pyridine?", "Describe pyridine.", "pyridine, mass?", "aspirin?"]
)
def test_a_ring_that_is_loaded_or_asked_a_value_of_is_a_molecule(text: str) -> None:
    assert len(named(text, has_subject=True)) == 1


def test_without_a_molecule_a_ring_is_one() -> None:
    assert named("quinoline?") == ["quinoline"]


def test_and_another_ring_goes_on_with_the_question_before() -> None:
    assert named("and pyridine?", has_subject=True, after_group=True) == []
    assert named("What about pyridine?", has_subject=True, after_group=True) == []
    assert named("and pyridine?", has_subject=True) == ["pyridine"]  # "logP of benzene?"
    assert named("and caffeine?", has_subject=True, after_group=True) == ["caffeine"]


@pytest.mark.parametrize(
    ("text", "is_all"),
    [
        ("What is the logP of caffeine?", True),
        ("Is morphine heavier than codeine?", True),
        ("What is caffeine, and is it basic?", True),
        ("Is it heavier than caffeine?", False),
        ("Compare with caffeine", False),
        ("Compare molecule 1 with caffeine", False),
        ("How do caffeine and this one differ?", False),
        ("What is the logP?", False),
        ("How heavy is the caffeine molecule?", True),
        ("Is the sample similar to caffeine?", False),
    ],
)
def test_whether_a_sentence_is_about_nothing_else(text: str, is_all: bool) -> None:
    assert is_only_about(text, mentions_in(text, built_in_names(), has_subject=True)) is is_all


def test_places_and_structures_are_those_of_the_words() -> None:
    text = "How heavy is “aspirin”, in g/mol?"
    (found,) = mentions_in(text, built_in_names())
    assert text[found.start : found.end] == "aspirin"
    assert found.molecule == Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")
    assert found.molecule.name == "aspirin"


def test_there_is_an_end_to_them() -> None:
    assert len(named("Compare " + ", ".join(["caffeine"] * 20))) == MAX_MENTIONS
