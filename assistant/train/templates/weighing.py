"""How much each opinion on a candidate counts, learned on reactions apart.

A candidate's weight is exp of a sum of weighed logarithms, so a share among the candidates is a
conditional logit in the weights (McFadden 1974). They are chosen by the likelihood of the right
ones, which also makes the shares honest probabilities. Where no template has a say, the opinions
of the language model are weighed among what it wrote itself.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from assistant.errors import (
    AssistantError,
    ChemistryTimeoutError,
    InputTooLargeError,
    PromptTooLongError,
)
from assistant.specialist.candidates import Candidate, Opinion, Proposer, logarithms, ranked
from assistant.specialist.proposing import propose
from assistant.specialist.service import Specialist
from assistant.specialist.templates import ClassifierConfig, Weights
from assistant.specialist.writer import N_DRAFTS, Asking
from assistant.train.progress import Progress
from assistant.train.templates.reactions import TemplateReaction

R = TypeVar("R")

_HOPELESS = -1e4
_STEPS = 300
_ALL = Weights(1.0, 1.0, 1.0, 1.0)
_LANGUAGE_MODEL = Weights(0.0, 1.0, 1.0, 1.0)
_START = (0.0, -3.0, -3.0, -3.0)


@dataclass(frozen=True)
class Weighed:
    """Candidates of one reaction, with all opinions on them, and which of them is right.

    Attributes:
        candidates: May be none.
        opinions: The language model's, one for each; all alike without one.
        right: Place of the right one, None where it is not among them.
    """

    candidates: tuple[Candidate, ...]
    opinions: tuple[Opinion, ...]
    right: int | None

    @classmethod
    def of(
        cls, candidates: Sequence[Candidate], opinions: Sequence[Opinion], answer: str
    ) -> "Weighed":
        """Of a reaction whose right answer is known, canonical."""
        places = [place for place, c in enumerate(candidates) if c.smiles == answer]
        return cls(tuple(candidates), tuple(opinions), places[0] if places else None)

    def written(self) -> "Weighed":
        """The same with nothing but what the language model wrote."""
        pairs = zip(self.candidates, self.opinions, strict=True)
        kept = [(c, o) for c, o in pairs if c.n_written]
        answer = "" if self.right is None else self.candidates[self.right].smiles
        return Weighed.of([c for c, _ in kept], [o for _, o in kept], answer)


def opinions(
    task: str,
    reactions: Sequence[TemplateReaction],
    proposer: Proposer,
    specialist: Specialist | None,
) -> list[Weighed]:
    """What templates and language model say of reactions.

    Args:
        task: Of all of them.
        reactions: Apart from those that were learned.
        proposer: Proposes candidates.
        specialist: Has the language model; without one templates are all there is.
    """
    progress = Progress(f"{task}, weighed", len(reactions), unit="reactions")
    if specialist is not None:  # as on the page
        specialist = replace(specialist, proposers={task: proposer}, n_drafts=N_DRAFTS)
    found = []
    for reaction in reactions:
        given, answer = reaction.question_and_answer(task)
        found.append(_weighed(task, given, answer, proposer, specialist))
        progress.advance(1)
    return found


def _weighed(
    task: str, given: str, answer: str, proposer: Proposer, specialist: Specialist | None
) -> Weighed:
    """What is said of one reaction; nothing where it is too long for all."""
    try:
        if specialist is None:
            candidates = proposer.candidates(given)
            return Weighed.of(candidates, (Opinion(),) * len(candidates), answer)
        said = _ended(propose(specialist, task, given, asking=Asking(), everything=True))
    except (ChemistryTimeoutError, InputTooLargeError, PromptTooLongError):
        return Weighed((), (), None)
    return Weighed.of(said.candidates, said.opinions, answer)


def _ended(asking: Generator[object, None, R]) -> R:
    """What it returns in the end."""
    while True:
        try:
            next(asking)
        except StopIteration as end:
            return end.value


def weighed_config(config: ClassifierConfig, rows: Sequence[Weighed]) -> ClassifierConfig:
    """The config with the weights that make the right candidates likeliest.

    Args:
        config: Of the classifier.
        rows: What was said of reactions.

    Raises:
        AssistantError: No reaction has its right answer among the candidates.
    """
    useful = [row for row in rows if row.right is not None]
    if not useful:
        raise AssistantError(
            f"The right answer of none of {len(rows)} reactions is a candidate; learn from more."
        )
    covered = round(len(useful) / len(rows), 4)
    config = replace(config, weights=_likeliest(useful, _ALL), covered=covered)
    written = [row for row in (row.written() for row in rows) if row.right is not None]
    if not written:
        return config
    return replace(config, alone=_likeliest(written, _LANGUAGE_MODEL))


def _likeliest(rows: Sequence[Weighed], counted: Weights) -> Weights:
    """The weights that make the right candidates likeliest.

    Args:
        rows: Each has a right candidate.
        counted: 1 for the opinions that count, 0 for the others.
    """
    features, right = _features(rows)
    # An opinion that makes no difference anywhere, as of nobody who was asked, gets no weight.
    differs = ((features != features[:, :1]) & (features > _HOPELESS)).any(0).any(0)
    differs[0] = True  # templates are the ground for the others
    said = differs * torch.tensor(counted)
    values = nn.Parameter(torch.tensor(_START))  # logarithms of the weights: these are positive
    optimizer = torch.optim.Adam([values], lr=0.05)
    for _ in range(_STEPS):
        loss = nn.functional.cross_entropy(features @ (values.exp() * said), right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Weights(*(round(weight, 4) for weight in (values.detach().exp() * said).tolist()))


def _features(rows: Sequence[Weighed]) -> tuple[Tensor, Tensor]:
    """Logarithms of the opinions, (rows, candidates, 4), absent candidates hopeless."""
    most = max(len(row.candidates) for row in rows)
    features = torch.full((len(rows), most, len(Weights._fields)), _HOPELESS)
    for place, row in enumerate(rows):
        said = torch.tensor([*map(logarithms, row.candidates, row.opinions)])
        features[place, : len(said)] = said
    return features, torch.tensor([row.right for row in rows])


def hits(rows: Sequence[Weighed], config: ClassifierConfig) -> dict[int, float]:
    """Share of reactions whose right answer is first, or among the first 3, 5, 10."""
    places = []
    for row in rows:
        if row.right is None:
            continue
        order = [r.candidate for r in ranked(row.candidates, row.opinions, config)]
        places.append(order.index(row.candidates[row.right]))
    return {n: round(sum(p < n for p in places) / len(rows), 4) for n in (1, 3, 5, 10)}
