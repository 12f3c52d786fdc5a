"""Own conversations: one JSON object a line.

    {"molecules": ["CCO", {"smiles": "CC(=O)O", "name": "acetic acid", "role": "reactant"}],
     "messages": [{"role": "user", "text": "Which is more acidic, 1 or 2?", "molecules": [1, 2]},
                  {"role": "assistant", "text": "Molecule 2: it is a carboxylic acid."}]}

Molecules are numbered from 1 in their order. A question is about the numbers under its `molecules`,
those it names ("molecule 2", "@2"), else those of the question before. Messages alternate and end
with an answer; `molecules` may be left out in either place. Unknown keys are refused.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from assistant.chat.conversation import Conversation, Message, Role
from assistant.errors import AssistantError, UnreadableFileError
from assistant.rows import Row, read_json_lines
from assistant.train.sources.records import OwnConversation, Skipped, in_split, parsed, usable

MAX_MESSAGES = 64
_KEYS = frozenset({"molecules", "messages", "split"})
_MOLECULE_KEYS = frozenset({"smiles", "name", "role"})
_MESSAGE_KEYS = frozenset({"role", "text", "molecules"})


def read_conversations(
    path: Path, *, split: str = "train", skipped: Skipped | None = None
) -> Iterator[OwnConversation]:
    """Conversations of a JSONL file."""

    def read(row: Row) -> Iterator[OwnConversation]:
        _check_keys(row, row.values, _KEYS, "the conversation")
        if in_split(row, split):
            yield OwnConversation(_conversation(row), row.place)

    return usable(read_json_lines(path), read, skipped)


def _conversation(row: Row) -> Conversation:
    conversation = Conversation()
    numbers: list[int] = []
    for entry in _list(row, row.values, "molecules"):
        conversation, number = _with_molecule(row, conversation, entry)
        numbers.append(number)
    messages = _list(row, row.values, "messages")
    if not 2 <= len(messages) <= MAX_MESSAGES or len(messages) % 2:
        raise row.error(
            f"messages holds {len(messages)}; an even number from 2 to {MAX_MESSAGES} is read,"
            " question and answer in turn"
        )
    for index, entry in enumerate(messages):
        role = "assistant" if index % 2 else "user"
        conversation = _with_message(row, conversation, entry, role, index, numbers)
    return conversation


def _with_molecule(row: Row, conversation: Conversation, entry: object) -> tuple[Conversation, int]:
    if isinstance(entry, str):
        entry = {"smiles": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("smiles"), str):
        raise row.error("a molecule is a SMILES, or an object with the key smiles")
    _check_keys(row, entry, _MOLECULE_KEYS, "a molecule")
    role = entry.get("role")
    if role is not None and role not in get_args(Role):
        raise row.error(f"role {role!r} of a molecule is none of {', '.join(get_args(Role))}")
    molecule = parsed(row, entry["smiles"])
    named = type(molecule)(molecule.smiles, entry.get("name") or None)
    return conversation.with_molecule(named, role)


def _with_message(
    row: Row,
    conversation: Conversation,
    entry: object,
    role: str,
    index: int,
    numbers: list[int],
) -> Conversation:
    where = f"message {index + 1}"
    if not isinstance(entry, dict):
        raise row.error(f"{where} is no object with role and text")
    _check_keys(row, entry, _MESSAGE_KEYS, where)
    if entry.get("role") != role:
        raise row.error(f"{where} has role {entry.get('role')!r}; {role} is expected there")
    text = entry.get("text")
    if not isinstance(text, str) or not text.strip():
        raise row.error(f"{where} has no text")
    attached = _list(row, entry, "molecules")
    if any(not isinstance(n, int) or not 1 <= n <= len(numbers) for n in attached):
        raise row.error(
            f"{where} is about molecules {attached}; the conversation has 1 to {len(numbers)}"
        )
    about = tuple(dict.fromkeys(numbers[n - 1] for n in attached))
    try:
        return conversation.with_message(Message(role, text.strip(), about))
    except UnreadableFileError:
        raise
    except AssistantError as error:
        raise row.error(f"{where}: {str(error).rstrip('.')}") from error


def _list(row: Row, values: Mapping[str, object], key: str) -> list:
    found = values.get(key, [])
    if not isinstance(found, list):
        raise row.error(f"{key} is not a list")
    return found


def _check_keys(row: Row, values: Mapping[str, object], known: frozenset[str], what: str) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        raise row.error(
            f"{what} has unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
