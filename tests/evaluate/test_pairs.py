"""The cost table counts what it says it counts."""

import json

import torch
from torch import nn

from assistant.evaluate import pairs
from assistant.graph.pairs.encoders2d import ENCODERS_2D
from assistant.graph.pairs.encoders3d import ENCODERS_3D
from assistant.graph.pairs.interactions import FullBilinearFusion, LowRankBilinearFusion


def test_kept_bytes_are_those_of_the_tensors_a_backward_pass_needs():
    module = nn.Linear(4, 4)
    x = torch.randn(8, 4)
    kept = pairs.kept_bytes(lambda: module(x).relu(), module)
    assert kept == 2 * 8 * 4 * 4  # the input for the weight's gradient, the output for the ReLU's


def test_bilinear_weights_are_those_of_the_modules():
    full, low = pairs.bilinear_weights(12, 5)
    assert full == pairs.n_parameters(FullBilinearFusion(12))
    assert low == pairs.n_parameters(LowRankBilinearFusion(12, 5))


def test_the_table_has_every_part(capsys, tmp_path):
    path = tmp_path / "costs.json"
    assert pairs.main(["--smiles", "CCO", "--repeats", "1", "--json", str(path)]) == 0
    text = capsys.readouterr().out
    numbers = json.loads(path.read_text())
    assert {row["part"] for row in numbers["2D encoders"]} == ENCODERS_2D.keys()
    assert {row["part"] for row in numbers["3D encoders"]} == ENCODERS_3D.keys()
    assert "68,719,480,832" in text


def test_a_wrong_molecule_is_an_error_in_one_line(capsys):
    assert pairs.main(["--smiles", "C1CC"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
