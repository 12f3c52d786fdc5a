"""What is asked of an assistant besides the conversation, and what it says of itself. No torch."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

GRAPH = "graph tokens"
LORA = "instance LoRA"
EXPERTS = "experts"
PAIRS = "pair tokens"
REACTIONS = "reactions"
SWITCHED_OFF = "switched off for this answer"
"""The reason of an adapter that is on but was not wanted."""


@dataclass(frozen=True)
class AdapterStatus:
    """One adapter: on, or off and why."""

    name: str
    on: bool
    reason: str = ""


@dataclass(frozen=True)
class Status:
    """What answers, for the header and the passport.

    Attributes:
        cache_reason: Why nothing computed is kept between turns; empty where it is.
        alone_reason: Why answers are written one at a time; empty where several are.
        threads: Processor threads, in words.
        cannot: Tasks of the question menu that the model was not trained for.
        predicts: Properties that are not computed and that the model was measured to predict.
    """

    model: str
    quantisation: str
    compute_format: str
    device: str
    context: int
    adapters: tuple[AdapterStatus, ...]
    cache_reason: str = ""
    threads: str = ""
    alone_reason: str = ""
    cannot: tuple[str, ...] = ()
    predicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReplyOptions:
    """How one answer is drawn.

    Attributes:
        temperature: 0 takes the most probable token.
        stop: Set it to end the answer within one token.
        visitor: Whose question it is: for fairness, and the salt of the kept cache, so it must be
            unguessable.
        max_seconds: The answer is stopped when it has had the model for so long.
        experts: How experts are mixed where the bundle has some: each token by its own scalings
            (the published method, two passes a token), each turn by those of its question (one
            pass a token), or not at all.
        graph_tokens: Whether molecules are shown by their graph (and pairs by interaction tokens).
        instance_lora: Whether the molecules' ΔW is on.
        second_thoughts: Whether an answer that the structure contradicts is written again.
        spellings: Another SMILES of a molecule, by its number, for the prompt instead of the
            canonical one.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0
    max_new_tokens: int = 512
    stop: threading.Event = field(default_factory=threading.Event)
    visitor: str = ""
    max_seconds: float = 600.0
    experts: Literal["exact", "turn", "off"] = "exact"
    graph_tokens: bool = True
    instance_lora: bool = True
    second_thoughts: bool = True
    spellings: Mapping[int, str] = field(default_factory=dict)
