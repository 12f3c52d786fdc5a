"""The golden runner passes what agrees and nothing else."""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from assistant.evaluate import golden
from assistant.evaluate.golden_checks import Comparison, GoldenFile, Mismatch, check_for, registered

NAME = "toy_double_d3.safetensors"


def double(file: GoldenFile) -> Iterator[Comparison]:
    """The method under test of these tests: y = w · x."""
    yield Comparison("output/y", file.weights()["w"] * file.tensors["input/x"])


def write(directory: Path, *, name: str = NAME, **changes: Tensor) -> None:
    tensors = {
        "weight/w": torch.tensor(2.0),
        "input/x": torch.tensor([1.0, 2.0]),
        "output/y": torch.tensor([2.0, 4.0]),
    }
    save_file(
        tensors | {f"output/{key}": value for key, value in changes.items()}, directory / name
    )
    digest = hashlib.sha256((directory / name).read_bytes()).hexdigest()
    entry = {"file": name, "sha256": digest, "atol": 0.01, "rtol": 0.0, "molecules": ["C"]}
    manifest = {"format_version": 1, "files": [entry]}
    (directory / "manifest.json").write_text(json.dumps(manifest))


def only_result(directory: Path, check=double) -> golden.Result:
    (result,) = golden.check_directory(directory, {"toy_double": check})
    return result


def test_a_file_that_agrees_passes_with_its_largest_error(tmp_path):
    write(tmp_path, y=torch.tensor([2.0, 4.005]))
    result = only_result(tmp_path)
    assert result.passed
    assert result.max_abs_error == pytest.approx(0.005, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"y": torch.tensor([2.0, 4.02])}, "output/y differs in 1 of 2 values"),
        ({"y": torch.tensor([2.0, math.nan])}, "output/y differs in 1"),
        ({"y": torch.tensor([2.0])}, "output/y is (2,) instead of (1,)"),
        ({"z": torch.tensor([2.0])}, "not computed: output/z"),
    ],
)
def test_a_file_that_differs_fails_with_the_reason(tmp_path, changes, reason):
    write(tmp_path, **changes)
    result = only_result(tmp_path)
    assert not result.passed
    assert reason in result.reason


def test_what_a_file_does_not_store_is_left_aside_but_something_must_be(tmp_path):
    write(tmp_path)
    more = only_result(tmp_path, lambda f: [*double(f), Comparison("output/z", torch.ones(1))])
    assert more.passed
    tensors = {"weight/w": torch.tensor(2.0), "input/x": torch.tensor([1.0])}
    save_file(tensors, tmp_path / NAME)
    entry = {"file": NAME, "atol": 0.01, "rtol": 0.0}
    none = golden.check_file(tmp_path, entry, {"toy_double": double})
    assert "no output" in none.reason


def test_a_computed_nan_fails_also_against_a_small_tolerance(tmp_path):
    write(tmp_path)
    result = only_result(tmp_path, lambda _: [Comparison("output/y", torch.full((2,), math.nan))])
    assert not result.passed
    assert result.max_abs_error == math.inf


def test_integers_must_agree_exactly_whatever_the_tolerance(tmp_path):
    write(tmp_path, y=torch.tensor([10**6, 1]))
    result = only_result(tmp_path, lambda _: [Comparison("output/y", torch.tensor([10**6, 2]))])
    assert not result.passed


def test_undefined_entries_are_left_out_but_not_all_of_them(tmp_path):
    write(tmp_path, y=torch.tensor([2.0, 99.0]))
    got = torch.tensor([2.0, 4.0])
    some = only_result(tmp_path, lambda _: [Comparison("output/y", got, torch.tensor([1, 0]))])
    none = only_result(tmp_path, lambda _: [Comparison("output/y", got, torch.tensor([0, 0]))])
    assert some.passed
    assert "nothing was compared" in none.reason


def test_a_file_without_a_check_never_passes(tmp_path):
    write(tmp_path)
    (result,) = golden.check_directory(tmp_path, {"other": double})
    assert not result.passed
    assert result.reason == "no check: FAIL"


def test_a_check_that_cannot_go_on_is_the_reason(tmp_path):
    def stop(_: GoldenFile) -> Iterator[Comparison]:
        raise Mismatch("methane has 1 motif, none expected")
        yield

    write(tmp_path)
    assert "methane has 1 motif" in only_result(tmp_path, stop).reason


def test_damaged_missing_and_unnamed_files_fail(tmp_path):
    write(tmp_path)
    (tmp_path / NAME).rename(tmp_path / "stray.safetensors")
    named, stray = golden.check_directory(tmp_path, {"toy_double": double})
    assert "missing" in named.reason
    assert stray.reason == "not in manifest.json"
    (tmp_path / NAME).write_bytes(b"something else")
    assert "SHA-256" in golden.check_directory(tmp_path, {"toy_double": double})[0].reason


def test_the_longest_key_in_a_name_wins():
    checks = {"toy": math.sin, "toy_double": math.cos}
    assert check_for("unseen_toy_double_d9.safetensors", checks) is math.cos
    assert check_for("nothing", checks) is None


def test_every_module_of_the_registry_exports_checks():
    assert all(callable(check) for check in registered().values())


def test_the_command_prints_a_line_per_file_and_counts_and_fails_on_failure(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(golden, "registered", lambda: {"toy_double": double})
    write(tmp_path)
    assert golden.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("PASS  toy_double_d3.safetensors")
    assert lines[-1] == "1 of 1 files pass, 0 fail"
    write(tmp_path, y=torch.tensor([0.0, 0.0]))
    assert golden.main([str(tmp_path), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"] is False
    assert printed["files"][0]["max_abs_error"] == 4.0


def test_a_directory_without_a_manifest_is_an_error(tmp_path, capsys):
    assert golden.main([str(tmp_path)]) == 1
    assert "manifest.json" in capsys.readouterr().err
