"""Answers about pairs: how they are written and how their content is read back.

    yes_no   Yes: molecules 1 and 2 interact.               the first word decides
    value    absorption maximum: 431 nm                     quantity, colon, number, unit

A value is read by its field, never as "the first number": a bound, the 1 of "molecule 1" or a
temperature is no answer (ModuLM's published metric takes the first number, and with it the lower
bound of a range). An answer without its field has no value, which counts as a failure and is never
skipped.
"""

import re
from functools import lru_cache

from assistant.chem.pairs import PairTask

_NUMBER = r"[-+\u2212\u2013]?\d+(?:[.]\d+)?(?:[eE][-+]?\d+)?"
_FIRST_WORD = re.compile(r"[\s*_\"'`(]*(yes|no)\b", re.IGNORECASE)


def answer_form(task: PairTask) -> str:
    """The form that a prompt asks for."""
    if task.answer == "yes_no":
        return "Yes or No, then the reason"
    return f"{task.quantity}: <number> {task.unit}"


def write_yes_no(value: bool) -> str:
    """The first word of an answer."""
    return "Yes" if value else "No"


def write_value(task: PairTask, value: float, *, decimals: int = 2) -> str:
    """The field of an answer, in the task's unit."""
    _check_value_task(task)
    return f"{task.quantity}: {value:.{decimals}f} {task.unit}"


def parse_yes_no(text: str) -> bool | None:
    """Whether an answer begins with yes or no; None when it begins otherwise."""
    match = _FIRST_WORD.match(text)
    return match[1].lower() == "yes" if match else None


def parse_value(task: PairTask, text: str) -> float | None:
    """The value of the task's field in the task's unit; None when there is none.

    Of several fields the last counts: an answer may reason before it concludes. A number without a
    known unit is not a value.
    """
    _check_value_task(task)
    found = list(_field(task).finditer(text))
    if not found:
        return None
    number = float(re.sub("[\u2212\u2013]", "-", found[-1]["number"]))
    factors = {unit.lower(): factor for unit, factor in task.other_units}
    return number * factors.get(found[-1]["unit"].replace("μ", "µ").lower(), 1.0)


@lru_cache(maxsize=32)
def _field(task: PairTask) -> re.Pattern[str]:
    units = [task.unit, *(unit for unit, _ in task.other_units)]
    units += [unit.replace("µ", "μ") for unit in units if "µ" in unit]  # two signs, one prefix
    words = r"\s+".join(re.escape(word) for word in task.quantity.split())
    return re.compile(
        rf"\b{words}\W{{0,3}}?:\W{{0,3}}?\s*(?P<number>{_NUMBER})\s*"
        rf"(?P<unit>{'|'.join(map(re.escape, units))})(?![\w/])",
        re.IGNORECASE,
    )


def _check_value_task(task: PairTask) -> None:
    if task.answer != "value":
        raise ValueError(f"task {task.name} is answered by yes or no and has no value")
