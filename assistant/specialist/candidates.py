"""Answers that can be computed: what likely templates make, and which of them is the answer.

templates ─► RDKit applies each ─► candidates, p(templates) ─┐
                                   language model ─► log p ──┴► a·log p + b·log p ─► ranked
"""

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

from assistant.chem.templates import SandboxedTemplates
from assistant.specialist.templates import ClassifierConfig, ReactionTemplates

TRIED = 50
"""Templates that are applied."""
LIKELY = 10
"""Candidates that the language model is asked about."""
_LEAST = 1e-9


@dataclass(frozen=True)
class Candidate:
    """A structure that a template makes.

    Attributes:
        smiles: Canonical, of one or several parts.
        probability: Of the templates that make it, together.
        n_reactions: Training reactions of the likeliest of these templates.
    """

    smiles: str
    probability: float
    n_reactions: int


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
    """

    def __init__(
        self, templates: ReactionTemplates, apply: SandboxedTemplates, *, forward: bool
    ) -> None:
        self.templates, self.forward = templates, forward
        self.config: ClassifierConfig = templates.config
        self._apply = apply

    def weighed(self, template_weight: float, lm_weight: float) -> "Proposer":
        """The same with other weights, for comparisons."""
        other = copy(self)
        other.config = replace(self.config, template_weight=template_weight, lm_weight=lm_weight)
        return other

    def candidates(self, smiles: str, n: int = LIKELY) -> tuple[Candidate, ...]:
        """What the likeliest templates make of a SMILES, the likeliest first; may be none.

        Args:
            smiles: Of one or several parts, valid.
            n: How many at most.

        Raises:
            ChemistryTimeoutError: Applying templates took too long.
            QueueFullError: The children are busy.
        """
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
                found[outcome] = Candidate(outcome, total, known.n_reactions)
        return tuple(sorted(found.values(), key=lambda c: -c.probability)[:n])


def ranked(
    candidates: Sequence[Candidate], log_probabilities: Sequence[float], config: ClassifierConfig
) -> tuple[Ranked, ...]:
    """Candidates by what templates and language model say together, the likeliest first.

    Args:
        candidates: At least one.
        log_probabilities: The language model's, natural logarithms, one for each.
        config: How much each opinion weighs.
    """
    scores = [
        config.template_weight * math.log(max(candidate.probability, _LEAST))
        + config.lm_weight * value
        for candidate, value in zip(candidates, log_probabilities, strict=True)
    ]
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = sum(weights) / config.covered
    found = [
        Ranked(candidate, weight / total)
        for candidate, weight in zip(candidates, weights, strict=True)
    ]
    return tuple(sorted(found, key=lambda r: -r.share))
