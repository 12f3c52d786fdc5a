"""Names, comparisons, doubts, definitions, and what is not known.

The functions are of the same form as those of `answers`.
"""

import random
from typing import TYPE_CHECKING

from assistant.chat.card import CARD_LABELS
from assistant.train import wording as w
from assistant.train.answers import state, statement, value
from assistant.train.language import Naming, Turn

if TYPE_CHECKING:
    from assistant.train.dialogues import View


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


def correction(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """The person doubts a value; the computed one stands."""
    key = rng.choice(
        ("average_mass", "exact_mass", "clogp", "tpsa", "formula", "fsp3", "heavy_atoms")
    )
    if key not in view.values:
        return value(rng, view, naming)
    shown = view.values[key]
    number = shown.split()[0]
    if key == "formula" or rng.random() < 0.4:
        doubt, fact = rng.choice(w.ASK_SURE)[:-1], rng.choice(w.SYNONYMS[key])
        asked = f"{doubt} about the {fact} of {naming.asked()}?"
        said = rng.choice(w.SAY_SURE).format(l=CARD_LABELS[key], m=naming.said(), v=shown)
        return asked, said, "are you sure"
    wrong = f"{float(number) * rng.uniform(0.4, 2.2) + rng.choice((-1, 1)):.{rng.randint(0, 2)}f}"
    frame = rng.choice([f for f in w.ASK_CORRECT if "{x}" in f])
    asked = frame.format(x=f"{rng.choice(w.SYNONYMS[key])} of {naming.asked()}", w=wrong)
    said = rng.choice(w.SAY_CORRECT).format(l=CARD_LABELS[key], m=naming.said(), v=shown, w=wrong)
    return asked, said, "correction"


def two_facts(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Two facts asked for in one sentence."""
    first, second = rng.sample(list(w.SYNONYMS), 2)
    x, y = rng.choice(w.SYNONYMS[first]), rng.choice(w.SYNONYMS[second])
    question = rng.choice(w.ASK_TWO).format(x=x, y=y, m=naming.asked())
    answer = f"{state(rng, view, naming, first)} {state(rng, view, naming, second)}"
    return question, answer, "two facts"


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


def compare(rng: random.Random, views: dict[int, "View"], first: int, second: int) -> Turn:
    """Two molecules side by side, or which of them has more of something."""
    style = rng.choice(("molecule {}", "compound {}", "@{}"))
    a, b = style.format(first), style.format(second)
    one, two = views[first], views[second]
    if rng.random() < 0.5:
        key = rng.choice(list(w.ASK_WHICH))
        frames, adjective = w.ASK_WHICH[key]
        question = rng.choice(frames).format(a=a, b=b)
        return question, _which(one, two, first, second, key, adjective), "compare which"
    if rng.random() < 0.3:
        question = rng.choice(w.ASK_PRODUCT).format(a=a, b=b)
        topic = "the product of this reaction"
        return (
            question,
            rng.choice(w.SAY_UNKNOWN_PRODUCT).format(a=first, b=second, x=topic),
            "unknown",
        )
    question = rng.choice(w.ASK_COMPARE).format(a=a, b=b)
    if rng.random() < 0.25:
        question = rng.choice(w.ASK_COMPARE_NUMBERS).format(a=first, b=second)
    return question, _side_by_side(one, two, first, second), "compare"


def _which(one: "View", two: "View", first: int, second: int, key: str, adjective: str) -> str:
    missing = [n for n, view in ((first, one), (second, two)) if key not in view.values]
    label = CARD_LABELS[key]
    if missing:
        return f"I do not have the {label} of molecule {missing[0]}, so I cannot compare them."
    u, v = one.values[key], two.values[key]
    x, y = float(u.split()[0]), float(v.split()[0])
    if x == y:
        return f"Neither: molecule {first} and molecule {second} have the same {label}, {u}."
    winner = first if x > y else second
    values = f"Molecule {first} has {label} {u} and molecule {second} has {v}"
    return f"{values}, so molecule {winner} is {adjective}."


def _side_by_side(one: "View", two: "View", first: int, second: int) -> str:
    shared = [
        k
        for k in ("formula", "average_mass", "clogp", "tpsa")
        if k in one.values and k in two.values
    ]
    lines = [
        f"- {CARD_LABELS[k]}: {one.values[k]} for molecule {first},"
        f" {two.values[k]} for molecule {second}"
        for k in shared
    ]
    if not lines:
        return f"I have too few facts of molecule {first} and molecule {second} to compare them."
    return "\n".join([f"Molecule {first} and molecule {second} compared:", *lines])
