"""The "why" panel without a browser: what its handlers choose, measure and show."""

import re
import threading
from types import SimpleNamespace

import pytest

from assistant.chat.conversation import Conversation, Message
from assistant.chem.draw import draw_svg
from assistant.chem.molecule import Molecule
from assistant.errors import InvalidMoleculeError
from assistant.influence import Control, Effect, Unit, plan
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from tests.ui.services import make_services
from ui.events import Services
from ui.render import answer_html
from ui.why_drawing import notes_of, paint, painted_html, scale_of, signed
from ui.why_page import PanelStore, WhyHandlers
from ui.why_view import ranges

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")
REQUEST = SimpleNamespace(session_hash="tab", headers={}, cookies={}, request=None)
TEXT = "It contains an ester and a benzene ring. The taste is bitter.\n\n- Atoms 2 and 3 react."


def event(**data: object) -> SimpleNamespace:
    return SimpleNamespace(_data=data)


@pytest.fixture
def fake() -> FakeAssistant:
    return FakeAssistant(text=TEXT, checks=(), delay=0)


@pytest.fixture
def services(chemistry: InProcessChemistry, fake: FakeAssistant) -> Services:
    return make_services(chemistry, fake)


@pytest.fixture
def handlers(services: Services, monkeypatch: pytest.MonkeyPatch) -> WhyHandlers:
    monkeypatch.setattr("ui.why_page.key_of", lambda request: ("visitor", request.session_hash))
    session = services.store.get("visitor", "tab")
    answer(session, ASPIRIN)
    return WhyHandlers(services)


def answer(session: object, *molecules: Molecule, text: str = "Describe it.") -> None:
    """Asks about molecules and waits for the answer."""
    conversation, numbers = session.conversation, []
    for molecule in molecules:
        conversation, number = conversation.with_molecule(molecule)
        numbers.append(number)
    question = Message("user", text, tuple(numbers))
    run = session.ask(question, conversation, after=session.end)
    for _ in run.follow():
        pass
    session.catch_up()


def measured(handlers: WhyHandlers) -> list[dict[str, object]]:
    return list(handlers.measure_why(REQUEST))


def test_opening_shows_the_sentence_its_words_and_the_drawing_before_anything_is_scored(
    handlers, fake
):
    value = handlers.open_why(event(turn=0), REQUEST)
    assert "sentence 1 of 3" in value["sentence"]
    assert 'data-atoms="2,3,4"' in value["sentence"]
    assert 'data-atoms="5,6,7,8,9,10"' in value["sentence"]
    assert value["pictures"].count("<svg") == 1
    assert value["pictures"].count("why-atom") == 13
    assert value["ready"] is True
    assert value["table"] == value["totals"] == ""
    assert fake.views == []


def test_measuring_paints_the_part_the_words_depend_on_beside_a_control(handlers, fake):
    handlers.open_why(event(turn=0), REQUEST)
    *_, last = measured(handlers)
    assert last["busy"] is False
    assert last["ready"] is False
    assert last["pictures"].count("<svg") == 2
    first_row = last["table"].split("<tr>")[2]
    assert "ester" in first_row
    assert "supports the words" in first_row
    assert "not distinguishable" in last["table"]
    assert "2–4" in first_row
    assert "+10.0" in first_row  # 8 words, each 1.25 nats likelier with the ester
    assert last_notes(handlers)[1] == "2 +10.0"
    assert "without SMILES, name and card" in last["totals"]
    assert len(fake.views) == len(set(fake.views))


def last_notes(handlers: WhyHandlers) -> list[str]:
    panel = handlers.panels.get(("visitor", "tab"))
    effects = panel.measurement.effects("motif", panel.tokens)
    return notes_of(13, paint(effects, scale_of(effects)))


def test_another_sentence_and_atoms_cost_no_new_score(handlers, fake):
    handlers.open_why(event(turn=0), REQUEST)
    measured(handlers)
    n_views = len(fake.views)
    value = handlers.choose(event(sentence=2, kind="atom"), REQUEST)
    assert "sentence 3 of 3" in value["sentence"]
    assert "Atoms 2 and 3" in value["sentence"]
    assert value["table"].count("<tr>") == 14
    assert len(measured(handlers)) <= 2
    assert len(fake.views) == n_views


def test_leaving_out_the_text_is_another_measurement_and_the_first_one_is_kept(handlers, fake):
    handlers.open_why(event(turn=0), REQUEST)
    measured(handlers)
    assert handlers.choose(event(told=False), REQUEST)["ready"] is True
    *_, last = measured(handlers)
    assert any(not view.told and view.hidden for view in fake.views)
    assert "no SMILES" in last["choices"]
    assert handlers.choose(event(told=True), REQUEST)["ready"] is False


def test_a_stop_keeps_what_is_scored_and_measuring_goes_on_from_there(handlers, fake):
    handlers.open_why(event(turn=0), REQUEST)
    panel = handlers.panels.get(("visitor", "tab"))
    values = handlers.measure_why(REQUEST)
    next(values)  # it has begun
    next(values)  # it waits
    value = handlers.cancel_why(REQUEST)
    list(values)
    assert value["busy"] is False
    assert "Measure influence" in value["progress"] or "Go on" in value["progress"]
    done = panel.measurement.n_done
    assert done < len(panel.measurement.views)
    measured(handlers)
    assert panel.measurement.is_done
    assert len(fake.views) == len(panel.measurement.views)


def test_what_is_measured_already_is_not_planned_again(handlers, monkeypatch):
    planned = []
    monkeypatch.setattr(
        "ui.why_page.plan", lambda *given, **more: planned.append(given) or plan(*given, **more)
    )
    handlers.open_why(event(turn=0), REQUEST)
    measured(handlers)
    measured(handlers)
    assert len(planned) == 1


def test_a_second_measuring_ends_the_first_one(handlers):
    handlers.open_why(event(turn=0), REQUEST)
    first = handlers.measure_why(REQUEST)
    next(first)
    second = handlers.measure_why(REQUEST)
    next(second)
    assert list(first) == []
    *_, last = second
    assert last["busy"] is False
    assert last["ready"] is False


def test_what_cannot_be_measured_says_why_and_atoms_are_there_all_the_same(handlers, fake):
    fake.no_why = "The model sees no graph of the molecule here."
    value = handlers.open_why(event(turn=0), REQUEST)
    assert "sees no graph" in value["progress"]
    assert value["ready"] is False
    assert "why-atom" in value["pictures"]
    assert len(measured(handlers)) == 1
    assert fake.views == []


def test_an_answer_about_no_molecule_has_its_reason(services, monkeypatch):
    monkeypatch.setattr("ui.why_page.key_of", lambda request: ("visitor", "other"))
    answer(services.store.get("visitor", "other"))
    value = WhyHandlers(services).open_why(event(turn=0), REQUEST)
    assert "about no molecule" in value["progress"]
    assert "pictures" not in value


@pytest.mark.parametrize("turn", [1, -1, "0", None, 10**9])
def test_an_answer_that_is_not_there_is_told(handlers, turn):
    assert "no longer there" in handlers.open_why(event(turn=turn), REQUEST)["problem"]


@pytest.mark.parametrize(
    "data", [{"sentence": 99}, {"number": 7}, {"kind": "x"}, {"told": "no"}, {"sentence": True}]
)
def test_choices_that_do_not_exist_change_nothing(handlers, data):
    handlers.open_why(event(turn=0), REQUEST)
    before = handlers.choose(event(), REQUEST)
    after = handlers.choose(event(**data), REQUEST)
    assert {**after, "rev": 0} == {**before, "rev": 0}


def test_of_two_molecules_one_is_chosen(handlers, services):
    session = services.store.get("visitor", "tab")
    answer(session, Molecule.parse("CCO"), ASPIRIN, text="Compare molecule 1 and 2.")
    value = handlers.open_why(event(turn=1), REQUEST)
    assert value["choices"].count('data-what="number"') == 2
    other = next(n for n in (1, 2) if n != value["number"])
    assert handlers.choose(event(number=other), REQUEST)["number"] == other


def test_a_failure_is_a_sentence_in_the_panel(handlers, fake, monkeypatch):
    from assistant.errors import QueueFullError

    def full(*_: object, **__: object):
        raise QueueFullError("8 questions are waiting for the model already.")

    monkeypatch.setattr(fake, "rescore", full)
    handlers.open_why(event(turn=0), REQUEST)
    *_, last = measured(handlers)
    assert "8 questions are waiting" in last["progress"]
    assert last["busy"] is False


def test_an_error_is_text_not_markup(handlers, chemistry):
    chemistry.broken["draw"] = InvalidMoleculeError("No drawing of <img src=x onerror=alert(1)>.")
    assert "<img" not in handlers.open_why(event(turn=0), REQUEST)["pictures"]


def test_a_lost_tab_ends_its_measuring_and_keeps_its_panel_and_the_store_is_bounded(handlers):
    handlers.open_why(event(turn=0), REQUEST)
    panel = handlers.panels.get(("visitor", "tab"))
    handlers.closed(REQUEST)
    assert panel.stop.is_set()
    assert handlers.choose(event(), REQUEST)["problem"] == ""
    nobody = SimpleNamespace(session_hash="another tab", headers={}, cookies={}, request=None)
    assert "idle" in handlers.choose(event(), nobody)["problem"]
    store = PanelStore(limit=2)
    panels = [SimpleNamespace(stop=threading.Event()) for _ in range(3)]
    for number, one in enumerate(panels):
        store.put(("v", str(number)), one)
    assert store.get(("v", "0")) is None
    assert [one.stop.is_set() for one in panels] == [True, False, False]


# -- drawing and marks ----------------------------------------------------------------------------


def effect(name: str, atoms: tuple[int, ...], nats: float, mean: float = 0.0) -> Effect:
    return Effect(Unit(name, "motif", atoms), nats, Control(mean, 0.01, 10))


def test_colours_follow_the_sign_and_size_and_neutral_parts_are_grey():
    effects = [
        effect("acid", (11, 12, 13), 2.0),
        effect("ester", (2, 3, 4), -1.0),
        effect("ring", (5, 6, 7, 8, 9, 10), 0.02),
        effect("methyl", (1,), 0.5, mean=3.0),
    ]
    scale = scale_of(effects)
    painted = paint(effects, scale)
    assert scale == 2.0
    assert [painted.steps[n] for n in (11, 2, 5, 1)] == [4, -2, 0, 0]
    assert painted.notes == {11: "+2.0", 2: "−1.0"}
    svg = draw_svg(ASPIRIN, width=300, height=220, notes=notes_of(13, painted))
    html = painted_html(svg, painted, "influence", says={n: f"atom {n}" for n in range(1, 14)})
    assert html.count('class="why-p4"') == 3 + 2  # three atoms, two bonds
    assert html.count('class="why-n2"') == 3 + 2
    assert html.count('role="button"') == 13
    assert "atom-selector" not in html


def test_a_faint_influence_looks_faint():
    effects = [effect("acid", (11,), 0.06)]
    assert paint(effects, scale_of(effects)).steps == {11: 1}


def test_an_atom_of_two_parts_has_the_colour_of_the_one_that_stands_out():
    effects = [effect("a", (1, 2), 0.0), effect("b", (2, 3), 3.0)]
    assert paint(effects, 3.0).steps == {1: 0, 2: 4, 3: 4}
    assert paint(effects[::-1], 3.0).steps == {1: 0, 2: 4, 3: 4}


def test_a_control_picture_has_no_atoms_to_press():
    painted = paint([effect("random atoms", (1, 5), 3.0)], 3.0)
    html = painted_html(draw_svg(ASPIRIN, width=200, height=200), painted, "control")
    assert 'role="img"' in html
    assert 'role="button"' not in html


def test_values_have_their_sign_and_atoms_their_ranges():
    assert [signed(v) for v in (1.26, -0.034, 0.0, -0.001, -12.0)] == [
        "+1.3",
        "−0.03",
        "0",
        "0",
        "−12.0",
    ]
    assert ranges((2, 3, 5, 6, 7, 9)) == "2, 3, 5–7, 9"


def test_each_sentence_of_an_answer_has_its_why_and_text_and_order_stay():
    html = answer_html(TEXT, (), {}, turn=4)
    assert html.count('data-why="4"') == 3
    assert [int(n) for n in re.findall(r'<span class="sentence" data-sentence="(\d)"', html)] == [
        0,
        1,
        2,
    ]
    without = re.sub(r"<button.*?</button>", "", html)
    assert "It contains an ester and a benzene ring." in re.sub(r"<[^>]+>", "", without)
    assert answer_html(TEXT, (), {}).count("data-why") == 0


def test_hostile_words_stay_words():
    text = "<img src=x onerror=alert(1)> is an ester. `a.` b"
    html = answer_html(text, (), {}, turn=0)
    assert "<img" not in html


def test_conversations_have_a_why_for_finished_answers_only(services):
    session = services.store.get("visitor", "tab")
    assert Conversation().messages == ()
    answer(session, ASPIRIN)
    [turn] = services.transcript.value(session, 1)["turns"]
    assert turn.count('class="action why"') == 1
