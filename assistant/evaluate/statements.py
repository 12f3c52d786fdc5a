"""What an answer says: does it state a line of the card, does it decline?

Deterministic rules on the text that the model wrote; a value must stand there as on the card, as a
number or word of its own.
"""

import re
from collections.abc import Mapping

from assistant.chat.check import check_answer
from assistant.chem.facts import Facts
from assistant.chem.groups import GROUPS

NUMBER_WORDS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_PLURALS = {group.name: group.plural for group in GROUPS}
_REFUSES = re.compile(
    r"do not (know|have)|cannot|not able|no reliable|only help|outside what|goes beyond|not among"
    r"|would (only )?be (a )?guess|would rather not|was not given|leave that to others"
    r"|not make it up|(have|find|has) no (value|data|knowledge|line|idea|reliable)|no idea"
    r"|(never|not) (given|told|learned|trained)|unable to|unknown to me|lack the|must pass on"
    r"|beyond me|beyond my|outside my|not my field|(facts|card)[^.]* (do|does|is) not"
    r"|make something up|is missing|leave it open|leave that open|leave out|nor the computed facts"
    r"|only (talk|work|deal)|molecules only|at large|something wrong|nothing (in|i was)",
    re.IGNORECASE,
)


def refuses(answer: str) -> bool:
    """Whether the answer says that it does not know or cannot help."""
    return _REFUSES.search(answer) is not None


def states(answer: str, key: str, value: str, facts: Facts) -> bool:
    """Whether the answer states the card line `key` of a molecule.

    Args:
        answer: The model's text.
        key: Key of the line.
        value: The line's value on the card.
        facts: The molecule's facts.
    """
    if key == "groups":
        return states_groups(answer, facts)
    if key == "alerts":
        if value == "none":
            return _says(answer, r"\b(no|without|free of)\b[^.]*alert|alerts?:? none")
        return all(part in answer for part in value.split(", "))
    if key == "rule_of_five":
        if value == "no violations":
            return _says(answer, r"no violations?|passes")
        return value in answer
    if key in ("stereocentres", "double_bonds"):
        noun = "stereocent" if key == "stereocentres" else "double bond"
        if value == "none":
            return _says(
                answer, rf"\b(no|without|zero|0)\b[^.]*{noun}|{noun}[a-z]*:? (is |are )?none"
            )
        return " of ".join(value.split()[0:3:2]) in answer
    if key == "charge" and value == "0":
        return _says(
            answer, r"\bneutral\b|charge[^.]*\b(0|zero)\b|\bno (net |formal )?charge|uncharged"
        )
    if key == "qed" and value == "not defined":
        return "not defined" in answer
    return states_number(answer, value)


def states_number(answer: str, value: str) -> bool:
    """Whether the first word of the value stands in the answer as a number or word of its own."""
    number = value.split()[0]
    accepted = [re.escape(number)]
    if number.isdigit() and int(number) < len(NUMBER_WORDS):
        accepted.append(NUMBER_WORDS[int(number)])
    return _says(answer, rf"(?<![\w.+-])(?:{'|'.join(accepted)})(?![\w]|\.\d)")


def states_groups(answer: str, facts: Facts) -> bool:
    """Whether the answer names exactly the groups of the card, each with its number."""
    if not facts.groups:
        return _says(answer, r"\bno (named )?functional group")
    wanted = {group.name: len(group.atoms) for group in facts.groups}
    return named_groups(answer) == wanted


def answers_group(answer: str, group: str, number: int, molecules: Mapping[int, Facts]) -> bool:
    """Whether the answer says rightly if a molecule has a group, and nothing that facts contradict.

    It says so by yes or no, by a statement on the group, or by the whole list of groups; two of
    these must not disagree.

    Args:
        answer: The model's text.
        group: The group's name.
        number: The molecule's number in the conversation.
        molecules: Facts of the molecules of the conversation by number.
    """
    holds = any(one.name == group for one in molecules[number].groups)
    checks = check_answer(answer, molecules, (number,))
    if any(check.verdict == "contradicted" for check in checks):
        return False
    opening = re.match(r"\W*(yes|no)\b", answer, re.IGNORECASE)
    if opening is not None:
        return (opening[1].lower() == "yes") == holds
    names = re.compile(rf"\b({group}|{_PLURALS[group]})\b", re.IGNORECASE)
    says_so = any(
        c.verdict == "confirmed" and c.molecule == number and names.search(c.claim) for c in checks
    )
    return says_so or states_groups(answer, molecules[number])


def named_groups(answer: str) -> dict[str, int]:
    """Groups an answer lists and how many of each; longer names are read first."""
    found: dict[str, int] = {}
    rest = answer
    names = {name: name for name in _PLURALS} | {plural: name for name, plural in _PLURALS.items()}
    for spoken in sorted(names, key=len, reverse=True):
        pattern = re.compile(
            rf"\b(an?|{'|'.join(NUMBER_WORDS)}|\d+) {re.escape(spoken)}(?![\w-])", re.IGNORECASE
        )
        for match in pattern.finditer(rest):
            found[names[spoken]] = found.get(names[spoken], 0) + _amount(match[1])
        rest = pattern.sub(" ", rest)
    return {name: count for name, count in found.items() if count}


def _amount(word: str) -> int:
    word = word.lower()
    if word.isdigit():
        return int(word)
    return 1 if word in ("a", "an") else NUMBER_WORDS.index(word)


def _says(answer: str, pattern: str) -> bool:
    return re.search(pattern, answer, re.IGNORECASE) is not None
