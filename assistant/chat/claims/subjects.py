"""Whose claim is it? Follows which molecule an answer speaks of, sentence by sentence.

A claim belongs to the last subject named before it: "molecule 2", "@2", a name, "it", "both", or
something
that is not in the conversation (a product, a metabolite, benzene, esters in general). Molecules
named
only for comparison ("than molecule 1", "unlike molecule 1") are not subjects. With several
molecules in focus
and none named, nobody can tell.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.mentions import (
    BE,
    COMPARED,
    COUNTED,
    DESCRIBES,
    EACH,
    FOREIGN,
    FROM_TO,
    GENERIC_DETERMINERS,
    NOUNS,
    NUMBER_WORDS,
    ORDINALS,
    PREPOSITIONS,
    THIS,
    VERBS,
    first_verb,
    is_introduced,
    is_part_of_name,
    joined,
    number_list,
    role,
    starts_clause,
)
from assistant.chat.claims.spoken_of import (
    FOREIGN_SUBJECT,
    UNKNOWN,
    Mention,
    SentenceSubjects,
    Subject,
    joined_names,
)
from assistant.chat.claims.text import Sentence, Token
from assistant.chat.claims.wordlist import words

_VAGUE = words("they all each these")
_SEVERAL = _VAGUE | {"both", "neither", "none"}
_COMPARE_ALL = words("same both differ different identical equal share shared alike")
_OF_THEM = words("of the two three these those them")


class SubjectTracker:
    """Reads sentences in order and remembers of whom the last one spoke."""

    def __init__(
        self,
        known: Sequence[int],
        focus: Sequence[int],
        named: Callable[[Sequence[Token], int], tuple[int | None, int] | None],
    ) -> None:
        self._known = tuple(known)
        self._focus = tuple(n for n in focus if n in self._known)
        if not self._focus and len(self._known) == 1:
            self._focus = self._known
        self._named = named
        self._current = self._default()
        self._plural = self._focus if len(self._focus) > 1 else self._known
        self._terms: Sequence[TermMatch] = ()
        self._seen: set[int] = set()

    def _default(self) -> Subject:
        return Subject(self._focus, "one") if len(self._focus) == 1 else UNKNOWN

    def read(self, sentence: Sentence, terms: Sequence[TermMatch]) -> SentenceSubjects:
        """The subjects of the next sentence; what it says last is what "it" will mean."""
        carried, self._terms = self._current, terms
        mentions = self._find(sentence.tokens, terms)
        resolved: list[Mention] = []
        for mention in mentions:
            is_clear = carried.mode != "each"  # of several, which one "it" is nobody can tell
            if mention.is_pronoun and mention.subject is UNKNOWN and is_clear:
                mention = Mention(carried, mention.first, mention.behind, mention.role, True)
            if carried.mode == "one" and self._may_be_parts(sentence.tokens, mention):
                resolved.append(Mention(UNKNOWN, mention.first, mention.behind, "subject"))
                continue
            self._seen.update(mention.subject.numbers)
            resolved.append(mention)
            if mention.role == "subject":
                carried = mention.subject
                if len(carried.numbers) > 1:
                    self._plural = carried.numbers
        result = SentenceSubjects(tuple(resolved), self._current)
        none = carried.mode == "none"
        self._current = Subject(carried.numbers, "each") if none else carried
        return result

    def _may_be_parts(self, tokens: Sequence[Token], mention: Mention) -> bool:
        """Whether "they" or "both" may be rings or atoms of the one molecule spoken of."""
        word = tokens[mention.first].text
        if word not in _SEVERAL or mention.subject.mode not in ("each", "none"):
            return False
        after = tokens[mention.first + 1 : mention.first + 5]
        others = (t for i, t in enumerate(tokens) if i != mention.first)
        if any(t.text in NOUNS for t in after) or any(t.text in _COMPARE_ALL for t in others):
            return False
        return word in _VAGUE or not self._seen.issuperset(mention.subject.numbers)

    def became_ambiguous(self) -> None:
        """The sentence spoke of what forms in a reaction: "it" may now be the product."""
        self._current = UNKNOWN

    def reset(self) -> None:
        """A new section: back to the molecule in focus."""
        if self._current.mode in ("foreign", "unknown"):
            self._current = self._default()

    def _find(self, tokens: Sequence[Token], terms: Sequence[TermMatch]) -> list[Mention]:
        mentions: list[Mention] = []
        in_terms = {i for t in terms for i in range(t.first, t.behind) if t.term.family != "skip"}
        i = 0
        while i < len(tokens):
            mention = None if i in in_terms else self._mention_at(tokens, i)
            if mention is None and i in in_terms:
                mention = self._generic(tokens, i) if i == 0 else None
            last = mentions[-1] if mentions else None
            if last and last.behind == i and len(last.subject.numbers) > 1:
                # "molecules 1 and 3 both …": they were named just before.
                mention = None if tokens[i].text in EACH else mention
            if mention is None:
                i += 1
                continue
            mentions.append(mention)
            if len(mentions) > 1 and (both := joined_names(tokens, *mentions[-2:])):
                mentions[-2:] = [both]
            i = max(mention.behind, i + 1)
        return mentions

    def _mention_at(self, tokens: Sequence[Token], i: int) -> Mention | None:
        return (
            self._numbered(tokens, i)
            or self._ordinal(tokens, i)
            or self._by_name(tokens, i)
            or self._pronoun(tokens, i)
            or self._foreign(tokens, i)
            or (self._generic(tokens, i) if starts_clause(tokens, i) else None)
        )

    def _numbered(self, tokens: Sequence[Token], i: int) -> Mention | None:
        """As in "molecule 2", "compounds 1 and 3", "@2"."""
        j = i + 1
        if tokens[i].text == "@":
            numbers, behind = number_list(tokens, j, single=True)
        elif tokens[i].text in NOUNS:
            numbers, behind = number_list(tokens, j, single=False)
        else:
            return None
        if not numbers:
            return None
        while (pair := joined(tokens, behind)) is not None:
            more, behind_more = pair
            numbers, behind = (*numbers, *more), behind_more
        return Mention(self._subject(numbers), i, behind, role(tokens, i))

    def _subject(self, numbers: tuple[int, ...]) -> Subject:
        if any(n not in self._known for n in numbers):
            return UNKNOWN
        return Subject(tuple(dict.fromkeys(numbers)), "each" if len(numbers) > 1 else "one")

    def _ordinal(self, tokens: Sequence[Token], i: int) -> Mention | None:
        """As in "the first molecule", "the latter"."""
        rank = ORDINALS.get(tokens[i].text)
        if rank is None or i == 0 or tokens[i - 1].text != "the":
            return None
        follower = tokens[i + 1].text if i + 1 < len(tokens) else ""
        bare = tokens[i].text in ("former", "latter") or follower in ("one", "a", "an")
        bare = bare or (follower in VERBS and len(self._known) > 1)
        # "the first weighs 180 g/mol, the second 194 g/mol"
        has_number = i + 1 < len(tokens) and tokens[i + 1].kind == "number"
        bare = bare or (has_number and i > 1 and tokens[i - 2].text in (",", ";", "and", "while"))
        if follower not in NOUNS and not bare:
            return None
        subject = UNKNOWN
        if rank < len(self._plural) and len(self._plural) > 1:
            subject = Subject((self._plural[rank],), "one")
        return Mention(
            subject, i, i + 1 + (follower in NOUNS or follower == "one"), role(tokens, i - 1)
        )

    def _by_name(self, tokens: Sequence[Token], i: int) -> Mention | None:
        found = self._named(tokens, i)
        if found is None:
            return None
        number, behind = found
        if is_part_of_name(tokens, i, behind):
            return (
                Mention(FOREIGN_SUBJECT, i, behind, "subject")
                if role(tokens, i) == "subject"
                else None
            )
        if number is not None:
            return Mention(Subject((number,), "one"), i, behind, role(tokens, i))
        follower = tokens[behind].text if behind < len(tokens) else ""
        acts = follower in VERBS | DESCRIBES
        acts = acts or (i == 0 and tokens[behind - 1].kind == "word" and follower != "-")
        if not acts or (i > 0 and tokens[i - 1].text in BE | {"a", "an"} and follower != "which"):
            return None
        described = follower in ("which", "that") or (
            follower == "," and behind + 1 < len(tokens) and tokens[behind + 1].text == "which"
        )
        if described:
            return Mention(FOREIGN_SUBJECT, i, behind, "subject")
        related = i > 0 and tokens[i - 1].text in FROM_TO | COMPARED | PREPOSITIONS
        if related and follower in VERBS | {"(", ":", ","}:
            return Mention(FOREIGN_SUBJECT, i, behind, "object")
        return Mention(FOREIGN_SUBJECT, i, behind, "subject")

    def _pronoun(self, tokens: Sequence[Token], i: int) -> Mention | None:
        word = tokens[i].text
        follower = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if word in ("it", "its"):
            return Mention(UNKNOWN, i, i + 1, role(tokens, i), is_pronoun=True)
        if (
            word in NOUNS
            and i > 0
            and tokens[i - 1].text in THIS
            and word not in ("product", "reactant")
        ):
            subject = self._current if self._current.numbers else self._default()
            if word.endswith("s"):
                return None
            return Mention(subject, i, i + 1, role(tokens, i - 1))
        if word == "two" and i > 0 and tokens[i - 1].text == "the" and follower in NOUNS:
            return self._each(tokens, i, follower)
        if word == "one" and follower in VERBS and len(self._known) > 1:
            return Mention(UNKNOWN, i, i + 1, "subject")  # "one has a ring, the other has none"
        if word == "none" and follower == "of" and (plural := self._each(tokens, i, follower)):
            return plural
        if word in EACH and (plural := self._each(tokens, i, follower)):
            return plural
        return None

    def _each(self, tokens: Sequence[Token], i: int, follower: str) -> Mention | None:
        """As in "both", "they", "each of them", "the two molecules", "neither"."""
        word = tokens[i].text
        if len(self._known) < 2:
            return None
        after = [t.text for t in tokens[i + 1 : i + 4 + (follower == "of")]]
        if follower == "of" and after[1:2] in (["its"], ["which"]):
            return None  # "all of its nitrogens", "two rings, both of which"
        names_them = any(w in NOUNS or w in ("them", "these") for w in after)
        counted = follower in NUMBER_WORDS and len(after) > 1 and after[1] in VERBS
        if not (names_them or counted or follower in VERBS or follower in ("share", "of")):
            return None
        if word in ("these", "none") and not names_them:
            return None
        numbers = self._plural
        is_denied = i > 0 and tokens[i - 1].text == "not"  # "not both have a donor"
        if is_denied or len(numbers) < 2 or (word in ("both", "neither") and len(numbers) != 2):
            return Mention(UNKNOWN, i, i + 1, "subject")
        mode: Literal["each", "none"] = "none" if word in ("neither", "none") else "each"
        behind = i + 1
        if follower == "of":  # "neither of the two molecules"
            while behind < len(tokens) and tokens[behind].text in _OF_THEM | NOUNS:
                behind += 1
        return Mention(Subject(numbers, mode), i, behind, "subject")

    def _foreign(self, tokens: Sequence[Token], i: int) -> Mention | None:
        word = tokens[i].text
        resulting = word in ("resulting", "corresponding", "analogous", "related")
        if word not in FOREIGN and not resulting:
            return None
        if not resulting and not is_introduced(tokens, i):
            return None
        behind = i + 1
        if behind < len(tokens) and tokens[behind].text == "of":
            behind += 3
        return Mention(FOREIGN_SUBJECT, i, min(behind, len(tokens)), "subject")

    def _generic(self, tokens: Sequence[Token], i: int) -> Mention | None:
        """As in "Esters contain …", "An aldehyde has …": chemistry in general."""
        if not starts_clause(tokens, i):
            return None
        word = tokens[i].text
        verb = first_verb(tokens, i)
        if verb is None:
            return None
        attached = [t.text for t in tokens[verb : verb + 3]]
        if {"present", "absent", "attached", "found", "located", "missing", "there"} & set(
            attached
        ):
            return None
        if tokens[verb - 1].text in COUNTED:
            return None
        plural = tokens[verb - 1].text.endswith("s") and tokens[verb].text in (
            "are",
            "have",
            "contain",
            "carry",
            "include",
            "bear",
            "possess",
            "lack",
            "consist",
            "do",
        )
        bare = word not in THIS | {
            "its",
            "both",
            "there",
            "it",
            "they",
            "all",
            "no",
            "neither",
            "two",
        }
        bare = bare and tokens[i].kind == "word" and word not in NUMBER_WORDS and word not in NOUNS
        named = any(t.term.family == "group" and i <= t.first < verb for t in self._terms)
        after = tokens[verb + 1].text if verb + 1 < len(tokens) else ""
        defines = tokens[verb].text in ("is", "are") and after in ("a", "an", "the")
        named = named or any(t.text in NOUNS or t.text == "drug" for t in tokens[i:verb])
        if (
            (word in ("a", "an") and (named or defines))
            or word in GENERIC_DETERMINERS
            or (plural and bare and verb - i <= 3)
        ):
            return Mention(FOREIGN_SUBJECT, i, i + 1, "subject")
        return None
