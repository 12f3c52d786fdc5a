"""Which records a stage learns, which are held out, and what a run notes of them all."""

import hashlib
from collections import Counter
from collections.abc import Sequence

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


def data_identity(records: Sequence[Record]) -> dict[str, object]:
    """Number and hash of the records in their order: what a run notes of its data."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(f"{record!r}\n".encode())
    return {"records": len(records), "records_sha256": digest.hexdigest()}


def descriptions(records: Sequence[Record]) -> Sequence[Record]:
    """The records that describe a molecule; all of them where none does."""
    found = [
        record
        for record in records
        if isinstance(record, Caption)
        or (isinstance(record, Instruction) and record.molecules and "description" in record.task)
    ]
    return found or records


def split(records: Sequence[Record], n_held_out: int) -> tuple[list[Record], list[Record]]:
    """What is learned and what is held out: all records of some molecules, at most a tenth of all.

    The molecules are chosen by a hash, so that more data leaves those of before held out.
    """
    keys = [_subject(record) for record in records]
    counts = Counter(keys)
    room = min(n_held_out, len(records) // 10)
    chosen: set[str] = set()
    for key in sorted(counts, key=lambda key: hashlib.sha256(key.encode()).digest()):
        if counts[key] <= room:
            chosen.add(key)
            room -= counts[key]
        if not room:
            break
    learned = [record for record, key in zip(records, keys, strict=True) if key not in chosen]
    return learned, [record for record, key in zip(records, keys, strict=True) if key in chosen]


def _subject(record: Record) -> str:
    """The molecule that a record is about, the first one where there are several."""
    match record:
        case Caption() | Value() | Label():
            return record.molecule.smiles
        case Reaction():
            return record.product.smiles
        case Pair():
            return record.first.smiles
        case Instruction():
            return record.molecules[0].smiles if record.molecules else record.question
        case OwnConversation():
            known = record.conversation.molecules
            return known[0].molecule.smiles if known else record.conversation.messages[0].text
