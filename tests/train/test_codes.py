"""Codes of tokens: number rows stay, and one map copies every token."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.train import codes
from assistant.train.muon import BlockMuon


def _llm() -> LlamaForCausalLM:
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=200, hidden_size=256, intermediate_size=128, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False,
    )  # fmt: skip
    config.rope_parameters["rope_theta"] = 100_000.0
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
    codes.hold_tokens(llm, [5, 7])
    embed, head = llm.get_input_embeddings().weight, llm.get_output_embeddings().weight
    before = embed.detach().clone(), head.detach().clone()
    optimizer = torch.optim.AdamW([embed, head], lr=0.1, weight_decay=0.0)
    ids = torch.tensor([[5, 6, 7, 8]])
    llm(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    for now, then in zip((embed, head), before, strict=True):
        assert torch.equal(now[[5, 7]], then[[5, 7]])
        assert not torch.equal(now[[6, 8]], then[[6, 8]])


def _attention(llm: LlamaForCausalLM, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        return llm(input_ids=ids, output_attentions=True).attentions  # per layer (b, heads, t, t)


def test_heads_of_the_first_group_look_back_by_their_number() -> None:
    llm = _llm()
    codes.wire(llm)
    ids = torch.randint(0, 200, (2, 24), generator=torch.Generator().manual_seed(1))
    attention = _attention(llm, ids)[0]
    for head, back in ((0, 1), (1, 2)):
        looked_at = attention[:, head, 3:].argmax(dim=-1)
        expected = torch.arange(3, 24).expand(2, -1) - back
        assert (looked_at == expected).float().mean() > 0.95
        assert attention[:, head, 3:].max(dim=-1).values.mean() > 0.4


def test_a_head_of_the_second_layer_finds_what_followed_before_and_copies_it() -> None:
    llm = _llm()
    codes.wire(llm)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(4))[:40]
    ids = torch.cat([order, order])[None]  # the second half repeats the first
    attention = _attention(llm, ids)[1][0, 0, 41:]
    expected = torch.arange(41, 80) - 39
    assert (attention.argmax(dim=-1) == expected).float().mean() > 0.9
    with torch.no_grad():
        predicted = llm(input_ids=ids).logits[0, 41:-1].argmax(dim=-1)
    assert (predicted == ids[0, 42:]).float().mean() > 0.5  # by chance 0.005


def test_training_leaves_the_circuit_and_moves_the_rest() -> None:
    llm = _llm()
    codes.wire(llm)
    before = {name: p.detach().clone() for name, p in llm.named_parameters()}
    attention = [layer.self_attn for layer in llm.model.layers]
    readers = [w.weight for a in attention for w in (a.q_proj, a.k_proj, a.v_proj)]
    optimizer = BlockMuon(readers, [a.o_proj.weight for a in attention], lr=0.1)
    ids = torch.randint(0, 200, (4, 24), generator=torch.Generator().manual_seed(2))
    for _ in range(2):
        llm(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    for layer in (0, 1):
        name = f"model.layers.{layer}.self_attn.{{}}_proj.weight"
        v, o = (llm.get_parameter(name.format(kind)) for kind in "vo")
        assert torch.equal(v[:64], before[name.format("v")][:64])
        assert not torch.equal(v[64:], before[name.format("v")][64:])
        assert torch.equal(o[:, :128], before[name.format("o")][:, :128])
        assert not torch.equal(o[:, 128:], before[name.format("o")][:, 128:])


def test_a_model_too_narrow_for_it_is_left_alone() -> None:
    llm = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=50, hidden_size=64, intermediate_size=64, num_hidden_layers=1,
            num_attention_heads=4, num_key_value_heads=1, tie_word_embeddings=False,
        )
    )  # fmt: skip
    before = llm.model.layers[0].self_attn.v_proj.weight.detach().clone()
    codes.wire(llm)
    assert torch.equal(llm.model.layers[0].self_attn.v_proj.weight, before)
