"""Every family of LLM that is supported can be trained through in NF4, stage by stage."""

import random

import pytest
import torch
from transformers import AutoModelForCausalLM

from assistant.train.adapt.build import build_model
from assistant.train.adapt.dialogue import lesson
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.model import checkpoint_layers
from assistant.train.adapt.recipe import ShownRates
from assistant.train.adapt.shape import shape_of, trained_of
from assistant.train.batches import collate_examples
from tests.adapters.architectures import CONFIGS
from tests.llm.fakes import make_tokenizer
from tests.train.adapt.test_run import recipe
from tests.train.adapt.tiny import records

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("family", CONFIGS)
def test_a_family_gets_gradients_in_every_stage(family, tmp_path):
    config = type(CONFIGS[family])(
        **(CONFIGS[family].to_diff_dict() | {"vocab_size": 322, "max_position_embeddings": 2048})
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    model = build_model(recipe(), str(tmp_path), torch.device("cpu"))
    checkpoint_layers(model.llm)
    encoder = LessonEncoder(model.loaded.tokenizer, n_graph_tokens=28, sequence=600)
    rng = random.Random(0)
    all_shown = ShownRates(card=1.0, smiles=0.0, graph=0.0)
    batch = collate_examples(
        [encoder.encode(lesson(r, rng, all_shown), rng) for r in records()[:3]]
    )
    for stage in ("align", "instruct", "generate"):
        parameters = model.begin(stage)
        loss, weight = model(batch, stage)
        (loss / weight).backward()
        assert torch.isfinite(loss)
        moved = [p for p in parameters if p.grad is not None and bool(p.grad.any())]
        assert moved, stage
        for parameter in parameters:
            parameter.grad = None
    assert shape_of(config).n_linear > 0
    assert trained_of(config, recipe()).lora == sum(p.numel() for p in model.lora.parameters())
