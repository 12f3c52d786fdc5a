"""Codes of tokens: number rows stay, and one map copies every token."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.train import codes


def _llm() -> LlamaForCausalLM:
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=200, hidden_size=256, intermediate_size=128, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False,
    )  # fmt: skip
    config._attn_implementation = "eager"
    llm = LlamaForCausalLM(config)
    codes.set_codes(llm)
    return llm


def test_one_rotation_copies_every_token() -> None:
    llm = _llm()
    rows = llm.get_input_embeddings().weight - codes.mark(256)
    logits = codes.rotated(rows) @ llm.get_output_embeddings().weight.t()
    assert torch.equal(logits.argmax(dim=1), torch.arange(200))


def test_a_token_does_not_predict_itself_through_the_residual_stream() -> None:
    llm = _llm()
    logits = llm.get_input_embeddings().weight @ llm.get_output_embeddings().weight.t()
    own = logits.diagonal()
    assert own.abs().mean() < 2 * logits.abs().mean()


def test_number_rows_stay_as_they_are() -> None:
    llm = _llm()
    codes.hold(llm, [5, 7])
    embed, head = llm.get_input_embeddings().weight, llm.get_output_embeddings().weight
    before = embed.detach().clone(), head.detach().clone()
    optimizer = torch.optim.AdamW([embed, head], lr=0.1, weight_decay=0.0)
    ids = torch.tensor([[5, 6, 7, 8]])
    llm(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    for now, then in zip((embed, head), before, strict=True):
        assert torch.equal(now[[5, 7]], then[[5, 7]])
        assert not torch.equal(now[[6, 8]], then[[6, 8]])


def test_heads_of_the_first_group_look_back_by_their_number() -> None:
    llm = _llm()
    codes.look_back(llm)
    ids = torch.randint(0, 200, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        attention = llm(input_ids=ids, output_attentions=True).attentions[0]  # (b, heads, t, t)
    for head, back in ((0, 1), (1, 2)):
        looked_at = attention[:, head, 3:].argmax(dim=-1)
        expected = torch.arange(3, 24).expand(2, -1) - back
        assert (looked_at == expected).float().mean() > 0.95
        assert attention[:, head, 3:].max(dim=-1).values.mean() > 0.4
