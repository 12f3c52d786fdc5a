"""What is timed for the speed table: two ways to the same result, in turns, in one process.

Every row times ours and the other way alternately, so that other load on the machine meets both.
The prompts and the model's ΔW are of `speed_bench`.
"""

import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import combine
from assistant.chem.molecule import Molecule
from assistant.encoding import MoleculeEncoder
from assistant.evaluate.speed_bench import N_GRAPH_TOKENS, RANK, Bench, extended
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.load import LoadedLLM
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

_PROMPT = 64
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

    def rate(some: list[Spliced]) -> float:
        return bench.together(some)[0]

    return in_turns(lambda: rate(prompts), lambda: rate(prompts[:1]), repeats)


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
            own = bench.prompt(N_GRAPH_TOKENS, bench.deltas[1])
            shown = extended(first, own)
            question = bench.prompt(N_GRAPH_TOKENS + 32, both)
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
        LoraGenerator(GeneratorConfig(d_graph=300, sites=sites, rank=RANK)),
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
