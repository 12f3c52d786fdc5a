"""How chemists ask and how the assistant answers: the tables of two TOML files, typed.

Text is data here: a wording is added in `wording.toml` or `wording_questions.toml`, not in code.
"""

import tomllib
from pathlib import Path

_HERE = Path(__file__).parent
_TABLES = tomllib.loads((_HERE / "wording.toml").read_text(encoding="utf-8"))
_QUESTIONS = tomllib.loads((_HERE / "wording_questions.toml").read_text(encoding="utf-8"))

Frames = tuple[str, ...]


def _frames(name: str) -> Frames:
    return tuple(_TABLES[name])


def _lists(name: str) -> dict[str, Frames]:
    return {key: tuple(values) for key, values in _TABLES[name].items()}


SYNONYMS = _lists("SYNONYMS")
"""What a fact is called, by key of the card."""
ASKED: dict[str, Frames] = {key: tuple(rows) for key, rows in _QUESTIONS["ASKED"].items()}
"""Whole questions per fact, beside the frames that take a synonym."""
BEFORE = tuple(_QUESTIONS["AROUND"]["before"])
AFTER = tuple(_QUESTIONS["AROUND"]["after"])
"""What people say around a question."""
ASK_VALUE = _frames("ASK_VALUE")
ASK_TWO = tuple(_QUESTIONS["TWO"]["asked"])
FOLLOW_UP = _frames("FOLLOW_UP")
ASK_COUNT = _frames("ASK_COUNT")
COUNT_PLURALS: dict[str, str] = _TABLES["COUNT_PLURALS"]
COUNT_SINGULARS: dict[str, str] = _TABLES["COUNT_SINGULARS"]
SAY_VALUE = _frames("SAY_VALUE")
STATED_AS: dict[str, str] = _TABLES["STATED_AS"]
ASK_GROUP = _frames("ASK_GROUP")
ASK_GROUPS = _frames("ASK_GROUPS")
ASK_DESCRIBE = _frames("ASK_DESCRIBE")
ASK_PROPERTIES = _frames("ASK_PROPERTIES")
ASK_NAME = _frames("ASK_NAME")
SAY_NAME = _frames("SAY_NAME")
SAY_NO_NAME = _frames("SAY_NO_NAME")
ASK_SMILES = _frames("ASK_SMILES")
SAY_SMILES = _frames("SAY_SMILES")
ASK_CHIRAL = _frames("ASK_CHIRAL")
ASK_RO5 = _frames("ASK_RO5")
ASK_ALERTS = _frames("ASK_ALERTS")
ASK_COMPARE = _frames("ASK_COMPARE")
ASK_COMPARE_NUMBERS = _frames("ASK_COMPARE_NUMBERS")
ASK_WHICH: dict[str, tuple[Frames, str]] = {
    key: (tuple(row["asked"]), row["adjective"]) for key, row in _TABLES["ASK_WHICH"].items()
}
"""Comparisons by fact: questions, and the adjective of the larger value."""
ASK_PRODUCT = _frames("ASK_PRODUCT")
SAY_UNKNOWN_PRODUCT = _frames("SAY_UNKNOWN_PRODUCT")
ASK_SURE = _frames("ASK_SURE")
SAY_SURE = _frames("SAY_SURE")
ASK_CORRECT = _frames("ASK_CORRECT")
SAY_CORRECT = _frames("SAY_CORRECT")
SAY_ABSENT = _frames("SAY_ABSENT")
ASK_WITHOUT = _frames("ASK_WITHOUT")
SAY_WITHOUT = _frames("SAY_WITHOUT")
UNKNOWN_TOPICS = _frames("UNKNOWN_TOPICS")
ASK_UNKNOWN = _frames("ASK_UNKNOWN")
ASK_UNKNOWN_FREE: tuple[tuple[str, str], ...] = tuple(
    (question, topic)
    for question, topic in (*_TABLES["ASK_UNKNOWN_FREE"], *_QUESTIONS["UNKNOWN"]["free"])
)
"""Questions that no computed fact answers, each with what it asks for."""
SAY_UNKNOWN = _frames("SAY_UNKNOWN")
SAY_UNKNOWN_WITH_FACTS = _frames("SAY_UNKNOWN_WITH_FACTS")
SAY_OFF_TOPIC = _frames("SAY_OFF_TOPIC")
SAY_GENERAL_CHEMISTRY = _frames("SAY_GENERAL_CHEMISTRY")
SMALL_TALK: tuple[tuple[Frames, Frames], ...] = tuple(
    (tuple(row["asked"]), tuple(row["said"])) for row in _TABLES["SMALL_TALK"]
)
DEFINITIONS: tuple[tuple[Frames, str], ...] = tuple(
    (tuple(row["terms"]), row["meaning"]) for row in _TABLES["DEFINITIONS"]
)
ASK_DEFINITION = _frames("ASK_DEFINITION")
ELEMENTS: dict[str, str] = _TABLES["ELEMENTS"]
ASK_ELEMENT = _frames("ASK_ELEMENT")
ASK_ELEMENT_COUNT = _frames("ASK_ELEMENT_COUNT")
THRESHOLDS = _lists("THRESHOLDS")
ASK_THRESHOLD = _frames("ASK_THRESHOLD")
ASK_CHARGED = _frames("ASK_CHARGED")
ASK_AROMATIC = _frames("ASK_AROMATIC")
NUMBER_WORDS = _frames("NUMBER_WORDS")
