"""The dry run on random weights: tiny here, of a real shape where there is a GPU."""

import json

import pytest
import torch

from assistant.llm.compute import four_bit_layers
from assistant.llm.random_nf4 import random_nf4
from assistant.train.adapt.dry_run import SHAPES, main
from assistant.train.adapt.shape import shape_of


def test_random_weights_are_in_4_bits_and_as_many_as_planned():
    model = random_nf4(SHAPES["tiny"], torch.device("cpu"))
    shape = shape_of(SHAPES["tiny"])
    layers = [layer for _, layer in four_bit_layers(model)]
    assert sum(layer.in_features * layer.out_features for layer in layers) == shape.n_linear
    other = sum(p.numel() for p in model.parameters()) - sum(
        layer.weight.numel() for layer in layers
    )
    assert other == shape.n_other
    assert not any(p.is_meta for p in (*model.parameters(), *model.buffers()))
    logits = model(input_ids=torch.tensor([[1, 2, 3]]), use_cache=False).logits
    assert torch.isfinite(logits).all()


@pytest.mark.gpu
@pytest.mark.parametrize("shape", ["llama-3.2-1b", "llama-3.1-8b"])
def test_a_real_shape_stays_within_its_plan(shape, tmp_path):
    assert (
        main(["--shape", shape, "--vram", "12", "--steps", "3", "--json", str(tmp_path / "j")]) == 0
    )
    stages = json.loads((tmp_path / "j").read_text())["stages"]
    for figures in stages.values():
        assert figures["peak_gb"] <= figures["planned_gb"] <= 12.0


def test_what_cannot_be_is_told_before_anything_runs(tmp_path, capsys):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for options, said in (
        (["--json", str(tmp_path)], "is a directory; name a file with --json"),
        (["--json", str(tmp_path / "file" / "x")], "Nothing can be written into"),
        (["--config", "shrt"], "Did you mean 'short'?"),
    ):
        assert main(["--shape", "tiny", *options]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    for option, value in (("--steps", "0"), ("--vram", "nan")):
        with pytest.raises(SystemExit):
            main(["--shape", "tiny", option, value])
        assert f"{option} {value} must be" in capsys.readouterr().err
