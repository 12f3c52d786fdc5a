"""Scores from probabilities: how likely the model finds an answer, without drawing one.

    prompt ─► prefill once ─► log p of each spelling of yes and of no
    score = logsumexp over yes − logsumexp over no;   p(yes | yes or no) = sigmoid(score)

A score per pair gives a real ROC curve, where generated yes and no give one point of it (ModuLM's
published AUC is of the latter kind). It goes the way of an answer: the same splice, graph and pair
tokens, ΔW and 4-bit weights. Experts (X-LoRA) are not applied here.
"""

import copy
import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerBase

from assistant.adapters.lora import AdapterStep, running
from assistant.adapters.weights import stack
from assistant.errors import AssistantError
from assistant.llm.layout import text_ids
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Other, Others
from assistant.llm.splice import Spliced, continued

YES = ("Yes", "yes", "YES", " Yes", " yes")
NO = ("No", "no", "NO", " No", " no")


@dataclass(frozen=True)
class YesNoScore:
    """How the model leans.

    Attributes:
        log_odds: Log p(yes) - log p(no).
        mass: Probability that the answer begins with one of the two at all; a score of little mass
            says that the model would answer something else.
    """

    log_odds: float
    mass: float

    @property
    def probability(self) -> float:
        """Of yes, given that it is yes or no; 0 … 1."""
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, self.log_odds))))


def score_yes_no(
    llm: LoadedLLM,
    spliced: Spliced,
    *,
    yes: Sequence[str] = YES,
    no: Sequence[str] = NO,
) -> YesNoScore:
    """How likely the answer to a prompt begins with yes rather than with no.

    Args:
        llm: The language model, adapter sites wrapped.
        spliced: The prompt, ending where the answer begins.
        yes: Spellings that count as yes.
        no: Spellings that count as no.

    Raises:
        AssistantError: The tokenizer cannot write one of the two, or writes both alike.
    """
    groups = [spellings(llm.tokenizer, words) for words in (yes, no)]
    shared = set(groups[0]) & set(groups[1])
    if shared or not all(groups):
        raise AssistantError(
            f"The tokenizer of {llm.name} cannot tell {yes[0]!r} from {no[0]!r}, so the answer has"
            " no score; use a language model whose tokenizer knows these words."
        )
    values = log_probabilities(llm, spliced, [*groups[0], *groups[1]])
    split = len(groups[0])
    for_yes, for_no = torch.logsumexp(values[:split], 0), torch.logsumexp(values[split:], 0)
    return YesNoScore(float(for_yes - for_no), float(torch.logaddexp(for_yes, for_no).exp()))


def spellings(
    tokenizer: PreTrainedTokenizerBase, words: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    """Distinct id sequences of words, none the beginning of another: their probabilities add up.

    Words that the tokenizer cannot write (unknown token, or nothing left) are dropped.
    """
    found = dict.fromkeys(text_ids(tokenizer, word) for word in words)
    written = [ids for ids in found if ids and tokenizer.unk_token_id not in ids]
    return tuple(
        ids
        for ids in written
        if not any(other != ids and ids[: len(other)] == other for other in written)
    )


def log_probabilities(
    llm: LoadedLLM, spliced: Spliced, continuations: Sequence[Sequence[int]]
) -> Tensor:
    """Log-probability of each continuation right after the prompt, (c,) float32.

    The prompt is computed once; a continuation of m tokens costs one step of m - 1 tokens.

    Args:
        llm: The language model, adapter sites wrapped.
        spliced: The prompt.
        continuations: Token ids, at least one each.
    """
    if not all(continuations):
        raise ValueError("a continuation needs at least one token")
    run = _Run(llm, spliced)
    first = run.prefill()[0]
    return torch.stack([run.score(first, ids) for ids in continuations])


def score_tokens(
    llm: LoadedLLM, spliced: Spliced, ids: Sequence[int], *, n_others: int = 0
) -> tuple[tuple[float, ...], Others]:
    """Log-probability of each token of an answer in one pass, and what could stand in its place.

    Args:
        llm: The language model, adapter sites wrapped.
        spliced: The prompt.
        ids: Token ids of the answer, at least one.
        n_others: For each token, how many other likely ones are named.
    """
    whole = continued(spliced, ids[:-1], llm.model.get_input_embeddings())
    rows = _Run(llm, whole).prefill(n_last=len(ids))  # (m, vocabulary)
    following = torch.tensor(ids, device=rows.device)
    own = tuple(rows.gather(1, following[:, None])[:, 0].tolist())
    return own, likeliest_others(rows, following, n_others) if n_others else ()


def likeliest_others(log_probabilities: Tensor, ids: Tensor, n: int) -> Others:
    """The likeliest tokens in each place besides the one that stands there.

    Args:
        log_probabilities: (places, vocabulary).
        ids: What stands in each place, (places,).
        n: How many for each.
    """
    best, tokens = log_probabilities.topk(min(n + 1, log_probabilities.shape[1]), dim=-1)
    rows = zip(ids.tolist(), tokens.tolist(), best.tolist(), strict=True)
    return tuple(
        tuple(Other(*pair) for pair in zip(likely, values, strict=True) if pair[0] != own)[:n]
        for own, likely, values in rows
    )


class _Run:
    """The forward passes over one prompt."""

    def __init__(self, llm: LoadedLLM, spliced: Spliced) -> None:
        self._model = llm.model
        self._embed = llm.model.get_input_embeddings()
        self._spliced = spliced
        self._stacked = stack(spliced.deltas)
        self._cache = DynamicCache(config=llm.model.config)
        # A row of logits per token of the prompt would take more memory than the prompt.
        self._keeps_last = "logits_to_keep" in inspect.signature(llm.model.forward).parameters

    def prefill(self, *, n_last: int = 1) -> Tensor:
        """Log-probabilities behind the last tokens of the prompt, (n_last, vocabulary)."""
        embeds, index = self._spliced.inputs_embeds, self._spliced.segment_index
        return self._forward(embeds, index, self._cache, n_last=n_last)

    def score(self, first: Tensor, ids: Sequence[int]) -> Tensor:
        """Log-probability of one continuation."""
        total = first[ids[0]]
        if len(ids) == 1:
            return total
        head = torch.tensor([ids[:-1]], device=self._spliced.inputs_embeds.device)
        index = torch.full_like(head, self._spliced.answer_slot)
        with torch.inference_mode():
            embeds = self._embed(head)
        cache = copy.deepcopy(self._cache)
        rows = self._forward(embeds, index, cache, n_last=len(ids) - 1)  # (m - 1, vocabulary)
        following = torch.tensor(ids[1:], device=rows.device)
        return total + rows.gather(1, following[:, None]).sum()

    @torch.inference_mode()
    def _forward(
        self, embeds: Tensor, index: Tensor, cache: DynamicCache, *, n_last: int
    ) -> Tensor:
        options = {"logits_to_keep": n_last} if self._keeps_last else {}
        with running(AdapterStep.plan(self._stacked, index)):
            output = self._model(
                inputs_embeds=embeds, past_key_values=cache, use_cache=True, **options
            )
        return output.logits[0, -n_last:].float().log_softmax(dim=-1)
