"""Answers that can be computed: what likely templates make, and which of them is the answer.

templates ─► RDKit applies each ─► candidates, p(templates) ─┐
              templates the other way give back what is given ┼► a·log p + b·log p + c·log p
                                      language model, log p ─┘      ─► ranked
"""

import math
import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

from assistant.chem.templates import SandboxedTemplates
from assistant.errors import ChemistryTimeoutError, InputTooLargeError
from assistant.specialist.templates import ClassifierConfig, ReactionTemplates, Weights

TRIED = 50
"""Templates that are applied."""
LIKELY = 8
"""Candidates that the language model is asked about."""
_LEAST = 1e-9
_LEAST_RETURNED = 0.03
"""No more than this is held against a candidate that is not given back: many are not."""


@dataclass(frozen=True)
class Candidate:
    """A structure that a template makes.

    Attributes:
        smiles: Canonical, of one or several parts.
        probability: Of the templates that make it, together.
        n_reactions: Training reactions of the likeliest of these templates.
        returned: Probability that templates of the other direction make of it what was given; None
            where there are none.
    """

    smiles: str
    probability: float
    n_reactions: int
    returned: float | None = None

    def logarithms(self) -> tuple[float, float]:
        """Of both probabilities, natural; what is unknown or zero has a floor."""
        back = 0.0 if self.returned is None else math.log(self.returned + _LEAST_RETURNED)
        return math.log(max(self.probability, _LEAST)), back


@dataclass(frozen=True)
class Ranked:
    """A candidate among the others.

    Attributes:
        candidate: What it is.
        share: How likely it is the answer, 0 … 1; all of them leave room for the answers that no
            template makes.
    """

    candidate: Candidate
    share: float


class Proposer:
    """Proposes the candidates of one task.

    Args:
        templates: Of the task.
        apply: Applies them.
        forward: From reactants to products.
        back: Proposes in the other direction, where there are templates for that.
    """

    def __init__(
        self,
        templates: ReactionTemplates,
        apply: SandboxedTemplates,
        *,
        forward: bool,
        back: "Proposer | None" = None,
    ) -> None:
        self.templates, self.forward, self.back = templates, forward, back
        self.config: ClassifierConfig = templates.config
        self._apply = apply

    def weighed(self, weights: Weights) -> "Proposer":
        """The same with other weights, for comparisons."""
        other = copy(self)
        other.config = self.config.weighed(weights)
        return other

    def candidates(
        self, smiles: str, n: int = LIKELY, *, stop: threading.Event | None = None
    ) -> tuple[Candidate, ...]:
        """What the likeliest templates make of a SMILES, the likeliest first; may be none.

        Args:
            smiles: Of one or several parts, valid.
            n: How many at most.
            stop: Set it to end the work: the way back is then not asked.

        Raises:
            ChemistryTimeoutError: Applying templates took too long.
            InputTooLargeError: The SMILES is over a cap of `chem.limits`.
            QueueFullError: The children are busy.
        """
        found = self._made(smiles)[:n]
        if self.back is None:
            return found
        returned = []
        for candidate in found:
            if stop is not None and stop.is_set():
                return found
            try:
                chance = self.back.chance_of(candidate.smiles, smiles)
            except (ChemistryTimeoutError, InputTooLargeError):  # nothing is known of the way back
                return found
            returned.append(replace(candidate, returned=chance))
        return tuple(returned)

    def chance_of(self, given: str, wanted: str) -> float:
        """Probability that something is made, and nothing that is no part of it.

        A product is made of reactants; reactants of a product may come without the reagents.

        Args:
            given: SMILES of what it would be made of.
            wanted: SMILES of one or several parts.

        Raises:
            As `candidates`.
        """
        parts = set(wanted.split("."))
        made = (c for c in self._made(given) if parts.issuperset(c.smiles.split(".")))
        return min(1.0, sum(c.probability for c in made))

    def _made(self, smiles: str) -> tuple[Candidate, ...]:
        likely = self.templates.likeliest(smiles, TRIED)
        made = self._apply(smiles, [t.smarts for t, _ in likely], forward=self.forward)
        given = set(smiles.split("."))
        found: dict[str, Candidate] = {}
        for (template, probability), outcomes in zip(likely, made, strict=True):
            for outcome in outcomes:
                if given.issuperset(outcome.split(".")):  # nothing has happened
                    continue
                known = found.get(outcome, Candidate(outcome, 0.0, template.n_reactions))
                total = known.probability + probability
                found[outcome] = replace(known, probability=total)
        return tuple(sorted(found.values(), key=lambda c: -c.probability))


def ranked(
    candidates: Sequence[Candidate], log_probabilities: Sequence[float], config: ClassifierConfig
) -> tuple[Ranked, ...]:
    """Candidates by what all opinions say together, the likeliest first.

    Args:
        candidates: At least one.
        log_probabilities: The language model's, natural logarithms, one for each.
        config: How much each opinion weighs.
    """
    scores = [
        sum(weight * value for weight, value in zip(config.weights, values, strict=True))
        for values in (
            (*candidate.logarithms(), value)
            for candidate, value in zip(candidates, log_probabilities, strict=True)
        )
    ]
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = sum(weights) / config.covered
    found = [
        Ranked(candidate, weight / total)
        for candidate, weight in zip(candidates, weights, strict=True)
    ]
    return tuple(sorted(found, key=lambda r: -r.share))
