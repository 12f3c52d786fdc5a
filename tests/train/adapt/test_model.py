"""One pass of training is one pass of serving; checkpointing changes memory, not gradients."""

import random
from dataclasses import replace

import pytest
import torch

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.lora import AdaptedLinear, step_adapters
from assistant.adapters.settings import GeneratorSettings
from assistant.chat.conversation import Message
from assistant.chat.prompts import render_with
from assistant.encoding import MoleculeEncoder
from assistant.errors import BundleError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.layout import end_id, layout, text_ids
from assistant.llm.splice import splice
from assistant.train.adapt.dialogue import Lesson, Shown
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.model import AdaptedModel, StaticLora, checkpoint_layers
from assistant.train.adapt.recipe import LoraRecipe
from assistant.train.batches import collate_examples
from tests.llm.fakes import make_llm
from tests.train.adapt.tiny import own_conversation


def make_model() -> AdaptedModel:
    """A tiny model whose LoRA and ΔW are strong; float32 throughout."""
    loaded = make_llm()
    torch.manual_seed(1)
    encoder = GraphEncoder(GraphEncoderConfig(d_model=16))
    projector = MultiLevelProjector(ProjectorConfig(d_graph=16, d_llm=64))
    lora = StaticLora(loaded.model, LoraRecipe(rank=3, alpha=6.0, targets="qvo"))
    settings = GeneratorSettings(rank=2, every=2, targets="qvm", d_model=16, n_heads=2)
    generator = LoraGenerator(settings.config_for(loaded.model, d_graph=16))
    for B in (*lora.lora_B, *generator.lora_B):
        torch.nn.init.normal_(B, std=0.3)
    return AdaptedModel(loaded, encoder, projector, lora=lora, generator=generator, chunk=5).eval()


def make_lesson() -> Lesson:
    conversation = own_conversation()
    shown = {
        entry.number: Shown(f"SMILES: {entry.molecule.smiles}\n", "no facts computed", True)
        for entry in conversation.molecules
    }
    return Lesson(conversation, shown)


@pytest.fixture(scope="module")
def model() -> AdaptedModel:
    return make_model()


@pytest.fixture(scope="module")
def example(model):
    encoder = LessonEncoder(model.loaded.tokenizer, n_graph_tokens=28, sequence=1000)
    return encoder.encode(make_lesson(), random.Random(0))


def served_loss(model: AdaptedModel, *, lora: bool, generator: bool) -> torch.Tensor:
    """Cross-entropy of the last answer, computed the way the assistant serves it."""
    loaded, lesson = model.loaded, make_lesson()
    asked = lesson.conversation.truncated(0)
    for message in lesson.conversation.messages[:-1]:
        if message.role == "assistant":
            ids = text_ids(loaded.tokenizer, message.text)
            message = Message("assistant", message.text, token_ids=ids, model="m")
        asked = asked.with_message(message)
    shown = lesson.shown
    prompt = render_with(
        asked, lambda e: shown[e.number].card, lambda e: shown[e.number].identity, model="m"
    )
    molecules = MoleculeEncoder(
        model.encoder, model.projector, model.generator if generator else None
    )
    encodings = dict(
        zip(prompt.molecules, molecules.encode(list(prompt.molecules.values())), strict=True)
    )
    embed = model.llm.get_input_embeddings()
    static = {n: replace(p) for n, p in model.lora.weights().items()} if lora else None
    spliced = splice(layout(prompt, loaded.tokenizer), encodings, embed, static=static)
    answer = lesson.conversation.messages[-1].text
    ids = torch.tensor([*text_ids(loaded.tokenizer, answer), end_id(loaded.tokenizer)])
    embeds = torch.cat([spliced.inputs_embeds, embed(ids)[None]], dim=1)
    slots = torch.full((1, len(ids)), spliced.answer_slot)
    index = torch.cat([spliced.segment_index, slots], dim=1)
    with torch.no_grad(), step_adapters(spliced.deltas, index):
        logits = model.llm(inputs_embeds=embeds, use_cache=False).logits[0, -len(ids) - 1 : -1]
    return torch.nn.functional.cross_entropy(logits, ids, reduction="sum")


@pytest.mark.parametrize("stage", ["align", "instruct", "generate"])
def test_a_training_pass_is_a_serving_pass(model, example, stage):
    last = end_id(model.loaded.tokenizer), len(example.ids)
    answer = len(text_ids(model.loaded.tokenizer, "not so.")) + 1
    only_last = replace(example, weights=example.weights.copy())
    only_last.weights[: last[1] - answer] = 0
    batch = collate_examples([only_last])
    with torch.no_grad():
        loss, weight = model(batch, stage)
    assert weight == answer
    expected = served_loss(model, lora=stage != "align", generator=stage == "generate")
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)


def test_the_parts_make_a_difference(model, example):
    batch = collate_examples([example])
    with torch.no_grad():
        losses = [float(model(batch, stage)[0]) for stage in ("align", "instruct", "generate")]
        rolled = float(model(batch, "generate", roll=1)[0])
        without = float(model(batch, "generate", graph=False)[0])
    assert len({round(x, 3) for x in (*losses, rolled, without)}) == 5


def test_each_stage_trains_its_own_parts(model):
    names = {id(p): name.split(".")[0] for name, p in model.named_parameters()}
    trained = {
        stage: {names[id(p)] for p in model.begin(stage)}
        for stage in ("align", "instruct", "generate")
    }
    assert trained == {
        "align": {"encoder", "projector"},
        "instruct": {"projector", "lora"},
        "generate": {"generator"},
    }
    assert not any(name.startswith("llm") for name, _ in model.named_parameters())


@pytest.mark.parametrize("stage", ["align", "instruct", "generate"])
def test_checkpointing_leaves_loss_and_gradients_as_they_are(example, stage):
    found, passes = [], []
    for checkpointed in (False, True):
        model = make_model()
        if checkpointed:
            checkpoint_layers(model.llm)
        counted: list[int] = []
        model.llm.model.layers[1].register_forward_pre_hook(lambda *_, c=counted: c.append(0))
        inner = model.llm.model.layers[1].self_attn
        inner.register_forward_pre_hook(lambda *_, c=counted: c.append(1))
        parameters = model.begin(stage)
        loss, _ = model(collate_examples([example]), stage)
        loss.backward()
        found.append((loss.detach(), [p.grad for p in parameters]))
        passes.append(counted)
    assert passes == [[0, 1], [0, 1, 1]]  # what is inside a layer is computed again
    (loss, gradients), (loss_again, again) = found
    torch.testing.assert_close(loss, loss_again)
    assert sum(g is not None and bool(g.any()) for g in gradients) > 0.8 * len(gradients)
    for one, two in zip(gradients, again, strict=True):
        torch.testing.assert_close(one, two)


def test_checkpointing_keeps_the_llm_in_eval_mode_inside():
    model = make_model()
    checkpoint_layers(model.llm)
    modules = [(n, m) for n, m in model.llm.named_modules() if not isinstance(m, AdaptedLinear)]
    assert {n for n, m in modules if m.training} == {f"model.layers.{i}" for i in range(3)}
    with pytest.raises(BundleError, match="no layers that can be checkpointed"):
        checkpoint_layers(torch.nn.Linear(2, 2))
