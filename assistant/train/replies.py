"""Names, doubts, definitions, and what is not known.

The functions are of the same form as those of `answers`.
"""

import random
import re
from typing import TYPE_CHECKING

from assistant.chat.card import CARD_LABELS
from assistant.train import wording as w
from assistant.train.answers import absent_group, state, statement, value
from assistant.train.language import Naming, Turn, absent, article, with_reading

if TYPE_CHECKING:
    from assistant.train.view import View


def name(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """The name, if it is shown; otherwise that it is not known."""
    question = rng.choice(w.ASK_NAME).format(m=naming.asked())
    if view.name:
        answer = rng.choice(w.SAY_NAME).format(m=naming.said(), M=naming.opening(), v=view.name)
    elif view.knows("formula"):
        answer = rng.choice(w.SAY_NO_NAME).format(m=naming.said(), f=view.facts.formula)
    else:
        answer = f"I do not know a name for {naming.said()}."
    return question, answer, "name"


def smiles(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """The SMILES, if it is shown and short enough to copy without slips."""
    question = rng.choice(w.ASK_SMILES).format(m=naming.asked())
    if view.smiles and len(view.smiles) <= 60:
        said = rng.choice(w.SAY_SMILES)
        return question, said.format(m=naming.said(), M=naming.opening(), v=view.smiles), "smiles"
    if view.smiles:
        return (
            question,
            f"The SMILES of {naming.said()} is long; please copy it from the facts panel.",
            "smiles",
        )
    return question, f"I was not given the SMILES of {naming.said()}.", "smiles"


def unknown(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Something that no computed fact gives."""
    if rng.random() < 0.5:
        frame, topic = rng.choice(w.ASK_UNKNOWN_FREE)
        question = frame.format(m=naming.asked())
    else:
        bare = rng.choice(w.UNKNOWN_TOPICS)
        frames = w.ASK_UNKNOWN if naming.in_focus else [f for f in w.ASK_UNKNOWN if "{m}" in f]
        question = rng.choice(frames).format(x=bare, m=naming.asked())
        topic = f"the {bare}"
    if {"clogp", "tpsa"} <= view.values.keys() and "solub" in topic:
        said = rng.choice(w.SAY_UNKNOWN_WITH_FACTS)
        facts = {"clogp": view.values["clogp"], "tpsa": view.values["tpsa"]}
        return question, said.format(x=topic, m=naming.said(), **facts), "unknown"
    return question, rng.choice(w.SAY_UNKNOWN).format(x=topic, m=naming.said()), "unknown"


_DOUBTED = (
    "average_mass",
    "exact_mass",
    "clogp",
    "tpsa",
    "fsp3",
    "qed",
    "heavy_atoms",
    "hbd",
    "hba",
    "rotatable_bonds",
    "rings",
    "aromatic_rings",
)
"""Facts whose value is one number, so that another number contradicts it."""


def correction(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """The person doubts a value; the computed one stands."""
    draw = rng.random()
    if draw < 0.2 and "formula" in view.values:
        wrong = _wrong_formula(rng, view.values["formula"])
        asked = rng.choice(w.ASK_CORRECT_FORMULA).format(m=naming.asked(), w=wrong)
        return asked, _stands_by(rng, view, naming, "formula", wrong), "correction"
    if draw < 0.45:
        key = rng.choice(list(w.SYNONYMS))
        fact, asked = rng.choice(w.SYNONYMS[key]), rng.choice(w.ASK_SURE_ABOUT)
        return asked.format(x=fact, m=naming.asked()), _sure(rng, view, naming, key), "are you sure"
    key = rng.choice(_DOUBTED)
    if not _is_number(view, key):
        return value(rng, view, naming)
    wrong = _wrong_number(rng, view.values[key])
    fact, frame = rng.choice(w.SYNONYMS[key]), rng.choice(w.ASK_CORRECT)
    if "{m}" not in frame and rng.random() < 0.5:
        fact = f"{fact} of {naming.asked()}"
    asked = frame.format(x=fact, w=wrong, m=naming.asked())
    return asked, _stands_by(rng, view, naming, key, wrong), "correction"


def doubt(rng: random.Random, view: "View", naming: Naming, key: str) -> Turn:
    """A doubt right after the answer about `key`, which it does not name."""
    if rng.random() < 0.5 or not _is_number(view, key):
        return rng.choice(w.ASK_SURE), _sure(rng, view, naming, key), "are you sure"
    wrong = _wrong_number(rng, view.values[key])
    asked = rng.choice(w.ASK_CORRECT_BARE).format(w=wrong)
    return asked, _stands_by(rng, view, naming, key, wrong), "correction"


def accepted(rng: random.Random) -> Turn:
    """The person takes the correction."""
    return rng.choice(w.ACCEPT), rng.choice(w.SAY_ACCEPTED), "accepted"


def insisted_group(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """The person insists that a group is there, or that it is not; the computed groups decide."""
    present = {g.name for g in view.facts.groups}
    there = rng.random() < 0.6
    name = (
        rng.choice(sorted(present)) if present and rng.random() < 0.5 else absent_group(rng, view)
    )
    frames = w.INSIST_GROUP if there else w.INSIST_NO_GROUP
    question = rng.choice(frames).format(g=article(name) if there else name, m=naming.asked())
    if not view.knows("groups"):
        return question, absent(rng, "groups", naming), "group"
    frame = rng.choice(w.SAY_GROUP_YES if name in present else w.SAY_GROUP_NO)
    noun = name if "o {g}" in frame else article(name)
    return question, with_reading(rng, view, frame.format(g=noun, m=naming.said())), "group"


def _is_number(view: "View", key: str) -> bool:
    shown = view.values.get(key, "")
    return key in _DOUBTED and shown != "" and shown != "not defined"


def _sure(rng: random.Random, view: "View", naming: Naming, key: str) -> str:
    """Stands by the fact, or says that it is not there."""
    if key not in view.values:
        return state(rng, view, naming, key)
    if key not in w.STATED_AS or view.values[key] == "not defined":
        opening = rng.choice(("Yes", "Yes, I am sure", "Yes, RDKit computed it", "I looked again"))
        return f"{opening}. {statement(rng, view, naming, key)}"
    said = rng.choice(w.SAY_SURE)
    return said.format(l=CARD_LABELS[key], m=naming.said(), v=view.values[key])


def _stands_by(rng: random.Random, view: "View", naming: Naming, key: str, wrong: str) -> str:
    if key not in w.STATED_AS:
        closing = rng.choice(
            ("That is the computed count", "RDKit counted that", "I stay with that")
        )
        return f"{statement(rng, view, naming, key)} {closing}, not {wrong}."
    said = rng.choice(w.SAY_CORRECT)
    return said.format(l=CARD_LABELS[key], m=naming.said(), v=view.values[key], w=wrong)


def _wrong_number(rng: random.Random, shown: str) -> str:
    """Another number, near or far, with any number of decimals."""
    number = float(shown.split()[0])
    if "." not in shown:
        others = [int(number) + by for by in (-3, -2, -1, 1, 2, 3, 5)]
        return str(rng.choice([other for other in others if other >= 0]))
    while True:
        factor, offset = rng.uniform(0.4, 2.2), rng.choice((-1, -0.1, 0.1, 1))
        far = rng.random() < 0.5
        wrong = f"{number * factor + offset if far else number + offset:.{rng.randint(0, 2)}f}"
        if not _rounds_to(number, wrong):
            return wrong


def _rounds_to(number: float, text: str) -> bool:
    """Whether a text is a number rounded, up or down: 2 of 2.12, which nobody should deny."""
    decimals = len(text.partition(".")[2])
    return abs(float(text) - number) < 10.0**-decimals


def _wrong_formula(rng: random.Random, formula: str) -> str:
    """The formula with one count changed."""
    parts = re.findall(r"[A-Z][a-z]?\d*|[+-].*", formula)
    at = rng.randrange(len(parts))
    symbol = re.match(r"[A-Za-z+-]+", parts[at])
    count = int(re.sub(r"\D", "", parts[at]) or 1)
    parts[at] = f"{symbol[0] if symbol else parts[at]}{count + rng.choice((1, 2, 3))}"
    return "".join(parts)


def two_facts(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Two or three facts asked for in one sentence."""
    keys = rng.sample(list(w.SYNONYMS), 3 if rng.random() < 0.25 else 2)
    names = dict(zip("xyz", (rng.choice(w.SYNONYMS[key]) for key in keys), strict=False))
    frames = w.ASK_THREE if len(keys) == 3 else w.ASK_TWO
    question = rng.choice(frames).format(**names, m=naming.asked())
    return question, " ".join(state(rng, view, naming, key) for key in keys), "two facts"


def again(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """The page asks again and lists what was wrong (the wording of `ui.turns`)."""
    keys = [k for k in w.STATED_AS if k in view.values and k not in ("charge", "formula")]
    keys = [k for k in keys if view.values[k] != "not defined"]
    if not keys:
        return value(rng, view, naming)
    lines = []
    chosen = rng.sample(keys, min(len(keys), rng.randint(1, 2)))
    for key in chosen:
        shown = view.values[key].split()[0]
        wrong = f"{float(shown) * rng.uniform(0.4, 2.2) + 0.1:.2f}"
        claim = rng.choice(
            (wrong, f"{w.STATED_AS[key]} is {wrong}", f"{w.STATED_AS[key]} of {wrong}")
        )
        lines.append(f"- “{claim}”; computed of molecule {naming.number}: {shown}")
    opening = "Please answer again. These claims contradict the structure:"
    answer = " ".join(statement(rng, view, naming, key) for key in chosen)
    return "\n".join([opening, *lines]), answer, "again"


def definition(rng: random.Random, view: "View | None", naming: Naming | None) -> Turn:
    """What a word of the card means."""
    terms, meaning = rng.choice(w.DEFINITIONS)
    return rng.choice(w.ASK_DEFINITION).format(x=rng.choice(terms)), meaning, "definition"
