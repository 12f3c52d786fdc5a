"""Tiny randomly initialised language models with their own tokenizer, and records of every kind."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, Qwen2Config

from assistant.chat.conversation import Conversation, Message
from assistant.chem.molecule import Molecule
from assistant.train.sources.records import (
    Caption,
    Instruction,
    Label,
    OwnConversation,
    Pair,
    Reaction,
    Record,
    Value,
)
from tests.llm.fakes import CHATML, LLAMA2, make_tokenizer

SHAPE = {
    "vocab_size": 322,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "initializer_range": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 3,
}
CONFIGS: dict[str, tuple[type[PretrainedConfig], str]] = {
    "llama": (LlamaConfig, LLAMA2),
    "qwen2": (Qwen2Config, CHATML),
}


def write_llm(directory: Path, family: str = "llama") -> Path:
    """A random model of a family with a tokenizer of its own; widths are multiples of 64."""
    kind, template = CONFIGS[family]
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(kind(**SHAPE, tie_word_embeddings=family == "qwen2"))
    model.save_pretrained(directory)
    make_tokenizer(template).save_pretrained(directory)
    return directory


ETHANOL, BENZENE, ACID = (Molecule.parse(s) for s in ("CCO", "c1ccccc1", "CC(=O)O"))


def own_conversation() -> Conversation:
    """Two turns about two molecules, the second turn about the first of them."""
    conversation, first = Conversation().with_molecule(ETHANOL)
    conversation, second = conversation.with_molecule(ACID)
    for message in (
        Message("user", "Which is it more?", (first, second)),
        Message("assistant", "molecule 2."),
        Message("user", "And molecule 1?"),
        Message("assistant", "not so."),
    ):
        conversation = conversation.with_message(message)
    return conversation


def records() -> list[Record]:
    """Some of every kind."""
    chains = [Molecule.parse("C" * n + "O") for n in range(1, 13)]
    return [
        *(Caption(m, f"it is an alcohol of {i}", f"c, {i}") for i, m in enumerate(chains)),
        *(Value(m, "HOMO energy", -0.25, "Hartree", 4, f"v, {i}") for i, m in enumerate(chains)),
        Label(BENZENE, "is aromatic", True, "l"),
        Reaction(Molecule.parse("CCO.CC(=O)O"), ETHANOL, Molecule.parse("CCOC(C)=O"), "r"),
        Reaction(ACID, None, ETHANOL, "r"),
        Pair(ETHANOL, BENZENE, "drug_drug", True, "p"),
        Pair(BENZENE, ETHANOL, "absorption", 431.0, "p"),
        Instruction((BENZENE,), "name it", "benzene", "name", "i"),
        Instruction((), "hello", "hello", "chat", "i"),
        OwnConversation(own_conversation(), "o"),
    ]
