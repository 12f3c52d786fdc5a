"""The JSON form of a conversation: written whole, read back with suspicion.

    {"format": "molecule-chat conversation", "version": 1, "exported": …, "program": …,
     "next_number": 3, "molecules": [{"number", "smiles", "name", "role"}],
     "messages": [{"id", "parent", "role", "text", …}], "shown": 4}

Messages name the one they follow, so that a file can hold branches: `shown` is the last message of
the branch that is on the page. Unknown keys, other versions and sizes over a cap are refused with
the place of the mistake; every structure is parsed; nothing in a file is ever run.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from assistant import __version__
from assistant.chat.check import Check
from assistant.chat.conversation import Conversation, Message, NumberedMolecule, PairQuestion
from assistant.chat.first_attempt import FirstAttempt
from assistant.chat.mixture import ExpertScalings
from assistant.chem.limits import MAX_FILE_BYTES, clean_name
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, UnreadableFileError
from assistant.export.document import CheckRow, DocumentRow, MessageRow
from assistant.export.source import Export

FORMAT = "molecule-chat conversation"
PASSPORT_FORMAT = "molecule-chat passport"
"""The same schema: a conversation up to the answer whose passport it is."""
VERSION = 1
MAX_PASSPORT_CHARS = 50_000
MAX_PROBLEMS = 3

Parse = Callable[[Sequence[str]], Sequence[str]]
"""Canonical SMILES of many SMILES, in their order; raises `AssistantError` for a bad one."""


@dataclass(frozen=True)
class BranchMessage:
    """A message and the one it follows (None for a first question)."""

    id: int
    parent: int | None
    message: Message


@dataclass(frozen=True)
class Imported:
    """What a file held: the conversation that was shown, and all messages of all branches."""

    conversation: Conversation
    messages: tuple[BranchMessage, ...]
    shown: int | None
    is_passport: bool = False


def to_json(
    export: Export, *, branches: Sequence[BranchMessage] = (), shown: int | None = None
) -> str:
    """The conversation as text.

    Args:
        export: Its shown branch, molecules and time.
        branches: All messages where there are several branches; parents first.
        shown: Id of the last message of the shown branch, with `branches`.
    """
    conversation = export.conversation
    if not branches:
        branches, shown = in_line(conversation.messages), len(conversation.messages) or None
    values = conversation.to_json()
    messages = Conversation(tuple(b.message for b in branches)).to_json()["messages"]
    rows = [
        {"id": branch.id, "parent": branch.parent, **message}
        for branch, message in zip(branches, messages, strict=True)
    ]
    document = {
        "format": FORMAT,
        "version": VERSION,
        "exported": export.written.isoformat(timespec="seconds"),
        "program": __version__,
        "next_number": values["next_number"],
        "molecules": values["molecules"],
        "messages": rows,
        "shown": shown,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def to_passport_json(export: Export, turn: int) -> str:
    """The passport of one answer with the conversation that led to it, for `--replay`.

    Args:
        export: The conversation.
        turn: Whose answer, counted from 1.

    Raises:
        AssistantError: That turn has no answer.
    """
    turns = export.turns
    if not 1 <= turn <= len(turns) or turns[turn - 1].answer is None:
        raise AssistantError(f"Question {turn} has no answer whose passport could be saved.")
    n_messages = sum(1 + (t.answer is not None) for t in turns[:turn])
    cut = replace(export, conversation=export.conversation.truncated(n_messages))
    document = json.loads(to_json(cut)) | {"format": PASSPORT_FORMAT}
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def in_line(messages: Sequence[Message]) -> tuple[BranchMessage, ...]:
    """Messages of one branch, each after the one before."""
    return tuple(BranchMessage(i, i - 1 or None, m) for i, m in enumerate(messages, start=1))


def read_json(text: str, *, parse: Parse | None = None) -> Imported:
    """Reads what `to_json` wrote.

    Args:
        text: The file.
        parse: Makes SMILES canonical; a page passes its killable workers.

    Raises:
        UnreadableFileError: Not such a file; the message names the place and the remedy.
    """
    size = len(text.encode())
    if size > MAX_FILE_BYTES:
        raise UnreadableFileError(
            f"The file has {size / 2**20:.1f} MB; conversations up to {MAX_FILE_BYTES / 2**20:.0f}"
            " MB are imported."
        )
    document = _validated(_loaded(text))
    canonical = _canonical(document, parse or _parse_here)
    try:
        return _built(document, canonical)
    except (AssistantError, ValueError) as error:
        raise UnreadableFileError(f"The file cannot be imported: {error}") from error


# -- steps of reading -----------------------------------------------------------------------------


def _loaded(text: str) -> dict[str, object]:
    try:
        # An editor may have put a mark before it; half a character can be written nowhere again.
        values = json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse_constant)
        json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(
            f"The file is not JSON ({str(error)[:120]}). Import a file that “Export → JSON” wrote."
        ) from error
    if not isinstance(values, dict) or values.get("format") not in (FORMAT, PASSPORT_FORMAT):
        raise UnreadableFileError(
            "The file is no exported conversation. Import a file that “Export → JSON” wrote."
        )
    if values.get("version") != VERSION:
        raise UnreadableFileError(
            f"The file has version {values.get('version')!r}; version {VERSION} is read."
            " Open it with the program version that wrote it."
        )
    return values


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _validated(values: dict[str, object]) -> DocumentRow:
    try:
        return DocumentRow.model_validate(values)
    except ValidationError as error:
        listed = error.errors(include_url=False, include_context=False, include_input=False)
        said = "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in listed[:MAX_PROBLEMS])
        more = f"; and {len(listed) - MAX_PROBLEMS} more" if len(listed) > MAX_PROBLEMS else ""
        raise UnreadableFileError(
            f"The file does not hold what a conversation holds. {said}{more}."
        ) from error


def _place(location: tuple[int | str, ...]) -> str:
    """`messages[3].checks[0].verdict`; keys come from the file, so they are cut."""
    text = "".join(
        f"[{step}]" if isinstance(step, int) else f".{str(step)[:40]}" for step in location
    )
    return text.lstrip(".") or "the file"


def _parse_here(many: Sequence[str]) -> Sequence[str]:
    return [Molecule.parse(smiles).smiles for smiles in many]


def _canonical(document: DocumentRow, parse: Parse) -> dict[str, str]:
    """Every SMILES of the document in its canonical form."""
    written = [m.smiles for m in document.molecules]
    checks = [check for message in document.messages for check in _checks_of(message)]
    written += [smiles for c in checks for smiles in (c.smiles, c.near) if smiles]
    unique = list(dict.fromkeys(written))
    try:
        return dict(zip(unique, parse(unique), strict=True))
    except AssistantError as error:
        raise UnreadableFileError(f"The file holds a structure with a mistake. {error}") from error


def _checks_of(row: MessageRow) -> list[CheckRow]:
    """Those of the answer and of its first attempt."""
    return [*row.checks, *(row.first_attempt.checks if row.first_attempt else ())]


def _built(document: DocumentRow, canonical: dict[str, str]) -> Imported:
    molecules = tuple(
        NumberedMolecule(m.number, Molecule(canonical[m.smiles], clean_name(m.name)), m.role)
        for m in document.molecules
    )
    numbers = [m.number for m in molecules]
    if len(set(numbers)) != len(numbers) or len({m.molecule for m in molecules}) != len(molecules):
        raise ValueError("two molecules have the same number or the same structure.")
    if numbers and document.next_number <= max(numbers):
        raise ValueError(f"next_number is {document.next_number}, but {max(numbers)} is taken.")
    messages: dict[int, BranchMessage] = {}
    for place, row in enumerate(document.messages):
        if row.id in messages or (row.parent is not None and row.parent not in messages):
            raise ValueError(f"messages[{place}] follows no earlier message, or its id is taken.")
        message = _message(row, canonical, place)
        before = messages[row.parent].message.role if row.parent else "assistant"
        if row.role == "assistant" and before == "assistant":
            raise ValueError(f"messages[{place}] is an answer without a question.")
        for number in (*message.about, *(number for _, _, number in message.mentions)):
            if number not in numbers:
                raise ValueError(f"messages[{place}] is about molecule {number}, which is missing.")
        messages[row.id] = BranchMessage(row.id, row.parent, message)
    shown = _path(messages, document.shown)
    conversation = Conversation(shown, molecules, document.next_number)
    is_passport = document.format == PASSPORT_FORMAT
    return Imported(conversation, tuple(messages.values()), document.shown, is_passport)


def _path(messages: dict[int, BranchMessage], shown: int | None) -> tuple[Message, ...]:
    if shown is not None and shown not in messages:
        raise ValueError(f"message {shown} is shown, but missing.")
    path: list[Message] = []
    while shown is not None:
        path.append(messages[shown].message)
        shown = messages[shown].parent
    return tuple(reversed(path))


def _message(row: MessageRow, canonical: dict[str, str], place: int) -> Message:
    if len(json.dumps(row.passport)) > MAX_PASSPORT_CHARS:
        raise ValueError(
            f"the passport of messages[{place}] has more than {MAX_PASSPORT_CHARS:,} characters."
        )
    ends = [0, *(place for start, end, _ in row.mentions for place in (start, end))]
    if ends != sorted(ends) or ends[-1] > len(row.text):
        raise ValueError(f"a molecule of messages[{place}] is named outside of its text.")
    first = row.first_attempt
    is_wrong = first and any(check.verdict == "contradicted" for check in first.checks)
    if first and not (is_wrong or first.asked_again or first.misnamed):
        raise ValueError(
            f"the first attempt of messages[{place}] has no contradicted claim and no unknown name,"
            " and was not asked again."
        )
    return Message(
        row.role,
        row.text,
        tuple(row.attached),
        tuple(row.token_ids),
        row.model,
        _placed(row.checks, row.text, canonical, place),
        row.passport,
        row.stopped,
        ExpertScalings.from_json(row.scalings.model_dump()) if row.scalings else None,
        PairQuestion(row.pair.first, row.pair.second, row.pair.task) if row.pair else None,
        tuple((start, end, number) for start, end, number in row.mentions),
        first
        and FirstAttempt(
            first.text,
            tuple(first.token_ids),
            _placed(first.checks, first.text, canonical, place),
            first.asked_again,
            first.misnamed,
        ),
    )


def _placed(
    checks: Sequence[CheckRow], text: str, canonical: dict[str, str], place: int
) -> tuple[Check, ...]:
    """The checks of a text, with canonical structures."""
    for check in checks:
        if not check.start <= check.end <= len(text):
            raise ValueError(f"a check of messages[{place}] lies outside of its text.")
    return tuple(
        Check(
            **c.model_dump()
            | {"smiles": canonical[c.smiles] if c.smiles else None}
            | {"near": canonical[c.near] if c.near else None}
        )
        for c in checks
    )
