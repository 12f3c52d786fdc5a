"""How much the words of an answer depend on parts of the graph: influence, not proof.

    effect of a part = Σ log p(sentence | prompt) − Σ log p(sentence | part masked)   in nats

The answer stays as it was generated, token by token (teacher forcing); a masked part is taken out
of the molecule's graph, and graph tokens and ΔW are made anew from the rest (`assistant.masking`).
This is occlusion (Zeiler & Fergus, arXiv 1311.2901), on graphs. Since the log-probabilities of all
tokens come from one pass, a measurement serves every sentence of its answer.

Taking out anything disturbs the model, so each effect stands beside a control: other sets of as
many atoms, chosen at random (single atoms: all the other ones). A part stands out where its effect
is larger than the control's mean, on the same side of zero, by more than `SPREAD` standard
deviations; with ten draws of a normal distribution chance does that, on either side, for one part
in fifty (Student's t). An effect smaller than that of random atoms never stands out.

What it does not say: SMILES and card are in the prompt as text, so a sentence may be read from them
and hardly depend on the graph; `Totals` says how much. And a part that the sentence depends on is
not thereby a reason for what it claims.
"""

import math
import random
import statistics
import threading
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal, Protocol

from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Queued
from assistant.chat.view import View
from assistant.chem.molecule import Molecule
from assistant.chem.named_motifs import named_motifs
from assistant.errors import AnswerFailedError

MAX_ATOMS = 60
"""Atoms that are masked one by one; of a larger molecule only the motifs are."""
MAX_MOTIFS = 40
N_DRAWS = 10
MIN_CONTROLS = 5
SPREAD = 3.0
SMALLEST = 0.05
"""Nats: a smaller difference changes the probability by less than 5 % and is called nothing."""

Kind = Literal["motif", "atom"]


class Rescorer(Protocol):
    """What is needed of an assistant; `assistant.Assistant` is one."""

    def rescore(
        self,
        conversation: Conversation,
        answer: Message,
        number: int,
        views: Sequence[View],
        *,
        stop: threading.Event,
        visitor: str,
    ) -> Iterator[Queued | tuple[float, ...]]:
        """Log-probabilities of the answer's tokens in each view."""
        ...


@dataclass(frozen=True)
class Unit:
    """What is masked at once.

    Attributes:
        name: What a chemist calls it.
        kind: A motif, or an atom by itself.
        atoms: Atom numbers, from 1, as on the drawing.
    """

    name: str
    kind: Kind
    atoms: tuple[int, ...]


@dataclass(frozen=True)
class Control:
    """What masking other atoms, as many, does: mean and standard deviation of n effects, nats."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Effect:
    """What masking a unit does to a sentence.

    Attributes:
        unit: The unit.
        nats: Log-probability that the sentence loses without it; negative where it gains.
        control: Of other atoms, None where there are too few other sets to compare with.
    """

    unit: Unit
    nats: float
    control: Control | None

    @property
    def difference(self) -> float:
        """By how much it is larger than that of other atoms, nats; 0 without a control."""
        if self.control is None:
            return 0.0
        return math.copysign(1.0, self.nats) * (self.nats - self.control.mean)

    @property
    def stands_out(self) -> bool:
        """Whether it is larger than chance explains."""
        return abs(self.nats) > SMALLEST and self.difference > self._threshold

    @property
    def falls_short(self) -> bool:
        """Whether it is smaller than chance explains: random atoms matter more than this part."""
        if self.control is None or abs(self.nats) >= abs(self.control.mean):
            return False
        return abs(self.nats - self.control.mean) > self._threshold

    @property
    def _threshold(self) -> float:
        return max(SPREAD * self.control.sd, SMALLEST) if self.control else math.inf


@dataclass(frozen=True)
class Totals:
    """What a sentence loses, in nats, when whole sources are left out.

    Attributes:
        log_p: Log-probability of the sentence as it was written.
        n_tokens: Its tokens.
        graph: Without the molecule's graph tokens and ΔW.
        text: Without SMILES, name and card.
        both: Without either.
    """

    log_p: float
    n_tokens: int
    graph: float
    text: float
    both: float


WHOLE, NO_GRAPH = View(), View(graph=False)
UNTOLD, NOTHING = View(told=False), View(graph=False, told=False)


@dataclass
class Measurement:
    """The scores of an answer in all views so far.

    Attributes:
        number: The molecule whose parts are masked.
        told: Whether SMILES and card are in the prompt while parts are masked.
        units: What is masked: motifs first, then atoms.
        draws: Random sets of atoms, by their size.
        views: All that is scored, in this order.
        scores: Log-probability of each token of the answer, by view.
    """

    number: int
    told: bool
    units: tuple[Unit, ...]
    draws: dict[int, tuple[frozenset[int], ...]]
    n_atoms: int
    views: tuple[View, ...] = ()
    scores: dict[View, Sequence[float]] = field(default_factory=dict)

    @property
    def n_done(self) -> int:
        """Views that are scored."""
        return len(self.scores)

    @property
    def is_done(self) -> bool:
        """Whether all views are scored."""
        return self.n_done == len(self.views)

    def view_of(self, atoms: frozenset[int]) -> View:
        """The view without some atoms."""
        if len(atoms) == self.n_atoms:
            return View(graph=False, told=self.told)
        return View(hidden=atoms, told=self.told)

    def totals(self, tokens: Sequence[int]) -> Totals | None:
        """Of a sentence, given as the places of its tokens; None before they are scored."""
        if any(view not in self.scores for view in (WHOLE, NO_GRAPH, UNTOLD, NOTHING)):
            return None
        whole, *others = (self._sum(view, tokens) for view in (WHOLE, NO_GRAPH, UNTOLD, NOTHING))
        return Totals(whole, len(tokens), *(whole - other for other in others))

    def effects(self, kind: Kind, tokens: Sequence[int]) -> list[Effect]:
        """Of the units of a kind that are scored, those that stand out first, each by size."""
        found = [
            Effect(unit, nats, self._control(frozenset(unit.atoms), tokens))
            for unit in self.units
            if unit.kind == kind and (nats := self.nats(frozenset(unit.atoms), tokens)) is not None
        ]
        return sorted(found, key=lambda e: (not e.stands_out, -abs(e.nats)))

    def control_effects(self, kind: Kind, tokens: Sequence[int]) -> list[Effect]:
        """The same with atoms at random in the units' place: what a picture shows by chance.

        For motifs these are random sets of their sizes with their own effects; for atoms, whose
        random sets are the atoms, the effects are dealt out to them anew.
        """
        source = random.Random(f"control {self.n_atoms} {kind}")
        if kind == "atom":
            effects = sorted(self.effects("atom", tokens), key=lambda e: e.unit.atoms)
            numbers = [effect.unit.atoms for effect in effects]
            source.shuffle(numbers)
            units = [Unit("random atom", kind, atoms) for atoms in numbers]
            return [replace(e, unit=unit) for e, unit in zip(effects, units, strict=True)]
        own = {frozenset(unit.atoms) for unit in self.units if unit.kind == kind}
        found = []
        for size, n_units in Counter(len(u.atoms) for u in self.units if u.kind == kind).items():
            sets = [one for one in self.draws[size] if one not in own]
            for atoms in source.sample(sets, min(n_units, len(sets))):
                if (nats := self.nats(atoms, tokens)) is not None:
                    unit = Unit("random atoms", kind, tuple(sorted(atoms)))
                    found.append(Effect(unit, nats, self._control(atoms, tokens)))
        return found

    def nats(self, atoms: frozenset[int], tokens: Sequence[int]) -> float | None:
        """What masking a set of atoms takes from a sentence; None when it is not scored."""
        whole, masked = View(told=self.told), self.view_of(atoms)
        if whole not in self.scores or masked not in self.scores:
            return None
        return self._sum(whole, tokens) - self._sum(masked, tokens)

    def _control(self, atoms: frozenset[int], tokens: Sequence[int]) -> Control | None:
        others = [other for other in self.draws.get(len(atoms), ()) if other != atoms]
        values = [v for other in others if (v := self.nats(other, tokens)) is not None]
        if len(values) < MIN_CONTROLS:
            return None
        return Control(statistics.fmean(values), statistics.stdev(values), len(values))

    def _sum(self, view: View, tokens: Sequence[int]) -> float:
        scores = self.scores[view]
        return sum(scores[place] for place in tokens)


def plan(molecule: Molecule, number: int, *, told: bool = True, seed: int = 0) -> Measurement:
    """What is going to be scored: the whole, each unit, and the random sets beside them.

    Args:
        molecule: The molecule.
        number: Its number in the conversation.
        told: Whether SMILES and card stay in the prompt; without them what is left is the graph's.
        seed: Of the random sets; the same seed gives the same sets for a structure.
    """
    mol = molecule.rdmol()
    n_atoms = mol.GetNumAtoms()
    motifs = tuple(Unit(m.name, "motif", m.atoms) for m in named_motifs(molecule)[:MAX_MOTIFS])
    atoms: tuple[Unit, ...] = ()
    if n_atoms <= MAX_ATOMS:
        atoms = tuple(Unit(a.GetSymbol(), "atom", (a.GetIdx() + 1,)) for a in mol.GetAtoms())
    sizes = dict.fromkeys(len(unit.atoms) for unit in (*motifs, *atoms))
    draws = {
        size: tuple(frozenset(unit.atoms) for unit in atoms)
        if size == 1 and atoms
        else random_sets(n_atoms, size, f"{seed} {molecule.smiles} {size}")
        for size in sizes
    }
    found = Measurement(number, told, (*motifs, *atoms), draws, n_atoms)
    masked = [frozenset(unit.atoms) for unit in motifs]
    masked += [one for size, sets in draws.items() if size > 1 for one in sets]
    masked += list(draws.get(1, ()))
    masked += [frozenset(unit.atoms) for unit in atoms]
    views = (WHOLE, NO_GRAPH, UNTOLD, NOTHING, *map(found.view_of, masked))
    found.views = tuple(dict.fromkeys(views))
    return found


def random_sets(n_atoms: int, size: int, seed: str) -> tuple[frozenset[int], ...]:
    """Up to `N_DRAWS` different sets of atoms (from 1); all there are where they are few."""
    numbers = range(1, n_atoms + 1)
    if math.comb(n_atoms, size) <= N_DRAWS + 1:
        return tuple(frozenset(one) for one in combinations(numbers, size))
    source = random.Random(seed)
    found: dict[frozenset[int], None] = {}
    while len(found) < N_DRAWS:
        found[frozenset(source.sample(numbers, size))] = None
    return tuple(found)


def measure(
    assistant: Rescorer,
    conversation: Conversation,
    answer: Message,
    measurement: Measurement,
    *,
    stop: threading.Event,
    visitor: str = "",
) -> Iterator[Queued | Measurement]:
    """Scores what a plan still lacks.

    Args:
        assistant: Whose answer it is; `cannot_rescore` has no reason against it.
        conversation: Up to and including its question.
        answer: The answer.
        measurement: From `plan`; it is filled in place, and a stopped one can be gone on with.
        stop: Set it to end the work.
        visitor: Whose question it is.

    Yields:
        Where it waits; the measurement after each view.

    Raises:
        AnswerFailedError: The model's numbers are not finite.
        AssistantError: As the assistant does.
    """
    missing = [view for view in measurement.views if view not in measurement.scores]
    if not missing:
        return
    left = iter(missing)
    events = assistant.rescore(
        conversation, answer, measurement.number, missing, stop=stop, visitor=visitor
    )
    for event in events:
        if isinstance(event, Queued):
            yield event
            continue
        if not all(map(math.isfinite, event)):
            raise AnswerFailedError(
                "The model's numbers for this answer are not finite, so its parts have no"
                " influence that could be told. Ask again with another molecule or model."
            )
        measurement.scores[next(left)] = array("f", event)  # 4 bytes each: they are kept a while
        yield measurement
