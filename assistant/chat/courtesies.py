"""Small talk: thanks, greetings, farewells, praise, and what people ask the program of itself.

The model has learned to answer the plainest forms ("Thank you very much"); what is said at more
length it may take for a question outside of its field. Only what is about no molecule counts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from assistant.chat.asked_words import plain_text, properties_in
from assistant.chat.claims.asked import declines
from assistant.chat.claims.model import Check

_MOST_WORDS, _MOST_CHARS = 18, 200
_ASKS_FOR_MORE = re.compile(
    r"\b(?:tell|describe|explain|show|give|draw|list|do|make|made|compare|suggest|say|meant|mean"
    r"|why|what|which|whose|where|wrong|now|next|other|others|same|second|third|first one|last one"
    r"|synth\w+|react\w*|dose|dos(?:e|age|ing)|safe\w*|toxic\w*|molecules?|compounds?|structures?"
    r"|drugs?|substances?|look|check|recommend)\b"
)
"""Words of somebody who wants something besides."""
_ASKED = (
    (
        "What can you do?",
        r"\bwhat (?:can|could|do) you do(?: for me)?\W*$"
        r"|\bwhat (?:sorts?|kinds?) of (?:things|questions)\b.*\bi\b.*\bask\b"
        r"|\bwhat (?:can|may|should|could) i ask(?: you)?\W*$"
        r"|\bhow (?:to|(?:do|can|should) i) (?:start|begin)\W*$",
    ),
    (
        "Who are you?",
        r"\bwho are you\b|\bintroduce yourself\b|\byour name\b|^what are you\b|\bwho am i talking\b"
        r"|\babout yourself\b",
    ),
    ("How are you today?", r"\bhow are you\b|\bhow(?: is|'s) it going(?: today)?\W*$"),
)
_SAID = (
    (
        "Goodbye!",
        r"\b(?:good ?bye|bye|good ?night|gn|see (?:you|ya)|ciao|auf wiedersehen|tschüss"
        r"|take care)\b|\bthat(?: i|')s (?:all|it)\b|\b(?:off|going) (?:to (?:lunch|bed)|home)\b"
        r"|\bhave a (?:nice|good|great)\b|\bdone for (?:today|now)\b",
    ),
    (
        "Thank you very much",
        r"\b(?:thanks|thank (?:you|u)|thx|ty|merci|danke|gracias|cheers|appreciate)\b",
    ),
    ("Sorry", r"\b(?:sorry|apologies|apologi[sz]e)\b"),
    (
        "ok",
        r"\b(?:wait|hold on|brb)\b(?!.*\bnot\b)|\b(?:one|just a) (?:sec|second|moment|minute)\b"
        r"|\b(?:be|am|i'm) (?:right )?back\b|\bget (?:a |some )?(?:coffee|tea)\b",
    ),
    (
        "Hello!",
        r"^(?:hi|hello|hey|hallo|greetings|servus|moin|hola|salut|bonjour|ahoj|namaste"
        r"|good (?:morning|day|evening|afternoon))\b",
    ),
    (
        "That was wrong",
        r"\b(?:rude|useless|unfriendly|annoying|disappointing|not (?:very |really )?help\w*)\b",
    ),
    (
        "Be shorter",
        r"\b(?:shorter|wordy|be brief|keep it short)\b"
        r"|\b(?:answers?|that|it|you)(?:'s| is| was| are)? too long\b",
    ),
    (
        "Well done!",
        r"\b(?:you are|you were|you're|your|that was|this is|what an?)\b.*\b(?:nice|good|great|best"
        r"|brilliant|awesome|amazing|perfect|excellent|fast|quick|funny|helpful|smart|clever)\b"
        r"(?! (?:\w+ )?(?:inhibitor|agonist|ligand|substrate|leaving|base|acid|group|solvent))"
        r"|^(?:nice|good|great|brilliant|excellent|perfect|amazing|awesome|impressive|well done)"
        r"(?: (?!leaving|group|base|acid|inhibitor|ligand|solvent)\w+){0,2}\b\W*(?:$|[,.!])"
        r"|\b(?:like|love) (?:how|the way) you\b",
    ),
)
_IS_ANYBODY_THERE = re.compile(r"^(?:hi|hello|hey)\b.*\b(?:anybody|anyone|somebody|you) there\W*$")
_SAYS = {
    "Hello!": r"\b(?:hello|hi|hey|welcome|good (?:morning|day|evening|afternoon))\b",
    "Thank you very much": r"\b(?:welcome|glad|pleasure|happy|any ?time|no problem)\b",
    "Goodbye!": r"\b(?:bye|goodbye|see you|take care|luck|welcome|good night)\b",
    "Well done!": r"\b(?:thanks|thank you|glad|happy|welcome|pleasure|kind|good to hear)\b",
}
"""What an answer to it says, where that is one of a few words."""


@dataclass(frozen=True)
class Courtesy:
    """Small talk that an answer should take for what it is.

    Attributes:
        question: The same in the plainest words.
    """

    question: str
    number: ClassVar[None] = None
    lines: ClassVar[None] = None

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer declines, or is one to something else that claims nothing."""
        says = _SAYS.get(self.question)
        is_another = says is not None and not re.search(says, text, re.IGNORECASE)
        return declines(text) or (is_another and not checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether it neither declines nor claims; who says what it can do also says what not."""
        speaks_of_itself = self.question in (plain for plain, _ in _ASKED)
        return not checks and (speaks_of_itself or not self.is_missed_by(text, checks))


def courtesy_of(text: str) -> Courtesy | None:
    """What a person says to the program and not of a molecule; None for anything else."""
    if len(text) > _MOST_CHARS:
        return None
    plain = plain_text(text).strip()
    if len(plain.split()) > _MOST_WORDS or re.search(r"\d|@", plain) or properties_in(plain):
        return None
    for said, pattern in _ASKED:
        if re.search(pattern, plain):
            return Courtesy(said)
    if _IS_ANYBODY_THERE.search(plain):
        return Courtesy("Hello!")
    if "?" in plain or _ASKS_FOR_MORE.search(plain):
        return None
    return next((Courtesy(said) for said, pattern in _SAID if re.search(pattern, plain)), None)
