"""Whose claim is it? Follows which molecule an answer speaks of, sentence by sentence.

A claim belongs to the last subject named before it: "molecule 2", "@2", a name, "it", "both", or something
that is not in the conversation (a product, a metabolite, benzene, esters in general). Molecules named
only for comparison ("than molecule 1", "unlike molecule 1") are not subjects. With several molecules in focus
and none named, nobody can tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.text import Sentence, Token

NOUNS = frozenset(
    "molecule molecules compound compounds structure structures mol mols cpd substance drug "
    "reactant product ligand".split()
)
_THIS = frozenset("the this that said given drawn above present parent".split())
_NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4}
_ORDINALS = {"first": 0, "former": 0, "second": 1, "latter": 1, "third": 2, "fourth": 3}
_COMPARED = frozenset("than unlike versus vs like alike resembles".split())
_FROM_TO = frozenset("to with from by into via using through against".split())
FOREIGN = frozenset(
    "product products metabolite metabolites derivative derivatives analogue analogues analog "
    "analogs precursor precursors intermediate intermediates reagent reagents catalyst catalysts "
    "nucleophile electrophile hydrolysate byproduct byproducts prodrugs dimer dimers polymer polymers "
    "monomer monomers adduct adducts conjugate tautomer tautomers enantiomer enantiomers "
    "diastereomer diastereomers epimer isomers isomer solvent solvents protein enzyme enzymes "
    "receptor receptors linker impurity impurities fragment fragments peak ion drugs molecules "
    "homologue homologues congener congeners relatives counterpart carbocation racemate "
    "cation anion radical enolate species class family inhibitors "
    "antagonists agonists antibiotics people chemists water".split()
)
_GENERIC_DETERMINERS = frozenset("many most some such other typical any every several".split())
VERBS = frozenset(
    "is are was were has have had contains contain features feature bears bear carries carry includes "
    "include possesses possess lacks lack shows show consists consist does do comprises comprise "
    "exhibits exhibit weighs would can cannot passes pass violates violate satisfies obeys "
    "complies fails meets fulfils fulfills respects incorporates displays".split()
)
_COUNTED = frozenset(
    "groups alerts donors acceptors rings bonds atoms centres centers stereocentres stereocenters "
    "features moieties violations properties values systems facts numbers".split()
)
_BE = frozenset("is are was were be as being called termed named".split())
_PREPOSITIONS = frozenset("of in for within on about concerning regarding to".split())
_EACH = frozenset("both each all they these neither".split())


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

    def _default(self) -> Subject:
        return Subject(self._focus, "one") if len(self._focus) == 1 else UNKNOWN

    def read(self, sentence: Sentence, terms: Sequence[TermMatch]) -> "SentenceSubjects":
        """The subjects of the next sentence; what it says last is what "it" will mean."""
        carried, self._terms = self._current, terms
        mentions = self._find(sentence.tokens, terms)
        resolved: list[Mention] = []
        for mention in mentions:
            if mention.is_pronoun and mention.subject is UNKNOWN:
                mention = Mention(carried, mention.first, mention.behind, mention.role, True)
            resolved.append(mention)
            if mention.role == "subject":
                carried = mention.subject
                if len(carried.numbers) > 1:
                    self._plural = carried.numbers
        result = SentenceSubjects(tuple(resolved), self._current)
        self._current = carried
        return result

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
            if mention is None:
                i += 1
                continue
            mentions.append(mention)
            i = max(mention.behind, i + 1)
        return mentions

    def _mention_at(self, tokens: Sequence[Token], i: int) -> Mention | None:
        return (
            self._numbered(tokens, i)
            or self._ordinal(tokens, i)
            or self._by_name(tokens, i)
            or self._pronoun(tokens, i)
            or self._foreign(tokens, i)
            or (self._generic(tokens, i) if _starts_clause(tokens, i) else None)
        )

    def _numbered(self, tokens: Sequence[Token], i: int) -> Mention | None:
        """ "molecule 2", "compounds 1 and 3", "@2"."""
        j = i + 1
        if tokens[i].text == "@":
            numbers, behind = _number_list(tokens, j, single=True)
        elif tokens[i].text in NOUNS:
            numbers, behind = _number_list(tokens, j, single=False)
        else:
            return None
        if not numbers:
            return None
        while (joined := _joined(tokens, behind)) is not None:
            more, behind_more = joined
            numbers, behind = (*numbers, *more), behind_more
        return Mention(self._subject(numbers), i, behind, _role(tokens, i))

    def _subject(self, numbers: tuple[int, ...]) -> Subject:
        if any(n not in self._known for n in numbers):
            return UNKNOWN
        return Subject(tuple(dict.fromkeys(numbers)), "each" if len(numbers) > 1 else "one")

    def _ordinal(self, tokens: Sequence[Token], i: int) -> Mention | None:
        """ "the first molecule", "the latter"."""
        rank = _ORDINALS.get(tokens[i].text)
        if rank is None or i == 0 or tokens[i - 1].text != "the":
            return None
        follower = tokens[i + 1].text if i + 1 < len(tokens) else ""
        bare = tokens[i].text in ("former", "latter") or follower in ("one",)
        if follower not in NOUNS and not bare:
            return None
        subject = UNKNOWN
        if rank < len(self._plural) and len(self._plural) > 1:
            subject = Subject((self._plural[rank],), "one")
        return Mention(subject, i, i + 1 + (follower in NOUNS or follower == "one"), _role(tokens, i - 1))

    def _by_name(self, tokens: Sequence[Token], i: int) -> Mention | None:
        found = self._named(tokens, i)
        if found is None:
            return None
        number, behind = found
        if number is not None:
            return Mention(Subject((number,), "one"), i, behind, _role(tokens, i))
        follower = tokens[behind].text if behind < len(tokens) else ""
        acts = follower in VERBS or follower in ("(", ",", "which", "that", "containing", "with", "'", ":")
        if not acts or (i > 0 and tokens[i - 1].text in _BE | {"a", "an"} and follower not in ("which", ",")):
            return None
        if i > 0 and tokens[i - 1].text in _FROM_TO | _COMPARED | _PREPOSITIONS and follower in VERBS | {"(", ":"}:
            return None
        return Mention(FOREIGN_SUBJECT, i, behind, "subject")

    def _pronoun(self, tokens: Sequence[Token], i: int) -> Mention | None:
        word = tokens[i].text
        follower = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if word in ("it", "its"):
            return Mention(UNKNOWN, i, i + 1, "subject", is_pronoun=True)
        if word in NOUNS and i > 0 and tokens[i - 1].text in _THIS and word not in ("product", "reactant"):
            subject = self._current if self._current.numbers else self._default()
            if word.endswith("s"):
                return None
            return Mention(subject, i, i + 1, _role(tokens, i - 1))
        if word in _EACH and (plural := self._each(tokens, i, follower)):
            return plural
        return None

    def _each(self, tokens: Sequence[Token], i: int, follower: str) -> Mention | None:
        """ "both", "they", "each of them", "the two molecules", "neither"."""
        word = tokens[i].text
        if len(self._known) < 2:
            return None
        after = [t.text for t in tokens[i + 1 : i + 4]]
        names_them = any(w in NOUNS or w in ("them", "these") for w in after)
        if not (names_them or follower in VERBS or follower in ("share", "of")):
            return None
        if word == "these" and not names_them:
            return None
        numbers = self._plural
        if len(numbers) < 2 or (word in ("both", "neither") and len(numbers) != 2):
            return Mention(UNKNOWN, i, i + 1, "subject")
        mode: Literal["each", "none"] = "none" if word == "neither" else "each"
        return Mention(Subject(numbers, mode), i, i + 1, "subject")

    def _foreign(self, tokens: Sequence[Token], i: int) -> Mention | None:
        word = tokens[i].text
        resulting = word in ("resulting", "corresponding", "analogous", "related")
        if word not in FOREIGN and not resulting:
            return None
        before = [t.text for t in tokens[max(0, i - 4) : i]]
        if any(w in _BE or w in ("a", "an", "as") for w in before) and not resulting:
            return None
        if any(w in _PREPOSITIONS | _FROM_TO for w in before[-2:]) and not resulting:
            return None
        behind = i + 1
        if behind < len(tokens) and tokens[behind].text == "of":
            behind += 3
        return Mention(FOREIGN_SUBJECT, i, min(behind, len(tokens)), "subject")

    def _generic(self, tokens: Sequence[Token], i: int) -> Mention | None:
        """ "Esters contain …", "An aldehyde has …", "Most drugs have …": chemistry in general."""
        if not _starts_clause(tokens, i):
            return None
        word = tokens[i].text
        verb = _first_verb(tokens, i)
        if verb is None:
            return None
        attached = [t.text for t in tokens[verb : verb + 3]]
        if {"present", "absent", "attached", "found", "located", "missing", "there"} & set(attached):
            return None
        if tokens[verb - 1].text in _COUNTED:
            return None
        plural = tokens[verb - 1].text.endswith("s") and tokens[verb].text in (
            "are", "have", "contain", "carry", "include", "bear", "possess", "lack", "consist", "do")  # fmt: skip
        bare = word not in _THIS | {"its", "both", "there", "it", "they", "all", "no", "neither", "two"}
        bare = bare and tokens[i].kind == "word" and word not in _NUMBER_WORDS and word not in NOUNS
        named = any(t.term.family == "group" and i <= t.first < verb for t in self._terms)
        named = named or any(t.text in NOUNS or t.text == "drug" for t in tokens[i:verb])
        if (word in ("a", "an") and named) or word in _GENERIC_DETERMINERS or (plural and bare and verb - i <= 3):
            return Mention(FOREIGN_SUBJECT, i, i + 1, "subject")
        return None


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
                if between and between[0] in ("in", "of", "for") and mention.subject.numbers:
                    return mention.subject
        spoken = self.carried
        for mention in self.mentions:
            if mention.role == "subject" and mention.first < max(first, 1):
                spoken = mention.subject
        return spoken


def _role(tokens: Sequence[Token], first: int) -> Literal["subject", "object"]:
    """An object stands behind "than", "unlike", "compared with", "from", …."""
    before = [t.text for t in tokens[max(0, first - 3) : first]]
    while before and before[-1] in ("the", "that", "those", "of", "in", "for", ","):
        if before[-1] in ("of", "in", "for") and not any(w in _COMPARED for w in before):
            break
        before.pop()
    if before and before[-1] in _COMPARED | _FROM_TO:
        return "object"
    return "object" if any(w in _COMPARED for w in before[-2:]) else "subject"


def _number_list(tokens: Sequence[Token], i: int, *, single: bool) -> tuple[tuple[int, ...], int]:
    """ "2", "1 and 3", "1, 2 and 3" from a token on."""
    numbers: list[int] = []
    while i < len(tokens):
        value = _molecule_number(tokens[i])
        if value is None:
            break
        numbers.append(value)
        i += 1
        if single:
            break
        joint = i
        while joint < len(tokens) and tokens[joint].text in (",", "and", "&"):
            joint += 1
        if joint == i or joint >= len(tokens) or _molecule_number(tokens[joint]) is None:
            break
        if joint + 1 < len(tokens) and tokens[joint + 1].kind == "word" and tokens[joint + 1].text not in VERBS | {
            "both", "each", "all", "share", "differ", "in", "are", "is", "respectively"}:  # fmt: skip
            break
        i = joint
    return tuple(numbers), i


def _molecule_number(token: Token) -> int | None:
    if token.kind == "number" and token.decimals == 0 and 0 < token.value < 1000:
        return int(token.value) if token.text.isdigit() else None
    return _NUMBER_WORDS.get(token.text)


def _joined(tokens: Sequence[Token], i: int) -> tuple[tuple[int, ...], int] | None:
    """ "and molecule 2" behind "molecule 1", unless a verb of its own follows."""
    if i + 2 >= len(tokens) or tokens[i].text not in ("and", "&"):
        return None
    at = tokens[i + 1].text == "@"
    if not at and tokens[i + 1].text not in NOUNS:
        return None
    numbers, behind = _number_list(tokens, i + 2, single=True)
    singular = {"is", "has", "contains", "lacks", "bears", "features", "does"}
    if not numbers or (behind < len(tokens) and tokens[behind].text in singular):
        return None
    return numbers, behind


def _starts_clause(tokens: Sequence[Token], i: int) -> bool:
    return i == 0 or tokens[i - 1].text in ("while", "whereas", "because", "since", "as", "but", ":")


def _first_verb(tokens: Sequence[Token], i: int) -> int | None:
    for j in range(i + 1, min(i + 7, len(tokens))):
        if tokens[j].text in VERBS:
            return j
        if tokens[j].kind == "symbol" and tokens[j].text != "-":
            return None
    return None
