"""What the JSON form of a conversation may hold: types, lengths and ranges, nothing else."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from assistant.chem.limits import MAX_NAME_CHARS, MAX_SMILES_CHARS
from assistant.chem.pairs import PAIR_TASKS

MAX_MESSAGES = 4000
MAX_MOLECULES = 200
MAX_TEXT = 100_000
MAX_TOKENS = 32_768
MAX_CHECKS = 2000
MAX_MENTIONS = 200  # molecules that a question names

_Smiles = Annotated[str, Field(min_length=1, max_length=MAX_SMILES_CHARS)]
_Text = Annotated[str, Field(max_length=MAX_TEXT)]
_Short = Annotated[str, Field(max_length=MAX_NAME_CHARS)]
_Number = Annotated[int, Field(ge=1, le=1_000_000)]
_Offset = Annotated[int, Field(ge=0, le=MAX_TEXT)]
_Token = Annotated[int, Field(ge=0, lt=2**31)]
_Weight = Annotated[float, Field(ge=-1e6, le=1e6)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Molecule(_Strict):
    number: _Number
    smiles: _Smiles
    name: _Short | None
    role: Literal["reactant", "agent", "product"] | None


class CheckRow(_Strict):
    """A verdict on a part of an answer's text, `start` to `end`."""

    start: _Offset
    end: _Offset
    verdict: Literal["confirmed", "contradicted", "unverifiable"]
    kind: _Short
    claim: _Text
    truth: _Text | None
    molecule: _Number | None = None
    smiles: _Smiles | None = None
    note: _Text | None = None
    near: _Smiles | None = None


class _Scalings(_Strict):
    mode: Literal["exact", "turn"]
    experts: Annotated[list[_Short], Field(max_length=256)]
    layers: Annotated[list[_Short], Field(max_length=4096)]
    mean: Annotated[list[Annotated[list[_Weight], Field(max_length=256)]], Field(max_length=4096)]


class _Pair(_Strict):
    first: _Number
    second: _Number
    task: Literal[tuple(PAIR_TASKS)]  # type: ignore[valid-type]


class _FirstAttempt(_Strict):
    text: _Text
    token_ids: Annotated[list[_Token], Field(max_length=MAX_TOKENS)]
    checks: Annotated[list[CheckRow], Field(max_length=MAX_CHECKS)]
    asked_again: _Short = ""
    misnamed: _Short = ""


_Mention = Annotated[list[_Offset], Field(min_length=3, max_length=3)]
"""Start, end, number of a molecule."""


class MessageRow(_Strict):
    """A message and the id of the one it follows; None for a first question."""

    id: _Number
    parent: _Number | None
    role: Literal["user", "assistant"]
    text: _Text
    attached: Annotated[list[_Number], Field(max_length=MAX_MOLECULES)]
    token_ids: Annotated[list[_Token], Field(max_length=MAX_TOKENS)]
    model: _Short
    checks: Annotated[list[CheckRow], Field(max_length=MAX_CHECKS)]
    passport: dict[str, JsonValue]
    stopped: bool
    scalings: _Scalings | None
    pair: _Pair | None
    mentions: Annotated[list[_Mention], Field(max_length=MAX_MENTIONS)] = []
    first_attempt: _FirstAttempt | None = None


class DocumentRow(_Strict):
    """The whole file; `shown` is the last message of the branch that is on the page."""

    format: Literal["molecule-chat conversation", "molecule-chat passport"]
    version: Literal[1]
    exported: _Short
    program: _Short
    next_number: _Number
    molecules: Annotated[list[_Molecule], Field(max_length=MAX_MOLECULES)]
    messages: Annotated[list[MessageRow], Field(max_length=MAX_MESSAGES)]
    shown: _Number | None
