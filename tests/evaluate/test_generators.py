"""Both generator heads are counted for a grouped-query LLM, and ours stays small."""

import json
from dataclasses import replace

import pytest

from assistant.evaluate import generators
from assistant.evaluate.generators import FACTORISED, compare, llm_on_meta
from tests.importers.official import save_llama


@pytest.fixture(scope="module")
def llama_8b():
    return llm_on_meta(None)


@pytest.mark.parametrize("every", [4, 2, 1])
def test_an_8b_grouped_query_model_at_rank_64_needs_at_most_60_million_parameters(llama_8b, every):
    costs = compare(llama_8b, replace(FACTORISED, every=every), timing=False)
    published, own, quick = costs
    assert published.n_parameters > 2e9
    assert own.n_parameters == quick.n_parameters <= 60e6


def test_the_published_head_does_not_fit_grouped_query_heads(llama_8b):
    published, own, _ = compare(llama_8b, FACTORISED, timing=False)
    assert published.n_parameters == 2_026_221_568  # as for a 7B model: it knows one width only
    assert published.fits == "k, v of this LLM are not 4096 wide"
    assert own.fits == ""
    assert published.bytes_per_molecule == own.bytes_per_molecule == 40 * 64 * 4096 * 2


def test_the_command_prints_costs_of_a_local_model_by_settings(tmp_path, capsys):
    save_llama(tmp_path / "llm")
    (tmp_path / "g.toml").write_text('rank = 4\ntargets = "qm"\nd_model = 16\nn_heads = 2')
    arguments = ["--llm", str(tmp_path / "llm"), "--settings", str(tmp_path / "g.toml")]
    assert generators.main([*arguments, "--no-timing", "--json"]) == 0
    costs = json.loads(capsys.readouterr().out)
    assert [cost["name"] for cost in costs] == ["published", "factorised", "factorised, quick"]
    assert costs[1]["bytes_per_molecule"] == 4 * 4 * 64 * 2
    assert generators.main([*arguments, "--no-timing"]) == 0
    assert capsys.readouterr().out.startswith("generator ")
    assert generators.main(["--llm", str(tmp_path), "--no-timing"]) == 1
    assert "No language model at" in capsys.readouterr().err


def test_a_sweep_counts_a_rank_and_an_interval_each(tmp_path, capsys):
    model = llm_on_meta(save_llama(tmp_path / "llm"))
    settings = replace(FACTORISED, d_model=16, n_heads=2, targets="q")
    costs = generators.sweep(model, settings, [2, 4], [1, 2], timing=False)
    n_layers, width = model.config.num_hidden_layers, model.config.hidden_size
    for (rank, every), cost in costs.items():
        assert cost.name == f"rank {rank}, every {every}"
        assert cost.bytes_per_molecule == 2 * (n_layers // every) * rank * width
    # One more row of each B, and one more query for the rank.
    per_rank = 16 + n_layers * width
    assert costs[4, 1].n_parameters - costs[2, 1].n_parameters == 2 * per_rank
    arguments = ["--llm", str(tmp_path / "llm"), "--no-timing", "--json", "--ranks", "2", "8"]
    arguments += ["--every", "1"]
    assert generators.main(arguments) == 0
    names = [cost["name"] for cost in json.loads(capsys.readouterr().out)]
    assert names == ["rank 2, every 1", "rank 8, every 1"]


def test_times_are_taken_of_the_whole_generator(tmp_path):
    model = llm_on_meta(save_llama(tmp_path / "llm"))
    settings = replace(FACTORISED, rank=2, every=1, d_model=16, n_heads=2, targets="q")
    cost = generators.own_cost("own", model, settings, timing=True)
    assert cost.seconds > 0
    assert cost.timed == "whole"
