"""Question-answer pairs of one kind each; every answer follows from the `View` it is given.

Each function takes the random source, the view and the naming of the molecule, and returns
(question, answer, intent).
"""

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.chat.card import CARD_KEYS, CARD_LABELS, card_lines
from assistant.chem.groups import GROUPS, count_range
from assistant.train import wording as w

if TYPE_CHECKING:
    from assistant.train.dialogues import View

Turn = tuple[str, str, str]

_PLURALS = {group.name: group.plural for group in GROUPS}
_ASKABLE_GROUPS = tuple(dict.fromkeys(group.name for group in GROUPS))


@dataclass
class Naming:
    """How a turn names its molecule."""

    rng: random.Random
    number: int
    alone: bool
    in_focus: bool

    def asked(self) -> str:
        """The molecule as a question names it."""
        rng, n = self.rng, self.number
        if self.in_focus and rng.random() < 0.6:
            return rng.choice(
                ("it", "this molecule", "the molecule", "this compound", "this structure")
            )
        return rng.choice(
            (f"molecule {n}", f"molecule {n}", f"compound {n}", f"@{n}", f"Molecule {n}")
        )

    def said(self) -> str:
        """The molecule inside a sentence of the answer."""
        return f"molecule {self.number}"

    def opening(self) -> str:
        """The molecule at the start of a sentence of the answer."""
        if self.alone and self.rng.random() < 0.25:
            return "It"
        return f"Molecule {self.number}"


def article(noun: str) -> str:
    """The noun with its indefinite article, as spoken: an amide, a urea, an N-oxide, an SF5 group."""
    first, second = noun[0], noun[1:2]
    if noun.lower().startswith(("ure", "uni", "eu")):
        return f"a {noun}"
    if first in "aeiouAEIO":
        return f"an {noun}"
    letter_by_letter = not second.islower()
    return f"{'an' if letter_by_letter and first in 'FHLMNRSX' else 'a'} {noun}"


def number_word(count: int) -> str:
    """The count as a word up to twelve."""
    return w.NUMBER_WORDS[count] if count < len(w.NUMBER_WORDS) else str(count)


def joined(items: list[str]) -> str:
    """Items as an English list."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def counted_groups(view: "View") -> list[str]:
    """Groups of the molecule as "a ketone", "two esters"."""
    phrases = []
    for group in view.facts.groups:
        n = len(group.atoms)
        phrases.append(
            article(group.name) if n == 1 else f"{number_word(n)} {_PLURALS[group.name]}"
        )
    return phrases


def true_value(view: "View", key: str) -> str:
    """The card value of a fact, whether it is shown or not."""
    return next(line.value for line in card_lines(view.facts) if line.key == key)


def _reading(rng: random.Random, view: "View") -> str:
    """Opens an answer that is read off the structure instead of the card."""
    if view.has_card:
        return ""
    source = "graph" if view.graph else "SMILES"
    return rng.choice((f"Read from the {source}, ", f"From the {source}: "))


def _with_reading(rng: random.Random, view: "View", sentence: str) -> str:
    opening = _reading(rng, view)
    if not opening:
        return sentence
    return opening + sentence[0].lower() + sentence[1:]


def _absent(rng: random.Random, key: str, naming: Naming) -> str:
    return rng.choice(w.SAY_ABSENT).format(l=CARD_LABELS[key], m=naming.said())


def state(rng: random.Random, view: "View", naming: Naming, key: str) -> str:
    """One sentence that states a fact."""
    if not view.knows(key):
        return _absent(rng, key, naming)
    return _with_reading(rng, view, _statement(rng, view, naming, key))


def _statement(rng: random.Random, view: "View", naming: Naming, key: str) -> str:
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
        return _stereo_statement(view, subject)
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


def _stereo_statement(view: "View", subject: str) -> str:
    total, chosen = view.facts.stereocentres, view.facts.stereocentres_set
    if total == 0:
        return f"{subject} has no stereocentre."
    noun = "stereocentre" if total == 1 else "stereocentres"
    return (
        f"{subject} has {total} {noun}; {chosen} of {total} {'is' if chosen == 1 else 'are'} set."
    )


def value(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """A fact is asked for by one of its names, or as a count."""
    key = rng.choice(list(view.values) if view.values and rng.random() < 0.8 else CARD_KEYS)
    if key in w.COUNT_PLURALS and rng.random() < 0.5:
        question = rng.choice(w.ASK_COUNT).format(p=w.COUNT_PLURALS[key], m=naming.asked())
    elif naming.in_focus and rng.random() < 0.35:
        question = rng.choice(w.FOLLOW_UP).format(x=rng.choice(w.SYNONYMS[key]))
    else:
        question = rng.choice(w.ASK_VALUE).format(x=rng.choice(w.SYNONYMS[key]), m=naming.asked())
    return question, state(rng, view, naming, key), f"fact {key}"


def group(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Yes or no: is this group there?"""
    present = {g.name: len(g.atoms) for g in view.facts.groups}
    if present and rng.random() < 0.5:
        name = rng.choice(list(present))
    else:
        name = _absent_group(rng, view)
    question = rng.choice(w.ASK_GROUP).format(m=naming.asked(), g=article(name))
    if not view.knows("groups"):
        return question, _absent(rng, "groups", naming), "group"
    count = present.get(name, 0)
    if not count:
        answer = rng.choice(
            (f"No, {naming.said()} has no {name}.", f"No, I find no {name} in {naming.said()}.")
        )
    else:
        amount = article(name) if count == 1 else f"{number_word(count)} {_PLURALS[name]}"
        answer = rng.choice(
            (f"Yes, {naming.said()} contains {amount}.", f"Yes, {naming.said()} has {amount}.")
        )
    return question, answer, "group"


def _absent_group(rng: random.Random, view: "View") -> str:
    """A group that no chemist would find here (a lactam is an amide to many, so it is not absent)."""
    while True:
        name = rng.choice(_ASKABLE_GROUPS)
        counts = count_range(name, view.facts.groups)
        if counts is None or counts[1] == 0:
            return name


def groups(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """All functional groups."""
    question = rng.choice(w.ASK_GROUPS).format(m=naming.asked())
    return question, state(rng, view, naming, "groups"), "fact groups"


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
    sentences.append(_with_reading(rng, view, first + "."))
    if view.knows("groups"):
        phrases = counted_groups(view)
        sentences.append(
            f"It contains {joined(phrases)}." if phrases else "It has no named functional group."
        )
    if view.knows("stereocentres"):
        sentences.append(_stereo_statement(view, "It"))
    if {"clogp", "tpsa"} <= view.values.keys():
        sentences.append(
            f"Its cLogP is {view.values['clogp']} and its TPSA is {view.values['tpsa']}."
        )
    if "rule_of_five" in view.values and rng.random() < 0.5:
        sentences.append(
            _statement(rng, view, naming, "rule_of_five").replace(naming.opening(), "It")
        )
    if rng.random() < 0.3:
        sentences.append("I know nothing reliable about its uses or safety.")
    return question, " ".join(sentences), "describe"


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
    number, _, unit = shown.partition(" ")
    if key == "formula" or rng.random() < 0.4:
        asked = f"{rng.choice(w.ASK_SURE)[:-1]} about the {rng.choice(w.SYNONYMS[key])} of {naming.asked()}?"
        said = rng.choice(w.SAY_SURE).format(l=CARD_LABELS[key], m=naming.said(), v=shown)
        return asked, said, "are you sure"
    wrong = f"{float(number) * rng.uniform(0.4, 2.2) + rng.choice((-1, 1)):.{rng.randint(0, 2)}f}"
    frame = rng.choice([f for f in w.ASK_CORRECT if "{x}" in f])
    asked = frame.format(x=f"{rng.choice(w.SYNONYMS[key])} of {naming.asked()}", w=wrong)
    said = rng.choice(w.SAY_CORRECT).format(l=CARD_LABELS[key], m=naming.said(), v=shown, w=wrong)
    return asked, said, "correction"


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
        return question, _absent(rng, "formula", naming), "element"
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
    return question, _with_reading(rng, view, answer), "element"


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
        return question, _absent(rng, key, naming), "threshold"
    shown = view.values[key]
    number = float(shown.split()[0])
    side = "above" if number > float(limit) else "below" if number < float(limit) else "equal to"
    verdict = "yes" if (side == "above") == above and side != "equal to" else "no"
    answer = (
        f"The {CARD_LABELS[key]} of {naming.said()} is {shown}, so {verdict}: it is {side} {limit}."
    )
    return question, answer, "threshold"


def charged(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Charge asked for in words."""
    question = rng.choice(w.ASK_CHARGED).format(m=naming.asked())
    return question, state(rng, view, naming, "charge"), "fact charge"


def aromatic(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Aromaticity asked for in words."""
    question = rng.choice(w.ASK_AROMATIC).format(m=naming.asked())
    return question, state(rng, view, naming, "aromatic_rings"), "fact aromatic_rings"


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
    return f"Molecule {first} has {label} {u} and molecule {second} has {v}, so molecule {winner} is {adjective}."


def _side_by_side(one: "View", two: "View", first: int, second: int) -> str:
    shared = [
        k
        for k in ("formula", "average_mass", "clogp", "tpsa")
        if k in one.values and k in two.values
    ]
    lines = [
        f"- {CARD_LABELS[k]}: {one.values[k]} for molecule {first}, {two.values[k]} for molecule {second}"
        for k in shared
    ]
    if not lines:
        return f"I have too few facts of molecule {first} and molecule {second} to compare them."
    return "\n".join([f"Molecule {first} and molecule {second} compared:", *lines])
