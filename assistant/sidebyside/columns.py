"""What the columns of a comparison ask, and why one cannot be asked.

adapters    the same question with the same seed: base, each adapter by itself, all together
molecules   the same question about each of two molecules
spellings   the same question about one molecule whose SMILES is written in other ways
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.chat.conversation import (
    Conversation,
    Message,
    NumberedMolecule,
    referred_numbers,
)
from assistant.chat.reply import EXPERTS, GRAPH, LORA, AdapterStatus, ReplyOptions
from assistant.chem.respell import respelled
from assistant.errors import AssistantError

N_SPELLINGS = 4

_HINTS = {
    GRAPH: "tokens made from the molecular graph (LLaMo)",
    LORA: "weights generated for this molecule (MoRA)",
    EXPERTS: "LoRA experts mixed for every token (X-LoRA)",
}
_NOTHING_TO_SHOW = "the question is about no molecule, so there is nothing it could act on"


@dataclass(frozen=True)
class Column:
    """One way to ask.

    Attributes:
        label: What stands above it.
        hint: What makes it different, in a few words.
        conversation: Up to and including the question.
        options: How the answer is drawn; `stop` is the comparison's own.
        off: Why it is not asked; "" where it is.
        number: The molecule it is about, where the columns differ in that.
        spelling: The SMILES that is written, where the columns differ in that.
    """

    label: str
    hint: str
    conversation: Conversation
    options: ReplyOptions
    off: str = ""
    number: int | None = None
    spelling: str = ""


def adapter_columns(
    conversation: Conversation, adapters: Sequence[AdapterStatus], options: ReplyOptions
) -> tuple[Column, ...]:
    """Base, each adapter by itself, all together.

    An adapter that is off in this bundle gives a column that says why; so does "all" where it would
    be the same as another column.

    Args:
        conversation: Up to and including the question.
        adapters: As `Status` has them.
        options: How every answer is drawn; the same seed for all.
    """
    focus = conversation.focus(conversation.n_turns - 1)
    reasons = {name: _obstacle(name, adapters, focus) for name in (GRAPH, LORA, EXPERTS)}
    base = Column("base", "the language model without adapters", conversation, _with(options))
    columns = [base]
    for name, reason in reasons.items():
        columns.append(
            Column(f"+ {name}", _HINTS[name], conversation, _with(options, name), reason)
        )
    on = [name for name, reason in reasons.items() if not reason]
    columns.append(Column("all", " + ".join(on), conversation, _with(options, *on), _not_all(on)))
    return tuple(columns)


def _obstacle(name: str, adapters: Sequence[AdapterStatus], focus: Sequence[int]) -> str:
    status = next((a for a in adapters if a.name == name), None)
    if status is None or not status.on:
        return (status.reason if status else "") or "not in this bundle"
    return _NOTHING_TO_SHOW if name != EXPERTS and not focus else ""


def _not_all(on: Sequence[str]) -> str:
    if len(on) > 1:
        return ""
    return f"the same as “+ {on[0]}”: no other adapter is on" if on else "no adapter is on"


def _with(options: ReplyOptions, *names: str) -> ReplyOptions:
    """The options with these adapters and no others."""
    mode = "exact" if options.experts == "off" else options.experts
    return replace(
        options,
        graph_tokens=GRAPH in names,
        instance_lora=LORA in names,
        experts=mode if EXPERTS in names else "off",
    )


def molecule_columns(
    text: str, entries: Sequence[NumberedMolecule], options: ReplyOptions
) -> tuple[Column, ...]:
    """The same question about each molecule, each in a conversation of its own.

    Args:
        text: The question; where it names one molecule by its number, each column names its own.
        entries: The molecules.
        options: How every answer is drawn.

    Raises:
        AssistantError: The question names several molecules, or there are not two of them.
    """
    if len({entry.molecule for entry in entries}) < 2:
        raise AssistantError("Choose two different molecules to compare.")
    return tuple(
        Column(
            entry.molecule.name or f"molecule {entry.number}",
            f"molecule {entry.number}",
            question_about(text, entry),
            options,
            number=entry.number,
        )
        for entry in entries
    )


def spelling_columns(
    text: str,
    entry: NumberedMolecule,
    options: ReplyOptions,
    *,
    n: int = N_SPELLINGS,
    seed: int = 0,
) -> tuple[Column, ...]:
    """The same question about one molecule, its SMILES written in other orders of the atoms.

    Graph, ΔW and facts stay the same: they belong to the structure.

    Args:
        text: The question.
        entry: The molecule.
        options: How every answer is drawn.
        n: How many spellings.
        seed: Which ones.

    Raises:
        AssistantError: The molecule has no two other spellings.
    """
    spellings = respelled(entry.molecule, n, seed=seed)
    if len(spellings) < 2:
        raise AssistantError(
            f"{entry.molecule.smiles} can hardly be written in other ways;"
            " choose a molecule with more atoms."
        )
    conversation = question_about(text, entry)
    return tuple(
        Column(
            f"spelling {place}",
            "",
            conversation,
            replace(options, spellings=_one(entry.number, spelling)),
            number=entry.number,
            spelling=spelling,
        )
        for place, spelling in enumerate(spellings, start=1)
    )


def _one(number: int, spelling: str) -> Mapping[int, str]:
    return {number: spelling}


def question_about(text: str, entry: NumberedMolecule) -> Conversation:
    """A conversation that holds nothing but a question about one molecule, under its number.

    Raises:
        AssistantError: The question names several molecules, or is empty.
    """
    if not text.strip():
        raise AssistantError("There is no question yet. Type what to ask.")
    named = referred_numbers(text)
    if len(named) > 1:
        listed = " and ".join(map(str, named))
        raise AssistantError(
            f"The question names molecules {listed}, and each column is about one."
            " Ask about “this molecule”."
        )
    if named and named[0] != entry.number:
        pattern = rf"(@|\b(?:molecules?|compounds?|structures?)\s+#?){named[0]}\b"
        text = re.sub(pattern, rf"\g<1>{entry.number}", text, flags=re.IGNORECASE)
    alone = Conversation((), (entry,), entry.number + 1)
    return alone.with_message(Message("user", text, attached=(entry.number,)))
