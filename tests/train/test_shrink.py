"""Components in 8 bit: half the bytes, nearly the same numbers, and nothing lost on the way."""

from pathlib import Path

import pytest
import torch

from assistant.bundle import Bundle
from assistant.checkpoint import WEIGHTS, in_eight_bit, in_full, load_weights
from assistant.chem.molecule import Molecule
from assistant.components import graph_parts
from assistant.errors import BundleError
from assistant.llm.load import load_llm
from assistant.pairing.predictor import PairPredictor
from assistant.train.shrink import main
from tests.bundles import write_tiny_bundle
from tests.pairing.heads import write_bundle


def test_a_weight_is_off_by_half_a_code_at_most() -> None:
    torch.manual_seed(0)
    weights = {"w": torch.randn(64, 128), "b": torch.randn(64), "n": torch.arange(5000)}
    packed = in_eight_bit(weights)
    assert packed["w"].dtype == torch.int8
    back = in_full(packed)
    assert back.keys() == weights.keys()
    limit = weights["w"].abs().amax(dim=1, keepdim=True) / 254 * 1.001
    assert ((back["w"] - weights["w"]).abs() <= limit).all()
    assert torch.equal(back["b"], weights["b"])
    assert torch.equal(back["n"], weights["n"])


def test_rows_of_zeros_stay_zeros() -> None:
    assert not in_full(in_eight_bit({"w": torch.zeros(100, 100)}))["w"].any()


def test_a_bundle_reads_what_was_shrunk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle")
    known = Bundle.read(bundle)
    loaded = load_llm(bundle / "llm", device="cpu", pick_fastest=False)
    before = graph_parts(known, loaded).projector.state_dict()
    size = (bundle / "projector" / WEIGHTS).stat().st_size
    assert main(["--bundle", str(bundle), "encoder", "projector"]) == 0
    assert (bundle / "projector" / WEIGHTS).stat().st_size < 0.3 * size  # of float32
    after = graph_parts(known, loaded).projector.state_dict()
    for name, value in before.items():
        assert (after[name] - value).abs().max() <= value.abs().max() / 250
    once = (bundle / "encoder" / WEIGHTS).read_bytes()
    assert main(["--bundle", str(bundle), "encoder"]) == 0  # nothing is rounded twice
    assert (bundle / "encoder" / WEIGHTS).read_bytes() == once


def test_all_pair_heads_are_shrunk_and_tell_nearly_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.checkpoint._LEAST_PACKED", 16)  # these heads are tiny
    bundle = write_bundle(tmp_path / "bundle", ("absorption",), ("solvation",))
    dye, water = Molecule.parse("c1ccc(-c2ccccc2)cc1"), Molecule.parse("O")

    def told() -> list[float]:
        heads = sorted((bundle / "pair_heads").iterdir())
        return [v for h in heads for v in PairPredictor.load(h).values(dye, water).values()]

    before = told()
    assert main(["--bundle", str(bundle), "pair_heads"]) == 0
    assert "pair_heads: " in capsys.readouterr().out
    assert told() != before
    assert told() == pytest.approx(before, rel=0.01)


def test_what_cannot_be_shrunk_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle")
    assert main(["--bundle", str(bundle), "llm"]) == 1
    assert "'llm'" in capsys.readouterr().err
    assert main(["--bundle", str(bundle), "encodr"]) == 1
    assert "Did you mean 'encoder'?" in capsys.readouterr().err
    (bundle / "encoder" / WEIGHTS).write_bytes(b"no weights")
    assert main(["--bundle", str(bundle), "encoder"]) == 1
    assert "damaged" in capsys.readouterr().err
    (bundle / "projector" / WEIGHTS).unlink()
    assert main(["--bundle", str(bundle), "projector"]) == 1
    assert "cannot be read" in capsys.readouterr().err
    module = torch.nn.Linear(2, 2)
    with pytest.raises(BundleError, match="damaged"):
        load_weights(bundle / "encoder", module)
