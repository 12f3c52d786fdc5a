"""The checker of claims: what it marks, what it leaves alone, and that no text breaks it."""

import random
import re
import time
import tomllib
from pathlib import Path

import pytest

import assistant
from assistant.chat.check import Check, check_answer, warm_up
from assistant.chat.claims import lexicon, named, naming
from assistant.chat.claims.text import normalise, split_sentences
from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.chem.names import built_in_names
from assistant.evaluate.checks import (
    DECIDED,
    DEFAULT_FILE,
    checks_of,
    load_examples,
    main,
    score,
)

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
ETHANOL = "CCO"
CAFFEINE = "Cn1cnc2c1c(=O)n(C)c(=O)n2C"


@pytest.fixture(scope="module")
def aspirin() -> Facts:
    return compute_facts(Molecule.parse(ASPIRIN))


@pytest.fixture(scope="module")
def ethanol() -> Facts:
    return compute_facts(Molecule.parse(ETHANOL))


@pytest.fixture(scope="module")
def caffeine() -> Facts:
    return compute_facts(Molecule.parse(CAFFEINE))


def verdicts(checks: tuple[Check, ...]) -> list[tuple[str, str]]:
    return [(check.kind, check.verdict) for check in checks]


@pytest.mark.parametrize(
    ("text", "kind", "verdict"),
    [
        ("Its formula is O4C9H8.", "formula", "confirmed"),
        ("The octanol/water partition coefficient is 1.31.", "logp", "confirmed"),
        ("The 1-octanol/water log P is 1.31.", "logp", "confirmed"),
        ("Its formula is C₉H₈O₄.", "formula", "confirmed"),
        ("Its empirical formula is C9H8O4.", "formula", "confirmed"),
        ("The molecular weight is about 180 g/mol.", "mass", "confirmed"),
        ("The molecular weight is 0.180 kDa.", "mass", "confirmed"),
        ("The exact mass is 180.16 Da.", "mass", "contradicted"),
        ("The mass is between 200 and 250 g/mol.", "mass", "contradicted"),
        ("A logP of 1.3 was computed.", "logp", "confirmed"),
        ("The experimental logP is 1.19.", "logp", "unverifiable"),
        ("It has no stereocentre.", "stereocentres", "confirmed"),
        ("It contains an amine.", "group", "contradicted"),
        ("It does not contain an amine.", "group", "confirmed"),
        ("It may contain an amine.", "group", "unverifiable"),
        ("It has a hydroxyl group.", "group", "unverifiable"),
        ("It has 4 hydrogen-bond acceptors.", "hba", "unverifiable"),
        ("It has 9 hydrogen-bond acceptors.", "hba", "contradicted"),
        ("It is achiral.", "chirality", "confirmed"),
        ("Its SMILES is `CC(=O)Oc1ccccc1C(=O`.", "smiles", "contradicted"),
        ("Its SMILES is `O=C(C)Oc1ccccc1C(O)=O`.", "smiles", "confirmed"),
        ("The melting point is 135 °C.", "melting point", "unverifiable"),
    ],
)
def test_single_claim_gets_its_verdict(text: str, kind: str, verdict: str, aspirin: Facts) -> None:
    assert verdicts(check_answer(text, {1: aspirin}, (1,))) == [(kind, verdict)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In molecule 1, 1 of 1 is set.", [("stereocentres", "confirmed")]),
        ("0 of 1 are set.", [("stereocentres", "contradicted")]),
        ("1 of 2 stereocentres is defined.", [("stereocentres", "contradicted")]),
        ("None of its 1 stereocentres is undefined.", [("stereocentres", "confirmed")]),
        ("1 of 1 stereo double bonds is set.", [("double_bonds", "contradicted")]),
        ("2 of 3 tests are set.", []),
        ("2 of 3 rings are defined.", []),
        ("2 of 5 are defined.", [("stereocentres", "unverifiable")]),  # maybe of something else
    ],
)
def test_how_many_centres_are_set_is_checked(text: str, expected: list[tuple[str, str]]) -> None:
    alanine = compute_facts(Molecule.parse("C[C@H](N)C(=O)O"))
    assert verdicts(check_answer(text, {1: alanine}, (1,))) == expected


@pytest.mark.parametrize(
    ("formula", "verdict"), [("C9H8O4", "confirmed"), ("C9H8O5", "contradicted")]
)
def test_a_formula_behind_a_name_is_checked(formula: str, verdict: str, aspirin: Facts) -> None:
    text = f"Molecule 1 is aspirin, {formula}, with a ring."
    checks = check_answer(text, {1: aspirin}, (1,), names={1: "aspirin"})
    assert [c.verdict for c in checks if c.kind == "formula"] == [verdict]


def test_a_no_ends_its_sentence_and_a_number_does_not(aspirin: Facts) -> None:
    benzene = compute_facts(Molecule.parse("c1ccccc1"))
    text = "No. Molecule 1 has 1 aromatic ring, molecule 2 has 1 aromatic ring."
    question = "Are both aromatic?"
    checks = check_answer(text, {1: aspirin, 2: benzene}, (1, 2), question=question)
    assert (checks[0].claim, checks[0].verdict) == ("No", "contradicted")
    assert len(split_sentences("See entry no. 5 of the list.", [])) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 hydrogen bond donors > 5", [("hbd", "confirmed")]),
        ("13 hydrogen bond acceptors > 10", [("hba", "confirmed")]),
        ("10 hydrogen bond acceptors > 10", [("hba", "contradicted")]),
        ("10 hydrogen bond acceptors", [("hba", "confirmed")]),
    ],
)
def test_limits_of_the_rule_of_five_count_as_it_does(
    text: str, expected: list[tuple[str, str]]
) -> None:
    methotrexate = "CN(Cc1cnc2nc(N)nc(N)c2n1)c1ccc(cc1)C(=O)N[C@@H](CCC(=O)O)C(=O)O"
    facts = compute_facts(Molecule.parse(methotrexate))
    assert verdicts(check_answer(f"Molecule 1 has {text}.", {1: facts}, (1,))) == expected


QUANTITIES = tomllib.loads(
    (Path(assistant.__file__).parent / "train" / "sources" / "quantities.toml").read_text("utf-8")
)["value"]


@pytest.mark.parametrize("entry", QUANTITIES, ids=lambda entry: "/".join(entry["columns"]))
@pytest.mark.parametrize("form", ["{}: -1.25 {}", "The {} of molecule 1 is -1.25 {}."])
def test_a_number_that_a_model_learns_to_predict_is_marked_with_its_unit(
    entry: dict, form: str, aspirin: Facts
) -> None:
    said = form.format(entry["quantity"], entry["unit"]).replace(" .", ".").rstrip()
    (check,) = check_answer(said, {1: aspirin}, (1,))
    assert check.verdict == "unverifiable"
    assert said.removeprefix("The ").removesuffix(".") == check.claim


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("Its boiling point at 760 mmHg is 140 °C.", "boiling point at 760 mmHg is 140 °C"),
        ("The HOMO is at -6.1 eV.", "HOMO is at -6.1 eV"),
        ("Heat of combustion: 3,900 kJ/mol", "Heat of combustion: 3,900 kJ/mol"),
        ("It has a quantum yield of 0.92 in ethanol.", "quantum yield of 0.92"),
        ("Specific rotation: +23.5", "Specific rotation: +23.5"),
    ],
)
def test_other_numbers_that_nothing_computes_are_marked(
    text: str, claim: str, aspirin: Facts
) -> None:
    (check,) = check_answer(text, {1: aspirin}, (1,))
    assert (check.claim, check.verdict) == (claim, "unverifiable")


def test_what_is_computed_is_not_called_open() -> None:
    ethanol = {1: compute_facts(Molecule.parse(ETHANOL))}
    for n, verdict in ((9, "confirmed"), (8, "contradicted")):
        checks = check_answer(f"It has {n} atoms in total.", ethanol, (1,))
        assert [check.verdict for check in checks] == [verdict]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Ionisation energy: 10.5 eV", "ionisation energy"),  # not minus the HOMO energy
        ("Electron affinity: 1.2 eV", "electron affinity"),
        ("Heat of combustion: 1367 kJ/mol", "heat of combustion"),
    ],
)
def test_properties_that_are_near_to_each_other_are_told_apart(
    text: str, kind: str, aspirin: Facts
) -> None:
    assert [check.kind for check in check_answer(text, {1: aspirin}, (1,))] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "I do not know the HOMO energy of molecule 1.",
        "The HOMO is filled, the LUMO is empty.",
        "A band gap is the distance of two levels.",
    ],
)
def test_a_quantity_without_a_number_is_no_claim(text: str, aspirin: Facts) -> None:
    assert check_answer(text, {1: aspirin}, (1,)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello! How can I help?",
        "Does it contain a ketone?",
        "If it had an amide, it would be more stable.",
        "Alcohols contain a hydroxyl group.",
        "Its metabolite has a mass of 138.1 g/mol.",
        "Salicylic acid has the formula C7H6O3.",
        "Hydrolysis gives salicylic acid, which contains a phenol.",
        "It inhibits cyclooxygenase and relieves pain.",
        "Lipinski's rule of five requires a molecular weight under 500.",
    ],
)
def test_text_without_a_claim_about_the_molecule_gets_no_mark(text: str, aspirin: Facts) -> None:
    assert check_answer(text, {1: aspirin}, (1,)) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It contains at least an ester.", ("at least an ester", "confirmed")),
        ("At least an amide is present.", ("At least an amide", "contradicted")),
        ("It has at most a ring.", ("at most a ring", "confirmed")),
        ("At most an amide is present.", ("At most an amide", "confirmed")),
        ("It has at most an oxygen atom.", ("at most an oxygen atom", "contradicted")),
        ("It does not have at least an amide.", ("at least an amide", "confirmed")),
        ("It has at least some rings.", ("some rings", "unverifiable")),
    ],
)
def test_at_least_a_thing_is_a_count_and_no_superlative(
    text: str, expected: tuple[str, str], aspirin: Facts
) -> None:
    checks = check_answer(text, {1: aspirin}, (1,))
    assert [(c.claim, c.verdict) for c in checks] == [expected]


def test_a_contradicted_claim_carries_phrase_offsets_and_truth(aspirin: Facts) -> None:
    text = "Well: it has two aromatic rings."
    (check,) = check_answer(text, {1: aspirin}, (1,))
    assert (check.verdict, check.molecule) == ("contradicted", 1)
    assert text[check.start : check.end] == check.claim == "two aromatic rings"
    assert check.truth == "1 aromatic ring"


def test_a_claim_without_subject_is_open_when_several_molecules_are_in_focus(
    aspirin: Facts, ethanol: Facts
) -> None:
    (check,) = check_answer("It contains an ester.", {1: aspirin, 2: ethanol}, (1, 2))
    assert check.verdict == "unverifiable"


def test_each_named_molecule_gets_its_own_claims(aspirin: Facts, ethanol: Facts) -> None:
    text = "Molecule 1 has one ring, while molecule 2 has two rings; @2 is lighter than @1."
    checks = check_answer(text, {1: aspirin, 2: ethanol}, (1, 2))
    assert [(c.kind, c.verdict, c.molecule) for c in checks] == [
        ("rings", "confirmed", 1),
        ("rings", "contradicted", 2),
        ("comparison", "confirmed", 2),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cLogP: 1.31 for molecule 1, -0.00 for molecule 2", [(1, "confirmed"), (2, "confirmed")]),
        ("cLogP: 1.31 for molecule 1, 2.5 for molecule 2", [(1, "confirmed"), (2, "contradicted")]),
        (
            "The QED of molecule 1 is 0.55, that of molecule 2 is 0.82.",
            [(1, "confirmed"), (2, "contradicted")],
        ),
        (
            "Molecule 1 has a cLogP of 1.31 and molecule 2 one of -0.00.",
            [(1, "confirmed"), (2, "confirmed")],
        ),
        ("The cLogP of molecule 1 is 1.31 and molecule 2 has 3 of them.", [(1, "confirmed")]),
        ("The cLogP of molecule 1 is 1.31, 2 more than usual.", [(1, "confirmed")]),
        (
            "The measured logP of molecule 1 is 1.19, and of molecule 2 is -0.31.",
            [(1, "unverifiable"), (2, "unverifiable")],
        ),
        ("The cLogP is not 5.0 for molecule 1, 3.0 for molecule 2.", [(1, "confirmed")]),
        (
            "Molecule 1 has 1 ring and molecule 2 has 0 (fewest rings: molecule 2).",
            [(1, "confirmed"), (2, "confirmed")],
        ),
        (
            "Molecule 1 has 13 heavy atoms and molecule 2 has 4, so molecule 1 is larger.",
            [(1, "confirmed"), (2, "contradicted"), (1, "confirmed")],
        ),
        (
            "Molecule 1 has 1 ring and molecule 2 has 3 esters.",
            [(1, "confirmed"), (2, "contradicted")],
        ),
        ("Molecule 1 does not have 2 rings and molecule 2 has 5.", [(1, "confirmed")]),
    ],
)
def test_a_property_said_once_counts_for_the_next_molecule(
    text: str, expected: list[tuple[int, str]], aspirin: Facts, ethanol: Facts
) -> None:
    checks = check_answer(text, {1: aspirin, 2: ethanol}, (1, 2))
    assert [(c.molecule, c.verdict) for c in checks] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Molecule 2 has 1 five-membered ring and molecule 1 has 0.", "confirmed confirmed"),
        ("Molecule 2 has 1 five-membered ring and molecule 1 has 1.", "confirmed contradicted"),
        (
            "Molecule 1 has 1 six-membered aromatic ring and molecule 2 has 1.",
            "confirmed confirmed",
        ),
        ("Molecule 2 has 2 fused rings and molecule 1 has 0.", "unverifiable unverifiable"),
        ("Molecule 1 has 1 carbocyclic ring and molecule 2 has 0.", "unverifiable unverifiable"),
        ("Molecule 1 has 1 isolated ring and molecule 2 has 0.", "unverifiable unverifiable"),
        ("Molecule 1 has 1 ring and molecule 2 has 2.", "confirmed confirmed"),
        ("Molecule 1 has 1 fused ring and molecule 2 has 5.", "unverifiable contradicted"),
    ],
)
def test_what_narrows_a_count_narrows_it_for_the_next_molecule(
    text: str, expected: str, aspirin: Facts, caffeine: Facts
) -> None:
    checks = check_answer(text, {1: aspirin, 2: caffeine}, (1, 2))
    assert [c.verdict for c in checks] == expected.split()


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Molecule 1 is aspirin, C9H8O4, with an average mass of 180.16 g/mol.", "confirmed"),
        ("Its name is acetylsalicylic acid.", "confirmed"),
        ("This molecule is known as Aspirin.", "confirmed"),
        ("Molecule 1 is lab sample 7, C9H8O4.", "confirmed"),
        ("Molecule 1 is nicotine, C9H8O4, with an average mass of 180.16 g/mol.", "contradicted"),
        ("It is caffeine.", "contradicted"),
        ("The name of molecule 1 is caffeine.", "contradicted"),
        ("It is not caffeine.", None),
        ("Molecule 1 is methylproinamide, C9H8O4, with a mass of 180.16 g/mol.", "unverifiable"),
        ("The name of molecule 1 is 2-acetyloxybenzoic acid.", "unverifiable"),
        ("Molecule 1 is C9H8O4, with an average mass of 180.16 g/mol.", None),
        ("Molecule 1 is an ester, C9H8O4.", None),
        ("Molecule 1 is aromatic.", None),
        ("Molecule 1 is heavier.", None),
        ("Is it caffeine?", None),
        ("I do not know a name for molecule 1.", "contradicted"),
        ("I cannot name molecule 1: the name table does not hold this structure.", "contradicted"),
        ("If molecule 1 is caffeine, its mass is 194.19 g/mol.", None),
    ],
)
def test_a_name_is_right_wrong_or_open(text: str, verdict: str | None, aspirin: Facts) -> None:
    checks = check_answer(text, {1: aspirin}, (1,), names={1: "lab sample 7"})
    assert [c.verdict for c in checks if c.kind == "name"] == ([verdict] if verdict else [])


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("The ring is benzene.", None),
        ("The core is benzene.", None),
        ("The parent is salicylic acid.", None),
        ("The structure is benzene.", "contradicted"),
        ("It is benzene with an ester and an acid.", "unverifiable"),
        ("Its name is benzene with an ester and an acid.", "contradicted"),
        ("It is aspirin with a mass of 180.16 g/mol.", "confirmed"),
    ],
)
def test_what_a_part_is_called_is_no_name_of_the_molecule(
    text: str, verdict: str | None, aspirin: Facts
) -> None:
    checks = check_answer(text, {1: aspirin}, (1,))
    assert [c.verdict for c in checks if c.kind == "name"] == ([verdict] if verdict else [])


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        ({1: "lead-1", 2: "lead-2"}, "Molecule 1 is called lead-2.", (1, "contradicted")),
        ({1: "lead-1", 2: "lead-2"}, "Molecule 2 is called lead-2.", (2, "confirmed")),
        ({1: "lead-1", 2: "lead-2"}, "Molecule 1 is called lead-3.", (1, "unverifiable")),
        ({1: "aspirin", 2: "ethanol"}, "Molecule 1 is ethanol.", (1, "contradicted")),
        ({1: "aspirin", 2: "ethanol"}, "Molecule 2 is ethanol.", (2, "confirmed")),
        ({1: "lead-1", 2: "aspirin"}, "Molecule 1 is called aspirin.", (1, "confirmed")),
    ],
)
def test_a_name_belongs_to_the_molecule_that_it_was_given(
    names: dict[int, str], text: str, expected: tuple[int, str], aspirin: Facts, ethanol: Facts
) -> None:
    checks = check_answer(text, {1: aspirin, 2: ethanol}, (1, 2), names=names)
    assert [(c.molecule, c.verdict) for c in checks if c.kind == "name"] == [expected]


def test_a_name_of_another_molecule_says_which_that_is(aspirin: Facts, ethanol: Facts) -> None:
    names = {1: "lead-1", 2: "lead-2"}
    (check,) = check_answer(
        "Molecule 1 is called lead-2.", {1: aspirin, 2: ethanol}, (1, 2), names=names
    )
    assert check.truth == "called lead-1; lead-2 is C2H6O, another structure"


def test_a_wrong_name_says_whose_it_is(aspirin: Facts) -> None:
    text = "Molecule 1 is nicotine, C9H8O4."
    (check,) = [c for c in check_answer(text, {1: aspirin}, (1,)) if c.kind == "name"]
    assert text[check.start : check.end] == "nicotine"
    assert check.truth == "called aspirin; nicotine is C10H14N2, another structure"


def test_a_salt_or_a_stereoisomer_under_a_name_is_left_open() -> None:
    ibuprofen = compute_facts(Molecule.parse("CC(C)Cc1ccc(cc1)C(C)C(=O)O"))
    (check,) = check_answer("Molecule 1 is dexibuprofen.", {1: ibuprofen}, (1,))
    assert check.verdict == "unverifiable"


def test_given_names_stand_for_their_molecules(aspirin: Facts, ethanol: Facts) -> None:
    names = {1: "compound alpha", 2: "spirit"}
    text = "Spirit has no rings. Compound alpha has no rings."
    checks = check_answer(text, {1: aspirin, 2: ethanol}, (1, 2), names=names)
    assert [(c.molecule, c.verdict) for c in checks] == [(2, "confirmed"), (1, "contradicted")]


def test_table_columns_belong_to_their_molecules(aspirin: Facts, ethanol: Facts) -> None:
    text = "| | Molecule 1 | Molecule 2 |\n|---|---|---|\n| MW | 180.16 | 180.16 |\n"
    checks = check_answer(text, {1: aspirin, 2: ethanol}, (1, 2))
    assert [(c.molecule, c.verdict) for c in checks] == [(1, "confirmed"), (2, "contradicted")]


def test_a_new_valid_smiles_is_canonicalised_and_left_open(aspirin: Facts) -> None:
    (check,) = check_answer("A product could be `OCC`.", {1: aspirin}, (1,))
    assert (check.kind, check.verdict, check.smiles) == ("smiles", "unverifiable", "CCO")


def test_list_items_inherit_the_line_that_introduces_them(aspirin: Facts) -> None:
    text = "Functional groups:\n- Carboxylic acid\n- Ester\n- Amine"
    found = [c.verdict for c in check_answer(text, {1: aspirin}, (1,))]
    assert found == ["confirmed", "confirmed", "contradicted"]


def test_sentences_are_not_split_at_decimals_and_abbreviations() -> None:
    text = normalise("Its mass, i.e. 180.16 g/mol, is low. It has 1 ring.")
    assert len(split_sentences(text, [])) == 2


def test_labelled_claims_reach_the_required_precision_and_recall() -> None:
    examples = load_examples(DEFAULT_FILE)
    results = [(example, checks_of(example)) for example in examples]
    held_out = [r for r in results if r[0].held_out]
    assert len(results) >= 330
    assert len(held_out) >= 100
    for part in (results, held_out):
        total = score(part)
        assert total.precision >= 0.99
        assert total.recall >= 0.90


def test_the_command_prints_a_row_per_verdict(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    assert main(["--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in (*DECIDED, "precision", "recall", "held out"))
    assert out.is_file()


def test_a_missing_file_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--file", "nowhere.jsonl"]) == 1
    assert "nowhere.jsonl" in capsys.readouterr().err


def random_text(rng: random.Random) -> str:
    """Unicode noise, or the checker's own vocabulary in any order."""
    vocabulary = (
        "It molecule 1 2 @2 has no not a two rings : ; , . ( ) | - – ` `CCO` CC(=O)O formula "
        "C₉H₈O₄ mass 180.16 g/mol Å² TPSA logP about between and or neither than more "
        "lipophilic same "
        "number of +1 −1 charge chiral PAINS carboxylic acid nitrogen only 5- membered 1,2,3 .5 "
        "InChI=1S/ SMILES ((((( [Na+ 1/2 set undefined % ² ½ Ⅷ ٣ İ ß \n ? !"
    )
    words = re.split(" ", vocabulary)
    if rng.random() < 0.7:
        return rng.choice(("", " ")).join(rng.choice(words) for _ in range(rng.randint(0, 150)))
    points = (
        rng.choice((rng.randint(0, 0x2FFF), rng.randint(0x1F000, 0x1FFFF))) for _ in range(200)
    )
    return "".join(map(chr, points))


def test_no_text_raises_and_marks_never_overlap(aspirin: Facts, ethanol: Facts) -> None:
    rng = random.Random(7)
    molecules = {1: aspirin, 2: ethanol}
    for _ in range(400):
        text = random_text(rng)
        focus = rng.choice(((1,), (), (1, 2), (9,)))
        end = 0
        for check in check_answer(text, molecules, focus):
            assert end <= check.start < check.end <= len(text)
            assert text[check.start : check.end] == check.claim
            end = check.end


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "C(",
        "1,",
        "-1",
        "C1",
        "ring ",
        "no ",
        "ester, ",
        "C=C ",
        "1 of 2 ",
        "molecule 1, ",
        "`",
        "PAINS_a_a_",
        "PAINS a ",
    ],
)
def test_hostile_repetition_costs_no_more_than_its_length(unit: str, aspirin: Facts) -> None:
    text = unit * (20_000 // len(unit))
    started = time.process_time()
    check_answer(text, {1: aspirin}, (1,))
    assert time.process_time() - started < 3.0


def test_neither_do_hostile_questions(aspirin: Facts) -> None:
    started = time.process_time()
    for question in ("mw" + " " * 19_000 + "> 3?", ">" * 20_000, "above 3 " * 2_000):
        check_answer(
            "It has one ring, so yes: that is above 3.", {1: aspirin}, (1,), question=question
        )
    assert time.process_time() - started < 3.0


def test_no_answer_builds_a_table_after_the_warming_up(aspirin: Facts) -> None:
    tables = (built_in_names, named._table, lexicon.terms)
    for table in (*tables, naming._name_of, naming._in_table):
        table.cache_clear()
    warm_up()
    assert [table.cache_info().misses for table in tables] == [1, 1, 1]
    assert "_by_smiles" in vars(built_in_names())  # its structures are parsed
    check_answer("Molecule 1 is caffeine. It has two rings and a cLogP of 3.", {1: aspirin}, (1,))
    assert [table.cache_info().misses for table in tables] == [1, 1, 1]


def test_an_answer_of_200_words_takes_milliseconds(aspirin: Facts) -> None:
    text = (
        "Aspirin has the formula C9H8O4 and a molecular weight of 180.16 g/mol. It contains a "
        "carboxylic acid and an ester, has one aromatic ring and no stereocentres. Its cLogP is "
        "1.31 and its TPSA 63.6 Å². It has one hydrogen-bond donor and two rotatable bonds. "
    ) * 5
    check_answer(text, {1: aspirin}, (1,))
    best = 1.0
    for _ in range(5):
        started = time.process_time()
        check_answer(text, {1: aspirin}, (1,))
        best = min(best, time.process_time() - started)
    assert best < 0.02
