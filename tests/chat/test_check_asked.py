"""A yes or no is checked as the statement that its question asks for."""

import json
from pathlib import Path

import pytest

from assistant.chat.check import Check, check_answer
from assistant.chat.claims.asked import declines, statement_of
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

DATA = Path(__file__).parents[1] / "data"
ASPIRIN, NICOTINE = "CC(=O)Oc1ccccc1C(=O)O", "CN1CCC[C@H]1c1cccnc1"
FACTS = {1: compute_facts(Molecule.parse(ASPIRIN)), 2: compute_facts(Molecule.parse(NICOTINE))}


def checks(question: str, answer: str, focus: tuple[int, ...] = (1,)) -> tuple[Check, ...]:
    return check_answer(answer, FACTS, focus, question=question)


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("Does it contain a ring?", "it contains a ring."),
        ("Hello! Does this carry a ring at all?", "this carries a ring."),
        ("Does it possess stereocentres?", "it possesses stereocentres."),
        ("Do both have a phenol?", "both have a phenol."),
        ("So do 1 and 2 have the same cLogP?", "molecules 1 and 2 have the same cLogP."),
        ("Has molecule 2 really two rings?", "molecule 2 has two rings."),
        ("Are there any halogens in it?", "There are any halogens in it."),
        ("And is the second one chiral?", "the second one is chiral."),
        ("Is its logP above 2?", "its logP is above 2."),
        ("is molecule 1 heavier than molecule 2", "molecule 1 is heavier than molecule 2."),
        ("It has one ring, right?", "It has one ring."),
        ("is this one aromatic", "this one is aromatic."),
        ("any halogens in there?", "It has halogens in there."),
        ("fewer than 10 rotatable bonds?", "It has fewer than 10 rotatable bonds."),
        ("clogP above 5?", "The clogP is above 5."),
        ("is the tpsa bigger than 140", "the tpsa is above 140."),
        ("Could you confirm that there is an ester?", "there is an ester."),
        ("Do we have exactly two rings here?", "it has exactly two rings here."),
        ("mw > 800?", "The mw is above 800."),
        ("is tpsa>50", "The tpsa is above 50."),
        ("Is the TPSA >= 50 Å²?", "the TPSA is at least 50 Å²."),
        ("logP > - 1?", "The logP is above -1."),
        ("logP ≤ −1.5?", "The logP is at most -1.5."),
        ("does it have < 3 rings?", "it has below 3 rings."),
        ("rings = 2?", "The rings is equal to 2."),
        ("mw = 180.2?", "The mw is equal to 180.2."),
        ("hbd not more than 5?", "The hbd is at most 5."),
        ("Does it have no more than two rings?", "it has at most two rings."),
        ("hba greater than or equal to 2?", "The hba is at least 2."),
        ("is the mw less than or equal to 500 g/mol?", "the mw is at most 500 g/mol."),
        ("not less than 2 acceptors?", "It has at least 2 acceptors."),
        ("Are there 2 or more acceptors?", "There are at least 2 acceptors."),
    ],
)
def test_a_question_becomes_the_statement_that_yes_makes(question: str, statement: str) -> None:
    assert statement_of(question) == statement


@pytest.mark.parametrize(
    "question",
    [
        "What is it?",
        "Is it an acid or a base?",
        "Isn't it an acid?",
        "Does it have no rings?",
        "If I add water, does it have a carboxylate?",
        "Is it aromatic and does it melt?",
        "Is it aromatic? Does it melt?",
        "Does either of them have a ring?",
        "Are you sure?",
        "It has one ring.",
        "",
        # what the readers of claims would leave out
        "Does it have an oxygen in the ring?",
        "Does it have a ring nitrogen?",
        "Is there a free amine?",
        "Is it charged in water?",
        "Is the logP above 1 at pH 7?",
        "Does it have a ketone metabolite?",
        "Is the mass 180?",
        "mw = 180?",  # the mass is 180.16
        "200 < mw < 500?",
        "Is the logP not above 5?",
        # of another one
        "Does the other one contain nitrogen?",
        "And the hydrochloride, does it contain chlorine?",
        "Remove the acetyl group. Does it contain a phenol?",
        "Take phenol instead. Does it contain a carboxylic acid?",
        "You said it has two rings, right?",
        "Is it aromatic" + " and flat" * 100 + "?",
    ],
)
def test_where_yes_would_say_nothing_certain_there_is_no_statement(question: str) -> None:
    assert statement_of(question) is None or not checks(question, "Yes.")


@pytest.mark.parametrize(
    ("question", "right", "wrong", "kind", "truth"),
    [
        ("Does it contain a phenol?", "No.", "Yes.", "group", "no phenol in the structure"),
        ("Does it contain an ester?", "Yes!", "No!", "group", "ester: 1"),
        ("Is its logP above 2?", "No", "Yes", "logp", "computed cLogP 1.31"),
        (
            "Is molecule 2 heavier than molecule 1?",
            "Nope.",
            "Yep.",
            "comparison",
            "molecule 2: mass 162.24; molecule 1: mass 180.16",
        ),
    ],
)
def test_a_yes_or_no_is_judged(
    question: str, right: str, wrong: str, kind: str, truth: str
) -> None:
    for answer, verdict in ((right, "confirmed"), (wrong, "contradicted")):
        (check,) = checks(question, answer)
        assert (check.verdict, check.kind, check.truth) == (verdict, kind, truth)
        assert answer[check.start : check.end] == check.claim == answer.strip(".!")


def test_what_a_molecule_lacks_declines_nothing() -> None:
    assert not declines("Molecule 1 has no PAINS or Brenk alert.")
    assert declines("I have no value for the pKa.")
    wrong, right = checks("Does it contain an ester?", "No, it has no nitro group.")
    assert (wrong.claim, wrong.verdict, right.verdict) == ("No", "contradicted", "confirmed")


def test_what_its_sentence_says_rightly_needs_no_second_mark() -> None:
    (check,) = checks("Does it contain a phenol?", "No, I find no phenol in molecule 1.")
    assert check.claim == "no phenol"
    wrong, right = checks("It has two rings, right?", "Yes, molecule 1 has one ring.")
    assert (wrong.claim, wrong.verdict) == ("Yes", "contradicted")
    assert (right.claim, right.verdict) == ("one ring", "confirmed")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Does it contain a phenol?", "Yes, but I do not know how many."),
        ("Does it contain a phenol?", "No idea."),
        ("Does it contain a phenol?", "No phenol is known to me as such."),
        ("Does it help against pain?", "Yes."),
        ("Is it heavy?", "Yes."),
        ("Is it aromatic?", "Right, let me look. It has no aromatic ring."),
        ("Is it aromatic?", "No, wait: yes, it is aromatic."),
        ("Is molecule 2 heavier than molecule 1?", "No. 2 is heavier."),
        ("Do both contain nitrogen?", "Yes, molecule 2 does."),
        ("How many rings does it have?", "Yes."),
        ("is there a pyridine", "No, I am a program: a small model that talks about molecules."),
        ("Is there a pyridine?", "No. I am a program. I talk about chemistry."),
        ("Is there a pyridine?", "No, you can draw another structure in the editor first."),
    ],
)
def test_what_declines_or_cannot_be_computed_has_no_mark_on_its_first_word(
    question: str, answer: str
) -> None:
    assert all(check.claim.lower() not in ("yes", "no") for check in checks(question, answer))


@pytest.mark.parametrize(
    "answer",
    ["No, it does not.", "No, sorry.", "No, I do not see one.", "No. There are none.",
     "No, aspirin does not.", "No, no pyridine here, as far as I can see in the drawing."],
)  # fmt: skip
def test_a_no_that_goes_on_about_the_molecule_is_judged(answer: str) -> None:
    marks = {check.verdict for check in checks("Is there a pyridine?", answer)}
    assert marks == {"confirmed"}


def test_several_claims_of_one_question_are_all_needed_for_yes() -> None:
    question = "Does it contain an ester and a phenol?"
    (no,) = checks(question, "No.")
    assert (no.verdict, no.truth) == ("confirmed", "no phenol in the structure")
    (yes,) = checks("Does it contain an ester and a carboxylic acid?", "Yes.")
    assert yes.verdict == "confirmed"


def test_questions_that_were_written_blind_become_what_their_writer_says() -> None:
    """Judged alike on many molecules, or not at all; ambiguous ones are never judged."""
    smiles = json.loads((DATA / "heldout" / "molecules.json").read_text(encoding="utf-8"))[:25]
    molecules = [compute_facts(Molecule.parse(one)) for one in smiles]

    def verdicts(statement: str | None) -> list[bool | None]:
        judged = [check_answer(statement or "", {1: one}, (1,)) for one in molecules]
        found = [{check.verdict for check in checks} for checks in judged]
        return [
            False if "contradicted" in v else True if v == {"confirmed"} else None for v in found
        ]

    lines = (DATA / "heldout_blind" / "yesno.jsonl").read_text(encoding="utf-8").splitlines()
    n_alike = 0
    for item in map(json.loads, lines):
        ours, theirs = verdicts(statement_of(item["question"])), verdicts(item["statement"])
        both = [(a, b) for a, b in zip(ours, theirs, strict=True) if None not in (a, b)]
        assert sum(a != b for a, b in both) <= 1, (
            item
        )  # "free alcohol", of which there are two kinds
        if item["statement"] is None:
            assert set(ours) == {None}, item
        n_alike += bool(both)
    assert n_alike >= 14


def test_without_a_question_nothing_changes() -> None:
    assert check_answer("Yes. It has one ring.", FACTS, (1,)) == checks(
        "How many rings?", "Yes. It has one ring."
    )


@pytest.mark.parametrize(
    ("question", "answer", "verdict"),
    [
        ("Do both have a ring?", "No: molecule 1 is C9H8O4 and molecule 2 is C10H14N2.", "wrong"),
        ("Do both have a ring?", "No, molecule 1 has a ring.", "wrong"),
        ("Do they contain an ester?", "Yes, molecule 1 has one and molecule 2 has none.", None),
        ("Do they contain oxygen?", "Yes: molecule 1 is C9H8O4 and molecule 2 is C10H14N2.", None),
        ("Do both have an ester?", "No: molecule 1 has an ester and molecule 2 has none.", None),
        ("Do both have an ester?", "Yes, molecule 1 has.", None),
    ],
)
def test_a_yes_or_no_of_both_is_judged_by_what_holds_of_both(
    question: str, answer: str, verdict: str | None
) -> None:
    found = {c.claim: c.verdict for c in checks(question, answer, (1, 2))}
    opening = found.get(answer.split()[0].rstrip(",:"))
    assert opening == {"wrong": "contradicted", "right": "confirmed", None: None}[verdict]
