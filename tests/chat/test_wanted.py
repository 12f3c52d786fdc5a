"""Which questions ask for one computed value beyond doubt, and when an answer has a claim on it."""

import tomllib
from pathlib import Path

import pytest

from assistant.chat.asked_words import (
    PLAIN_QUESTIONS,
    are_related,
    asked_class,
    asked_element,
    asked_group,
    asked_key,
    asked_unknown,
    likely_key,
    plain_text,
)
from assistant.chat.asking.usual import USUAL_WORDS
from assistant.chat.card import CARD_KEYS
from assistant.chat.check import check_answer
from assistant.chat.conversation import Conversation, Message
from assistant.chat.wanted import declined_value, wanted_subject, wanted_value
from assistant.chat.wanted_kinds import (
    UnknownValue,
    WantedClass,
    WantedElement,
    WantedGroup,
    WantedValue,
)
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.train.usual_words import as_text, usual_words
from tests.chat.texts import texts_of

ASPIRIN, NICOTINE = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"), Molecule.parse("CN1CCC[C@H]1c1cccnc1")
FACTS = {1: compute_facts(ASPIRIN), 2: compute_facts(NICOTINE)}
TRAIN = Path(__file__).parents[2] / "assistant" / "train"


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("QED of this compound, two decimals", "qed"),
        ("mw?", "average_mass"),
        ("What's its mass?", "mass"),
        ("Could you calculate the Fsp³ for this molecule, please?", "fsp3"),
        ("How many H-bond acceptors does molecule 1 have?", "hba"),
        ("no. of hbd in this drug", "hbd"),
        ("Does it pass Lipinski's rule of five?", "rule_of_five"),
        ("RO5?", "rule_of_five"),
        ("PAINS or Brenk alerts in @1?", "alerts"),
        ("And the exact mass to four decimals?", "exact_mass"),
        ("count of hydrogen bond aceptors in this molecule?", "hba"),
        ("How many sterocentres has it?", "stereocentres"),
        ("how many rotable bonds", "rotatable_bonds"),
    ],
)
def test_a_question_for_one_value_is_known(question: str, key: str) -> None:
    assert asked_key(plain_text(question)) == key


@pytest.mark.parametrize(
    "question",
    [
        "What is the measured logP?",
        "What logP does the literature report?",
        "Show me the mass spectrum.",
        "What is TPSA?",
        "Define the QED.",
        "How is the TPSA computed?",
        "Why is the logP so high?",
        "Formula and mass?",
        "The TPSA is 95.2, right?",
        "Is the logP above 2?",
        "How many rings are aromatic, and what is the melting point?",
        "What is the pKa?",
        "How many esters does it have?",
        "What is it?",
        "What rings does it have?",
        "What are the H-bond donors in this compound?",
        "Is the logP fine?",
        "",
    ],
)
def test_whatever_else_is_asked_is_no_question_for_one_value(question: str) -> None:
    assert asked_key(plain_text(question)) is None


def test_no_question_that_no_fact_answers_is_taken_for_one() -> None:
    unknown = tomllib.loads((TRAIN / "wordings" / "unknown.toml").read_text(encoding="utf-8"))
    questions = tomllib.loads((TRAIN / "wording_questions.toml").read_text(encoding="utf-8"))
    texts = texts_of(unknown) + texts_of(questions["UNKNOWN"])
    assert len(texts) > 3000
    assert [t for t in texts if asked_key(plain_text(t.replace("{m}", "molecule 1")))] == []


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("The TPSA still has to go into my notebook, which number is it?", "tpsa"),
        ("We screen by lipophilicity, so which cLogP would you put down?", "logp"),
        ("I count four rings, how many do you count?", "rings"),
        ("Why is the logP so high?", None),
        ("What logP does the literature report?", None),
        ("Show me the mass spectrum.", None),
        ("Would the TPSA let it cross the gut wall?", None),
        ("Formula and mass?", None),
        ("What is the pKa?", None),
        ("Does a fragment of this size bind kinases?", None),
    ],
)
def test_what_a_question_most_likely_asks_for(question: str, key: str | None) -> None:
    assert asked_key(plain_text(question)) is None
    assert likely_key(plain_text(question)) == key


def test_hardly_a_question_that_no_fact_answers_is_likely_to_ask_for_one() -> None:
    unknown = tomllib.loads((TRAIN / "wordings" / "unknown.toml").read_text(encoding="utf-8"))
    questions = tomllib.loads((TRAIN / "wording_questions.toml").read_text(encoding="utf-8"))
    texts = texts_of(unknown) + texts_of(questions["UNKNOWN"])
    likely = [t for t in texts if likely_key(plain_text(t.replace("{m}", "molecule 1")))]
    assert likely == ["MS/MS fragments?"]


def test_the_usual_words_are_those_of_the_generator_as_it_is() -> None:
    assert USUAL_WORDS.read_text(encoding="utf-8") == as_text(*usual_words())


def test_what_a_value_is_in_general_misses_a_question_for_it() -> None:
    general = "Brenk alerts are substructures that are unwanted in screening collections."
    assert WantedValue("alerts", 1).is_missed_by(general, ())
    assert not WantedValue("qed", 1).is_missed_by(general, ())
    assert not WantedValue("alerts", 1).is_missed_by("Alerts: it is free of them, I think.", ())
    for small_talk, misses in (
        ("Goodbye, and thanks for the chat.", True),
        ("180, I think.", False),
    ):
        assert WantedValue("exact_mass", 1).is_missed_by(small_talk, ()) is misses
    for asked in ("What is TPSA?", "What does TPSA mean?", "what are PAINS"):
        assert likely_key(plain_text(asked)) is None


def test_atoms_of_one_element_miss_a_question_for_another_count() -> None:
    text = "Molecule 1 has 8 hydrogen atoms; its formula is C9H8O4."
    assert WantedValue("heavy_atoms", 1).is_missed_by(text, check_answer(text, FACTS, (1,)))


def test_of_the_questions_for_a_value_those_that_are_taken_are_taken_rightly() -> None:
    questions = tomllib.loads((TRAIN / "wording_questions.toml").read_text(encoding="utf-8"))
    n_known = n_asked = 0
    for key, texts in questions["ASKED"].items():
        for text in texts:
            found = asked_key(plain_text(text.replace("{m}", "molecule 1")))
            same = {key, "logp"} if key == "clogp" else {key, "mass"} if "mass" in key else {key}
            assert found in (*same, None), text
            n_known, n_asked = n_known + (found is not None), n_asked + 1
    assert n_known / n_asked > 0.6


def talk(*turns: tuple[str, tuple[int, ...]]) -> Conversation:
    conversation, _ = Conversation().with_molecule(ASPIRIN)
    conversation, _ = conversation.with_molecule(NICOTINE)
    for text, attached in turns:
        if conversation.messages:
            conversation = conversation.with_message(Message("assistant", "…"))
        conversation = conversation.with_message(Message("user", text, attached))
    return conversation


@pytest.mark.parametrize(
    ("turns", "number"),
    [
        ([("QED?", (2,))], 2),
        ([("QED of molecule 1?", (2,))], 1),
        ([("Formula?", (1,)), ("and the QED?", ())], 1),
        ([("Formula?", (2,)), ("fsp3 of the first one?", ())], 1),
        ([("Formula?", (1,)), ("Alerts in the last molecule?", ())], 2),
        ([("Formula?", (1,)), ("Alerts in the other?", ())], 2),
        ([("Formula of molecule 1?", (1, 2)), ("Alerts in the other?", ())], 2),
        ([("Formula?", (1, 2)), ("Alerts in the other?", ())], None),
        ([("Formula?", (1,)), ("Alerts in the third one?", ())], None),
        ([("QED of molecule 1 and molecule 2?", ())], None),
        ([("QED?", (1, 2))], None),
        ([("QED of molecule 7?", (1,))], None),
        ([(f"QED? {'x ' * 200}", (1,))], None),
    ],
)
def test_the_molecule_is_the_one_that_is_named_or_in_focus(
    turns: list[tuple[str, tuple[int, ...]]], number: int | None
) -> None:
    wanted = wanted_value(talk(*turns))
    assert (wanted and wanted.number) == number


@pytest.mark.parametrize(
    ("wanted", "answer", "is_given", "is_right"),
    [
        (WantedValue("qed", 1), "The QED of molecule 1 is 0.55.", True, True),
        (WantedValue("qed", 1), "The QED of molecule 1 is 0.99.", True, False),
        (WantedValue("qed", 2), "The QED of molecule 1 is 0.55.", False, False),
        (WantedValue("qed", 1), "I do not know the acentric factor.", False, False),
        (WantedValue("average_mass", 1), "Its average mass is 180.16 g/mol.", True, True),
        (WantedValue("average_mass", 1), "Its exact mass is 180.0423 Da.", False, False),
        (WantedValue("mass", 1), "Its exact mass is 180.0423 Da.", True, True),
        (WantedValue("stereocentres", 1), "Molecule 1 has no stereocentres.", True, True),
        (WantedValue("rings", 1), "Molecule 1 has one ring system.", False, False),
        (WantedValue("charge", 1), "Neutral.", True, False),
        (WantedValue("alerts", 1), "None.", True, False),
        (WantedValue("rings", 1), "A benzene, as the picture shows.", True, False),
    ],
)
def test_an_answer_gives_the_value_when_a_claim_is_on_it(
    wanted: WantedValue, answer: str, is_given: bool, is_right: bool
) -> None:
    checks = check_answer(answer, FACTS, (1,))
    assert wanted.is_met_by(answer, checks) is is_right
    assert wanted.is_missed_by(answer, checks) is (
        not is_right if "0.99" in answer else not is_given
    )


def test_a_right_value_beside_a_wrong_claim_is_not_missed_and_not_better() -> None:
    answer = "The QED of molecule 1 is 0.55. Molecule 1 has five rings."
    checks = check_answer(answer, FACTS, (1,))
    assert not WantedValue("qed", 1).is_missed_by(answer, checks)
    assert not WantedValue("qed", 1).is_met_by(answer, checks)


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("lambda max?", "absorption maximum"),
        ("whats the pka of teh conjugate acid", "pKa"),
        ("What experimental logP is reported?", "measured logP"),
        ("What is its melting point?", "melting point"),
        ("meltin pont or boiling?", None),
        ("Its solubilty?", "solubility"),
        ("Is it safe?", "toxicity"),
        ("Is this compound safe?", "toxicity"),
        ("Is it a base?", "basicity"),
        ("What does it do?", "uses"),
        ("What class of drug is it?", "uses"),
        ("How does this drug work?", "mechanism of action"),
        ("What can you do?", None),
        ("How do you work?", None),
        ("Never mind logD, what's the clogP?", None),
        ("I have no measured logP; what do you compute?", None),
        ("Not the melting point, only the formula.", None),
        ("What is the logP?", None),
        ("How do the melting point and the rings go together?", None),
        ("What is the IUPAC name?", None),
        ("How does the solubility change with pH?", None),
        ("Explain why the solubility is low", None),
    ],
)
def test_a_property_that_is_not_computed_is_known_where_it_alone_is_asked_for(
    question: str, key: str | None
) -> None:
    assert asked_unknown(plain_text(question)) == key


@pytest.mark.parametrize(
    ("answer", "is_missed", "is_met"),
    [
        ("Molecule 1 has one ring.", True, False),
        ("The cLogP of molecule 1 is 1.31.", True, False),
        ("I do not know the pKa of molecule 1.", False, True),
        ("I do not know the taste of molecule 1.", True, False),
        ("I do not know that. I only know structures.", False, False),
        ("The pKa of molecule 1 is 3.5.", False, False),
        ("I do not know the pKa. Molecule 1 has one ring.", False, True),
        ("I do not know the pKa. Molecule 1 has two rings.", False, False),
        ("Its acidity comes from the carboxyl group.", False, False),
        ("Yes, the chat is running.", True, False),
        ("Yes, its pKa is below 5.", False, False),
        ("Yes, but only a weak one.", False, False),
    ],
)
def test_a_property_that_is_not_computed_is_missed_by_claims_on_others(
    answer: str, is_missed: bool, is_met: bool
) -> None:
    wanted = UnknownValue("pKa", 1)
    checks = check_answer(answer, FACTS, (1,))
    assert wanted.question == "What is the pKa of molecule 1?"
    assert (wanted.is_missed_by(answer, checks), wanted.is_met_by(answer, checks)) == (
        is_missed,
        is_met,
    )


def test_every_plain_question_asks_for_its_value_in_words_that_are_known() -> None:
    for key in PLAIN_QUESTIONS:
        wanted = WantedValue(key, 2)
        found = asked_key(wanted.question.lower())
        assert found == ("average_mass" if key == "mass" else key)
        assert "molecule 2" in wanted.question


@pytest.mark.parametrize(
    ("question", "answer", "wanted"),
    [
        ("How saturated is it?", "I do not know the Fsp3 of molecule 1.", WantedValue("fsp3", 1)),
        ("nHA?", "I don't have the heavy atoms of it; ask on.", WantedValue("heavy_atoms", 1)),
        ("How saturated is it?", "I do not know the taste of molecule 1.", None),
        ("How saturated is it?", "I do not know the measured logP of molecule 1.", None),
        ("Any experimental logP?", "I do not know the logP of molecule 1.", None),
        ("How saturated is it?", "The Fsp3 of molecule 1 is 0.11.", None),
        ("How saturated is it?", "I do not know the Fsp3 of molecule 7.", None),
        ("How saturated is it?", "I do not know.", None),
        ("Describe it.", "I cannot give the mass of it per tablet.", None),
    ],
)
def test_a_value_of_the_card_that_is_said_not_to_be_known_is_wanted(
    question: str, answer: str, wanted: WantedValue | None
) -> None:
    assert declined_value(talk((question, (1,))), answer) == wanted


@pytest.mark.parametrize(
    ("question", "group"),
    [
        ("Does it contain an amide?", "amide"),
        ("how many hydroxyl groups?", "hydroxyl"),
        ("Is it a phenol?", "phenol"),
        ("Does molecule 1 have a nitro group?", "nitro group"),
        ("Any carboxylic acids or esters?", None),
        ("What happens to the ester in water?", None),
        ("Which groups does it have?", None),
    ],
)
def test_a_question_for_one_group_is_known(question: str, group: str | None) -> None:
    assert asked_group(plain_text(question)) == group


@pytest.mark.parametrize(
    ("group", "answer", "is_missed", "is_met"),
    [
        ("amide", "No, I find no imine in molecule 1.", True, True),
        ("amide", "I do not know the price of molecule 1.", True, False),
        ("amide", "No.", False, True),
        ("amide", "Molecule 1 has no secondary amide.", False, True),
        ("ester", "Yes, molecule 1 has an ester.", False, True),
        ("ester", "Molecule 1 has an ester and a phenol.", False, False),
        ("amide", "Molecule 1 contains a carboxylic acid and an ester.", True, True),
        ("amide", "Molecule 1 has no named functional group.", False, True),
        ("phenol", "No, it is an aryl acetate with a free acid.", False, True),
    ],
)
def test_a_group_is_missed_by_an_answer_on_others_and_met_by_a_right_list(
    group: str, answer: str, is_missed: bool, is_met: bool
) -> None:
    wanted = WantedGroup(group, 1)
    checks = check_answer(answer, FACTS, (1,), question=f"Does it contain an {group}?")
    assert wanted.is_missed_by(answer, checks) is is_missed
    assert wanted.is_met_by(answer, checks) is is_met


def _two(question: str, attached: tuple[int, ...] = (1,)) -> Conversation:
    conversation, _ = Conversation().with_molecule(ASPIRIN)
    conversation, _ = conversation.with_molecule(NICOTINE)
    return conversation.with_message(Message("user", question, attached))


def test_an_answer_about_another_molecule_than_the_one_asked_about_is_missed() -> None:
    wanted = wanted_subject(_two("number of chlorine atoms"))
    assert wanted is not None
    assert wanted.question == "About molecule 1: number of chlorine atoms"
    other = "Molecule 2 has no chlorine atom; its formula is C10H14N2."
    assert wanted.is_missed_by(other, check_answer(other, FACTS, (1,)))
    right = "Molecule 1 has no chlorine atom."
    checks = check_answer(right, FACTS, (1,))
    assert not wanted.is_missed_by(right, checks)
    assert wanted.is_met_by(right, checks)
    wrong = "Molecule 1 has two chlorine atoms."
    assert not wanted.is_met_by(wrong, check_answer(wrong, FACTS, (1,)))
    assert not wanted.is_missed_by("I do not know.", ())


@pytest.mark.parametrize(
    ("question", "attached"),
    [
        ("Which of the two is heavier?", (1,)),  # about both
        ("Is it heavier than molecule 2?", (1,)),
        ("And the other one?", (1,)),
        ("Which groups are there?", (1, 2)),
        ("x" * 400, (1,)),
    ],
)
def test_questions_on_more_than_one_molecule_want_no_single_one(
    question: str, attached: tuple[int, ...]
) -> None:
    assert wanted_subject(_two(question, attached)) is None


def test_with_one_molecule_there_is_no_other() -> None:
    conversation, _ = Conversation().with_molecule(ASPIRIN)
    asked = conversation.with_message(Message("user", "number of chlorine atoms", (1,)))
    assert wanted_subject(asked) is None


def test_a_class_of_compounds_is_told_by_groups() -> None:
    wanted = WantedClass(asked_class(plain_text("Is it a peptide?")), 1)
    assert wanted.group == "peptide"
    kept = (
        "Yes, it is a dipeptide: two glycine residues are joined by an amide bond.",
        "No, it is a single amino acid with a free amine and a carboxylic acid.",
        "Yes, it is a carboxylic acid with a chain.",
        "It is one.",
    )
    for text in kept:
        assert not wanted.is_missed_by(text, check_answer(text, FACTS, (1,)))
    for missed in ("No, I find no chloroformate in molecule 1.", "I do not know the price of it."):
        assert wanted.is_missed_by(missed, check_answer(missed, FACTS, (1,)))
    told = "Molecule 1 contains a carboxylic acid and an ester."
    assert wanted.is_met_by(told, check_answer(told, FACTS, (1,)))
    assert asked_class(plain_text("Is this compound a fatty acid?")) == "fatty acid"
    assert asked_class(plain_text("Is it a drug?")) is None
    assert asked_class(plain_text("Is it a sugar substitute?")) is None


def test_an_acid_is_any_kind_of_acid() -> None:
    for question in ("Is this an acid?", "is molecule 1 an acid", "Does it contain an acid group?"):
        assert asked_group(plain_text(question)) == "acid"
    assert asked_group(plain_text("Is it an acid anhydride?")) != "acid"
    wanted = WantedGroup("acid", 1)
    anhydride = "No, molecule 1 has no acid anhydride."
    assert wanted.is_missed_by(anhydride, check_answer(anhydride, FACTS, (1,)))
    listed = "Molecule 1 contains an ester and a carboxylic acid."
    assert not wanted.is_missed_by(listed, check_answer(listed, FACTS, (1,)))


def test_each_value_has_the_line_of_the_card_that_tells_it() -> None:
    wanted = [WantedValue(key, 1) for key in PLAIN_QUESTIONS]
    assert all(one.lines <= set(CARD_KEYS) and len(one.lines) == 1 for one in wanted)
    assert WantedGroup("amide", 1).lines <= set(CARD_KEYS)


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("Which is more toxic?", "toxicity"),
        ("are both soluble?", "solubility"),
        ("Which one is cheaper?", "price"),
        ("Do they have the same boiling point?", "boiling point"),
        ("Compare the toxicity of both.", "toxicity"),
        ("Which has the higher logP?", None),
        ("Why is the first more toxic?", None),
        ("Which is more toxic and which is heavier by mass?", None),
    ],
)
def test_a_property_that_is_not_computed_may_be_asked_of_several(
    question: str, key: str | None
) -> None:
    conversation, first = Conversation().with_molecule(ASPIRIN)
    conversation, second = conversation.with_molecule(NICOTINE)
    found = wanted_value(conversation.with_message(Message("user", question, (first, second))))
    assert (found.key if isinstance(found, UnknownValue) else None) == key
    if key:
        assert found.question == f"What is the {key} of molecule 1?"


def test_another_comparison_misses_one_that_no_fact_answers() -> None:
    wanted = UnknownValue("toxicity", 1, of_several=True)
    for text, misses, meets in (
        (
            "Molecule 1 has 13 heavy atoms and molecule 2 has 12, so molecule 1 is larger.",
            True,
            False,
        ),
        ("I do not have the toxicity of molecule 1, so I cannot compare them.", False, True),
        ("I cannot say.", False, False),
    ):
        checks = check_answer(text, FACTS, (1, 2))
        assert wanted.is_missed_by(text, checks) is misses
        assert wanted.is_met_by(text, checks) is meets


@pytest.mark.parametrize(
    "question",
    [
        "mw after demethylation?",
        "logp after methylation",
        "exact mass of [M+H]+",
        "Molmasse des Calciumsalzes?",
        "masse molaire de l'hydrate",
        "mass of the trihydrate",
        "Summenformel des Metaboliten",
        "how is tpsa calculated",
        "weight loss drug?",
        "fragment masses",
        "o que é logP?",
        "charge on N",
        "is the ring aromatic?",
        "Ist der Ring aromatisch?",
        "number of aliphatic rings",
        "any bridged rings?",
    ],
)
def test_another_species_and_other_things_are_no_question_for_a_value(question: str) -> None:
    assert not isinstance(wanted_value(talk((question, (1,)))), WantedValue)


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("tpsa under 90 A2?", "tpsa"),
        ("is mw < 100", "average_mass"),
        ("mw > 100 and < 300", "average_mass"),
        ("hba more than 10", "hba"),
        ("is MW ≤ 500", "average_mass"),
        ("Anzahl aromatischer Ringe", "aromatic_rings"),
        ("quantos anéis tem a molécula?", "rings"),
        ("Hat das Molekül mehr als zwei Ringe?", "rings"),
        ("Ist der logP größer als 5?", "logp"),
        ("a-t-il plus de deux cycles ?", "rings"),
        ("nombre d'atomes lourds", "heavy_atoms"),
    ],
)
def test_a_limit_and_other_tongues_are_passed_over(question: str, key: str) -> None:
    assert likely_key(plain_text(question)) == key


@pytest.mark.parametrize(
    ("question", "symbol"),
    [
        ("how many F", "F"),
        ("any S?", "S"),
        ("no. of C", "C"),
        ("# of Cl in it", "Cl"),
        ("nb of carbons", "C"),
        ("is there a fluorine", "F"),
        ("How many nitrogen atoms does it have?", "N"),
        ("percent nitrogen", None),
        ("What nitrogen source would you use?", None),
        ("any C-H activation?", None),
        ("how many fs are there", None),
    ],
)
def test_a_question_for_atoms_of_an_element_is_known(question: str, symbol: str | None) -> None:
    assert asked_element(question) == symbol


def test_atoms_are_told_by_a_count_or_by_the_formula() -> None:
    wanted = WantedElement("C", 1)
    for text, misses, meets in (
        ("Molecule 1 has 9 carbon atoms.", False, True),
        ("Molecule 1 has 5 carbon atoms; its formula is C9H8O4.", False, False),
        ("The formula of molecule 1 is C9H8O4.", False, True),
        ("Molecule 1 has 3 rotatable bonds.", True, False),
        ("I do not know the 19F NMR of molecule 1.", True, False),
    ):
        checks = check_answer(text, FACTS, (1,))
        assert wanted.is_missed_by(text, checks) is misses, text
        assert wanted.is_met_by(text, checks) is meets, text


@pytest.mark.parametrize(
    "question",
    [
        "toxicity aside, which is heavier?",
        "which is heavier and more toxic?",
        "which is larger and more soluble",
    ],
)
def test_a_comparison_of_values_is_not_taken_for_what_is_not_known(question: str) -> None:
    conversation, first = Conversation().with_molecule(ASPIRIN)
    conversation, second = conversation.with_molecule(NICOTINE)
    asked = conversation.with_message(Message("user", question, (first, second)))
    assert wanted_value(asked) is None


def test_a_ring_is_the_group_that_a_question_calls_without_the_word() -> None:
    pairs = ("piperazine", "ammonium", "indole", "cyclopropane")
    named = ("piperazine ring", "ammonium group", "indole ring", "cyclopropane ring")
    assert all(are_related(a, b) for a, b in zip(pairs, named, strict=True))
    assert not are_related("pyridine ring", "benzene ring")


@pytest.mark.parametrize(
    ("key", "answer", "misses"),
    [
        ("melting point", "I do not know the boiling point of molecule 1.", True),
        ("melting point", "I do not know the melting range of molecule 1.", False),
        ("toxicity", "I do not know the price of molecule 1.", True),
        ("toxicity", "I do not know the acute toxicity of molecule 1.", False),
        ("toxicity", "I do not know.", False),
    ],
)
def test_not_to_know_another_property_misses_the_question(
    key: str, answer: str, misses: bool
) -> None:
    assert UnknownValue(key, 1).is_missed_by(answer, ()) is misses


def test_a_claim_on_a_group_misses_a_question_that_no_fact_answers() -> None:
    wanted = UnknownValue("stability", 1)
    for text, misses in (
        ("Yes, molecule 1 contains an ester.", True),
        (
            "Yes, molecule 1 contains an ester, and esters of phenols are cleaved by warm water.",
            False,
        ),
        ("It hydrolyses.", False),
    ):
        assert wanted.is_missed_by(text, check_answer(text, FACTS, (1,))) is misses


def test_a_number_of_groups_is_a_question_for_the_group() -> None:
    for question in ("does it have 2 esters", "are there two esters?", "has it exactly one ester?"):
        assert asked_group(plain_text(question)) == "ester", question


def test_no_question_for_a_value_is_taken_for_one_for_atoms_of_an_element() -> None:
    questions = tomllib.loads((TRAIN / "wordings" / "asked.toml").read_text(encoding="utf-8"))
    texts = [t.replace("{m}", "molecule 1") for t in texts_of(questions["ASKED"])]
    assert [t for t in texts if asked_element(t)] == []


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("Never mind the boiling point, what is the TPSA?", "tpsa"),
        ("I want the exact mass and not the average mass", "exact_mass"),
        ("not the mass", None),
        ("not the pKa and not the logD", None),
    ],
)
def test_what_is_turned_away_is_not_asked_for(question: str, key: str | None) -> None:
    assert likely_key(plain_text(question)) == key


def test_a_whole_description_misses_a_question_that_no_fact_answers() -> None:
    said = (
        "Molecule 1 is aspirin, C9H8O4, with an average mass of 180.16 g/mol. It contains a"
        " carboxylic acid and an ester. Its cLogP is 1.31 and its TPSA is 63.6 Å²."
    )
    checks = check_answer(said, FACTS, (1,))
    assert UnknownValue("toxicity", 1).is_missed_by(said, checks)
    part = "It contains a carboxylic acid, which irritates where it touches the stomach's wall."
    assert not UnknownValue("toxicity", 1).is_missed_by(part, check_answer(part, FACTS, (1,)))
