"""A run's directory is not gone on with by other settings than it was begun by."""

import json
from pathlib import Path

import pytest

from assistant.errors import AssistantError
from assistant.train.guard import NOTE, refuse_another


def test_settings_that_differ_are_named_and_those_that_may_are_noted(tmp_path: Path) -> None:
    values = {"recipe": {"lr": 0.1, "steps": 5, "stage": {"epochs": (1, 2)}}, "llm": "a"}
    refuse_another(tmp_path, values)
    refuse_another(tmp_path, values)
    wrong = {"recipe": {"lr": 0.2, "steps": 6, "stage": {"epochs": (1, 3)}, "new": 1}}
    with pytest.raises(AssistantError, match=r"\(llm, lr, new, stage\.epochs\)"):
        refuse_another(tmp_path, wrong, may_change=("steps",))
    longer = {"recipe": values["recipe"] | {"steps": 6}, "llm": "a"}
    with pytest.raises(AssistantError, match=r"\(steps\)"):
        refuse_another(tmp_path, longer)
    assert json.loads((tmp_path / NOTE).read_text("utf-8"))["recipe"]["steps"] == 5
    refuse_another(tmp_path, longer, may_change=("steps",))
    assert json.loads((tmp_path / NOTE).read_text("utf-8"))["recipe"]["steps"] == 6


def test_a_path_is_noted_as_its_text(tmp_path: Path) -> None:
    refuse_another(tmp_path, {"data": [{"path": Path("qm9/homo.csv.gz")}]})
    assert json.loads((tmp_path / NOTE).read_text("utf-8"))["data"][0]["path"] == "qm9/homo.csv.gz"
    with pytest.raises(AssistantError, match="other settings"):
        refuse_another(tmp_path, {"data": [{"path": Path("qm9/lumo.csv.gz")}]})


def test_a_process_beside_the_first_compares_only(tmp_path: Path) -> None:
    refuse_another(tmp_path, {"lr": 1.0}, writes=False)
    assert not (tmp_path / NOTE).exists()
