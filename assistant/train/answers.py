"""Questions about the facts of one molecule; every answer follows from the `View` it is given.

Each function takes the random source, the view and the naming of the molecule, and returns
(question, answer, intent).
"""

import random
import re
from typing import TYPE_CHECKING

from assistant.chat.card import CARD_KEYS, CARD_LABELS
from assistant.chem.groups import GROUPS, count_range
from assistant.train import wording as w
from assistant.train.language import (
    PLURALS,
    Naming,
    Turn,
    absent,
    article,
    counted_groups,
    joined,
    number_word,
    true_value,
    with_reading,
)

if TYPE_CHECKING:
    from assistant.train.view import View


def state(rng: random.Random, view: "View", naming: Naming, key: str) -> str:
    """One sentence that states a fact."""
    if not view.knows(key):
        return absent(rng, key, naming)
    return with_reading(rng, view, statement(rng, view, naming, key))


def statement(rng: random.Random, view: "View", naming: Naming, key: str) -> str:
    """The sentence itself, whether the fact is shown or not."""
    value = true_value(view, key)
    subject = naming.opening()
    if key == "groups":
        phrases = counted_groups(view)
        return (
            f"{subject} contains {joined(phrases)}."
            if phrases
            else f"{subject} has no named functional group."
        )
    if key == "alerts":
        if value == "none":
            return f"{subject} has no PAINS or Brenk alert."
        return f"{subject} has these alerts: {value}."
    if key == "rule_of_five":
        if value == "no violations":
            return f"{subject} passes the rule of five with no violations."
        return f"{subject} breaks the rule of five: {value}."
    if key == "stereocentres":
        return stereo_statement(view, subject)
    if key == "double_bonds":
        if value == "none":
            return f"{subject} has no stereo double bond."
        return f"{subject} has stereo double bonds: {value}."
    if key in w.COUNT_SINGULARS:
        return _count_statement(rng, subject, key, int(value))
    if key == "qed" and value == "not defined":
        return f"The QED of {naming.said()} is not defined."
    if key == "charge" and value == "0":
        return rng.choice(
            (f"{subject} is neutral, with a charge of 0.", f"The charge of {naming.said()} is 0.")
        )
    label = w.STATED_AS[key]
    return rng.choice(w.SAY_VALUE).format(
        l=label, m=naming.said(), M=subject, a=article(label).split()[0], v=value
    )


def _count_statement(rng: random.Random, subject: str, key: str, count: int) -> str:
    noun = w.COUNT_SINGULARS[key] if count == 1 else w.COUNT_PLURALS[key]
    amount = "no" if count == 0 else rng.choice((number_word(count), str(count)))
    return f"{subject} has {amount} {noun}."


def stereo_statement(view: "View", subject: str) -> str:
    """How many stereocentres there are and how many of them are set."""
    total, chosen = view.facts.stereocentres, view.facts.stereocentres_set
    if total == 0:
        return f"{subject} has no stereocentre."
    noun = "stereocentre" if total == 1 else "stereocentres"
    return (
        f"{subject} has {total} {noun}; {chosen} of {total} {'is' if chosen == 1 else 'are'} set."
    )


def value(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """A fact is asked for by one of its names, or as a count."""
    known = [key for key in CARD_KEYS if view.knows(key)]
    key = rng.choice(known if known and rng.random() < 0.8 else CARD_KEYS)
    if rng.random() < 0.4:
        question = rng.choice(w.ASKED[key]).format(m=naming.asked())
    elif key in w.COUNT_PLURALS and rng.random() < 0.4:
        question = rng.choice(w.ASK_COUNT).format(p=w.COUNT_PLURALS[key], m=naming.asked())
    elif naming.in_focus and rng.random() < 0.35:
        question = rng.choice(w.FOLLOW_UP).format(x=rng.choice(w.SYNONYMS[key]))
    else:
        question = rng.choice(w.ASK_VALUE).format(x=rng.choice(w.SYNONYMS[key]), m=naming.asked())
    return question, state(rng, view, naming, key), f"fact {key}"


def group(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Yes or no: is this group there?"""
    present = {g.name: len(g.atoms) for g in view.facts.groups}
    ask_present = bool(present) and rng.random() < 0.5
    name = rng.choice(list(present)) if ask_present else absent_group(rng, view)
    question = rng.choice(w.ASK_GROUP).format(m=naming.asked(), g=article(name))
    if not view.knows("groups"):
        return question, absent(rng, "groups", naming), "group"
    count = present.get(name, 0)
    if not count:
        answer = rng.choice(
            (f"No, {naming.said()} has no {name}.", f"No, I find no {name} in {naming.said()}.")
        )
    else:
        amount = article(name) if count == 1 else f"{number_word(count)} {PLURALS[name]}"
        answer = rng.choice(
            (f"Yes, {naming.said()} contains {amount}.", f"Yes, {naming.said()} has {amount}.")
        )
    return question, answer, "group"


def group_count(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """How many of a group are there?"""
    present = {g.name: len(g.atoms) for g in view.facts.groups}
    ask_present = bool(present) and rng.random() < 0.7
    name = rng.choice(list(present)) if ask_present else absent_group(rng, view)
    question = rng.choice(w.ASK_GROUP_COUNT).format(p=PLURALS[name], m=naming.asked())
    if not view.knows("groups"):
        return question, absent(rng, "groups", naming), "group"
    count = present.get(name, 0)
    noun = name if count == 1 else PLURALS[name]
    answer = f"{naming.opening()} has {number_word(count)} {noun}."
    return question, with_reading(rng, view, answer), "group"


_ASKABLE_GROUPS = tuple(dict.fromkeys(group.name for group in GROUPS))


def absent_group(rng: random.Random, view: "View") -> str:
    """A group that no chemist would find here (a lactam is an amide to many, so it is there)."""
    while True:
        name = rng.choice(_ASKABLE_GROUPS)
        counts = count_range(name, view.facts.groups)
        if counts is None or counts[1] == 0:
            return name


def groups(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """All functional groups."""
    question = rng.choice(w.ASK_GROUPS).format(m=naming.asked())
    return question, state(rng, view, naming, "groups"), "fact groups"


def chirality(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Stereocentres asked for in words."""
    question = rng.choice(w.ASK_CHIRAL).format(m=naming.asked())
    return question, state(rng, view, naming, "stereocentres"), "fact stereocentres"


def rule_of_five(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Rule of five asked for in words."""
    question = rng.choice(w.ASK_RO5).format(m=naming.asked())
    return question, state(rng, view, naming, "rule_of_five"), "fact rule_of_five"


def alerts(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Structural alerts asked for in words."""
    question = rng.choice(w.ASK_ALERTS).format(m=naming.asked())
    return question, state(rng, view, naming, "alerts"), "fact alerts"


def element(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """How many atoms of an element, or whether there is one; read off the formula."""
    counts = {e: int(n or 1) for e, n in re.findall(r"([A-Z][a-z]?)(\d*)", view.facts.formula)}
    symbol = rng.choice(list(counts)) if rng.random() < 0.6 else rng.choice(list(w.ELEMENTS))
    if symbol not in w.ELEMENTS:
        return value(rng, view, naming)
    noun, count = w.ELEMENTS[symbol], counts.get(symbol, 0)
    yes_no = rng.random() < 0.4
    frames = w.ASK_ELEMENT if yes_no else w.ASK_ELEMENT_COUNT
    question = rng.choice(frames).format(e=noun, m=naming.asked())
    if not view.knows("formula"):
        return question, absent(rng, "formula", naming), "element"
    atoms = f"{count} {noun} atom{'' if count == 1 else 's'}"
    formula = f"its formula is {view.facts.formula}"
    if yes_no:
        answer = f"Yes, {formula}, with {atoms}." if count else f"No, {formula}, without {noun}."
    else:
        subject = naming.opening()
        answer = (
            f"{subject} has {atoms}; {formula}."
            if count
            else f"{subject} has no {noun} atom; {formula}."
        )
    return question, with_reading(rng, view, answer), "element"


def threshold(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Is a value above or below a limit? The value is stated first, then compared."""
    key = rng.choice(list(w.THRESHOLDS))
    limit = rng.choice(w.THRESHOLDS[key])
    above = rng.random() < 0.5
    word = rng.choice(
        ("above", "over", "greater than") if above else ("below", "under", "less than")
    )
    x = rng.choice(w.SYNONYMS[key])
    question = rng.choice(w.ASK_THRESHOLD).format(x=x, m=naming.asked(), c=word, n=limit)
    if key not in view.values:
        return question, absent(rng, key, naming), "threshold"
    shown = view.values[key]
    number = float(shown.split()[0])
    side = "above" if number > float(limit) else "below" if number < float(limit) else "equal to"
    verdict = "yes" if (side == "above") == above and side != "equal to" else "no"
    told = statement(rng, view, naming, key).removesuffix(".")
    answer = f"{told}, so {verdict}: that is {side} {limit}."
    return question, answer, "threshold"


def charged(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Charge asked for in words."""
    question = rng.choice(w.ASK_CHARGED).format(m=naming.asked())
    return question, state(rng, view, naming, "charge"), "fact charge"


def aromatic(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Aromaticity asked for in words."""
    question = rng.choice(w.ASK_AROMATIC).format(m=naming.asked())
    return question, state(rng, view, naming, "aromatic_rings"), "fact aromatic_rings"


_LISTED = (
    "formula",
    "average_mass",
    "clogp",
    "tpsa",
    "hbd",
    "hba",
    "rotatable_bonds",
    "rings",
    "stereocentres",
)


def properties(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """A list of the main facts, one a line, as the card has them."""
    question = rng.choice(w.ASK_PROPERTIES).format(m=naming.asked())
    lines = [f"- {CARD_LABELS[k]}: {view.values[k]}" for k in _LISTED if k in view.values]
    if not lines:
        return (
            question,
            f"No facts were computed for {naming.said()}, so I cannot list them.",
            "properties",
        )
    return question, "\n".join([f"Computed properties of {naming.said()}:", *lines]), "properties"


def describe(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """A short description made of facts, and what is not known."""
    question = rng.choice(w.ASK_DESCRIBE).format(m=naming.asked())
    subject = f"Molecule {naming.number}"
    sentences = []
    identity = [view.name] if view.name else []
    if view.knows("formula"):
        identity.append(view.facts.formula)
    first = (
        f"{subject} is {', '.join(identity)}" if identity else f"{subject} is shown without a name"
    )
    if "average_mass" in view.values:
        first += f", with an average mass of {view.values['average_mass']}"
    sentences.append(with_reading(rng, view, first + "."))
    if view.knows("groups"):
        phrases = counted_groups(view)
        sentences.append(
            f"It contains {joined(phrases)}." if phrases else "It has no named functional group."
        )
    if view.knows("stereocentres"):
        sentences.append(stereo_statement(view, "It"))
    if {"clogp", "tpsa"} <= view.values.keys():
        sentences.append(
            f"Its cLogP is {view.values['clogp']} and its TPSA is {view.values['tpsa']}."
        )
    if "rule_of_five" in view.values and rng.random() < 0.5:
        sentences.append(
            statement(rng, view, naming, "rule_of_five").replace(naming.opening(), "It")
        )
    if rng.random() < 0.3:
        sentences.append("I know nothing reliable about its uses or safety.")
    return question, " ".join(sentences), "describe"
