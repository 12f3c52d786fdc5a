"""A tiny random LLM with grouped-query heads and unequal widths, and its tokenizer."""

from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.chat.prompts import Prompt, PromptMessage, Slot
from assistant.chem.molecule import Molecule
from assistant.encoding import MoleculeEncoding
from assistant.llm.layout import layout
from assistant.llm.load import LoadedLLM
from assistant.llm.splice import Spliced, splice

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}"
    "{{ raise_exception('no system role') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
LLAMA2 = (
    "{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}"
    "{% set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}"
    "{% for m in rest %}{% if m.role == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.index0 == 0 else '') + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
)
DROPS_THOUGHTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and not loop.last %}<think></think>{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SYSTEM_LAST = (  # the system text moves on to the last user message, as in some Mistral templates
    "{% set system = messages[0].content if messages[0].role == 'system' else '' %}"
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] "
    "{% if loop.last and system %}{{ system + '\n\n' }}{% endif %}{{ m.content }}[/INST]"
    "{% elif m.role == 'assistant' %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)
TEMPLATES = {
    "chatml": CHATML,
    "no system": NO_SYSTEM,
    "llama2": LLAMA2,
    "plain": None,
    "drops thoughts": DROPS_THOUGHTS,
    "system last": SYSTEM_LAST,
}
SPECIAL = ["<|bos|>", "<|im_start|>", "<|im_end|>", "<|pad|>", "<start_of_turn>", "<end_of_turn>"]


@cache
def make_tokenizer(template: str | None = CHATML) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of 320 tokens; <think> is an added token that is not special."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the molecule is a carboxylic acid, is it not? "] * 3, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|bos|>",
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        chat_template=template,
    )
    fast.add_tokens(["<think>", "</think>"])
    return fast


def make_model(*, seed: int = 0, n_layers: int = 3) -> LlamaForCausalLM:
    """A Llama of hidden width 64, MLP width 96, 4 heads sharing 2 key-value heads."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(make_tokenizer()),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=n_layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.15,  # far from uniform answers, so that a change shows
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=3,
    )
    return LlamaForCausalLM(config).eval().requires_grad_(False)


def make_llm(*, supports_cache: bool = True, n_layers: int = 3) -> LoadedLLM:
    """The tiny model as `load_llm` would give it."""
    return LoadedLLM(
        model=make_model(n_layers=n_layers),
        tokenizer=make_tokenizer(),
        name="tiny",
        quantisation="fp32",
        compute_format="fp32",
        fingerprint="tiny",
        context=512,
        supports_cache=supports_cache,
        cache_reason="",
        end_ids=frozenset({2}),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def make_wrapped_llm() -> LoadedLLM:
    """The tiny model of two layers with all of its adapter sites wrapped."""
    loaded = make_llm(n_layers=2)
    wrap(loaded.model, find_sites(loaded.model))
    return loaded


def make_deltas(
    model: LlamaForCausalLM, n: int, *, rank: int = 4, seed: int = 1, zero_B: bool = False
) -> list[LoraWeights]:
    """`n` strong ΔW on all site types, with one B for all, as the generator gives them."""
    sites = find_sites(model)
    random = torch.Generator().manual_seed(seed)
    B = {
        site.name: torch.randn(site.out_features, rank, generator=random) * (0 if zero_B else 0.3)
        for site in sites
    }
    return [
        {
            site.name: LowRank(
                torch.randn(rank, site.in_features, generator=random) * 0.3, B[site.name], 0.5
            )
            for site in sites
        }
        for _ in range(n)
    ]


def prompt_of(*turns: tuple[tuple[int, ...], str, tuple[int, ...] | None]) -> Prompt:
    """Turns of (focus, question, answer ids); a slot enters where its molecule is new."""
    messages = [PromptMessage("system", ("be brief",), -1)]
    shown: dict[int, Molecule] = {}
    for turn, (focus, question, answer) in enumerate(turns):
        slots: list[str | Slot] = []
        for number in focus:
            if number not in shown:
                shown[number] = Molecule("C" * number)
                slots += ["molecule ", Slot(number), "\n"]
        messages.append(PromptMessage("user", (*slots, question), turn))
        if answer is not None:
            messages.append(PromptMessage("assistant", ("",), turn, answer))
    return Prompt(tuple(messages), shown, tuple(turn[0] for turn in turns))


def spliced_of(llm: LoadedLLM, encodings: dict[int, MoleculeEncoding], prompt: Prompt) -> Spliced:
    return splice(layout(prompt, llm.tokenizer), encodings, llm.model.get_input_embeddings())
