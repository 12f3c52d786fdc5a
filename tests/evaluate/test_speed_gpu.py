"""Tests of the GPU rows of the speed table, on a tiny model on the CPU."""

import dataclasses
import json
import os

import pytest
import torch

from assistant.evaluate import guarded_run, speed, speed_gpu
from assistant.evaluate.gpu_bench import (
    GpuBench,
    Molecules,
    graph_error,
    random_llm,
    weight_bytes,
)
from assistant.llm import row_passes
from tests.llm.uncaptured import make_uncaptured

SHORT = ["--shape", "tiny", "--device", "cpu", "--repeats", "1", "--tokens", "8"]


@pytest.fixture(autouse=True)
def _stay(monkeypatch):
    """A restart would end the process of the tests, and all of them with it."""

    def refuse(*arguments):
        raise AssertionError(f"the measurement left this process: {arguments}")

    monkeypatch.setattr(os, "execv", refuse)
    monkeypatch.setattr(os, "_exit", refuse)


@pytest.fixture(scope="module")
def llm():
    return random_llm("tiny", torch.device("cpu"))


def test_every_row_but_memory_can_be_measured_on_a_processor(tmp_path, capsys):
    out = tmp_path / "gpu.json"
    assert speed_gpu.main([*SHORT, "--context", "512", "--json", str(out)]) == 1
    values = json.loads(out.read_text(encoding="utf-8"))
    rows = values["rows"]
    assert "CUDA device only" in rows.pop("G4")["failed"]
    assert "no captured step" in rows.pop("G0")["failed"]
    assert set(rows) == {"G1", "G2", "G3", "G5"}
    for row in rows.values():
        assert all(value > 0 for key, value in row.items() if "overhead" not in key)
    assert values["machine"]["obstacle_to_graphs"] == "the model is not on a CUDA device"
    assert "G3" in capsys.readouterr().out


def test_a_row_that_fails_leaves_the_others_and_what_was_known(tmp_path, monkeypatch):
    def fail(self):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(speed_gpu.Measurements, "decode", fail)
    out = tmp_path / "gpu.json"
    out.write_text(json.dumps({"machine": {}, "rows": {"G3": {"ratio": 5.0}}, "log": ["before"]}))
    arguments = [*SHORT, "--only", "G1", "G5", "--json", str(out), "--resume"]
    assert speed_gpu.main(arguments) == 1
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert "illegal memory access" in rows["G1"]["failed"]
    assert rows["G5"]["ms"] > 0
    assert rows["G3"] == {"ratio": 5.0}


def test_when_the_gpu_is_gone_the_rest_runs_in_a_new_process(tmp_path, monkeypatch):
    calls = []

    def fail(self):
        raise RuntimeError("CUDA error: unspecified launch failure")

    def replace(path, command):
        calls.append(command)
        raise SystemExit(3)

    monkeypatch.setattr(speed_gpu.Measurements, "decode", fail)
    monkeypatch.setattr(guarded_run, "answers", lambda device: False)
    monkeypatch.setattr(os, "execv", replace)
    out = tmp_path / "gpu.json"
    with pytest.raises(SystemExit):
        speed_gpu.main([*SHORT, "--only", "G1", "G5", "--json", str(out)])
    assert "launch failure" in json.loads(out.read_text(encoding="utf-8"))["rows"]["G1"]["failed"]
    options = speed_gpu._options(calls[0][3:])
    assert (options.only, options.products, options.resume) == (["G5"], "model", True)
    assert options.json == out
    assert options.spent >= 0


def test_when_nothing_can_be_set_up_simpler_products_are_tried(tmp_path, monkeypatch):
    calls = []

    def fail(shape, device):
        raise RuntimeError("CUDA error: misaligned address")

    def replace(path, command):
        calls.append(speed_gpu._options(command[3:]))
        raise SystemExit(3)

    monkeypatch.setattr(speed_gpu, "random_llm", fail)
    monkeypatch.setattr(os, "execv", replace)
    monkeypatch.setattr(os, "_exit", lambda code: replace("", ["", "", ""]))
    for products in ("auto", "model", "none"):
        with pytest.raises(SystemExit):
            speed_gpu.main([*SHORT, "--products", products, "--json", str(tmp_path / "gpu.json")])
    assert [options.products for options in calls] == ["model", "none", "auto"]
    assert [options.resume for options in calls] == [True, True, False]  # the last one gave up
    assert calls[0].only == list(speed_gpu.ROWS)


def test_no_row_begins_after_the_time(tmp_path):
    out = tmp_path / "gpu.json"
    speed_gpu.main([*SHORT, "--only", "G5", "--seconds", "0", "--json", str(out)])
    row = json.loads(out.read_text(encoding="utf-8"))["rows"]["G5"]
    assert "not begun" in row["failed"]


def test_the_speed_table_hands_cuda_over(monkeypatch):
    monkeypatch.setattr(speed_gpu, "main", lambda arguments: len(arguments))
    assert speed.main(["--device", "cuda", "--json", "x"]) == 4


def test_the_random_model_is_nf4_and_answers(llm):
    bench = GpuBench(llm, n_tokens=4, products="auto")
    assert len(bench.ask(bench.prompt(40, bench.deltas[0])).token_ids) == 4
    names = {name.rpartition(".")[2] for delta in bench.deltas for name in delta}
    assert names == {"q_proj", "k_proj", "v_proj", "o_proj"}
    n_linear = 2 * (128 * (128 + 64 + 64 + 128) + 3 * 128 * 256)
    n_norm, n_head = (2 * 2 + 1) * 128 * 2, 512 * 128 * 2
    packed = n_linear / 2 + n_norm + n_head
    assert packed < weight_bytes(llm.model) < packed * 1.1


def test_every_token_has_a_text(llm):
    """Else an answer's tokens without a certain text grow in number, and each step with them."""
    n_tokens = llm.model.config.vocab_size
    texts = {
        llm.tokenizer.decode([token], skip_special_tokens=True) for token in range(3, n_tokens)
    }
    assert len(texts - {""}) == n_tokens - 3


def test_the_check_compares_steps_with_one_pass(llm, monkeypatch):
    monkeypatch.setattr(row_passes, "make_decoder", make_uncaptured)
    bench = GpuBench(llm, n_tokens=4, products="auto")
    for n_rows in (1, 8):
        error, same = graph_error(bench, n_rows)
        assert error < 0.03
        assert same > 0.8
    step = bench.engine.graphs._graphs[(1, True)].step
    step._ops.shape = dataclasses.replace(step._ops.shape, scale=8.0)
    assert graph_error(bench, 1)[0] > 0.03


def test_a_molecule_gives_tokens_and_weights(llm):
    molecules = Molecules(llm)
    first, second = molecules.next(), molecules.next()
    assert first.lora_hash != second.lora_hash
    assert first.graph_tokens.shape == (28, 128)
    assert bool(first.graph_tokens.isfinite().all())
    assert {part.lora_A.dtype for part in first.lora.values()} == {torch.bfloat16}
    assert molecules.encoder.n_hits == 0
