"""Who each part of one sentence speaks of: its subjects, where they are named, whose a claim is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.chat.claims.text import Token
from assistant.chat.claims.wordlist import words

_BEFORE_NAMES = words("both , ; : so that because since as but while and") | {""}
_PLURAL_VERBS = words(
    "have are were both contain carry bear lack share possess pass obey satisfy do can each all "
    "weigh fulfil meet"
)
_BETWEEN_OBJECT_AND_VALUE = ((), ("at",), ("with",), (",", "at"), (",", "with"))
"""As in "lighter than caffeine, at 194.19 g/mol", "below caffeine's 194.19 g/mol"."""


@dataclass(frozen=True)
class Subject:
    """Who a claim is about.

    Args:
        numbers: Molecules of the conversation.
        mode: "each" asks every one of them, "none" every one for the opposite; "unknown" cannot be
            told; "foreign" is not in the conversation.
    """

    numbers: tuple[int, ...]
    mode: Literal["one", "each", "none", "unknown", "foreign"]


UNKNOWN = Subject((), "unknown")
FOREIGN_SUBJECT = Subject((), "foreign")


@dataclass(frozen=True)
class Mention:
    """A subject named at tokens `first` up to `behind`.

    Args:
        role: "subject" carries claims, "object" is only compared with or related to.
    """

    subject: Subject
    first: int
    behind: int
    role: Literal["subject", "object"]
    is_pronoun: bool = False


@dataclass(frozen=True)
class SentenceSubjects:
    """Who each part of one sentence speaks of."""

    mentions: tuple[Mention, ...]
    carried: Subject

    def at(self, first: int, behind: int, tokens: Sequence[Token]) -> Subject:
        """The subject of a claim at tokens `first` up to `behind`."""
        for mention in self.mentions:
            if behind <= mention.first <= behind + 3 and not mention.is_pronoun:
                between = [t.text for t in tokens[behind : mention.first]]
                # "63.6 Å² for aspirin", "63.6 Å² (aspirin)"
                closed = tokens[mention.behind : mention.behind + 1]
                in_brackets = between == ["("] and [t.text for t in closed] == [")"]
                joined = in_brackets or between[:1] in (["in"], ["of"], ["for"])
                if joined and mention.subject.numbers:
                    return mention.subject
        for mention in self.mentions:
            between = tuple(t.text for t in tokens[mention.behind : first])
            of_object = mention.role == "object" and between in _BETWEEN_OBJECT_AND_VALUE
            if mention.behind <= first and (between == ("(",) or of_object):
                return mention.subject
            if mention.role == "object" and mention.behind <= first and between == (",",):
                return UNKNOWN  # "lighter than caffeine, 194.19 g/mol": whose may be either's
        spoken = self.carried
        for mention in self.mentions:
            inside = first < mention.first < behind and not mention.is_pronoun
            if inside and tokens[mention.first - 1].text not in ("of", "for", "in"):
                continue
            speaks = mention.role == "subject" or _is_described(tokens, mention)
            if speaks and (mention.first < max(first, 1) or inside):
                spoken = mention.subject
        return spoken


def _is_described(tokens: Sequence[Token], mention: Mention) -> bool:
    """Whether what follows is of it: "heavier than caffeine, which has …", "whose mass is …"."""
    at = mention.behind + (mention.behind < len(tokens) and tokens[mention.behind].text == ",")
    return at < len(tokens) and tokens[at].text in ("which", "whose")


def joined_names(tokens: Sequence[Token], first: Mention, second: Mention) -> Mention | None:
    """Two that are named together: "aspirin and caffeine have …", "neither … nor …"."""
    before = tokens[first.first - 1].text if first.first else ""
    joint = tuple(token.text for token in tokens[first.behind : second.first])
    denied = before == "neither" and joint == ("nor",)
    named = (first, second)
    if any(m.role != "subject" or m.is_pronoun or not m.subject.numbers for m in named):
        return None
    if any(m.subject.mode not in ("one", "each") for m in named):
        return None
    if not denied:
        follower = tokens[second.behind].text if second.behind < len(tokens) else ""
        begins = before in _BEFORE_NAMES
        if joint not in (("and",), ("&",)) or follower not in _PLURAL_VERBS or not begins:
            return None
    numbers = tuple(dict.fromkeys((*first.subject.numbers, *second.subject.numbers)))
    subject = Subject(numbers, "none" if denied else "each")
    return Mention(subject, first.first, second.behind, "subject")
