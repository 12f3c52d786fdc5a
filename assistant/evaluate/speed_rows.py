"""What is timed for the speed table: two ways to the same result, in turns, in one process.

Every row times ours and the other way alternately, so that other load on the machine meets both.
Prompts are random tokens of the model's vocabulary and random graph tokens: speed does not depend
on what they say. ΔW are random, on q, k, v, o and the MLP of every layer, of rank 8.
"""

import itertools
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LoraWeights, LowRank, combine
from assistant.chem.molecule import Molecule
from assistant.encoding import MoleculeEncoder
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, Request
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced

SMILES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O",
    "C[C@H](N)C(=O)N[C@@H](Cc1ccccc1)C(=O)O",
    "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
    "CCN(CC)CCNC(=O)c1ccc(N)cc1",
    "Clc1ccc2c(c1)C(c1ccccc1)=NCC(=O)N2",
    "C[C@]12CC[C@H]3[C@@H](CCC4=CC(=O)CC[C@@]34C)[C@@H]1CC[C@@H]2O",
    "COc1ccc2nc(S(=O)Cc3ncc(C)c(OC)c3C)[nH]c2c1",
)

Format = Literal["nf4", "fp32"]
"""NF4 by its kernel, or the same values in 32 bit."""

_RANK = 8
_N_GRAPH_TOKENS = 28
_PROMPT = 64
_PATIENCE_S = 600.0
_SETTLING_S = 1.0


@dataclass(frozen=True)
class Pair:
    """Medians of the two ways; seconds or things per second, the same for both."""

    ours: float
    other: float
    repeats: int


def in_turns(ours: Callable[[], float], other: Callable[[], float], repeats: int) -> Pair:
    """Runs both ways alternately, after one run of each that does not count."""
    ours(), other()
    pairs = [(ours(), other()) for _ in range(repeats)]
    first, second = zip(*pairs, strict=True)
    return Pair(statistics.median(first), statistics.median(second), repeats)


class Bench:
    """One model with random ΔW, and the prompts to time it with.

    Args:
        llm: A model that the engine for several people runs; its sites get wrapped.
        history: Tokens of a long conversation.
        n_tokens: Tokens of an answer.
        fresh: Loads the model once more, for ways that change it.
    """

    def __init__(
        self,
        llm: LoadedLLM,
        fresh: Callable[[Format], LoadedLLM],
        *,
        history: int = 1000,
        n_tokens: int = 64,
    ) -> None:
        self.llm = llm
        self.fresh = fresh
        self.history = history
        self.n_tokens = n_tokens
        sites = find_sites(llm.model)
        wrap(llm.model, sites)
        self._random = torch.Generator().manual_seed(0)
        lora_B = {site.name: self._normal(site.out_features, _RANK) for site in sites}
        self.deltas: list[LoraWeights] = [
            {s.name: LowRank(self._normal(_RANK, s.in_features), lora_B[s.name]) for s in sites}
            for _ in range(8)
        ]
        self.engine = self._engine()
        self._visitors = itertools.count()

    def _engine(self) -> ContinuousEngine:
        return ContinuousEngine(self.llm, end_ids=frozenset())  # answers of full length

    def _normal(self, *shape: int) -> Tensor:
        values = torch.randn(*shape, generator=self._random) * 0.02
        return values.to(self.llm.device, self.llm.dtype)

    def visitor(self) -> str:
        """Somebody without a cache."""
        return f"visitor {next(self._visitors)}"

    def prompt(self, n_tokens: int, delta: LoraWeights | None = None) -> Spliced:
        """Random text, and with a ΔW graph tokens before it, all under the ΔW."""
        n_words = n_tokens - (_N_GRAPH_TOKENS if delta else 0)
        embed = self.llm.model.get_input_embeddings()
        ids = torch.randint(len(embed.weight), (n_words,), generator=self._random)
        rows = embed(ids.to(self.llm.device)).detach()
        content: list[int | str] = ids.tolist()
        if delta:
            rows = torch.cat([self._normal(_N_GRAPH_TOKENS, rows.shape[1]), rows])
            molecule = f"molecule {next(self._visitors)}:"
            content = [f"{molecule}{place}" for place in range(_N_GRAPH_TOKENS)] + content
        name = f"delta {id(delta)}" if delta else ""
        slot = 1 if delta else 0
        return Spliced(
            rows[None],
            torch.full((1, n_tokens), slot, device=rows.device),
            (delta,) if delta else (),
            slot,
            tuple((mark, name) for mark in content),
            name,
        )

    def ask(self, spliced: Spliced, *, n_tokens: int = 0, visitor: str = "") -> Done:
        """The greedy answer's figures."""
        sampling = Sampling(max_new_tokens=n_tokens or self.n_tokens)
        *_, done = self.engine.stream(Request(spliced, sampling, visitor=visitor or self.visitor()))
        if not isinstance(done, Done):
            raise AssistantError("The answer has no end.")
        return done


def extended(first: Spliced, more: Spliced) -> Spliced:
    """One conversation after another, each under its own ΔW."""
    n_before = len(first.deltas)
    shifted = torch.where(more.segment_index > 0, more.segment_index + n_before, 0)
    return Spliced(
        torch.cat([first.inputs_embeds, more.inputs_embeds], dim=1),
        torch.cat([first.segment_index, shifted], dim=1),
        first.deltas + more.deltas,
        more.answer_slot + n_before if more.answer_slot else 0,
        first.content + more.content,
        more.answer_content,
    )


class _Clock:
    """A streamer of `generate` that notes when each token came."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: Tensor) -> None:
        self.times.append(time.perf_counter())

    def end(self) -> None:
        pass


def stock_speed(llm: LoadedLLM, spliced: Spliced, n_tokens: int) -> float:
    """Tokens per second of `transformers` after the first token, base model alone."""
    clock = _Clock()
    embeds = spliced.inputs_embeds
    llm.model.generate(
        inputs_embeds=embeds,
        attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device),
        max_new_tokens=n_tokens,
        eos_token_id=llm.model.config.vocab_size,  # which never comes
        do_sample=False,
        streamer=clock,
    )
    times = clock.times[-n_tokens:]  # the prompt comes as an item of its own
    return (len(times) - 1) / (times[-1] - times[0])


def decode_against_stock(bench: Bench, repeats: int) -> Pair:
    """C1: tokens per second, one conversation, engine against `generate`."""
    prompt = bench.prompt(_PROMPT)
    return in_turns(
        lambda: bench.ask(prompt).tokens_per_s,
        lambda: stock_speed(bench.llm, prompt, bench.n_tokens),
        repeats,
    )


def decode_with_delta(bench: Bench, repeats: int) -> Pair:
    """C2: tokens per second with graph tokens and ΔW, against the base model in the same engine."""
    adapted, base = bench.prompt(_PROMPT, bench.deltas[0]), bench.prompt(_PROMPT)
    return in_turns(
        lambda: bench.ask(adapted).tokens_per_s, lambda: bench.ask(base).tokens_per_s, repeats
    )


def eight_together(bench: Bench, repeats: int) -> Pair:
    """C4: tokens per second of eight conversations, each with its own molecule, against one."""
    prompts = [bench.prompt(_PROMPT, delta) for delta in bench.deltas]

    def together(some: list[Spliced]) -> float:
        counts: list[int] = []
        threads = [
            threading.Thread(target=lambda p=p: counts.append(len(bench.ask(p).token_ids)))
            for p in some
        ]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE_S)
        return sum(counts) / (time.perf_counter() - begin)

    return in_turns(lambda: together(prompts), lambda: together(prompts[:1]), repeats)


def _first_tokens(bench: Bench, turns: Iterator[tuple[Spliced, Spliced]], repeats: int) -> Pair:
    """Seconds to the first token of a second turn, with the first one's cache and without."""
    warm, cold = [], []
    for first, second in itertools.islice(turns, repeats + 1):
        visitor = bench.visitor()
        bench.ask(first, n_tokens=1, visitor=visitor)
        warm.append(bench.ask(second, n_tokens=1, visitor=visitor).first_token_s)
        cold.append(bench.ask(second, n_tokens=1).first_token_s)
    return Pair(statistics.median(warm[1:]), statistics.median(cold[1:]), repeats)


def second_turn(bench: Bench, repeats: int) -> Pair:
    """C5: seconds to the first token of a question after a long history, warm against cold."""

    def turns() -> Iterator[tuple[Spliced, Spliced]]:
        while True:
            first = bench.prompt(bench.history, bench.deltas[0])
            yield first, extended(first, bench.prompt(32))

    return _first_tokens(bench, turns(), repeats)


def second_molecule(bench: Bench, repeats: int) -> Pair:
    """C7: the same, when the question brings a second molecule with graph tokens and ΔW."""
    both = combine(bench.deltas[:2], "mean")

    def turns() -> Iterator[tuple[Spliced, Spliced]]:
        while True:
            first = bench.prompt(bench.history, bench.deltas[0])
            own = bench.prompt(_N_GRAPH_TOKENS, bench.deltas[1])
            shown = extended(first, own)
            question = bench.prompt(_N_GRAPH_TOKENS + 32, both)
            yield first, extended(shown, question)

    return _first_tokens(bench, turns(), repeats)


def beside_a_neighbour(bench: Bench, repeats: int) -> Pair:
    """C8: tokens per second beside a process that keeps a core busy, against none."""
    prompt = bench.prompt(_PROMPT)

    def speed() -> float:
        bench.ask(prompt)  # in which the engine sees how busy the machine is
        return bench.ask(prompt).tokens_per_s

    def beside() -> float:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as neighbour:
            try:
                time.sleep(_SETTLING_S)
                return speed()
            finally:
                neighbour.kill()

    def alone() -> float:
        time.sleep(_SETTLING_S)
        return speed()

    return in_turns(beside, alone, repeats)


def encode(bench: Bench, repeats: int) -> Pair:
    """C9: seconds for graph tokens and ΔW of a known molecule, against a new one."""
    sites = find_sites(bench.llm.model)
    width = bench.llm.model.config.hidden_size
    encoder = MoleculeEncoder(
        GraphEncoder(GraphEncoderConfig()),
        MultiLevelProjector(ProjectorConfig(d_graph=300, d_llm=width)),
        LoraGenerator(GeneratorConfig(d_graph=300, sites=sites, rank=_RANK)),
        device=bench.llm.device,
        dtype=bench.llm.dtype,
    )
    molecules = itertools.cycle([Molecule.parse(smiles) for smiles in SMILES])

    def seconds(*, fresh: bool) -> float:
        molecule = next(molecules)
        encoder.clear()
        if not fresh:
            encoder.encode([molecule])
        begin = time.perf_counter()
        encoder.encode([molecule])
        return time.perf_counter() - begin

    return in_turns(lambda: seconds(fresh=False), lambda: seconds(fresh=True), repeats)
