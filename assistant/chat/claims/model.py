"""What every reader of claims speaks: a `Claim` found in the text, and the `Check` it becomes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from assistant.chat.claims.spoken_of import Subject
from assistant.chem.facts import Facts

Verdict = Literal["confirmed", "contradicted", "unverifiable"]


@dataclass(frozen=True)
class Check:
    """One claim of an answer with its verdict.

    Args:
        start: Offset of the first character of the claim's phrase in the answer.
        end: Offset behind its last character.
        verdict: Whether the computed facts say the same, the opposite, or nothing.
        kind: What the claim is about: "formula", "mass", "rings", "group", ….
        claim: The phrase itself.
        truth: What was computed, in a few words; None where nothing can be.
        molecule: Number of the molecule the claim is about, where it is one.
        smiles: Canonical form of a valid SMILES found in the text.
        note: What tests of the model say of such a number, where it is a prediction.
        near: SMILES of the training molecule most like the one it is predicted for.
    """

    start: int
    end: int
    verdict: Verdict
    kind: str
    claim: str
    truth: str | None
    molecule: int | None = None
    smiles: str | None = None
    note: str | None = None
    near: str | None = None


@dataclass(frozen=True)
class Finding:
    """What the facts of one molecule say about a claim: True, False, or None for cannot say."""

    holds: bool | None
    truth: str | None


@dataclass(frozen=True)
class Claim:
    """A claim before its verdict.

    Args:
        start: Offset of the phrase in the answer.
        end: Offset behind the phrase.
        kind: As in `Check`.
        test: Asks the facts of one molecule; None where no molecule's facts could tell.
        subject: Whose claim it is.
    """

    start: int
    end: int
    kind: str
    test: Callable[[Facts], Finding] | None
    subject: Subject
