"""What may be the answer: what likely templates make, what the language model wrote, and which is.

templates ─► RDKit applies each ─► p(templates) ─┬► candidates ─► sum of weighed logarithms
language model writes drafts ─► how often ───────┘         └► language model: p of the candidate,
                                                              p of the way back     ─► ranked
"""

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

from assistant.chem.templates import SandboxedTemplates
from assistant.errors import ChemistryTimeoutError, InputTooLargeError
from assistant.specialist.templates import ClassifierConfig, ReactionTemplates, Weights

TRIED = 50
"""Templates that are applied."""
LIKELY = 8
"""Of what they make, the candidates that are asked about further."""
_LEAST = 1e-3
"""No less is held for the templates' probability of a candidate: they do not know everything."""
_WRITTEN_AT_LEAST = 0.3
"""So often counts as written what was not: a few drafts do not say all that could be."""


@dataclass(frozen=True)
class Candidate:
    """A structure that may be the answer.

    Attributes:
        smiles: Canonical, of one or several parts.
        probability: Of the templates that make it, together; 0 where none of the likely ones does.
        n_reactions: Training reactions of the likeliest of these templates.
        n_written: Answers of the language model that are it.
    """

    smiles: str
    probability: float
    n_reactions: int
    n_written: int = 0


@dataclass(frozen=True)
class Opinion:
    """How likely the language model finds a candidate, natural logarithms.

    Attributes:
        along: Of the candidate after the question, of the mean over spellings.
        back: Of what was given, after the question the other way; 0 where it has not learned that.
    """

    along: float = 0.0
    back: float = 0.0


@dataclass(frozen=True)
class Ranked:
    """A candidate among the others.

    Attributes:
        candidate: What it is.
        share: How likely it is the answer, 0 … 1; all of them leave room for the answers that are
            none of them.
    """

    candidate: Candidate
    share: float


_WRITTEN_ALONE = ClassifierConfig(1, weights=ClassifierConfig.alone)


class Proposer:
    """Proposes the candidates of one task.

    Args:
        templates: Of the task; without any there is what the language model wrote.
        apply: Applies them.
        forward: From reactants to products.
        opposite: Proposes in the other direction, where there are templates for that.
    """

    def __init__(
        self,
        templates: ReactionTemplates | None,
        apply: SandboxedTemplates,
        *,
        forward: bool,
        opposite: "Proposer | None" = None,
    ) -> None:
        self.templates, self.forward, self.opposite = templates, forward, opposite
        self.config = _WRITTEN_ALONE if templates is None else templates.config
        self._apply = apply

    def weighed(self, weights: Weights) -> "Proposer":
        """The same with other weights, for comparisons."""
        other = copy(self)
        other.config = replace(self.config, weights=weights)
        return other

    def alone(self) -> "Proposer":
        """The same without any templates: it proposes what the language model wrote."""
        other = self.weighed(self.config.alone)
        other.templates = other.opposite = None
        return other

    def candidates(
        self,
        smiles: str,
        n: int = LIKELY,
        *,
        written: Mapping[str, int] | None = None,
    ) -> tuple[Candidate, ...]:
        """What the likeliest templates make of a SMILES, the likeliest first, and what was written.

        Args:
            smiles: Of one or several parts, valid.
            n: How many at most of those that templates make.
            written: What the language model wrote, canonical, and how often.

        Raises:
            ChemistryTimeoutError: Applying templates took too long.
            InputTooLargeError: The SMILES is over a cap of `chem.limits`.
            QueueFullError: The children are busy.
        """
        made, written = self._made(smiles), written or {}
        texts = dict.fromkeys([*list(made)[:n], *written])
        return tuple(
            replace(made.get(text, Candidate(text, 0.0, 0)), n_written=written.get(text, 0))
            for text in texts
        )

    def returned(self, candidate: str, smiles: str) -> float | None:
        """Probability that templates of the other direction make of a candidate what was given.

        Args:
            candidate: Its SMILES.
            smiles: Of what was given.

        Returns:
            None where there are no such templates, or nothing could be said in time.

        Raises:
            QueueFullError: The children are busy.
        """
        if self.opposite is None:
            return None
        try:
            return self.opposite.chance_of(candidate, smiles)
        except (ChemistryTimeoutError, InputTooLargeError):
            return None

    def chance_of(self, given: str, wanted: str) -> float:
        """Probability that something is made, and nothing that is no part of it.

        A product is made of reactants; reactants of a product may come without the reagents.

        Args:
            given: SMILES of what it would be made of.
            wanted: SMILES of one or several parts.

        Raises:
            As `candidates`.
        """
        made = (c for c in self._made(given).values() if is_part(c.smiles, wanted))
        return min(1.0, sum(c.probability for c in made))

    def _made(self, smiles: str) -> dict[str, Candidate]:
        """Candidates by their SMILES, the likeliest first."""
        if self.templates is None:
            return {}
        likely = self.templates.likeliest(smiles, TRIED)
        made = self._apply(smiles, [t.smarts for t, _ in likely], forward=self.forward)
        found: dict[str, Candidate] = {}
        for (template, probability), outcomes in zip(likely, made, strict=True):
            for outcome in outcomes:
                if is_part(outcome, smiles):
                    continue
                known = found.get(outcome, Candidate(outcome, 0.0, template.n_reactions))
                total = known.probability + probability
                found[outcome] = replace(known, probability=total)
        order = sorted(found.values(), key=lambda candidate: -candidate.probability)
        return {candidate.smiles: candidate for candidate in order}


def is_part(smiles: str, whole: str) -> bool:
    """Whether all parts of one SMILES are parts of another, both canonical."""
    return set(whole.split(".")).issuperset(smiles.split("."))


def ranked(
    candidates: Sequence[Candidate], opinions: Sequence[Opinion], config: ClassifierConfig
) -> tuple[Ranked, ...]:
    """Candidates by what all opinions say together, the likeliest first.

    Args:
        candidates: At least one.
        opinions: The language model's, one for each.
        config: How much each opinion weighs.
    """
    scores = [
        sum(weight * value for weight, value in zip(config.weights, said, strict=True))
        for said in map(logarithms, candidates, opinions)
    ]
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = sum(weights) / config.covered
    found = [
        Ranked(candidate, weight / total)
        for candidate, weight in zip(candidates, weights, strict=True)
    ]
    return tuple(sorted(found, key=lambda r: -r.share))


def logarithms(candidate: Candidate, opinion: Opinion) -> Weights:
    """What the opinions say of a candidate, natural logarithms."""
    return Weights(
        math.log(max(candidate.probability, _LEAST)),
        math.log(candidate.n_written + _WRITTEN_AT_LEAST),
        opinion.along,
        opinion.back,
    )
