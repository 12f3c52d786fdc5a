"""A model with random ΔW, and the prompts to time it with.

Prompts are random tokens of the model's vocabulary and random graph tokens: speed does not depend
on what they say. ΔW are on q, k, v, o and the MLP of every layer, of rank 8.
"""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.errors import AssistantError
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.graphed.capture import Products
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, Request, Token
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced

Format = Literal["nf4", "fp32"]
"""NF4 by its kernel, or the same values in 32 bit."""

RANK = 8
N_GRAPH_TOKENS = 28
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Heard:
    """One answer.

    Attributes:
        done: Its end, with its figures.
        first_token_s: Seconds from asking to the first token.
    """

    done: Done
    first_token_s: float


class Bench:
    """One model with random ΔW, and the prompts to time it with.

    Args:
        llm: A model that the engine for several people runs; its sites get wrapped.
        fresh: Loads the model once more, for ways that change it.
        history: Tokens of a long conversation.
        n_tokens: Tokens of an answer.
        products: How captured steps multiply 4-bit weights; see `ContinuousEngine`.

    Attributes:
        deltas: Eight ΔW of rank 8; by site A (8, in), distinct, and B (out, 8), shared.
    """

    def __init__(
        self,
        llm: LoadedLLM,
        fresh: Callable[[Format], LoadedLLM],
        *,
        history: int = 1000,
        n_tokens: int = 64,
        products: Products = "auto",
    ) -> None:
        self.llm = llm
        self.fresh = fresh
        self.history = history
        self.n_tokens = n_tokens
        sites = find_sites(llm.model)
        wrap(llm.model, sites)
        self._random = torch.Generator().manual_seed(0)
        lora_B = {site.name: self._normal(site.out_features, RANK) for site in sites}
        self.deltas: list[LoraWeights] = [
            {s.name: LowRank(self._normal(RANK, s.in_features), lora_B[s.name]) for s in sites}
            for _ in range(8)
        ]
        # Without tokens that end an answer: answers of full length.
        self.engine = ContinuousEngine(llm, end_ids=frozenset(), products=products)
        self._visitors = itertools.count()

    def _normal(self, *shape: int) -> Tensor:
        values = torch.randn(*shape, generator=self._random) * 0.02
        return values.to(self.llm.device, self.llm.dtype)

    def visitor(self) -> str:
        """Somebody without a cache."""
        return f"visitor {next(self._visitors)}"

    def prompt(self, n_tokens: int, delta: LoraWeights | None = None) -> Spliced:
        """Random text, and with a ΔW graph tokens before it, all under the ΔW.

        Args:
            n_tokens: Tokens in all, so h-wide rows in `inputs_embeds` (1, n_tokens, h).
            delta: One of `deltas`; None for a prompt without a molecule.
        """
        n_words = n_tokens - (N_GRAPH_TOKENS if delta else 0)
        embed = self.llm.model.get_input_embeddings()
        ids = torch.randint(len(embed.weight), (n_words,), generator=self._random)
        rows = embed(ids.to(self.llm.device)).detach()
        content: list[int | str] = ids.tolist()
        if delta:
            rows = torch.cat([self._normal(N_GRAPH_TOKENS, rows.shape[1]), rows])
            molecule = f"molecule {next(self._visitors)}:"
            content = [f"{molecule}{place}" for place in range(N_GRAPH_TOKENS)] + content
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
        """The greedy answer's figures; arguments and errors as of `hear`."""
        return self.hear(spliced, n_tokens=n_tokens, visitor=visitor).done

    def hear(self, spliced: Spliced, *, n_tokens: int = 0, visitor: str = "") -> Heard:
        """Asks and listens to the end.

        Args:
            spliced: The prompt.
            n_tokens: Tokens of the answer; 0 for the bench's own number.
            visitor: Whose caches are used; "" for somebody without any.

        Raises:
            AssistantError: The answer has none.
        """
        begin = time.perf_counter()
        first = 0.0
        sampling = Sampling(max_new_tokens=n_tokens or self.n_tokens)
        request = Request(spliced, sampling, visitor=visitor or self.visitor())
        done = None
        for event in self.engine.stream(request):
            if isinstance(event, Token) and not first:
                first = time.perf_counter() - begin
            if isinstance(event, Done):
                done = event
        if done is None:
            raise AssistantError("The answer has no end.")
        return Heard(done, first)

    def together(self, prompts: list[Spliced], n_tokens: int = 0) -> tuple[float, list[Heard]]:
        """Asks all at once, each for somebody without a cache.

        Args:
            prompts: One for each of them.
            n_tokens: Tokens of each answer; 0 for the bench's own number.

        Returns:
            Tokens per second of all together, and the answers in the order in which they ended.

        Raises:
            AssistantError: An answer did not come.
        """
        heard: list[Heard] = []

        def listen(prompt: Spliced) -> None:
            heard.append(self.hear(prompt, n_tokens=n_tokens))

        threads = [threading.Thread(target=listen, args=(p,), daemon=True) for p in prompts]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE_S)
        seconds = time.perf_counter() - begin
        if len(heard) < len(prompts):
            raise AssistantError(f"{len(heard)} of {len(prompts)} answers came; see the log.")
        return sum(len(h.done.token_ids) for h in heard) / seconds, heard


def extended(first: Spliced, more: Spliced) -> Spliced:
    """One conversation after another, each under its own ΔW.

    Args:
        first: t₁ tokens.
        more: t₂ tokens; its answer is the one that is asked for.

    Returns:
        A prompt of t₁ + t₂ tokens; the ΔW slots of `more` come after those of `first`.
    """
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
