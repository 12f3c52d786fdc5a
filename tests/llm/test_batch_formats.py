"""The batch over models in 8 bit, 4 bit and 16 bit: an answer depends on its own request only.

In half precision the products of one row and of eight round at other places. So greedy answers are
equal, or part first where the two best tokens are closer than that rounding (`TOLERANCE`).
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.encoding import MoleculeEncoding
from assistant.llm.compute import dequantise
from assistant.llm.continuous import ContinuousEngine, make_engine
from assistant.llm.load import LoadedLLM, load_llm
from assistant.llm.plan import ProductPlan
from assistant.llm.products import can_prepack
from assistant.llm.splice import Spliced
from tests.llm.crowd import N_MOLECULES, ask, has_slots_free, questions, together
from tests.llm.fakes import make_deltas, make_tokenizer
from tests.llm.test_experts import with_answer

TOLERANCE = 0.1
"""Of logits, in models whose logits have a standard deviation of about 1.5."""

FORMS = ("8bit", "NF4 kernel", "bf16", "bf16 wide", "bf16 wide, packed")
N_TOKENS = 16


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(make_tokenizer()),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.15,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(target)
    make_tokenizer().save_pretrained(target)
    return target


def load(directory: Path, form: str) -> LoadedLLM:
    quantize = "8bit" if form == "8bit" else "4bit"
    llm = load_llm(directory, quantize=quantize, device="cpu", pick_fastest=False)
    if form.startswith("bf16"):
        if "packed" in form and not can_prepack(torch.bfloat16):
            pytest.skip("this build has no products in oneDNN's order")
        dequantise(llm.model, torch.bfloat16)
        plan = ProductPlan(1 if "packed" in form else None, wide="wide" in form)
        llm = replace(llm, plan=plan)
    wrap(llm.model, find_sites(llm.model))
    return llm


def gap(llm: LoadedLLM, spliced: Spliced, ids: tuple[int, ...]) -> float:
    """Between the two best logits after a beginning of the answer, as the engine computes them."""
    engine = ContinuousEngine(llm, end_ids=frozenset())
    forward = engine._loop._passes.forward
    logits, gaps = forward.logits, []

    def watching(hidden: torch.Tensor) -> torch.Tensor:
        out = logits(hidden)
        best, second = out[-1].float().topk(2).values.tolist()
        gaps.append(best - second)
        return out

    forward.logits = watching
    ask(engine, with_answer(llm, spliced, ids), max_new_tokens=1)
    assert len(gaps) == 1
    return gaps[0]


@pytest.mark.parametrize("form", FORMS)
def test_eight_together_answer_as_each_alone(directory, form):
    llm = load(directory, form)
    assert isinstance(make_engine(llm), ContinuousEngine)
    torch.manual_seed(5)
    deltas = make_deltas(llm.model, N_MOLECULES)
    encodings = {
        n + 1: MoleculeEncoding(torch.randn(4, 64), delta) for n, delta in enumerate(deltas)
    }
    asked = questions(llm, encodings)
    options = {"max_new_tokens": N_TOKENS}
    alone = [ask(ContinuousEngine(llm, end_ids=frozenset()), s, **options).token_ids for s in asked]
    assert len(set(alone)) > 4
    engine = ContinuousEngine(llm, end_ids=frozenset())
    found = together(
        [lambda n=n, s=s: ask(engine, s, visitor=str(n), **options) for n, s in enumerate(asked)]
    )
    for spliced, done, expected in zip(asked, found, alone, strict=True):
        if done.token_ids != expected:
            pairs = zip(done.token_ids, expected, strict=True)
            place = next(i for i, (one, other) in enumerate(pairs) if one != other)
            assert gap(llm, spliced, expected[:place]) < TOLERANCE
    assert has_slots_free(engine)


def test_the_gap_is_that_of_the_model(directory):
    llm, exact = load(directory, "bf16 wide"), load(directory, "NF4 kernel")
    dequantise(exact.model, torch.float32)
    encodings = {n: MoleculeEncoding(torch.randn(4, 64)) for n in range(1, N_MOLECULES + 1)}
    spliced = questions(llm, encodings)[0]
    with torch.inference_mode():
        logits = exact.model(inputs_embeds=spliced.inputs_embeds.float()).logits[0, -1]
    best, second = logits.topk(2).values.tolist()
    assert gap(llm, spliced, ()) == pytest.approx(best - second, abs=TOLERANCE)
