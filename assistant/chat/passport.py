"""The passport of an answer: everything that is needed to reproduce it."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from assistant import __version__
from assistant.chat.check import Check
from assistant.chat.conversation import Conversation
from assistant.chat.figures import Figures
from assistant.chat.first_attempt import SecondThoughts
from assistant.chat.mixture import ExpertScalings
from assistant.chat.prompts import PairSlot, Part, Prompt, Slot

SHOWN_HASH = 12

_VERSIONED = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "rdkit",
    "torch-geometric",
)

_NOT_DRAWN = ("by", "ended", "spellings")
"""What is shown of an answer that no sampling has touched."""


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that shape an answer; absent ones are left out."""
    found = {"molecule-chat": __version__, "python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def prompt_digest(prompt: Prompt) -> str:
    """SHA-256 of the rendered prompt, slots included."""
    digest = hashlib.sha256()
    for message in prompt.messages:
        digest.update(f"\x1e{message.role}\x1f".encode())
        for part in message.parts:
            digest.update(_text_of(part).encode())
    return digest.hexdigest()


def answer_digest(token_ids: Sequence[int]) -> str:
    """SHA-256 of an answer's token ids."""
    return hashlib.sha256(" ".join(map(str, token_ids)).encode()).hexdigest()


def _text_of(part: Part) -> str:
    if isinstance(part, Slot):
        return f"<slot {part.number}>"
    if isinstance(part, PairSlot):
        return f"<pair {part.first} {part.second} {part.task}>"
    return part


def passport(
    conversation: Conversation,
    prompt: Prompt,
    checks: tuple[Check, ...],
    *,
    model: Mapping[str, object],
    sampling: Mapping[str, object],
    second_thoughts: SecondThoughts,
    scalings: ExpertScalings | None = None,
    figures: Figures | None = None,
    token_ids: Sequence[int] = (),
) -> dict[str, object]:
    """The passport as JSON types.

    Args:
        conversation: The conversation up to and including the question.
        prompt: What was rendered of it.
        checks: Verdicts on the answer.
        model: Bundle, component hashes, quantisation, compute format, adapters on.
        sampling: Seed, temperature and limits.
        second_thoughts: Whether the answer was written again.
        scalings: How the answer was mixed from experts, if it was.
        figures: What the answer took.
        token_ids: The answer; the passport holds its digest.
    """
    return {
        "format_version": 1,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "molecules": {
            str(number): {
                "smiles": molecule.smiles,
                "inchikey": molecule.inchikey,
                "name": molecule.name,
                "role": conversation.molecule(number).role,
            }
            for number, molecule in prompt.molecules.items()
        },
        "focus": list(prompt.focus[-1]) if prompt.focus else [],
        "retrieved": {
            str(number): [
                {"smiles": e.smiles, "similarity": e.similarity, "file": e.file, "line": e.line}
                for e in entries
            ]
            for number, entries in prompt.retrieved.items()
        },
        "question": conversation.messages[-1].asked,
        "pair": vars(pair) if (pair := conversation.messages[-1].pair) else None,
        "prompt_sha256": prompt_digest(prompt),
        "answer_sha256": answer_digest(token_ids),
        "model": dict(model),
        "sampling": dict(sampling),
        "experts": {"mode": "off"}
        if scalings is None
        else {"mode": scalings.mode, "mean_scalings": scalings.per_expert()},
        "figures": {} if figures is None else figures.to_passport(),
        "versions": versions(),
        "checks": _counted(checks),
        "second_thoughts": _second_thoughts(second_thoughts),
    }


def _counted(checks: Sequence[Check]) -> dict[str, int]:
    verdicts = ("confirmed", "contradicted", "unverifiable")
    return {verdict: sum(c.verdict == verdict for c in checks) for verdict in verdicts}


def _second_thoughts(thoughts: SecondThoughts) -> dict[str, object]:
    first = thoughts.first
    return {
        "on": thoughts.on,
        "tried": thoughts.n_tried,
        "ended": thoughts.ended,
        "seconds": round(thoughts.seconds, 3),
        "first_attempt": first
        and {
            "text": first.text,
            "answer_sha256": answer_digest(first.token_ids),
            "checks": _counted(first.checks),
            **({"asked_again": first.asked_again} if first.asked_again else {}),
            **({"misnamed": first.misnamed} if first.misnamed else {}),
        },
    }


def passport_rows(passport: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The main lines of a passport as label and text; what it does not hold is left out."""
    model = mapping_of(passport, "model")
    rows = (
        ("model", _joined(model, "model", "quantisation", "compute_format", "device")),
        ("adapters", _adapters(model.get("adapters"))),
        ("molecules", _molecules(mapping_of(passport, "molecules"))),
        ("quoted", _quoted(mapping_of(passport, "retrieved"))),
        ("sampling", _sampling(mapping_of(passport, "sampling"))),
        ("second thoughts", _in_words(passport)),
        ("bundle", _hash(model.get("bundle_sha256"))),
        ("prompt", _hash(passport.get("prompt_sha256"))),
        ("versions", ", ".join(f"{k} {v}" for k, v in mapping_of(passport, "versions").items())),
        ("time", str(passport.get("time") or "")),
    )
    return tuple((label, text) for label, text in rows if text)


def mapping_of(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    """What stands under a key of values from a file, if that is a mapping; else an empty one."""
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _sampling(sampling: Mapping[str, object]) -> str:
    """How the answer was drawn; of one in the language model's place, who gave it.

    Temperature and seed play no part in such an answer. The passport keeps them: asked again
    without that specialist, the language model answers by them.
    """
    shown = _NOT_DRAWN if "by" in sampling else tuple(sampling)
    return ", ".join(f"{key} {sampling[key]}" for key in shown if key in sampling)


def _in_words(passport: Mapping[str, object]) -> str:
    """Whether the answer was written again; empty for passports of before there was that."""
    thoughts = mapping_of(passport, "second_thoughts")
    if not thoughts:
        return ""
    if not thoughts.get("on"):
        return "off"
    tried = thoughts.get("tried")
    first, is_wrong = (
        thoughts.get("first_attempt"),
        mapping_of(passport, "checks").get("contradicted"),
    )
    if isinstance(first, Mapping):
        said = f"first attempt contradicted and withdrawn, {tried} tried"
        if again := first.get("asked_again"):
            said = f"first attempt withdrawn, asked again as “{again}”"
        elif name := first.get("misnamed"):
            said = f"first attempt withdrawn, nobody knows “{name}” here"
    elif tried:
        flaw = "contradicted" if is_wrong else "what was asked is missing"
        said = f"{flaw}, {tried} tried and none better"
    elif is_wrong:
        said = "contradicted, nothing else was tried"
    else:
        return "on, nothing was contradicted"
    return said if thoughts.get("ended", True) else f"{said}; the search was stopped or failed"


def _joined(values: Mapping[str, object], *keys: str) -> str:
    return " · ".join(str(values[key]) for key in keys if values.get(key))


def _adapters(adapters: object) -> str:
    if not isinstance(adapters, list | tuple):
        return ""
    known = [a for a in adapters if isinstance(a, Mapping)]
    return ", ".join(f"{a.get('name')} {'on' if a.get('on') else 'off'}" for a in known)


def _molecules(molecules: Mapping[str, object]) -> str:
    return ", ".join(
        f"{number}: {m.get('inchikey') or m.get('smiles')}"
        for number, m in molecules.items()
        if isinstance(m, Mapping)
    )


def _quoted(retrieved: Mapping[str, object]) -> str:
    """Which captions of an index were quoted, for which molecule."""
    return ", ".join(
        f"{number}: {entry.get('file')} line {entry.get('line')}"
        f" (similarity {entry.get('similarity')})"
        for number, entries in retrieved.items()
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, Mapping)
    )


def _hash(value: object) -> str:
    return f"sha256 {value[:SHOWN_HASH]}…" if isinstance(value, str) and value else ""
