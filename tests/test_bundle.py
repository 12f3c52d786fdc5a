"""What bundle.json says of a bundle: read as it was written, refused where it cannot be right."""

import json
from pathlib import Path

import pytest

from assistant.bundle import Bundle
from assistant.chat.prompts import menu_tasks
from assistant.errors import BundleError
from ui.examples import load_menu

CANNOT = ("product", "retrosynthesis")


def test_tasks_that_a_model_cannot_do_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert Bundle.write(tmp_path, "all", {}).cannot == ()
    assert "cannot" not in json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"))
    assert not Bundle.read(tmp_path).english_only
    bundle = Bundle.write(tmp_path, "some", {}, most_molecules=4, cannot=CANNOT, english_only=True)
    assert bundle == Bundle.read(tmp_path)
    assert bundle.cannot == CANNOT
    with_heads = bundle.with_component("pair_heads", "pair_heads")
    assert (with_heads.cannot, with_heads.most_molecules) == (CANNOT, 4)
    assert with_heads.english_only
    other = bundle.speaking_through("another/model")
    assert (other.cannot, other.english_only) == ((), False)


def test_a_task_that_the_menu_does_not_have_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot 'retro'.*known are compare, describe"):
        Bundle.write(tmp_path, "wrong", {}, cannot=("product", "retro"))
    assert not (tmp_path / "bundle.json").exists()
    Bundle.write(tmp_path, "wrong", {})
    values = json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"))
    for given, said in (("product", "write a list"), (["nonsense"], "'nonsense'"), ([1], "1")):
        text = json.dumps({**values, "cannot": given})
        (tmp_path / "bundle.json").write_text(text, encoding="utf-8")
        with pytest.raises(BundleError, match=said):
            Bundle.read(tmp_path)


def test_the_menu_and_its_files_name_the_same_tasks() -> None:
    assert {task.key for task in load_menu()} == set(menu_tasks())


def test_the_shipped_bundle_says_that_its_model_was_not_trained_on_reactions(root: Path) -> None:
    assert Bundle.read(root / "checkpoints" / "default").cannot == CANNOT
