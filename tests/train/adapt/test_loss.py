"""The chunked loss is the loss, and never holds more logits than a chunk."""

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, Gemma2Config, GraniteConfig, LlamaConfig

from assistant.errors import BundleError
from assistant.train.adapt.loss import check_head, chunked_cross_entropy, head_of


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_chunks_give_the_full_loss_and_gradient(chunk):
    torch.manual_seed(0)
    head = nn.Linear(16, 50, bias=False).requires_grad_(False)
    hidden = torch.randn(64, 16, requires_grad=True)
    targets, weights = torch.randint(0, 50, (64,)), torch.rand(64)
    rows = []

    def counted(states):
        rows.append(len(states))
        return head(states)

    loss = chunked_cross_entropy(hidden, targets, weights, counted, chunk=chunk)
    (loss / 3).backward()
    got, hidden.grad = hidden.grad, None
    full = (nn.functional.cross_entropy(head(hidden), targets, reduction="none") * weights).sum()
    (full / 3).backward()
    torch.testing.assert_close(loss, full)
    torch.testing.assert_close(got, hidden.grad)
    assert max(rows) <= chunk
    assert sum(rows) == 64


def test_without_gradients_only_the_sum_is_computed():
    head = nn.Linear(4, 9)
    hidden = torch.randn(5, 4)
    targets, weights = torch.arange(5), torch.ones(5)
    with torch.no_grad():
        loss = chunked_cross_entropy(hidden, targets, weights, head, chunk=2)
    full = nn.functional.cross_entropy(head(hidden), targets, reduction="sum")
    torch.testing.assert_close(loss, full.detach())
    nothing = chunked_cross_entropy(hidden[:0], targets[:0], weights[:0], head)
    assert nothing.item() == 0.0


SHAPE = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
         "initializer_range": 0.5, "pad_token_id": 0}  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SHAPE),
        Gemma2Config(**SHAPE, final_logit_softcapping=2.0, sliding_window=16),
        GraniteConfig(**{k: v for k, v in SHAPE.items() if k != "head_dim"}, logits_scaling=4.0),
    ],
    ids=lambda config: config.model_type,
)
def test_the_head_gives_the_models_own_logits(config):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    check_head(model, head_of(model))
    with pytest.raises(BundleError, match="changes its logits"):
        check_head(model, lambda hidden: model.get_output_embeddings()(hidden) * 1.5)
