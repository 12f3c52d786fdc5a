"""A list keeps the columns of the person's own file, and says which rows are the same molecule."""

import base64
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from rdkit import Chem

from assistant.chem.draw import to_molblock
from assistant.chem.molecule import Molecule
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from tests.ui.services import make_services
from ui.events import key_of
from ui.list_columns import FileColumns, first_of_each
from ui.list_page import ListHandlers

REQUEST = SimpleNamespace(session_hash="own", headers={})
CSV = (
    "name,smiles,pIC50,=cmd|x,clogp\naspirin,CC(=O)Oc1ccccc1C(=O)O,7.3,=HYPERLINK(1),1.2\n"
    "bad,C1CCC,1,,\nASA,O=C(C)Oc1ccccc1C(O)=O,6.9,-3,\nethanol,CCO,,@x,-0.1\n"
)


def event(**data: object) -> SimpleNamespace:
    return SimpleNamespace(_data=data)


@pytest.fixture
def handlers(chemistry: InProcessChemistry) -> Iterator[ListHandlers]:
    made = ListHandlers(make_services(chemistry, FakeAssistant(delay=0)))
    yield made
    made.lists.get(key_of(REQUEST)).close()


def pasted(handlers: ListHandlers, text: str) -> tuple[list[dict], dict]:
    """The updates of the rows, in order, and the last state."""
    values = list(handlers.paste(event(text=text), REQUEST))
    assert not values[-1]["problem"]
    return [update for value in values for update in json.loads(value["updates"])], values[-1][
        "state"
    ]


def saved(handlers: ListHandlers, kind: str) -> str:
    file = handlers.save(event(format=kind), REQUEST)["file"]
    return base64.b64decode(file["base64"]).decode("utf-8-sig")


def test_the_columns_of_a_file_come_with_its_rows_and_a_computed_name_stays_the_computed_one(
    handlers: ListHandlers,
) -> None:
    updates, state = pasted(handlers, CSV)
    assert state["columns"] == ["pIC50", "=cmd|x", "clogp (file)"]
    assert [u["own"] for u in updates if "smiles" in u] == [
        ["7.3", "=HYPERLINK(1)", "1.2"], ["6.9", "-3", ""], ["", "@x", "-0.1"],
    ]  # fmt: skip
    assert state["notices"] == []


def test_they_leave_as_csv_beside_the_computed_ones_and_none_is_a_formula(
    handlers: ListHandlers,
) -> None:
    pasted(handlers, CSV)
    first, second, third = csv.DictReader(io.StringIO(saved(handlers, "csv")))
    assert (first["pIC50"], second["pIC50"], third["pIC50"]) == ("7.3", "6.9", "")
    assert [row["'=cmd|x"] for row in (first, second, third)] == ["'=HYPERLINK(1)", "-3", "'@x"]
    assert (first["clogp"], first["clogp (file)"]) == ("1.3101", "1.2")
    assert [row["same_as"] for row in (first, second, third)] == ["", "1", ""]


def test_they_leave_as_sdf_and_no_field_is_overwritten(
    handlers: ListHandlers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gr.utils, "get_upload_folder", lambda: str(tmp_path))
    fields = "> <IC50_nM>\n> 1000\n\n> <ANSWER_1>\nof before\n\n> <FORMULA>\nmine\n\n"
    path = tmp_path / "a.sdf"
    path.write_text(f"x{to_molblock(Molecule.parse('CCO'))}{fields}$$$$\n", encoding="utf-8")
    list(handlers.file(event(path=str(path), name="a.sdf"), REQUEST))
    list(handlers.ask_rows(event(text="Why?"), REQUEST))
    supplier = Chem.SDMolSupplier()
    supplier.SetData(saved(handlers, "sdf"))
    (mol,) = list(supplier)
    assert mol.GetProp("IC50_nM").strip() == "> 1000"
    assert (mol.GetProp("FORMULA"), mol.GetProp("FORMULA (file)")) == ("C2H6O", "mine")
    assert mol.GetProp("ANSWER_1").startswith("This is aspirin")
    assert mol.GetProp("ANSWER_1 (2)") == "of before"


def test_a_later_row_says_which_earlier_one_is_the_same_molecule_and_both_stay(
    handlers: ListHandlers,
) -> None:
    updates, state = pasted(handlers, CSV)
    assert [u.get("same") for u in updates if "smiles" in u] == [None, 0, None]
    assert (state["total"], state["same"]) == (3, 1)
    assert first_of_each(["b", "a", "b", "b", "a"]) == [None, None, 0, 0, 1]


def test_what_a_cap_cut_is_told(handlers: ListHandlers) -> None:
    _, state = pasted(handlers, f"smiles,note\nCCO,{'x' * 400}\n")
    assert state["notices"] == ["1 cell of the file cut after 300 characters."]


def test_a_saved_list_that_is_opened_again_has_each_column_once_and_the_persons_own_first(
    handlers: ListHandlers,
) -> None:
    pasted(handlers, CSV)
    heads = pasted(handlers, saved(handlers, "csv"))[1]["columns"]
    assert heads[:3] == ["pIC50", "=cmd|x", "clogp (file)"]
    assert "formula (file)" in heads
    assert "clogp (file) (2)" in heads
    assert len({head.casefold() for head in heads}) == len(heads)


def test_names_and_cells_that_a_saved_list_had_to_escape_are_read_as_they_were(
    handlers: ListHandlers,
) -> None:
    text = 'smiles;name;EC50;note\nCCO;=cmd;-5,3;"-3, dry"\nCCN;+x;-1.5e-3;\'tis\n'
    before, _ = pasted(handlers, text)
    saved_text = saved(handlers, "csv")
    assert "-5,3" in saved_text
    assert "'-5,3" not in saved_text
    after, state = pasted(handlers, saved_text)
    assert [u["name"] for u in after if "smiles" in u] == ["=cmd", "+x"]
    assert [u["own"] for u in before if "smiles" in u] == [["-5,3", "-3, dry"], ["-1.5e-3", "'tis"]]
    own = [state["columns"].index(head) for head in ("EC50", "note")]
    assert [[u["own"][k] for k in own] for u in after if "smiles" in u] == [
        ["-5,3", "-3, dry"], ["-1.5e-3", "'tis"],
    ]  # fmt: skip


def test_a_list_without_own_columns_has_none() -> None:
    assert FileColumns.of_report({"molecules": []}).row(5) == ()
