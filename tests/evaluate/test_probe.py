"""Linear probes of frozen encoders."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.checkpoint import ComponentInfo, save_component
from assistant.chem.graph import smiles_to_graphs
from assistant.evaluate import probe
from assistant.evaluate.tasks.base import Example
from assistant.evaluate.tasks.registry import task_of
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig

SIZES = GraphEncoderConfig(d_model=8, n_layers=2)
CHAINS = ["C" * n for n in range(1, 41)]
ALCOHOLS = ["C" * n + "O" for n in range(1, 41)]


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_component(tmp_path / "small", GraphEncoder(SIZES), SIZES, ComponentInfo("encoder"))
    return tmp_path / "small"


def test_features_are_the_means_of_each_level_whatever_the_batch(encoder: Path) -> None:
    model = probe.named_encoder(str(encoder)).encoder
    smiles = ["CCO", "c1ccccc1", "C"]
    together = probe.features(model, smiles)
    assert together.shape == (3, 3 * 8)
    for row, text in zip(together, smiles, strict=True):
        with torch.no_grad():
            levels = model.encode(list(smiles_to_graphs([text])))
        assert np.allclose(row, levels.atoms[0].mean(1).flatten().numpy(), atol=1e-5)


def test_a_probe_finds_what_is_linear_in_the_atoms(encoder: Path) -> None:
    rows = [Example((s,), "", 100.0 * s.count("O") / len(s)) for s in CHAINS + ALCOHOLS]
    named = probe.named_encoder(f"mine={encoder}")
    scored = probe.probe(task_of("property:esol"), named, rows[::2], rows[1::2])
    assert scored.name == "linear probe: mine"
    wanted = [row.answer for row in rows[1::2]]
    errors = np.abs(np.array(scored.predictions) - wanted)
    assert errors.mean() < 0.3 * np.abs(np.array(wanted) - np.mean(wanted)).mean()


def test_labels_are_scored_and_the_sign_decides(encoder: Path) -> None:
    rows = [Example((s,), "", "O" in s, group="p_np") for s in CHAINS + ALCOHOLS]
    named = probe.random_encoder(SIZES, CHAINS + ALCOHOLS, seed=1)
    scored = probe.probe(task_of("property:bbbp"), named, rows[::2], rows[1::2])
    assert [s > 0 for s in scored.scores] == list(scored.predictions)
    right = [p == row.answer for p, row in zip(scored.predictions, rows[1::2], strict=True)]
    assert np.mean(right) > 0.9


def test_the_command_reports_every_encoder_random_weights_and_baselines(
    encoder: Path, tmp_path: Path
) -> None:
    table = tmp_path / "esol.csv"
    lines = [f"{s},{-len(s)},{'test' if i % 4 == 0 else 'train'}" for i, s in enumerate(CHAINS)]
    table.write_text("\n".join(["smiles,logSolubility,split", *lines]), encoding="utf-8")
    code = probe.main(
        [
            *("--encoder", f"first={encoder}", "--encoder", str(encoder)),
            *("--task", "property:esol", "--file", str(table), "--train", str(table)),
            *(
                "--n-train",
                "20",
                "--json",
                str(tmp_path / "out.json"),
                "--record",
                str(tmp_path / "records"),
            ),
        ]
    )
    assert code == 0
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    names = [row["method"] for row in report["rows"]]
    assert names[:3] == [f"linear probe: {n}" for n in ("first", "small", "random weights")]
    assert "Morgan + ridge" in names
    assert "first=small" in report["command"]
    assert str(tmp_path) not in report["command"]
    assert report["n_train"] == 20
    assert {row["n"] for row in report["rows"]} == {10}
    assert len(list((tmp_path / "records").glob("*probe*.json"))) == 1


@pytest.mark.parametrize("task", ["caption", "pairs:absorption"])
def test_a_task_without_a_value_of_one_molecule_is_refused(
    task: str, encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe.main(["--encoder", str(encoder), "--task", task]) == 1
    assert "property:" in capsys.readouterr().err
