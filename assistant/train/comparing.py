"""Questions about several molecules: which has more, which has most, the same or not, side by side.

The functions are of the same form as those of `answers`, with all views by number.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from assistant.chat.card import CARD_LABELS, COMPARED_KEYS, compared_number, numbered
from assistant.train import wording as w
from assistant.train.language import Turn, article, joined, number_word

if TYPE_CHECKING:
    from assistant.train.view import View

Views = Mapping[int, "View"]
_OF_MANY = ("all {n}", "all of them")
_COUNTED = {**w.COUNT_PLURALS, "double_bonds": "stereo double bonds"}


def compare(rng: random.Random, views: Views, first: int, second: int) -> Turn:
    """Two molecules side by side, which has more of something, or whether they have the same.

    A question that names neither is only asked where there are no others.

    Args:
        rng: Draws kind and words.
        views: What is shown of all molecules of the conversation, by number.
        first: Number of one of them.
        second: Number of another.

    Returns:
        Question, answer and intent.
    """
    style = rng.choice(("molecule {}", "compound {}", "@{}"))
    a, b = style.format(first), style.format(second)
    two = {first: views[first], second: views[second]}

    def drawn(frames: Sequence[str], **filled: str) -> str:
        if len(views) == 2:
            fitting = [f for f in frames if not any(said in f for said in _OF_MANY)]
        else:
            fitting = [f for f in frames if "{a}" in f]
        return rng.choice(fitting).format(a=a, b=b, n="two", **filled)

    kinds = ("which", "more", "same", "product", "all", "unknown")
    kind = rng.choices(kinds, (38, 12, 22, 6, 18, 14))[0]
    if kind == "which":
        key = _key(rng, list(w.ASK_WHICH), two)
        less = rng.random() < 0.4
        question = drawn(w.ASK_WHICH[key].less if less else w.ASK_WHICH[key].more)
        return question, _which(two, key, less=less), "compare which"
    if kind == "more":
        less = rng.random() < 0.4
        key, frames, filled = _by_name(rng, two, less=less)
        return drawn(frames, **filled), _which(two, key, less=less), "compare which"
    if kind == "same":
        return _same(rng, drawn, two)
    if kind == "unknown":
        return _unknown(rng, drawn, two, alone=len(views) == 2)
    if kind == "product":
        question = rng.choice(w.ASK_PRODUCT).format(a=a, b=b)
        said = rng.choice(w.SAY_UNKNOWN_PRODUCT)
        return question, said.format(a=first, b=second, x="the product of this reaction"), "unknown"
    question = drawn(w.ASK_COMPARE)
    if rng.random() < 0.25:
        question = rng.choice(w.ASK_COMPARE_NUMBERS).format(a=first, b=second)
    return question, _side_by_side(two), "compare"


def _unknown(rng: random.Random, drawn: Callable[..., str], two: Views, *, alone: bool) -> Turn:
    """Something that no computed fact compares; `alone` where there are no other molecules."""
    if rng.random() < 0.5:
        bare = rng.choice(w.UNKNOWN_TOPICS)
        question, topic = drawn(w.ASK_UNKNOWN_COMPARED, x=bare), f"the {bare}"
    else:
        free = [row for row in w.ASK_UNKNOWN_COMPARED_FREE if alone or "{a}" in row[0]]
        frame, topic = rng.choice(free)
        question = drawn([frame])
    said = rng.choice(w.SAY_UNKNOWN).format(x=topic, m=numbered(sorted(two)))
    return question, said, "unknown"


def most_of_all(rng: random.Random, views: Views) -> Turn:
    """Which of three or more molecules has the most or the least of something."""
    less = rng.random() < 0.4
    if rng.random() < 0.35:
        key = _key(rng, list(w.SUPERLATIVES), views)
        asked, asked_less = w.SUPERLATIVES[key]
        frames, filled = asked_less if less else asked, {}
    else:
        key, frames, filled = _by_name(rng, views, less=less)
    frames = [f for f in frames if "{a}" not in f]
    question = rng.choice(frames).format(n=number_word(len(views)), **filled)
    return question, _which(views, key, less=less), "compare which"


def _key(rng: random.Random, keys: Sequence[str], views: Views) -> str:
    """One of the facts, mostly one that is shown of every molecule."""
    shown = [key for key in keys if all(key in view.values for view in views.values())]
    return rng.choice(shown if shown and rng.random() < 0.85 else keys)


def _by_name(
    rng: random.Random, views: Views, *, less: bool
) -> tuple[str, Sequence[str], dict[str, str]]:
    """A fact by its name or as a count: its key, the questions, and what they are filled with."""
    key = _key(rng, COMPARED_KEYS, views)
    if key in w.COUNT_PLURALS and rng.random() < 0.6:
        return key, w.ASK_FEWEST if less else w.ASK_MOST, {"p": w.COUNT_PLURALS[key]}
    frames = w.ASK_LOWEST if less else w.ASK_HIGHEST
    return key, frames, {"x": rng.choice(w.SYNONYMS[key])}


def _number(view: "View", key: str) -> float:
    """What the view's value counts as; the caller has seen that it is shown and defined."""
    number = compared_number(view.values[key])
    assert number is not None, (key, view.values[key])
    return number


def _which(views: Views, key: str, *, less: bool = False) -> str:
    """The values, and which molecule that makes the one with more (or less)."""
    label = CARD_LABELS[key]
    missing = [number for number, view in views.items() if key not in view.values]
    if missing:
        return f"I do not have the {label} of molecule {missing[0]}, so I cannot compare them."
    if any(view.values[key] == "not defined" for view in views.values()):
        return f"The {label} of one of them is not defined, so I cannot compare them."
    numbers = {number: _number(view, key) for number, view in views.items()}
    if len(set(numbers.values())) == 1:
        opening = "Neither" if len(views) == 2 else "None of them"
        return f"{opening}: {_all_equal(views, key)}."
    end = min(numbers.values()) if less else max(numbers.values())
    winners = [number for number, value in numbers.items() if value == end]
    if len(views) == 2:
        verdict = f"is {_being_ahead(key, less=less)}"
    else:
        verdict = f"{'has' if len(winners) == 1 else 'have'} the {_end(key, less=less)}"
    return f"{_values(views, key)}, so {numbered(sorted(winners))} {verdict}."


def _being_ahead(key: str, *, less: bool) -> str:
    """What the one of two is that has more (or less)."""
    if key in w.ASK_WHICH:
        which = w.ASK_WHICH[key]
        return which.adjective_less if less else which.adjective
    return f"the one with {'fewer' if less else 'more'} {_COUNTED.get(key) or CARD_LABELS[key]}"


def _end(key: str, *, less: bool) -> str:
    """As in "most rings", "lowest cLogP"."""
    if key in _COUNTED:
        return f"{'fewest' if less else 'most'} {_COUNTED[key]}"
    return f"{'lowest' if less else 'highest'} {CARD_LABELS[key]}"


def _values(views: Views, key: str) -> str:
    """All values of a fact in one clause."""
    label = CARD_LABELS[key]
    (first, one), *others = views.items()
    if key in w.COUNT_SINGULARS:
        u = one.values[key]
        noun = w.COUNT_SINGULARS[key] if u == "1" else w.COUNT_PLURALS[key]
        rest = [f"molecule {n} has {view.values[key]}" for n, view in others]
        return joined([f"Molecule {first} has {u} {noun}", *rest])
    if len(others) == 1 and key in w.STATED_AS:
        ((second, two),) = others
        values = (one.values[key], two.values[key])
        return (
            f"Molecule {first} has {article(label)} of {values[0]}"
            f" and molecule {second} one of {values[1]}"
        )
    told = [f"{view.values[key]} for molecule {number}" for number, view in views.items()]
    return f"The {label} {'are' if key in _COUNTED else 'is'} {joined(told)}"


def _all_equal(views: Views, key: str) -> str:
    """That all have the same value; stereo as it is shown, since only its totals are compared."""
    told = list(dict.fromkeys(view.values[key] for view in views.values()))
    what = f"number of {_COUNTED[key]}" if key in _COUNTED else CARD_LABELS[key]
    return f"{numbered(sorted(views))} have the same {what}, {' and '.join(told)}"


def _same(rng: random.Random, drawn: Callable[..., str], two: Views) -> Turn:
    """Whether two molecules have the same value of a fact."""
    differ = rng.random() < 0.5
    key = _key(rng, ("formula", "formula", *COMPARED_KEYS), two)
    if key == "formula" and rng.random() < 0.4:
        question, differ = drawn(w.ASK_ISOMERS), False
    else:
        x = rng.choice(w.SYNONYMS[key])
        question = drawn(w.ASK_DIFFER if differ else w.ASK_SAME, x=x)
    values = [view.values.get(key) for view in two.values()]
    if None in values or "not defined" in values:
        return question, _which(two, key), "compare same"
    alike = values[0] == values[1]
    word = "Yes" if alike != differ else "No"
    if alike:
        return question, f"{word}: {_all_equal(two, key)}.", "compare same"
    if key == "formula":
        told = [f"molecule {number} is {view.values[key]}" for number, view in two.items()]
        return question, f"{word}: {joined(told)}.", "compare same"
    if _number(two[min(two)], key) == _number(two[max(two)], key):  # 1 of 2 set, 2 of 2 set
        return question, f"{word}: {_values(two, key)}.", "compare same"
    return question, f"{word}. {_which(two, key)}", "compare same"


def _side_by_side(two: Views) -> str:
    (first, one), (second, other) = two.items()
    shared = [
        k
        for k in ("formula", "average_mass", "clogp", "tpsa")
        if k in one.values and k in other.values
    ]
    lines = [
        f"- {CARD_LABELS[k]}: {one.values[k]} for molecule {first},"
        f" {other.values[k]} for molecule {second}"
        for k in shared
    ]
    if not lines:
        return f"I have too few facts of molecule {first} and molecule {second} to compare them."
    return "\n".join([f"Molecule {first} and molecule {second} compared:", *lines])
