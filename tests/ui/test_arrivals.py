"""Molecules that come in together: repeats and unreadable rows are told, many are an offer."""

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from assistant.chat.conversation import Conversation
from assistant.chem.draw import to_molblock
from assistant.chem.molecule import Molecule
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from tests.ui.services import make_services
from ui.arrivals import MAX_CHIPS, Arrival, in_words, number_all
from ui.events import Services, key_of
from ui.handlers import Handlers
from ui.list_columns import FileColumns
from ui.pasting import PasteHandlers

REQUEST = SimpleNamespace(session_hash="a", headers={})
LINES = [f"{'C' * n}O m{n}" for n in range(1, 13)]


def event(**data: object) -> SimpleNamespace:
    return SimpleNamespace(_data=data)


@pytest.fixture
def services(
    chemistry: InProcessChemistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Services:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return make_services(chemistry, FakeAssistant(delay=0))


def dropped(services: Services, folder: Path, lines: list[str], **more: object) -> tuple:
    path = folder / "mine.smi"
    path.write_text("\n".join(lines), encoding="utf-8")
    data = {"path": str(path), "name": "mine.smi", "id": "s1"} | more
    return Handlers(services).file(event(**data), REQUEST)


def pasted(services: Services, text: str, **more: object) -> tuple:
    return PasteHandlers(services).pasted(event(text=text, id="s2", **more), REQUEST)


def numbers(services: Services) -> list[int]:
    return [m.number for m in services.store.get(*key_of(REQUEST)).conversation.molecules]


def test_merged_and_unreadable_rows_of_a_file_are_said(services: Services, tmp_path: Path) -> None:
    lines = ["CCO ethanol", "OCC again", "C1CC broken", "CCN", "C(C)O third"]
    composer = dropped(services, tmp_path, lines)[0]
    assert composer["numbers"] == [1, 2]
    assert composer["notice"]["text"].startswith(
        "2 read. 2 rows are the same as earlier ones and merged: molecule 1. Line 3 ('broken'): "
    )
    assert composer["notice"]["tone"] == "warning"
    notice = dropped(services, tmp_path, ["CCO", "C"])[0]["notice"]
    assert notice["text"] == "2 read. 1 was in this chat before: molecule 1."
    assert notice["tone"] == "info"


def test_every_unreadable_row_is_named_though_only_a_few_reasons_are_told() -> None:
    problems = tuple(f"Line {n} ('m: {n}'): ring 1 is not closed." for n in range(1, 40))
    said, tone = in_words(Arrival((1,), (*problems, "Only the first 1,000 were read.")))
    assert tone == "warning"
    assert said.count("ring 1 is not closed") == 5
    assert "Could not be read either: Line 6 ('m: 6'), Line 7" in said
    assert "Line 25 ('m: 25') and 14 more." in said
    assert said.endswith("Only the first 1,000 were read.")
    assert in_words(Arrival((1, 2))) is None


def test_repeats_take_no_room_and_a_reaction_has_none() -> None:
    entries = [{"smiles": "C" * (n // 2 + 1)} for n in range(2 * MAX_CHIPS)]
    conversation, arrival = number_all(Conversation(), entries)
    assert len(conversation.molecules) == len(arrival.repeated) == MAX_CHIPS
    assert arrival.problems == ()
    reaction = {"reactants": [{"smiles": "CCO"}, {"smiles": "O"}], "products": [{"smiles": "O"}]}
    assert number_all(Conversation(), [{"reaction": reaction}])[1].repeated == ()


def test_many_molecules_of_a_file_are_an_offer_and_nothing_else_changes(
    services: Services, tmp_path: Path
) -> None:
    session = services.store.get(*key_of(REQUEST))
    composer, *others = dropped(services, tmp_path, [*LINES[:8], "C1CC bad", LINES[8]])
    assert composer["offer"] == {
        "id": "s1", "name": "mine.smi", "total": 9, "unreadable": 1, "room": 9,
    }  # fmt: skip
    assert others == [gr.skip()] * 3
    assert not numbers(services)
    assert session.current is None
    composer = dropped(services, tmp_path, LINES, all=True)[0]
    assert composer["numbers"] == list(range(1, 13))
    assert "offer" not in composer
    assert "up to 4" in composer["notice"]["text"]


def test_eight_molecules_are_taken_as_before(services: Services, tmp_path: Path) -> None:
    composer = dropped(services, tmp_path, LINES[:8])[0]
    assert "offer" not in composer
    assert len(composer["numbers"]) == 8


def test_an_offer_says_how_many_the_chat_takes(services: Services, tmp_path: Path) -> None:
    lines = [f"{'C' * (n % 30 + 1)}{'O' * (n // 30 + 1)}" for n in range(60)]
    assert dropped(services, tmp_path, lines)[0]["offer"]["room"] == MAX_CHIPS
    dropped(services, tmp_path, lines, all=True)
    assert len(numbers(services)) == MAX_CHIPS
    known = dropped(services, tmp_path, [*lines[:MAX_CHIPS], *lines[:MAX_CHIPS]])[0]["offer"]
    assert known["room"] == known["total"] == 2 * MAX_CHIPS


def test_many_molecules_pasted_are_an_offer_and_the_text_stays(services: Services) -> None:
    text = "\r\n".join([*LINES, "no molecule at all"])
    composer, *others = pasted(services, text, alone=True)
    assert composer["offer"] == {
        "id": "s2", "name": "", "total": 12, "unreadable": 1, "room": 12,
    }  # fmt: skip
    assert "pasted" not in composer
    assert others == [gr.skip()] * 3
    composer = pasted(services, text, alone=True, all=True)[0]
    assert composer["pasted"] == {"text": text, "words": ""}
    assert composer["numbers"] == list(range(1, 13))
    assert "Line 13" in composer["notice"]["text"]


def test_a_pasted_table_is_an_offer(services: Services) -> None:
    text = "name\tSMILES\tpIC50\n" + "\n".join(f"m{n}\t{'C' * n}O\t{n}" for n in range(1, 11))
    assert pasted(services, text, alone=True)[0]["offer"]["total"] == 10


def test_prose_is_no_offer_and_what_is_not_for_the_question_is_left_to_the_molecule_box(
    services: Services,
) -> None:
    prose = "\n".join(f"Line {n} says that it dissolves." for n in range(12))
    assert pasted(services, prose, alone=True) == (gr.skip(),) * 4
    composer = pasted(services, prose, alone=True, box=True)[0]
    assert composer["declined"] == "s2"
    assert not numbers(services)


def test_a_drawing_with_many_lines_is_one_molecule(services: Services) -> None:
    block = to_molblock(Molecule.parse("CCCCCCCCCCCO"))
    composer = pasted(services, block, alone=True)[0]
    assert "offer" not in composer
    assert composer["numbers"] == [1]


def test_a_racemate_of_a_file_is_told_in_the_chat_and_in_the_list(
    services: Services, tmp_path: Path
) -> None:
    text = "C[C@H](N)C(=O)O |&1:1| rac-alanine"
    notice = dropped(services, tmp_path, [text, "CCO"])[0]["notice"]
    assert notice["text"].endswith("read as the isomer that is drawn: Line 1 ('rac-alanine').")
    report = services.chemistry.call("lines", text=text)
    assert "racemate" in FileColumns.of_report(report).notices[0]


def test_a_structure_of_a_file_is_never_looked_up_among_the_names(
    services: Services, tmp_path: Path
) -> None:
    """Aminomethanethiol is not N-chlorosuccinimide, which chemists call NCS."""
    _, bench, _, facts = dropped(services, tmp_path, ["NCS x1", "CCO"])
    assert services.store.get(*key_of(REQUEST)).current.inspection["facts"]["formula"] == "CH5NS"
    assert "CH5NS" in str(facts)
    _, bench, *_ = Handlers(services).loaded(event(smiles="NCS"), REQUEST)
    assert bench["text"] == "NCS"
    copied = PasteHandlers(services).copied(event(smiles="NCS", kind="smiles"), REQUEST)
    assert copied["smiles"] == "NCS"
    assert services.store.get(*key_of(REQUEST)).current.inspection["facts"]["formula"] == "CH5NS"


def test_a_molecule_keeps_the_name_it_has_in_the_file_or_list_it_comes_from(
    services: Services, tmp_path: Path
) -> None:
    handlers = Handlers(services)
    _, bench, *_ = dropped(services, tmp_path, ["C[C@H](N)C(=O)O MC-17", "CCO"])
    assert '<span class="name">MC-17</span>' in bench["html"]
    _, bench, *_ = handlers.loaded(event(smiles="CCN", name="MC-18"), REQUEST)
    assert '<span class="name">MC-18</span>' in bench["html"]
    session = services.store.get(*key_of(REQUEST))
    assert [m.molecule.name for m in session.conversation.molecules][::2] == ["MC-17", "MC-18"]
    _, bench, *_ = handlers.chip(event(action="open", number=1), REQUEST)
    assert '<span class="name">MC-17</span>' in bench["html"]
    _, bench, *_ = handlers.loaded(event(smiles="OCC"), REQUEST)
    assert '<span class="name">ethanol</span>' in bench["html"]
