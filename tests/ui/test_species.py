"""A value of another species than the one drawn is shown as what it is."""

import pytest

from assistant.chat.conversation import Conversation, Message
from assistant.chat.other_species import Elsewhere
from assistant.chem.molecule import Molecule
from assistant.errors import ChemistryTimeoutError
from tests.ui.fakes import ASPIRIN, FakeAssistant, InProcessChemistry, claim
from tests.ui.test_turns import run_turn
from ui.answer_header import check_header
from ui.molecules import load
from ui.session import Session
from ui.species import SpeciesNotes
from ui.transcript import Drawings, TranscriptView

ANSWER = "The formula is C9H8O4."
CHECKS = (claim(ANSWER, "C9H8O4", "confirmed", truth="C9H8O4", molecule=1),)


def page_after(session: Session, chemistry: InProcessChemistry, smiles: str, question: str) -> str:
    load(session, smiles, chemistry)
    run_turn(session, chemistry, FakeAssistant(text=ANSWER, checks=CHECKS, delay=0), question)
    view = TranscriptView(Drawings(chemistry)).value(session, 1)
    return view["turns"][0]


def test_the_page_says_which_molecule_the_values_are_of(session, chemistry) -> None:
    html = page_after(session, chemistry, ASPIRIN, "formula of the dimer?")
    assert "1 of 1 claim checked" in html
    assert ">≠</button>" in html
    assert "values are of molecule 1 as drawn, not of “the dimer”" in html
    assert 'data-tip="draw that species to have its values"' in html


@pytest.mark.parametrize(
    ("smiles", "question"),
    [
        (ASPIRIN, "formula?"),
        ("CC(=O)[O-].[Na+]", "formula of the salt?"),
        ("CC(=O)[O-]", "formula of the anion?"),
        (ASPIRIN, "formula of the free acid?"),
    ],
)
def test_nothing_is_said_of_what_is_drawn(session, chemistry, smiles: str, question: str) -> None:
    assert "as drawn" not in page_after(session, chemistry, smiles, question)


def noted(chemistry: InProcessChemistry, *, verdict: str = "confirmed") -> Elsewhere | None:
    question = Message("user", "formula of the dimer?", attached=(1,))
    conversation, _ = Conversation((question,)).with_molecule(Molecule.parse(ASPIRIN))
    checks = (claim(ANSWER, "C9H8O4", verdict, molecule=1),)
    notes = SpeciesNotes(chemistry)
    return notes.of(conversation, 0, Message("assistant", ANSWER, checks=checks))


def test_only_a_confirmed_value_is_told_of(chemistry) -> None:
    assert noted(chemistry) == Elsewhere("the dimer", (1,))
    assert noted(chemistry, verdict="contradicted") is None


def test_nothing_is_said_while_the_drawn_one_cannot_be_read(chemistry) -> None:
    chemistry.broken["inspect"] = ChemistryTimeoutError("too slow")
    assert noted(chemistry) is None


def test_what_cannot_be_read_in_time_is_not_read_at_every_rendering(session, chemistry) -> None:
    load(session, ASPIRIN, chemistry)
    fake = FakeAssistant(text=ANSWER, checks=CHECKS, delay=0)
    run_turn(session, chemistry, fake, "formula of the dimer?")
    notes, answer = SpeciesNotes(chemistry), session.conversation.messages[1]
    chemistry.broken["inspect"] = ChemistryTimeoutError("too slow")
    assert notes.of(session.conversation, 0, answer) is None
    chemistry.broken.clear()
    chemistry.calls.clear()
    assert notes.of(session.conversation, 0, answer) is None
    assert chemistry.calls == []


def test_what_is_drawn_is_read_once(session, chemistry) -> None:
    load(session, ASPIRIN, chemistry)
    run_turn(
        session,
        chemistry,
        FakeAssistant(text=ANSWER, checks=CHECKS, delay=0),
        "formula of the dimer?",
    )
    notes = SpeciesNotes(chemistry)
    answer = session.conversation.messages[1]
    chemistry.calls.clear()
    for _ in range(3):
        assert notes.of(session.conversation, 0, answer)
    assert chemistry.calls == ["inspect"]


def test_the_words_of_the_question_are_escaped() -> None:
    html = check_header(CHECKS, 0, elsewhere=Elsewhere("the <i>", (1, 2)))
    assert "values are of molecules 1 and 2 as drawn, not of “the &lt;i&gt;”" in html
    assert "as drawn" not in check_header(CHECKS, 0)
