"""What the page makes of an answer that is written again, without a browser."""

from dataclasses import replace

from assistant.chat.check import Check
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Reconsidering, Rewritten, TextDelta
from assistant.chat.first_attempt import FirstAttempt
from assistant.chat.history import History
from assistant.chat.reply import ReplyOptions
from assistant.sidebyside.results import Result
from tests.ui.fakes import FakeAssistant, InProcessChemistry, claim
from tests.ui.thinking import AGAIN, FIRST, TRUTH, ThinkingAssistant
from ui.api import make_ask
from ui.handle import AssistantHandle
from ui.list_jobs import answer_row
from ui.list_table import ListTable
from ui.live import Live
from ui.runs import Runs
from ui.second_thoughts import MAX_CHARS, doubt_text, withdrawn_html
from ui.session import Session
from ui.turns import Ask, begin

WITH = ReplyOptions()


def wrong(phrase: str, text: str, truth: str | None = "1 ring") -> Check:
    return claim(text, phrase, "contradicted", truth=truth, kind="rings", molecule=1)


def test_the_first_attempt_stays_in_view_and_is_marked_until_there_is_another_text() -> None:
    live = Live(0).after(TextDelta("It has 2 rings.")).after(
        Reconsidering((wrong("2 rings", "It has 2 rings."),))
    )  # fmt: skip
    value = live.to_value()
    assert (value["tail"], value["doubted"]) == ("It has 2 rings.", True)
    assert value["status"] == "The structure contradicts “It has 2 rings”; writing again"
    after = live.after(Rewritten("It has a ring.")).to_value()
    assert (after["tail"], after["doubted"], after["status"]) == ("It has a ring.", False, "")


def test_a_long_claim_is_cut_and_further_ones_are_counted() -> None:
    text = "x" * 200
    said = doubt_text(Reconsidering((wrong(text, text), wrong("x", text))), text)
    assert f"“{'x' * (MAX_CHARS - 1)}…” and 1 more;" in said


def test_the_clause_of_a_claim_is_quoted() -> None:
    text = "Yes. Molecule 2 is heavier, and molecule 1 has 2 rings."
    assert "“and molecule 1 has 2 rings”" in doubt_text(
        Reconsidering((wrong("2 rings", text),)), text
    )
    assert "“Molecule 2 is heavier”" in doubt_text(Reconsidering((wrong("heavier", text),)), text)
    far = f"Molecule 1 {'also ' * 20}has 2 rings."
    assert "“2 rings”" in doubt_text(Reconsidering((wrong("2 rings", far),)), far)


def test_a_withdrawn_attempt_shows_marks_and_true_values_and_escapes_them() -> None:
    text = "It has <2 rings>."
    first = FirstAttempt(text, (), (wrong("<2 rings>", text, "<b>1 ring</b>"),))
    html = withdrawn_html(first)
    assert "first attempt withdrawn: “It has &lt;2 rings&gt;”" in html
    assert "computed of molecule 1: &lt;b&gt;1 ring&lt;/b&gt;" in html
    assert 'class="claim contradicted"' in html
    assert "<2" not in html
    assert withdrawn_html(None) == ""


def test_a_question_that_is_asked_again_in_plain_words_is_quoted() -> None:
    news = Reconsidering((), "What is the QED of molecule 1?")
    said = Live(0).after(TextDelta("I do not know.")).after(news).to_value()["status"]
    assert said == "It passes over what was asked; asking again: “What is the QED of molecule 1?”"
    first = FirstAttempt("I do not know.", (), (), "What is the <QED> of molecule 1?")
    html = withdrawn_html(first)
    assert "first attempt withdrawn; asked again: “What is the &lt;QED&gt; of molecule 1?”" in html
    assert "it passes over what was asked" in html
    assert "in plain words" in html
    check = Check(0, 1, "contradicted", "qed", "I", "0.5", 1)
    wrong = withdrawn_html(replace(first, checks=(check,)))
    assert "the structure contradicts it" in wrong
    assert ("↻" in html, "✗" in html) == (True, False)
    assert "I do not know." in html
    assert "truths" not in html


def test_a_name_that_nobody_knows_is_said_to_be_the_reason() -> None:
    text = "Molecule 1 is ro<b>sane, C6H6O."
    check = Check(14, 23, "unverifiable", "name", "ro<b>sane", "called phenol here", 1)
    news = Reconsidering((), misnamed=(check,))
    said = Live(0).after(TextDelta(text)).after(news).to_value()["status"]
    assert said == "Nobody knows “Molecule 1 is ro<b>sane”; writing again with its own name"
    html = withdrawn_html(FirstAttempt(text, (), (check,), misnamed="ro<b>sane"))
    assert "first attempt withdrawn: nobody knows “ro&lt;b&gt;sane”" in html
    assert "that the molecule has in the prompt" in html
    assert "ro<b>" not in html
    assert "truths" not in html


def test_a_program_gets_the_words_of_the_last_text_and_the_first_attempt_beside_it(
    chemistry: InProcessChemistry,
) -> None:
    fake = ThinkingAssistant(delay=0)
    fake.may_go_on.set()
    ask = make_ask(AssistantHandle.ready(fake), chemistry)
    *_, answer = ask("Which is less lipophilic?", ["CCO", "CCCO"], None)
    assert answer["answer"] == AGAIN
    assert answer["first_attempt"]["text"] == FIRST
    assert [c["verdict"] for c in answer["first_attempt"]["checks"]] == [
        "confirmed",
        "contradicted",
    ]


def test_a_program_gets_no_first_attempt_where_there_was_none(
    chemistry: InProcessChemistry,
) -> None:
    ask = make_ask(AssistantHandle.ready(FakeAssistant(delay=0)), chemistry)
    *_, answer = ask("What is it?", ["CCO"], None)
    assert answer["first_attempt"] is None


def asked(history: History, fake: ThinkingAssistant, payload: dict[str, object]) -> Session:
    runs = Runs(history, AssistantHandle.ready(fake))
    session = Session(runs, "visitor")
    run = begin(session, Ask.from_payload(payload), InProcessChemistry())
    assert run is not None
    for _ in run.follow():
        pass
    session.catch_up()
    return session


def test_the_switch_of_the_page_reaches_the_model(history: History) -> None:
    for sent, expected in ((True, True), (None, True), (False, False), ("no", True)):
        fake = ThinkingAssistant(delay=0)
        fake.may_go_on.set()
        payload = {"kind": "ask", "text": "Which?", "second_thoughts": sent}
        session = asked(history, fake, payload)
        assert fake.options[-1].second_thoughts is expected
        answer = session.stored.tree.path[-1].message
        assert answer.text == (AGAIN if expected else FIRST)
        assert (answer.first_attempt is not None) is expected


def test_the_history_keeps_the_first_attempt(history: History) -> None:
    fake = ThinkingAssistant(delay=0)
    fake.may_go_on.set()
    session = asked(history, fake, {"kind": "ask", "text": "Which?"})
    stored = history.load("visitor", session.stored.id).tree.path[-1].message
    assert stored.first_attempt is not None
    assert stored.first_attempt.text == FIRST
    assert TRUTH in {check.truth for check in stored.first_attempt.checks}


def test_a_column_beside_others_ends_with_its_answer_and_not_before() -> None:
    fake = ThinkingAssistant(delay=0)
    fake.may_go_on.set()
    result = Result()
    for event in fake.reply(Conversation().with_message(Message("user", "Which?")), options=WITH):
        assert not result.is_done
        result = result.after(event)
    assert result.is_done


def test_rows_of_a_list_take_first_attempts(chemistry: InProcessChemistry) -> None:
    fake = ThinkingAssistant(delay=0)
    table = ListTable("one.smi", [("CCO", "")])
    answer = answer_row(table, 0, "Which?", fake, "visitor")
    assert answer is not None
    assert fake.options[-1].second_thoughts is False
    assert answer.text == FIRST
