"""From a record to a conversation with answers, and what is shown of each of its molecules."""

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from assistant.chat.card import NO_CARD, card_lines
from assistant.chat.conversation import Conversation, Message, PairQuestion, Role
from assistant.chat.pair_answers import write_value, write_yes_no
from assistant.chat.prompts import fill, pair_question
from assistant.chem.aligned import aligned_smiles
from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import pair_task
from assistant.train.adapt.recipe import ShownRates
from assistant.train.sources.records import (
    Caption,
    Instruction,
    Label,
    OwnConversation,
    Pair,
    Reaction,
    Record,
    Value,
)

REACTION_SIDES = ("forward", "retro", "reagent")
"""What can be asked of a reaction: its product, its reactants, its reagents."""
_APART = 0.3
"""Share of the questions for a product that name the reagents as a molecule of their own."""
_MENU = {"caption": "menu/describe", "retro": "menu/retrosynthesis"}


@dataclass(frozen=True)
class Shown:
    """What the model is shown of one molecule: texts as the prompt has them, and the graph."""

    identity: str
    card: str
    graph: bool


@dataclass(frozen=True)
class Lesson:
    """A conversation that ends with an answer, and what is shown of its molecules."""

    conversation: Conversation
    shown: Mapping[int, Shown]


def lesson(
    record: Record, rng: random.Random, rates: ShownRates, asked: Sequence[str] = REACTION_SIDES
) -> Lesson:
    """A conversation about a record; the same random numbers give the same one.

    Args:
        record: What it is about.
        rng: Draws the words, and what is left out.
        rates: Of what is left out.
        asked: Of a reaction, the sides that are asked for.
    """
    conversation = conversation_of(record, rng, asked)
    shown = {entry.number: show(entry.molecule, rng, rates) for entry in conversation.molecules}
    return Lesson(conversation, shown)


def conversation_of(
    record: Record, rng: random.Random, asked: Sequence[str] = REACTION_SIDES
) -> Conversation:
    """Question and answer in one of the wordings; an own conversation as it is."""
    match record:
        case OwnConversation():
            return record.conversation
        case Caption():
            return _asked([record.molecule], _question(rng, "caption"), record.text)
        case Instruction():
            return _asked(record.molecules, record.question, record.answer)
        case Value():
            return _value(record, rng)
        case Label():
            question = _question(rng, "label", claim=record.claim)
            return _asked([record.molecule], question, f"{write_yes_no(record.holds)}.")
        case Reaction():
            return _reaction(record, rng, asked)
        case Pair():
            return _pair(record)


def _value(record: Value, rng: random.Random) -> Conversation:
    form = f"{record.quantity}: {{}} {record.unit}".rstrip()
    question = _question(rng, "value", quantity=record.quantity, form=form.format("<number>"))
    answer = form.format(f"{record.value:.{record.decimals}f}")
    return _asked([record.molecule], question, answer)


def _reaction(record: Reaction, rng: random.Random, asked: Sequence[str]) -> Conversation:
    known = _known_sides(record)
    kind = rng.choice([side for side in known if side in asked] or known)
    if kind == "forward":
        return _forward(record, rng)
    reactants, reagents, product = record.reactants, record.reagents, record.product
    if kind == "retro" or reagents is None:
        answer = aligned_smiles(reactants, product.smiles)
        return _asked([product], _question(rng, "retro"), f"Reactants: {answer}")
    question = _question(rng, kind, other="molecule 2")
    answer = f"Reagents: {reagents.smiles}"
    return _asked([reactants, product], question, answer, ["reactant", "product"])


def _known_sides(record: Reaction) -> list[str]:
    if record.mixed:
        return ["forward"]
    return list(REACTION_SIDES[: 3 if record.reagents else 2])


def _forward(record: Reaction, rng: random.Random) -> Conversation:
    """Asked of reactants and reagents apart, or of their mixture as one molecule of many parts."""
    given, reagents = record.reactants, record.reagents
    if reagents and rng.random() < _APART:
        parts, naming = [given, reagents], "molecules 1 and 2"
    else:
        mixture = Molecule.parse(f"{given.smiles}.{reagents.smiles}") if reagents else given
        parts, naming = [mixture], "molecule 1"
    answer = aligned_smiles(record.product, parts[0].smiles)
    question = _question(rng, "forward", naming)
    return _asked(parts, question, f"Product: {answer}", ["reactant", "agent"])


def _pair(record: Pair) -> Conversation:
    task = pair_task(record.task)
    conversation, first = Conversation().with_molecule(record.first)
    conversation, second = conversation.with_molecule(record.second)
    question = PairQuestion(first, second, task.name)
    asked = Message("user", pair_question(question), pair=question)
    if isinstance(record.answer, bool):
        answer = f"{write_yes_no(record.answer)}."
    else:
        answer = write_value(task, record.answer)
    return conversation.with_message(asked).with_message(Message("assistant", answer))


def _asked(
    molecules: Sequence[Molecule],
    question: str,
    answer: str,
    roles: Sequence[Role] = (),
) -> Conversation:
    conversation, numbers = Conversation(), []
    for index, molecule in enumerate(molecules):
        role = roles[index] if index < len(roles) else None
        conversation, number = conversation.with_molecule(molecule, role)
        numbers.append(number)
    about = tuple(dict.fromkeys(numbers))
    conversation = conversation.with_message(Message("user", question, about))
    return conversation.with_message(Message("assistant", answer))


def _question(rng: random.Random, kind: str, naming: str = "molecule 1", **values: str) -> str:
    choices = _wordings()[kind]
    index = rng.randrange(len(choices) + (kind in _MENU))
    if index == len(choices):
        return fill(_MENU[kind], molecule=naming)
    text = choices[index].format(m=naming, **values)
    return text[0].upper() + text[1:]


@cache
def _wordings() -> Mapping[str, list[str]]:
    path = Path(__file__).with_name("wording.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def show(molecule: Molecule, rng: random.Random, rates: ShownRates) -> Shown:
    """What is shown of a molecule; some of its structure always is, unless it is a blind one."""
    if rng.random() < rates.blind:
        return Shown("", NO_CARD, graph=False)
    has_graph = rng.random() >= rates.graph
    has_smiles = rng.random() >= rates.smiles or not has_graph
    identity = f"SMILES: {molecule.smiles}\n" if has_smiles else ""
    if molecule.name:
        identity += f"name: {molecule.name}\n"
    if rng.random() < rates.card:
        return Shown(identity, NO_CARD, has_graph)
    lines = card_lines(_facts(molecule))
    kept = [f"{e.label}: {e.value}" for e in lines if rng.random() >= rates.line]
    return Shown(identity, "\n".join(kept) or NO_CARD, has_graph)


@lru_cache(maxsize=20_000)
def _facts(molecule: Molecule) -> Facts:
    return compute_facts(molecule)
