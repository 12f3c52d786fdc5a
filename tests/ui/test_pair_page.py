"""The Pair tab's handlers: slots, answers, swap test, sweeps, CSV, what is off."""

import base64
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from assistant.chat.reply import Status
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameTable
from assistant.chem.pairs import PAIR_TASKS
from assistant.pairing.known import Near
from assistant.pairing.lists import LISTS, molecules_of
from assistant.pairing.predictor import PairPredictor
from tests.pairing.heads import write_bundle
from tests.ui.fakes import PAIRS_ON, STATUS, FakeAssistant, InProcessChemistry
from tests.ui.services import make_services
from ui.events import key_of
from ui.handle import AssistantHandle
from ui.pair_heads import PairHeads
from ui.pair_page import PairHandlers
from ui.pair_state import MAX_TABS, PairStore, Sweep, SweptRow
from ui.pair_sweep import MAX_PARTNERS
from ui.visitor import COOKIE

REQUEST = SimpleNamespace(session_hash="a", headers={})
DYE = "N#Cc1ccc(N(C)C)cc1"


def event(**data: object) -> SimpleNamespace:
    return SimpleNamespace(_data=data)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "own"
    return write_bundle(path, ("absorption", "emission"), ("drug_drug",))


@pytest.fixture(scope="module")
def heads(bundle: Path) -> PairHeads:
    heads = PairHeads(bundle)
    assert heads.wait(60)
    return heads


@pytest.fixture
def page(chemistry: InProcessChemistry, heads: PairHeads) -> PairHandlers:
    return PairHandlers(make_services(chemistry, FakeAssistant()), heads)


def fill(page: PairHandlers, first: str, second: str, task: str = "absorption") -> dict:
    page.choose(event(task=task), REQUEST)
    page.fill(event(slot=0, text=first), REQUEST)
    return page.fill(event(slot=1, text=second), REQUEST)


def last(values: Iterator[dict]) -> dict:
    *_, value = values
    return value


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<[^>]+>", " ", html))


def test_the_tab_says_what_is_on_and_what_is_off(page: PairHandlers) -> None:
    value = last(page.opened(REQUEST))
    assert {t["name"]: t["on"] for t in value["tasks"]} == {
        "absorption": True,
        "emission": True,
        "lifetime": False,
        "solvation": False,
        "drug_drug": True,
    }
    assert value["roles"] == ["Chromophore", "Solvent"]
    off = page.choose(event(task="solvation"), REQUEST)
    assert "Solvation is off" in text_of(off["off"])
    assert "python -m assistant.train.pairs --config" in off["off"]
    assert off["roles"] == ["Solute", "Solvent"]


def test_drugs_are_off_for_a_reason_in_plain_words_and_the_command_comes_after_it(
    chemistry: InProcessChemistry, tmp_path: Path
) -> None:
    heads = PairHeads(write_bundle(tmp_path / "own", ("absorption",)))
    assert heads.wait(60)
    page = PairHandlers(make_services(chemistry, FakeAssistant()), heads)
    off = text_of(page.choose(event(task="drug_drug"), REQUEST)["off"])
    plain = off.index("This bundle ships no model that says whether two drugs interact.")
    assert plain < off.index("the terms of the data") < off.index("model card")
    assert off.index("model card") < off.index("python -m assistant.train.pairs")


def test_a_filled_pair_is_answered_with_everything_that_belongs_to_a_number(
    page: PairHandlers, heads: PairHeads
) -> None:
    value = fill(page, "CN(C)c1ccc(C#N)cc1", "ethanol")
    said = text_of(value["answer"])
    predictor = heads.get().predictors["absorption"]
    wanted = predictor.values(Molecule.parse(DYE), Molecule.parse("CCO"))["absorption"]
    assert f"{wanted:.0f} ± 12 nm" in said  # of test pairs as similar, not of all
    assert "± 12 nm for pairs as like the training pairs as this one (n = 10)" in said
    assert "regression head; not the language model" in said
    assert "MAE 22 nm, RMSE 30 nm on 21 pairs that training never saw" in said
    assert "similarity 1.00" in said
    assert "MAE 12 nm (n = 10)" in said
    assert "296 nm; 90 % of 4 values between 275 and 312 nm" in said
    assert "300 nm for this very pair, in the training data: prefer it" in said
    assert "Outside" not in said
    assert "Swap test" not in said


def test_a_slot_never_takes_the_first_of_several_in_silence(page: PairHandlers) -> None:
    value = page.fill(event(slot=0, text="ethanol, water"), REQUEST)
    assert value["problem"] == "These are 2 molecules; a slot takes one."


def test_a_drawing_that_is_taken_is_not_looked_up_among_the_names(page: PairHandlers) -> None:
    last(page.take(event(text="NCS"), REQUEST))  # not N-chlorosuccinimide
    assert page.states.get(key_of(REQUEST)).slots[0].smiles == "NCS"


def test_the_error_of_a_value_is_that_of_pairs_as_unlike_training(page: PairHandlers) -> None:
    value = fill(page, "CN(C)c1ccc(C#N)cc1", "1-propanol")
    state = page.states.get(key_of(REQUEST))
    judged = page._predictor(state).judged(*state.pair, "absorption")
    assert 0.3 <= judged.similarity < 0.85
    said = text_of(value["answer"])
    assert "± 31 nm for pairs as like the training pairs as this one (n = 11)" in said
    assert "outside" not in value["answer"]


def test_a_value_beyond_the_test_pairs_is_marked_and_has_the_overall_error(
    page: PairHandlers,
) -> None:
    value = fill(page, "CN(C)c1ccc(C#N)cc1", "water")
    said = text_of(value["answer"])
    assert '<p class="pair-value outside">' in value["answer"]
    assert "⚠ outside of training" in said
    assert "± 22 nm for all 21 test pairs, as too few were as similar as this one;" in said
    assert "outside of training it can be larger" in said
    assert "hardly a test pair was as unlike the training pairs" in said


def test_what_has_no_pi_system_is_no_chromophore(page: PairHandlers) -> None:
    for task in ("absorption", "emission"):
        value = fill(page, "hexane", "acetonitrile", task)
        assert "the chromophore has no π system" in text_of(value["answer"])
        assert '<p class="pair-value outside">' in value["answer"]


def test_values_of_the_same_dye_in_other_solvents_come_first(page: PairHandlers) -> None:
    answer = fill(page, "CN(C)c1ccc(C#N)cc1", "1-propanol")["answer"]
    said = text_of(answer)
    assert "not for this pair; same dye in ethanol : 300 nm; same dye in toluene : 296 nm" in said
    rows = [text_of(row) for row in answer.split("<tbody>")[1].split("</tr>")]
    assert "same dye in ethanol : 300 nm" in rows[0]
    assert "same dye in toluene : 296 nm" in rows[1]
    assert "same dye" not in rows[2]


@pytest.mark.parametrize(("status", "talks"), [(STATUS, False), (PAIRS_ON, True)])
def test_the_chat_is_offered_only_where_it_has_pair_tokens(
    chemistry: InProcessChemistry, heads: PairHeads, status: Status, talks: bool
) -> None:
    page = PairHandlers(make_services(chemistry, FakeAssistant(said=status)), heads)
    assert fill(page, "aspirin", "ethanol")["talk"] is talks


def test_the_chat_is_not_offered_while_there_is_no_model(
    chemistry: InProcessChemistry, heads: PairHeads
) -> None:
    services = make_services(chemistry, FakeAssistant(said=PAIRS_ON))
    loading = replace(services, handle=AssistantHandle(lambda: FakeAssistant(said=PAIRS_ON)))
    assert fill(PairHandlers(loading, heads), "aspirin", "ethanol")["talk"] is False


def test_a_molecule_from_elsewhere_takes_the_first_free_slot_then_the_second(
    page: PairHandlers,
) -> None:
    dye = Molecule.parse(DYE).smiles
    first = last(page.take(event(text=DYE), REQUEST))
    assert first["names"] == [dye, ""]
    assert first["said"] == f"{dye} is the chromophore."
    page.clear(event(slot=0), REQUEST)
    page.fill(event(slot=1, text="water"), REQUEST)
    assert last(page.take(event(text=DYE), REQUEST))["names"] == [dye, "water"]
    last_one = last(page.take(event(text="CCO"), REQUEST))
    assert last_one["names"] == [dye, "ethanol"]
    assert last_one["said"] == "ethanol is the solvent in place of water."
    again = last(page.take(event(text="CCO"), REQUEST))
    assert again["names"] == [dye, "ethanol"]
    opened = last(page.opened(REQUEST))
    assert "problem" not in opened  # it ends nothing that was said of an event
    assert "said" not in opened
    wrong = last(page.take(event(text="C1CC"), REQUEST))
    assert wrong["problem"]
    assert page.states.get(key_of(REQUEST)).pair is not None


def test_a_molecule_outside_of_training_is_flagged(page: PairHandlers) -> None:
    said = text_of(fill(page, "[NH3][Pt](Cl)(Cl)[NH3]", "O")["answer"])
    assert "Outside of what it was trained on" in said
    assert "the chromophore has Pt" in said
    assert "highest similarity" in said


def test_both_ways_round_are_computed_for_a_symmetric_task(page: PairHandlers) -> None:
    there = text_of(fill(page, "aspirin", "caffeine", "drug_drug")["answer"])
    assert "equal to the last bit" in there
    assert "32 % of 4 training pairs are listed" in there
    scores = re.findall(r"score\(\w, \w\) = ([\d.]+)", there)
    back = text_of(page.swap(REQUEST)["answer"])
    assert len(scores) == 2
    assert re.findall(r"score\(\w, \w\) = ([\d.]+)", back) == scores


def test_a_slot_is_filled_from_the_conversation_and_emptied(page: PairHandlers) -> None:
    with page._store.locked(*key_of(REQUEST)) as session:
        conversation, _ = session.conversation.with_molecule(Molecule.parse("CCO", name="ethanol"))
        session.keep_molecules(conversation)
    value = last(page.opened(REQUEST))
    assert value["numbers"] == [{"n": 1, "name": "ethanol"}]
    value = page.fill(event(slot=1, number=1), REQUEST)
    assert value["names"] == ["", "ethanol"]
    assert value["answer"] == ""
    assert page.clear(event(slot=1), REQUEST)["names"] == ["", ""]
    assert "no drawing" in page.fill(event(slot=1, number=0), REQUEST)["problem"]


@pytest.mark.parametrize("text", ["C1CC", "", "CCO>>CC=O", "what is this"])
def test_what_is_no_molecule_leaves_the_slot_as_it_was(page: PairHandlers, text: str) -> None:
    fill(page, "aspirin", "ethanol")
    value = page.fill(event(slot=0, text=text), REQUEST)
    assert value["problem"]
    assert value["at"] == 0
    assert "tasks" not in value
    assert last(page.opened(REQUEST))["names"] == ["aspirin", "ethanol"]


def test_one_molecule_is_swept_over_solvents(page: PairHandlers, heads: PairHeads) -> None:
    fill(page, DYE, "water")
    value = last(page.sweep(event(vary=1, list="solvents"), REQUEST))["sweep"]
    assert (value["done"], value["total"], value["running"]) == (34, 34, False)
    assert (value["task"], value["axis"]) == ("absorption", "absorption maximum (nm)")
    by_name = {row["name"]: row for row in value["rows"]}
    predictor = heads.get().predictors["absorption"]
    wanted = predictor.values(Molecule.parse(DYE), Molecule.parse("Cc1ccccc1"))["absorption"]
    assert by_name["toluene"]["value"] == wanted
    assert by_name["toluene"]["measured"] == 296
    assert by_name["water"]["measured"] is None
    assert (by_name["toluene"]["off"], by_name["toluene"]["around"]) == ("± 12", 12.0)
    assert by_name["1-propanol"]["off"] == "± 31"
    assert by_name["water"]["off"] == "± 22"
    assert value["errorName"] == "error, nm"
    file = page.save(event(rows=[3, 0]), REQUEST)["file"]
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(file["base64"]).decode("utf-8-sig"))))
    assert [row["solvent"] for row in rows] == ["toluene", "hexane"]
    assert float(rows[0]["absorption maximum (nm)"]) == pytest.approx(wanted, abs=0.1)
    assert rows[0]["measured (training pair)"] == "296"
    assert rows[0]["method"] == "pair model head"
    assert rows[0]["test MAE (nm)"] == "12"
    assert rows[0]["error measured on"] == "10 test pairs of similarity 0.85–1"
    assert rows[1]["test MAE (nm)"] == "31"
    assert rows[1]["error measured on"] == "11 test pairs of similarity 0.3–0.85"


def test_pasted_lines_are_swept_and_bad_ones_named(page: PairHandlers) -> None:
    fill(page, DYE, "water")
    text = "=cmd()\nCCO mine\nC1CC broken\ncaffeine"
    value = last(page.sweep(event(vary=0, list="pasted", text=text), REQUEST))["sweep"]
    assert [row["name"] for row in value["rows"]] == ["mine", "caffeine"]
    assert len(value["problems"]) == 2
    assert value["fixed"] == "water"


def test_a_sweep_says_what_it_needs(page: PairHandlers) -> None:
    def problem(**data: object) -> str:
        return last(page.sweep(event(**data), REQUEST))["problem"]

    assert "chromophore first" in problem(vary=1, list="solvents")
    fill(page, DYE, "water")
    assert "Paste the molecules" in problem(vary=1, list="pasted", text=" ")
    assert "no molecules yet" in problem(vary=1, list="conversation")
    assert "no other molecule" in problem(vary=0, list="pasted", text="O")
    many = "\n".join("C" * n for n in range(1, MAX_PARTNERS + 3))
    assert "Split it" in problem(vary=0, list="pasted", text=many)
    page.choose(event(task="solvation"), REQUEST)
    assert "is off" in problem(vary=1, list="solvents")
    assert (
        "no table yet"
        in PairHandlers(make_services(page._chemistry, FakeAssistant()), page._heads).save(
            event(), REQUEST
        )["problem"]
    )


def test_a_sweep_is_cancelled_and_keeps_what_is_there(page: PairHandlers) -> None:
    fill(page, DYE, "water")
    values = page.sweep(event(vary=1, list="drugs"), REQUEST)
    next(values)
    page.cancel(REQUEST)
    state = page.states.get(key_of(REQUEST))
    final = last(values)["sweep"]
    assert not final["running"]
    assert len(final["rows"]) == state.sweep.done == final["done"]
    assert final["stopped"] == (final["done"] < final["total"])


def test_both_molecules_go_into_the_chat_with_the_question(page: PairHandlers) -> None:
    fill(page, "aspirin", "ethanol")
    composer = page.talk(REQUEST)
    assert composer["attached"] == [1, 2]
    assert "molecule 1" in composer["question"]
    assert "molecule 2" in composer["question"]
    with page._store.locked(*key_of(REQUEST)) as session:
        assert [m.molecule.name for m in session.conversation.molecules] == ["aspirin", "ethanol"]


def test_names_are_text_not_markup(page: PairHandlers) -> None:
    evil = "<img src=x onerror=alert(1)>"
    state = page.states.ensure(key_of(REQUEST))
    state.slots[:] = [Molecule(DYE, evil), Molecule("CCO")]
    value = last(page.opened(REQUEST))
    assert "<img" not in value["answer"] + "".join(value["slots"])


def test_without_a_bundle_everything_is_off(
    chemistry: InProcessChemistry, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle)  # where the program is started is not where heads are read from
    heads = PairHeads(None)
    page = PairHandlers(make_services(chemistry, FakeAssistant()), heads)
    value = last(page.opened(REQUEST))
    assert not any(task["on"] for task in value["tasks"])
    assert value["off"]


def test_a_tab_whose_network_was_lost_keeps_its_pair_and_its_table(page: PairHandlers) -> None:
    fill(page, DYE, "water")
    values = page.sweep(event(vary=1, list="solvents"), REQUEST)
    next(values)
    page.closed(REQUEST)
    value = last(values)
    assert value["sweep"]["running"] is False
    assert last(page.opened(REQUEST))["names"][1] == "water"
    assert "file" in page.save(event(), REQUEST)


def test_tabs_that_are_closed_take_no_room_of_those_that_are_open(page: PairHandlers) -> None:
    fill(page, DYE, "water")
    for n in range(MAX_TABS + 1):
        page.closed(SimpleNamespace(session_hash=f"never on Pair {n}", headers={}))
    assert len(page.states) == 1
    assert page.states.get(key_of(REQUEST)).pair is not None


def test_a_running_sweep_sends_only_its_table_and_searches_once_a_partner(
    page: PairHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, searched = PairPredictor.nearest, []

    def counted(*given: object) -> Sequence[Near]:
        searched.append(given)
        return search(*given)

    monkeypatch.setattr(PairPredictor, "nearest", counted)
    page.fill(event(slot=0, text=DYE), REQUEST)
    first, *others = page.sweep(event(vary=1, list="solvents"), REQUEST)
    assert "tasks" in first
    assert others
    assert all(set(value) == {"rev", "only", "sweep"} for value in others)
    assert {value["only"] for value in others} == {"sweep"}
    assert len(searched) == 34


def test_a_sweep_ends_with_the_stream_that_shows_it(page: PairHandlers) -> None:
    fill(page, DYE, "water")
    values = page.sweep(event(vary=1, list="solvents"), REQUEST)
    next(values)
    values.close()
    assert page.states.get(key_of(REQUEST)).sweep.stop.is_set()


def test_a_visitor_sweeps_in_one_tab_at_a_time(page: PairHandlers) -> None:
    headers = {"cookie": f"{COOKIE}={'A' * 43}"}
    here, there = (SimpleNamespace(session_hash=tab, headers=headers) for tab in "ab")
    page.fill(event(slot=0, text=DYE), there)
    running = Sweep(PAIR_TASKS["absorption"], Molecule(DYE), 1, [SweptRow(Molecule("O"))])
    page.states.begin(key_of(here), running)
    (refused,) = page.sweep(event(vary=1, list="solvents"), there)
    assert "runs for you in another tab" in refused["problem"]
    running.stop.set()
    assert last(page.sweep(event(vary=1, list="solvents"), there))["sweep"]["done"] == 34


def test_the_longest_unused_pair_gives_way() -> None:
    store = PairStore(limit=2)
    for name in "abc":
        store.ensure(("v", name))
    assert len(store) == 2


@pytest.mark.parametrize("which", LISTS)
def test_the_lists_hold_distinct_molecules(which: str) -> None:
    molecules = molecules_of(which)
    assert len({m.smiles for m in molecules}) == len(molecules) == len(LISTS[which])
    assert all("." not in m.smiles for m in molecules)


def test_every_solvent_of_the_list_is_found_by_its_name() -> None:
    names = NameTable.load()
    found = {m.name: names.find(m.name) for m in molecules_of("solvents")}
    assert [name for name, entry in found.items() if entry is None] == []
    assert {name: entry.molecule().smiles for name, entry in found.items()} == {
        m.name: m.smiles for m in molecules_of("solvents")
    }


def test_the_lists_agree_with_the_table_of_names(chemistry: InProcessChemistry) -> None:
    wrong = []
    for which in LISTS:
        for molecule in molecules_of(which):
            try:
                found = chemistry.call("inspect", text=molecule.name)
            except Exception:  # noqa: BLE001
                continue
            known = Molecule.parse(str(found["smiles"]))
            if known.inchikey[:14] != molecule.inchikey[:14]:
                wrong.append((molecule.name, molecule.smiles, known.smiles))
    assert wrong == []
