"""The panel's handlers: what can be compared, what is streamed, what enters the conversation."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from assistant.assistant import Assistant
from assistant.chat.conversation import Message
from assistant.chat.reply import AdapterStatus
from assistant.errors import PromptTooLongError
from tests.bundles import write_tiny_bundle
from tests.sidebyside.fakes import ASPIRIN
from tests.ui.fakes import InProcessChemistry
from tests.ui.services import make_services
from tests.ui.side_fakes import SideAssistant, make_side
from ui.dialogue import DialogueHandlers
from ui.events import SKIP, Services, key_of
from ui.handlers import Handlers
from ui.session import Session
from ui.side_by_side import SideHandlers
from ui.side_by_side_plan import Wish, plan
from ui.side_by_side_runs import Bench, BenchStore

REQUEST = SimpleNamespace(session_hash="a", headers={})
SMILES = "CC(=O)Oc1ccccc1C(=O)O"


def event(**data: object) -> SimpleNamespace:
    return SimpleNamespace(_data=data)


@pytest.fixture
def fake() -> SideAssistant:
    return make_side()


@pytest.fixture
def services(chemistry: InProcessChemistry, fake: SideAssistant) -> Services:
    return make_services(chemistry, fake)


@pytest.fixture
def panel(services: Services) -> SideHandlers:
    return SideHandlers(services)


@pytest.fixture
def session(services: Services) -> Session:
    """One question about aspirin, answered."""
    Handlers(services).typed(event(text=SMILES, stage="done"), REQUEST)
    list(DialogueHandlers(services).turn(event(kind="ask", text="What is it?"), REQUEST))
    session = services.store.get(*key_of(REQUEST))
    session.catch_up()
    assert session.conversation.n_turns == 1
    return session


def run(panel: SideHandlers, **wish: object) -> list[dict]:
    return list(panel.run_columns(event(**wish), REQUEST))


def test_what_can_be_compared_is_offered(panel: SideHandlers, session: Session) -> None:
    offer = panel.offer_columns(event(turn=0), REQUEST)["offer"]
    assert offer["question"] == "What is it?"
    assert offer["molecules"] == [{"number": 1, "label": "1 · aspirin"}]
    assert offer["chosen"] == [1]
    assert panel.offer_columns(event(turn=-1), REQUEST)["offer"]["turn"] == 0  # the last question
    typed = panel.offer_columns(event(turn=-1, typed=True), REQUEST)["offer"]
    assert (typed["turn"], typed["question"]) == (-1, "")
    assert "no longer there" in panel.offer_columns(event(turn=7), REQUEST)["problem"]


def test_before_any_question_the_drawing_can_be_chosen(
    panel: SideHandlers, services: Services
) -> None:
    Handlers(services).typed(event(text=SMILES, stage="done"), REQUEST)
    offer = panel.offer_columns(event(turn=-1), REQUEST)["offer"]
    assert offer["turn"] == -1
    assert [m["number"] for m in offer["molecules"]] == [1]
    *_, last = run(panel, kind="spellings", text="What is it?", turn=-1, first=1)
    assert last["agree"].count("agree 4/4") == 1
    assert services.store.get(*key_of(REQUEST)).conversation.molecules == ()  # nothing was kept


def test_the_adapters_are_streamed_checked_and_compared(
    panel: SideHandlers, session: Session, fake: SideAssistant
) -> None:
    fake.delay, before = 0.05, session.conversation
    values = run(panel, kind="adapters", text="What is it?", turn=0)
    assert len(values) > 3
    assert [v["running"] for v in values] == [True] * (len(values) - 1) + [False]
    assert any(c["tail"] for v in values[:-1] for c in v["columns"])
    base, graph, lora, experts, whole = values[-1]["columns"]
    assert {c["state"] for c in values[-1]["columns"]} == {"done"}
    assert '<span class="differs"><span class="claim contradicted">2 <span' in base["blocks"]
    assert "2 contradicted" in base["blocks"]
    assert "ask again" not in base["blocks"]
    assert "3 of 3 claims checked" in graph["blocks"]
    assert "first token</dt><dd>200 ms" in graph["foot"]
    assert "4.2 MB" in graph["foot"]
    assert "= agrees with 3 others" in lora["foot"]
    assert "≠ says something else" in base["foot"]
    assert "agree 4/5" in values[-1]["agree"]
    for with_experts in (experts, whole):
        assert ">0.70</td>" in with_experts["foot"]
        assert "each of the 3 adapted weights" in with_experts["foot"]
    assert "heat" not in graph["foot"]
    assert '<tr class="differs"><th scope="row">' in values[-1]["claims"]
    assert values[-1]["markdown"].startswith("## Adapters side by side")
    assert values[-1]["csv"].startswith("\ufeffcolumn,")
    assert session.conversation == before


def test_columns_with_values_of_another_species_say_so(
    panel: SideHandlers, session: Session
) -> None:
    *_, last = run(panel, kind="adapters", text="formula of the dimer?", turn=0)
    said = "values are of molecule 1 as drawn, not of “the dimer”"
    assert [said in column["blocks"] for column in last["columns"]] == [True] * 5
    *_, last = run(panel, kind="adapters", text="formula?", turn=0)
    assert all(said not in column["blocks"] for column in last["columns"])


def test_what_is_off_is_told_and_not_asked(
    panel: SideHandlers, session: Session, fake: SideAssistant
) -> None:
    fake.adapters = (AdapterStatus("graph tokens", True),)
    n_before = len(fake.asked)
    *_, last = run(panel, kind="adapters", text="What is it?", turn=0)
    assert [c["state"] for c in last["columns"]] == ["done", "done", "off", "off", "off"]
    assert last["columns"][3]["status"] == "○ off: not in this bundle"
    assert len(fake.asked) == n_before + 2


def test_a_failed_column_is_told_in_its_place(
    panel: SideHandlers, session: Session, fake: SideAssistant
) -> None:
    fake.texts["lora"] = PromptTooLongError("The <memory> is full.")
    *_, last = run(panel, kind="adapters", text="What is it?", turn=0)
    assert [c["state"] for c in last["columns"]] == ["done", "done", "failed", "done", "done"]
    assert last["columns"][2]["status"] == "✗ The <memory> is full."  # set as text by the page


def test_markup_in_an_answer_is_text(
    panel: SideHandlers, session: Session, fake: SideAssistant
) -> None:
    fake.texts["base"] = "It has <b onclick=x>2 rings</b>."
    *_, last = run(panel, kind="adapters", text="What is it?", turn=0)
    assert "<b onclick" not in last["columns"][0]["blocks"] + last["claims"]


def test_an_answer_becomes_a_branch(
    panel: SideHandlers, session: Session, fake: SideAssistant
) -> None:
    run(panel, kind="adapters", text="What is it?", turn=0)
    value, transcript, _, _ = panel.keep_column(event(column=0), REQUEST)
    assert value["close"]
    assert "‹" in transcript["turns"][0]
    assert session.conversation.messages[1].text == fake.texts["base"]
    assert len(session.stored.tree.variants(session.stored.tree.head)) == 2
    session.undo()
    assert session.conversation.messages[1].text == fake.texts["all"]


def test_only_answers_to_the_question_itself_become_branches(
    panel: SideHandlers, session: Session
) -> None:
    *_, last = run(panel, kind="adapters", text="What else?", turn=0)
    assert "data-act" not in last["columns"][0]["foot"]
    value, transcript, *_ = panel.keep_column(event(column=0), REQUEST)
    assert "another question" in value["problem"]
    assert transcript is SKIP
    run(panel, kind="adapters", text="What is it?", turn=0)
    for column in (9, -1, "0", None):
        assert panel.keep_column(event(column=column), REQUEST)[0]["problem"]


def test_two_molecules_one_of_them_typed(panel: SideHandlers, session: Session) -> None:
    *_, last = run(
        panel, kind="molecules", text="What is @1?", turn=0, first=1, second=0, other_second="CCO"
    )
    first, second = last["columns"]
    assert "<svg" in first["head"]
    assert "<svg" in second["head"]
    assert "molecule 2" in second["head"]
    assert last["agree"] == ""
    assert "computed</th>" not in last["claims"]
    assert session.conversation.next_number == 2


def test_four_spellings_one_of_them_read_otherwise(
    panel: SideHandlers, session: Session, fake: SideAssistant
) -> None:
    fake.odd_spellings = True
    *_, last = run(panel, kind="spellings", text="What is it?", turn=0, first=1)
    assert "≠ agree 3/4" in last["agree"]
    assert sum("= agrees with 2 others" in c["foot"] for c in last["columns"]) == 3


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"kind": "adapters", "text": " "}, "no question yet"),
        ({"kind": "other", "text": "?"}, "Unknown comparison"),
        ({"kind": "adapters", "text": "x" * 20_001}, "20,001 characters"),
        ({"kind": "adapters", "text": "?", "turn": 5}, "no longer there"),
        ({"kind": "adapters", "text": "Is @7 an acid?", "turn": 0}, "no molecule 7"),
        ({"kind": "molecules", "text": "?", "turn": 0, "first": 1, "second": 1}, "two different"),
        ({"kind": "molecules", "text": "?", "turn": 0, "first": 1}, "type its SMILES or name"),
        ({"kind": "spellings", "text": "?", "turn": 0, "first": 9}, "no molecule 9"),
        ({"kind": "spellings", "text": "?", "first": 0, "other_first": "C1CC"}, "ring"),
        ({"kind": "spellings", "text": "?", "first": 0, "other_first": "C"}, "hardly be written"),
    ],
)
def test_what_cannot_be_compared_is_told(
    panel: SideHandlers, session: Session, wish: dict, told: str
) -> None:
    (value,) = run(panel, **wish)
    assert told in value["problem"]


def test_stop_and_a_lost_tab_end_all_columns_and_what_there_is_stays(
    panel: SideHandlers, session: Session, fake: SideAssistant
) -> None:
    fake.texts, fake.delay = {"all": "word " * 400}, 0.02
    values = panel.run_columns(event(kind="adapters", text="What is it?", turn=0), REQUEST)
    next(values)
    panel.halt_columns(REQUEST)
    *_, last = values
    assert all("stopped" in c["status"] for c in last["columns"])
    values = panel.run_columns(event(kind="adapters", text="What is it?", turn=0), REQUEST)
    next(values)
    bench = panel.benches.get(key_of(REQUEST))
    panel.closed(REQUEST)
    bench.writing.join(timeout=20)
    assert not bench.is_running
    assert panel.benches.get(key_of(REQUEST)) is bench


def test_a_reader_that_goes_away_ends_all_columns(
    panel: SideHandlers, session: Session, fake: SideAssistant
) -> None:
    fake.texts, fake.delay = {"all": "word " * 400}, 0.02
    values: Iterator = panel.run_columns(
        event(kind="adapters", text="What is it?", turn=0), REQUEST
    )
    next(values)
    bench = panel.benches.get(key_of(REQUEST))
    values.close()
    bench.writing.join(timeout=20)
    assert not bench.is_running


def test_a_visitor_cannot_run_many(session: Session, services: Services) -> None:
    benches, started = BenchStore(limit=3), []
    wish = Wish("adapters", "What is it?", 0)
    planned = plan(session, wish, make_side().status(), services.chemistry)
    for _ in range(3):
        started.append(Bench(planned))
        started[-1].writing = threading.current_thread()  # one that runs
    benches.put(("me", "a"), started[0])
    benches.put(("me", "b"), started[1])
    with pytest.raises(Exception, match="2 comparisons are running"):
        benches.put(("me", "c"), started[2])
    benches.put(("you", "c"), started[2])
    benches.put(("me", "a"), started[0])  # again in its own tab
    assert started[0].comparison.stop.is_set()


def test_the_answer_is_drawn_as_it_was(session: Session, services: Services) -> None:
    passport = {"sampling": {"seed": 5, "temperature": 0.4, "top_p": 0.9, "max_new_tokens": 99}}
    answer = Message("assistant", "Another.", passport=passport)
    session.keep_answer(session.questions[0].id, answer)
    status = make_side().status()
    columns = plan(session, Wish("adapters", "What is it?", 0), status, services.chemistry)
    drawn = {
        (c.options.seed, c.options.temperature, c.options.top_p, c.options.max_new_tokens)
        for c in columns.comparison.columns
    }
    assert drawn == {(5, 0.4, 0.9, 99)}
    assert not any(c.options.second_thoughts for c in columns.comparison.columns)
    assert columns.question == session.questions[0].id


# -- a real model ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_experts_are_shown_as_they_were_applied(
    chemistry: InProcessChemistry, tmp_path: Path
) -> None:
    assistant = Assistant.load(write_tiny_bundle(tmp_path / "tiny", experts=True), device="cpu")
    services = make_services(chemistry, assistant)
    panel, session = SideHandlers(services), services.store.get(*key_of(REQUEST))
    conversation, _ = session.conversation.with_molecule(ASPIRIN)
    session.keep_molecules(conversation)
    *_, last = run(panel, kind="adapters", text="What is molecule 1?", turn=-1)
    assert {c["state"] for c in last["columns"]} == {"done"}
    bench = panel.benches.get(key_of(REQUEST))
    scalings = bench.comparison.results[3].answer.scalings
    weights = [f"{weight:.2f}</td>" for row in scalings.mean for weight in row]
    assert len(weights) == 18
    assert all(weight in last["columns"][3]["foot"] for weight in weights)
    assert all(name in last["columns"][3]["foot"] for name in ("mol", "rxn", "prop"))
