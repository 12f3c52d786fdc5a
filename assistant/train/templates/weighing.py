"""How much each opinion on a candidate counts, learned on reactions apart.

A candidate's weight is exp(a·log p(templates) + b·log p(the way back) + c·log p(language model)),
so a share among the candidates is a conditional logit in a, b and c (McFadden 1974). They are
chosen by the likelihood of the right ones, which also makes the shares honest probabilities.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from assistant.errors import AssistantError, ChemistryTimeoutError, InputTooLargeError
from assistant.specialist.candidates import LIKELY, Candidate, Proposer, ranked
from assistant.specialist.service import Specialist
from assistant.specialist.templates import ClassifierConfig
from assistant.train.progress import Progress
from assistant.train.templates.reactions import TemplateReaction

_HOPELESS = -1e4
_STEPS = 200


@dataclass(frozen=True)
class Weighed:
    """Candidates of one reaction, with all opinions on them, and which of them is right.

    Attributes:
        candidates: May be none.
        log_probabilities: The language model's, one for each; zeros without one.
        right: Place of the right one, None where it is not among them.
    """

    candidates: tuple[Candidate, ...]
    log_probabilities: tuple[float, ...]
    right: int | None


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
    found = []
    for reaction in reactions:
        given, answer = reaction.question_and_answer(task)
        try:
            candidates = proposer.candidates(given, LIKELY)
        except (ChemistryTimeoutError, InputTooLargeError):  # no candidates, as on the page
            candidates = ()
        values = (0.0,) * len(candidates)
        if specialist is not None:
            values = _said_by_lm(specialist, task, given, candidates)
        places = [place for place, c in enumerate(candidates) if c.smiles == answer]
        found.append(Weighed(candidates, values, places[0] if places else None))
        progress.advance(1)
    return found


def _said_by_lm(
    specialist: Specialist, task: str, given: str, candidates: Sequence[Candidate]
) -> tuple[float, ...]:
    asking = specialist.log_probabilities(
        task, given, [c.smiles for c in candidates], stop=threading.Event()
    )
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
            f"Templates make the right answer of none of {len(rows)} reactions; learn from more."
        )
    features, right = _features(useful)
    logarithms = nn.Parameter(torch.tensor([0.0, -2.0, -3.0]))  # of the weights: these are positive
    optimizer = torch.optim.Adam([logarithms], lr=0.05)
    for _ in range(_STEPS):
        loss = nn.functional.cross_entropy(features @ logarithms.exp(), right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # An opinion that nobody has given is zero throughout and gets no weight.
    said = ((features > _HOPELESS) & (features != 0)).any(0).any(0)
    weights = logarithms.detach().exp() * said
    template, back, lm = (round(weight, 4) for weight in weights.tolist())
    return replace(config.weighed((template, back, lm)), covered=round(len(useful) / len(rows), 4))


def _features(rows: Sequence[Weighed]) -> tuple[Tensor, Tensor]:
    """Logarithms of the opinions, (rows, candidates, 3), absent candidates hopeless."""
    most = max(len(row.candidates) for row in rows)
    features = torch.full((len(rows), most, 3), _HOPELESS)
    for place, row in enumerate(rows):
        pairs = zip(row.candidates, row.log_probabilities, strict=True)
        said = torch.tensor([(*candidate.logarithms(), value) for candidate, value in pairs])
        features[place, : len(said)] = said
    return features, torch.tensor([row.right for row in rows])


def hits(rows: Sequence[Weighed], config: ClassifierConfig) -> dict[int, float]:
    """Share of reactions whose right answer is first, or among the first 3, 5, 10."""
    places = []
    for row in rows:
        if row.right is None:
            continue
        order = [r.candidate for r in ranked(row.candidates, row.log_probabilities, config)]
        places.append(order.index(row.candidates[row.right]))
    return {n: round(sum(p < n for p in places) / len(rows), 4) for n in (1, 3, 5, 10)}
