"""The passport of an answer: everything that is needed to reproduce it."""

import hashlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from assistant import __version__
from assistant.chat.check import Check
from assistant.chat.conversation import Conversation
from assistant.chat.figures import Figures
from assistant.chat.mixture import ExpertScalings
from assistant.chat.prompts import PairSlot, Part, Prompt, Slot

_VERSIONED = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "rdkit",
    "torch-geometric",
)


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
    scalings: ExpertScalings | None = None,
    figures: Figures | None = None,
) -> dict[str, object]:
    """The passport as JSON types.

    Args:
        conversation: The conversation up to and including the question.
        prompt: What was rendered of it.
        checks: Verdicts on the answer.
        model: Bundle, component hashes, quantisation, compute format, adapters on.
        sampling: Seed, temperature and limits.
        scalings: How the answer was mixed from experts, if it was.
        figures: What the answer took.
    """
    return {
        "format_version": 1,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "molecules": {
            str(number): {"smiles": molecule.smiles, "inchikey": molecule.inchikey}
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
        "question": conversation.messages[-1].text,
        "pair": vars(pair) if (pair := conversation.messages[-1].pair) else None,
        "prompt_sha256": prompt_digest(prompt),
        "model": dict(model),
        "sampling": dict(sampling),
        "experts": {"mode": "off"}
        if scalings is None
        else {"mode": scalings.mode, "mean_scalings": scalings.per_expert()},
        "figures": {} if figures is None else figures.to_passport(),
        "versions": versions(),
        "checks": {
            verdict: sum(c.verdict == verdict for c in checks)
            for verdict in ("confirmed", "contradicted", "unverifiable")
        },
    }
