"""The recipe of the default bundle from its first step to a bundle that answers."""

import csv
import gzip
import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from assistant.train import nf4, ranks
from assistant.train.base import Run
from assistant.train.carry import pack, pack_weight, unpack, unpack_weight
from assistant.train.encode import LossWeights
from assistant.train.generator import GeneratorRun
from assistant.train.generator_recipe import GeneratorRecipe
from assistant.train.model import ModelSizes, compile_layers
from assistant.train.nf4 import quantise_nf4
from assistant.train.recipe import Recipe, Schedule
from assistant.train.view import Rates

SMILES = ("CCO", "c1ccccc1O", "CC(=O)NC", "C1CCNCC1", "CC(=O)O", "CCN", "CCCl", "c1ccncc1")


def _data(directory: Path) -> Path:
    (directory / "smiles_corpus").mkdir(parents=True)
    with gzip.open(directory / "smiles_corpus" / "part.csv.gz", "wt", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", "sources"])
        writer.writerows([s, "test"] for s in SMILES)
    (directory / "text").mkdir()
    rows = {
        "clinc150_queries": {"text": "book a table for two"},
        "banking77_queries": {"text": "where is my card"},
        "medquad_qa": {"question": "What are the symptoms of a cold?", "answer": "A cough."},
        "openstax_chemistry2e_exercises": {"exercise": "How many moles are in 18 g of water?"},
        "openstax_chemistry2e_paragraphs": {"text": "Matter is all around us. " * 40},
    }
    for name, row in rows.items():
        with gzip.open(directory / "text" / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return directory


def _recipe(**changes: object) -> Recipe:
    sizes = ModelSizes(
        d_model=128, n_layers=2, d_ffn=128, n_heads=2, n_kv_heads=2, vocab_size=1900, context=1024
    )
    values = {
        "minutes": 0.05,
        "tokens_per_step": 600,
        "n_molecules": 8,
        "tokenizer_dialogues": 400,
        "quantised_from": 0.5,
        "text_share": 0.2,
        "text_length": 100,
    }
    return Recipe(sizes=sizes, rates=Rates(), loss=LossWeights(), **(values | changes))


def test_the_schedule_rises_holds_and_falls_to_zero() -> None:
    schedule = Schedule(warmup=0.1, cooldown=0.5)
    assert schedule.factor(0.0) == pytest.approx(0.02)
    assert schedule.factor(0.05) == pytest.approx(0.5)
    assert schedule.factor(0.3) == 1.0
    assert schedule.factor(0.75) == pytest.approx(0.5)
    assert schedule.factor(1.0) == 0.0


@pytest.mark.slow
def test_a_run_goes_on_from_the_model_of_another(tmp_path: Path) -> None:
    data, directory = _data(tmp_path / "data"), tmp_path / "run"
    first = Run(_recipe(minutes=0.0), data, directory)
    with torch.no_grad():
        for parameter in first.model.parameters():
            parameter.add_(0.01)
    first.save()
    # Rates other than the first run's would write another text, so another tokenizer.
    recipe = replace(_recipe(start=str(directory)), rates=Rates(card=0.9, smiles=0.0))
    more = Run(recipe, data, tmp_path / "more")
    assert (more.step, more.seconds) == (0, 0.0)
    for parameter, was in zip(more.model.parameters(), first.model.parameters(), strict=True):
        assert torch.equal(parameter, was)
    assert more.tokenizer.get_vocab() == first.tokenizer.get_vocab()
    assert more.held_out == first.held_out
    assert (more.text.ids == first.text.ids).all()


@pytest.mark.slow
def test_a_run_stops_resumes_quantised_and_becomes_a_bundle_that_answers(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    from assistant.assistant import Assistant
    from assistant.evaluate.grounding import answer_of
    from assistant.train.export import export

    data, directory = _data(tmp_path / "data"), tmp_path / "run"
    first = Run(_recipe(), data, directory)
    first.train()
    assert first.quantised
    weights = {k: v.clone() for k, v in first.model.state_dict().items()}
    again = Run(_recipe(minutes=0.08), data, directory)
    assert (again.step, again.tokens, again.quantised) == (first.step, first.tokens, True)
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    more = Run(_recipe(minutes=0.3), data, directory)  # far more: back to full precision
    assert not more.quantised
    for name, value in more.model.state_dict().items():
        assert torch.equal(value, weights[name])
    again.train()
    assert again.step > first.step
    moved = [n for n, p in again.model.named_parameters() if not torch.equal(p, weights[n])]
    assert any("q_proj" in name for name in moved)
    generator = GeneratorRun(
        GeneratorRecipe(Rates(blind=0.5), minutes=0.03, tokens_per_step=600, n_molecules=8),
        data,
        directory,
    )
    generator.save(generator.train())
    pack(directory, tmp_path / "packed")
    shutil.copytree(directory / "tokenizer", tmp_path / "other" / "tokenizer")
    unpack(tmp_path / "packed", tmp_path / "other")
    export(tmp_path / "other", tmp_path / "bundle")
    assistant = Assistant.load(tmp_path / "bundle")
    assert {status.name: status.on for status in assistant.status().adapters}["instance LoRA"]
    assert answer_of(assistant, "CCO", "What is its formula?").text


@pytest.mark.slow
def test_compiled_layers_are_one_program_and_compute_the_same(tmp_path: Path) -> None:
    model = Run(_recipe(), _data(tmp_path / "data"), tmp_path / "run").model
    embeds = [torch.randn(2, n, 128, requires_grad=True) for n in (9, 14, 21)]

    def hidden(x: torch.Tensor) -> torch.Tensor:
        return model.llm.model(inputs_embeds=x, use_cache=False).last_hidden_state

    nf4.start_nf4(model.llm)
    expected = [hidden(x) for x in embeds]
    compile_layers(model.llm)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    for x, value in zip(embeds, expected, strict=True):
        torch.testing.assert_close(hidden(x), value, atol=1e-4, rtol=1e-4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_a_packed_weight_comes_back_as_its_nf4_values() -> None:
    weight = quantise_nf4(torch.randn(6, 64))
    codes, scales = pack_weight(weight)
    assert codes.numel() == weight.numel() // 2
    assert torch.equal(unpack_weight(codes, scales, (6, 64)), weight)


@pytest.mark.slow
def test_workers_write_other_batches_than_each_other(tmp_path: Path) -> None:
    run = Run(_recipe(), _data(tmp_path / "data"), tmp_path / "run")
    feed = run.feed(seed=4)
    feed.tiny = 1.0
    drawn = [batch for batch, _ in zip(feed.batches(2), range(6), strict=False)]
    assert len({tuple(batch.ids.flatten().tolist()) for batch in drawn}) == 6
    alone = next(iter(run.feed(seed=4)))
    assert alone.ids.shape[1] > drawn[0].ids.shape[1] / 4


def _train_together(rank: int, port: int, results: Path) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    weight, unused = (torch.nn.Parameter(torch.zeros(3)) for _ in range(2))
    (weight * (rank + 1.0)).sum().backward()
    if rank:
        (unused * 4.0).sum().backward()
    means = ranks.mean_gradients([weight, unused], (10.0 * rank, 2.0))
    torch.save((weight.grad, unused.grad, means), results / f"{rank}.pt")
    ranks.leave()


@pytest.mark.slow
def test_processes_share_the_mean_of_their_gradients(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(_train_together, args=(port, tmp_path), nprocs=2)
    for rank in range(2):
        gradient, unused, means = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert gradient.tolist() == [1.5] * 3
        assert unused.tolist() == [2.0] * 3
        assert means == (5.0, 2.0)


def test_alone_there_is_nothing_to_share() -> None:
    weight = torch.nn.Parameter(torch.zeros(2))
    assert ranks.mean_gradients([weight], (3.0,)) == (3.0,)
    assert weight.grad is None
    assert (ranks.rank(), ranks.size()) == (0, 1)
