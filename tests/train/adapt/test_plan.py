"""The memory plan: exact counts for real shapes, what a layer keeps, what fits and what not."""

import math

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from assistant.errors import AssistantError
from assistant.train.adapt.plan import Plan, make_plan, memory_of
from assistant.train.adapt.recipe import STAGES, AdaptRecipe, StageRecipe
from assistant.train.adapt.report import Work, plan_text
from assistant.train.adapt.shape import LLMShape, Trained, empty_llm, shape_of, trained_of

LLAMA_3_1_8B = LlamaConfig(
    vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
    num_attention_heads=32, num_key_value_heads=8, tie_word_embeddings=False,
)  # fmt: skip
QWEN_2_5_7B = Qwen2Config(
    vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28,
    num_attention_heads=28, num_key_value_heads=4, tie_word_embeddings=False,
)  # fmt: skip
LLAMA_3_2_1B = LlamaConfig(
    vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16,
    num_attention_heads=32, num_key_value_heads=8, head_dim=64, tie_word_embeddings=True,
)  # fmt: skip
RECIPE = AdaptRecipe()
SMALL = LlamaConfig(
    vocab_size=100, hidden_size=256, intermediate_size=896, num_hidden_layers=1,
    num_attention_heads=4, num_key_value_heads=1,
)  # fmt: skip


def shapes(config) -> tuple[LLMShape, Trained]:
    return shape_of(config), trained_of(config, RECIPE)


@pytest.mark.parametrize(
    ("config", "total", "linear"),
    [
        # published totals; a layer of the 8B: q, o 4096², k, v 4096·1024, three of 4096·14336
        (LLAMA_3_1_8B, 8_030_261_248, 32 * (2 * 4096**2 + 2 * 4096 * 1024 + 3 * 4096 * 14336)),
        (QWEN_2_5_7B, 7_615_616_512, 28 * (2 * 3584**2 + 2 * 3584 * 512 + 3 * 3584 * 18944)),
        (LLAMA_3_2_1B, 1_235_814_400, 16 * (2 * 2048**2 + 2 * 2048 * 512 + 3 * 2048 * 8192)),
    ],
    ids=["llama-3.1-8b", "qwen2.5-7b", "llama-3.2-1b"],
)
def test_parameters_of_real_shapes(config, total, linear):
    shape = shape_of(config)
    assert shape.n_linear == pytest.approx(linear, rel=1e-4)  # Qwen has biases, counted in 16 bits
    assert shape.n_linear + shape.n_other == total
    assert shape.largest_linear == config.hidden_size * config.intermediate_size


def test_memory_of_an_8b_by_hand():
    shape, trained = shapes(LLAMA_3_1_8B)
    memory = memory_of(
        shape, trained, "instruct", sequence=512, conversations=4, chunk=512, eight_bit=True
    )
    assert memory.nf4 == pytest.approx(6_979_321_856 * (0.5 + 1 / 64 + 4 / 16384))
    assert memory.other_weights == 2 * 1_050_939_392
    assert (memory.nf4 + memory.other_weights) / 1e9 == pytest.approx(5.70, abs=0.01)
    assert memory.inputs == 2 * 35 * 2048 * 4096
    assert memory.logits == 10 * 512 * 128256
    assert memory.layer == shape.layer_per_token * 2048 + 2 * 4096 * 14336
    lora = 8 * 32 * (4096 + 4096 + 4096 + 1024)
    assert trained.lora == lora
    n_trained = trained.projector + lora
    present = trained.encoder + trained.projector + lora
    assert memory.trained == 4 * present + 6 * n_trained
    wide = memory_of(
        shape, trained, "instruct", sequence=512, conversations=4, chunk=512, eight_bit=False
    )
    assert wide.trained - memory.trained == 6 * n_trained


def test_the_generators_weights_are_counted_per_molecule():
    shape, trained = shapes(LLAMA_3_1_8B)
    settings = RECIPE.generator
    n_layers = 32 // settings.every
    assert trained.generated == settings.rank * n_layers * 5 * 4096  # q, k, v, o and m read 4096
    one, two = (
        memory_of(
            shape, trained, "generate", sequence=256, conversations=n, chunk=64, eight_bit=True
        )
        for n in (1, 2)
    )
    assert two.generated == 2 * one.generated


def test_a_layer_keeps_what_the_plan_says():
    shape = shape_of(SMALL)
    model = AutoModelForCausalLM.from_config(SMALL, dtype=torch.bfloat16).requires_grad_(False)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor):
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    n_tokens = 128
    embeds = torch.randn(1, n_tokens, 256, dtype=torch.bfloat16, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.base_model(inputs_embeds=embeds, use_cache=False)
    measured = sum(t.untyped_storage().nbytes() for t in kept.values()) / n_tokens
    final_norm = 4 * 256
    assert measured == pytest.approx(shape.saved_per_token + final_norm, rel=0.03)
    assert shape.layer_per_token > shape.saved_per_token


@pytest.mark.parametrize("config", [LLAMA_3_1_8B, QWEN_2_5_7B], ids=["llama", "qwen"])
def test_more_memory_allows_more_at_a_time(config):
    shape, trained = shapes(config)
    plans = [
        make_plan(shape, trained, RECIPE, vram=gb * 1e9, eight_bit=True) for gb in (8, 12, 16, 24)
    ]
    assert [plan.peak <= plan.vram for plan in plans] == [True] * 4
    sizes = [plan.micro_tokens for plan in plans]
    assert sizes == sorted(sizes)
    assert plans[1].sequence == RECIPE.sequence
    assert plans[0].sequence < RECIPE.sequence  # 8 GB: shorter conversations
    assert plans[3].conversations == RECIPE.batch
    shared = make_plan(shape, trained, RECIPE, vram=24e9, eight_bit=True, processes=4)
    assert shared.conversations == RECIPE.batch // 4


def next_larger_fails(plan: Plan) -> bool:
    larger = memory_of(
        plan.shape, plan.trained, "generate", sequence=plan.sequence,
        conversations=plan.conversations + 1, chunk=RECIPE.chunk, eight_bit=True,
    )  # fmt: skip
    return larger.total > plan.vram


def test_the_largest_that_fits_is_taken():
    plan = make_plan(*shapes(LLAMA_3_1_8B), RECIPE, vram=12e9, eight_bit=True)
    assert next_larger_fails(plan)


def test_what_cannot_fit_is_refused_with_advice():
    shape, trained = shapes(LLAMA_3_1_8B)
    with pytest.raises(AssistantError) as refused:
        make_plan(shape, trained, RECIPE, vram=6e9, eight_bit=True)
    text = str(refused.value)
    assert "does not fit 6.0 GB" in text
    assert "256 tokens" in text
    assert "weights in 4 bits take 5.7" in text
    assert "fewer parameters" in text
    least = {
        name: memory_of(
            shape, trained, name, sequence=256, conversations=1, chunk=512, eight_bit=True
        ).total
        for name in STAGES
    }
    assert least["generate"] > least["instruct"]
    between = (least["generate"] + least["instruct"]) / 2
    with pytest.raises(AssistantError, match=r"\[generate\] epochs = 0"):
        make_plan(shape, trained, RECIPE, vram=between, eight_bit=True)
    nothing = AdaptRecipe(**dict.fromkeys(("align", "instruct", "generate"), StageRecipe(epochs=0)))
    with pytest.raises(AssistantError, match="nothing to train"):
        make_plan(shape, trained, nothing, vram=1e12, eight_bit=True)


def test_no_memory_is_taken_to_count():
    model = empty_llm(LLAMA_3_1_8B)
    assert all(p.is_meta for p in model.parameters())
    assert isinstance(model.get_output_embeddings(), nn.Linear)


def test_the_plan_in_words():
    shape, trained = shapes(LLAMA_3_1_8B)
    plan = make_plan(shape, trained, RECIPE, vram=12e9, eight_bit=True)
    work = {name: Work(1000, 4096.0, 800.0) for name in plan.stages}
    text = plan_text(plan, work, 60e12 / 0.35)
    assert "8.03 billion parameters, 32 layers" in text
    assert f"{plan.peak / 1e9:.2f}" in text
    assert "4.1 M" in text
    # 6 · 6.98e9 · 4.1e6 and the head's share at 60 TFLOP/s
    seconds = (6 * 6.979e9 * 4.096e6 + 4 * 128256 * 4096 * 8e5) / 60e12
    assert f"{math.floor(seconds / 60 + 0.5)} min" in text
    head_alone = Work(1, 0.0, 1.0).flops(shape)
    assert head_alone == 4 * 128256 * 4096
