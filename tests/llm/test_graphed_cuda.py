"""Tests of the captured step on a GPU: every candidate equals the packed forward."""

import pytest
import torch

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.llm.graphed.capture import BATCHES, GraphedDecoder, graph_obstacle
from assistant.llm.graphed.step import StepRow
from assistant.llm.llama import LlamaForward, Span
from tests.llm.fakes import make_deltas

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is visible"),
]


@pytest.fixture(scope="module")
def model():
    from assistant.evaluate.gpu_bench import random_llm

    torch.manual_seed(0)
    made = random_llm("tiny", torch.device("cuda:0")).model
    wrap(made, find_sites(made))
    return made


@pytest.mark.parametrize("products", ["model", "nf4"])
@pytest.mark.parametrize("adapted", [False, True])
def test_every_batch_equals_the_packed_forward(model, products, adapted):
    forward = LlamaForward(model, 512)
    assert graph_obstacle(model) == ""
    decoder = GraphedDecoder(model, forward, products=products)
    deltas = make_deltas(model, BATCHES[-1])
    deltas = [
        {
            name: type(part)(part.lora_A.to(forward.like), part.lora_B.to(forward.like) * 0.01)
            for name, part in delta.items()
        }
        for delta in deltas
    ]
    for n_rows in (1, 2, 3, 8):
        rows = []
        for row in range(n_rows):
            cache = forward.new_cache()
            prompt = torch.randn(5 + 60 * row, 128, device="cuda").to(forward.like) * 0.02
            forward.hidden(prompt, [Span(cache, len(prompt))])
            cache.reserve(1)
            delta = deltas[row] if adapted else None
            rows.append(StepRow(7 + row, cache, str(row) if adapted else None, delta))
        for _ in range(3):  # capture, and two replays
            with torch.inference_mode():
                expected = decoder._expected(rows)
                logits, highest, best = zip(*decoder.step(rows), strict=True)
            logits = torch.stack(logits)
            error = (logits.float() - expected).norm() / expected.norm()
            assert error < 0.03
            assert list(best) == logits.argmax(dim=-1).tolist()
            assert list(highest) == logits.max(dim=-1).values.tolist()
            for row in rows:
                row.cache.length += 1
                row.cache.reserve(1)
    assert len(decoder.graphs) == len(BATCHES)
