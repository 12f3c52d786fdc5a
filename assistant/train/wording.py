"""How chemists ask and how the assistant answers: the tables of the TOML files, typed.

Text is data here: a wording is added in `wording.toml`, `wording_questions.toml` or a file of
`wordings/`, not in code.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def _table(path: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / path).read_text(encoding="utf-8"))


_TABLES = _table("wording.toml")
_QUESTIONS = _table("wording_questions.toml")
_MORE = _table("wordings/asked.toml")
_UNKNOWN = _table("wordings/unknown.toml")
_TURNS = _table("wordings/turns.toml")
_COMPARED = _table("wordings/compared.toml")

Frames = tuple[str, ...]


def _frames(name: str, *more: Sequence[str]) -> Frames:
    return tuple(dict.fromkeys((*_TABLES[name], *(frame for rows in more for frame in rows))))


def _lists(name: str) -> dict[str, Frames]:
    return {key: tuple(values) for key, values in _TABLES[name].items()}


SYNONYMS = _lists("SYNONYMS")
"""What a fact is called, by key of the card."""
ASKED: dict[str, Frames] = {
    key: tuple(dict.fromkeys((*rows, *_MORE["ASKED"][key])))
    for key, rows in _QUESTIONS["ASKED"].items()
}
"""Whole questions per fact, beside the frames that take a synonym."""
_PURPOSES: Frames = tuple(_QUESTIONS["REASONS"]["purposes"])


def _around(place: str) -> Frames:
    reasons = _QUESTIONS["REASONS"][place]
    spelled = (frame.format(p=purpose) for frame in reasons for purpose in _PURPOSES)
    plain = [*_QUESTIONS["AROUND"][place], *_TURNS["AROUND"][place]]
    return (*(plain * (len(reasons) * len(_PURPOSES) // len(plain))), *spelled)


BEFORE = _around("before")
AFTER = _around("after")
"""What people say around a question."""
_F, _T, _DOUBT, _SAY = _MORE["FRAMES"], _TURNS["FRAMES"], _TURNS["DOUBT"], _TURNS["SAY"]
ASK_VALUE = _frames("ASK_VALUE", _QUESTIONS["FRAMES"]["value"], _T["value"])
ASK_TWO: Frames = (*_QUESTIONS["TWO"]["asked"], *_T["two"])
ASK_THREE: Frames = tuple(_T["three"])
FOLLOW_UP = _frames("FOLLOW_UP", _T["follow_up"])
SAME_FOR_OTHER: Frames = tuple(_T["same_for_other"])
"""The question before, asked of another molecule."""
ASK_COUNT = _frames("ASK_COUNT", _QUESTIONS["FRAMES"]["count"], _T["count"])
COUNT_PLURALS: dict[str, str] = _TABLES["COUNT_PLURALS"]
COUNT_SINGULARS: dict[str, str] = _TABLES["COUNT_SINGULARS"]
SAY_VALUE = _frames("SAY_VALUE")
STATED_AS: dict[str, str] = _TABLES["STATED_AS"]
ASK_GROUP = _frames("ASK_GROUP", _F["group_yes_no"])
ASK_GROUP_COUNT: Frames = tuple(_T["count"])
ASK_GROUPS = _frames("ASK_GROUPS", ASKED["groups"])
ASK_DESCRIBE = _frames("ASK_DESCRIBE", _F["describe"])
ASK_PROPERTIES = _frames("ASK_PROPERTIES", _F["properties"])
ASK_NAME = _frames("ASK_NAME", _F["name"])
SAY_NAME = _frames("SAY_NAME")
SAY_NO_NAME = _frames("SAY_NO_NAME")
ASK_SMILES = _frames("ASK_SMILES", _F["smiles"])
SAY_SMILES = _frames("SAY_SMILES")
ASK_CHIRAL = _frames("ASK_CHIRAL", ASKED["stereocentres"])
ASK_RO5 = _frames("ASK_RO5", ASKED["rule_of_five"])
ASK_ALERTS = _frames("ASK_ALERTS", ASKED["alerts"])
ASK_COMPARE = _frames("ASK_COMPARE", _T["compare"])
ASK_COMPARE_NUMBERS = _frames("ASK_COMPARE_NUMBERS", _T["compare_numbers"])


@dataclass(frozen=True)
class Which:
    """How two molecules are compared by one fact.

    Attributes:
        more, less: Questions for the larger and for the smaller value.
        adjective, adjective_less: What the molecule with that value is.
    """

    more: Frames
    less: Frames
    adjective: str
    adjective_less: str


def _which(key: str, row: dict[str, Any]) -> Which:
    known = _TABLES["ASK_WHICH"].get(key, {"asked": []})["asked"]
    more = tuple(dict.fromkeys((*known, *row["asked"])))
    return Which(more, tuple(row["asked_less"]), row["adjective"], row["adjective_less"])


ASK_WHICH = {key: _which(key, row) for key, row in _TURNS["ASK_WHICH"].items()}
"""Comparisons by fact."""
ASK_SAME, ASK_DIFFER, ASK_ISOMERS, ASK_HIGHEST, ASK_LOWEST, ASK_MOST, ASK_FEWEST = (
    tuple(_COMPARED[name])
    for name in ("same", "differ", "formula_same", "highest", "lowest", "most", "fewest")
)
ASK_UNKNOWN_COMPARED: Frames = tuple(_COMPARED["unknown"])
ASK_UNKNOWN_COMPARED_FREE: tuple[tuple[str, str], ...] = tuple(
    (question, topic) for question, topic in _COMPARED["unknown_free"]
)
"""Comparisons that no computed fact answers, each with what it asks for."""
SUPERLATIVES: dict[str, tuple[Frames, Frames]] = {
    key: (tuple(row["asked"]), tuple(row["asked_less"]))
    for key, row in _COMPARED["superlatives"].items()
}
"""Which of several has the most and which the least, by fact."""
ASK_PRODUCT = _frames("ASK_PRODUCT")
SAY_UNKNOWN_PRODUCT = _frames("SAY_UNKNOWN_PRODUCT")
ASK_SURE = _frames("ASK_SURE", _DOUBT["sure"])
SAY_SURE = _frames("SAY_SURE", _SAY["sure"])
ASK_SURE_ABOUT: Frames = tuple(_DOUBT["sure_about"])
ASK_CORRECT: Frames = (
    *(frame for frame in _TABLES["ASK_CORRECT"] if "{x}" in frame),
    *_DOUBT["wrong"],
)
ASK_CORRECT_BARE: Frames = (
    *(frame for frame in _TABLES["ASK_CORRECT"] if "{x}" not in frame),
    *_DOUBT["wrong_bare"],
)
"""A wrong value alone, right after the answer it is about."""
ASK_CORRECT_FORMULA: Frames = tuple(_DOUBT["wrong_formula"])
INSIST_GROUP: Frames = tuple(_DOUBT["group_there"])
INSIST_NO_GROUP: Frames = tuple(_DOUBT["group_absent"])
SAY_GROUP_NO: Frames = tuple(_SAY["group_there_no"])
SAY_GROUP_YES: Frames = tuple(_SAY["group_there_yes"])
ACCEPT: Frames = tuple(_DOUBT["accepted"])
SAY_ACCEPTED: Frames = tuple(_DOUBT["said_accepted"])
SAY_CORRECT = _frames("SAY_CORRECT", _SAY["correct"])
SAY_ABSENT = _frames("SAY_ABSENT", _SAY["absent"])
ASK_WITHOUT = _frames("ASK_WITHOUT", _TURNS["ASK_WITHOUT"])
SAY_WITHOUT = _frames("SAY_WITHOUT", _SAY["without"])
UNKNOWN_TOPICS = _frames("UNKNOWN_TOPICS")
ASK_UNKNOWN = _frames("ASK_UNKNOWN")
ASK_UNKNOWN_FREE: tuple[tuple[str, str], ...] = tuple(
    (question, topic)
    for question, topic in (
        *_TABLES["ASK_UNKNOWN_FREE"],
        *_QUESTIONS["UNKNOWN"]["free"],
        *_UNKNOWN["UNKNOWN"]["free"],
    )
)
"""Questions that no computed fact answers, each with what it asks for."""
SAY_UNKNOWN = _frames("SAY_UNKNOWN", _UNKNOWN["SAY"]["unknown"])
SAY_UNKNOWN_WITH_FACTS = _frames("SAY_UNKNOWN_WITH_FACTS")
SAY_OFF_TOPIC = _frames("SAY_OFF_TOPIC", _UNKNOWN["SAY"]["off_topic"])
SAY_GENERAL_CHEMISTRY = _frames("SAY_GENERAL_CHEMISTRY", _UNKNOWN["SAY"]["general_chemistry"])
SMALL_TALK: tuple[tuple[Frames, Frames], ...] = tuple(
    (tuple(row["asked"]), tuple(row["said"]))
    for row in (*_TABLES["SMALL_TALK"], *_TURNS["SMALL_TALK"])
)
OFF_TOPIC: Frames = tuple(_UNKNOWN["OUTSIDE"]["off_topic"])
GENERAL_CHEMISTRY: Frames = tuple(_UNKNOWN["OUTSIDE"]["general_chemistry"])
"""Questions that are not about a molecule at hand, beside those of open data sets."""
DEFINITIONS: tuple[tuple[Frames, str], ...] = tuple(
    (tuple(row["terms"]), row["meaning"]) for row in _TABLES["DEFINITIONS"]
)
ASK_DEFINITION = _frames("ASK_DEFINITION", _F["definition"])
ELEMENTS: dict[str, str] = _TABLES["ELEMENTS"]
ASK_ELEMENT = _frames("ASK_ELEMENT", _F["element"])
ASK_ELEMENT_COUNT = _frames("ASK_ELEMENT_COUNT", _F["element_count"])
THRESHOLDS = _lists("THRESHOLDS")
ASK_THRESHOLD = _frames("ASK_THRESHOLD", _F["threshold"])
ASK_CHARGED = _frames("ASK_CHARGED", _F["charged"])
ASK_AROMATIC = _frames("ASK_AROMATIC", _F["aromatic"])
NUMBER_WORDS = _frames("NUMBER_WORDS")
