"""One sentence prepared for the readers of claims: tokens, terms, context and subjects together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assistant.chat.claims.context import Context
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.spoken_of import SentenceSubjects
from assistant.chat.claims.text import Sentence, Token
from assistant.chat.claims.values import read_number
from assistant.chem.facts import Facts

_NEAR = 5
"""So many tokens a number's unit or noun has at most."""


@dataclass(frozen=True)
class Reading:
    """A sentence with everything known about it.

    Args:
        text: The whole normalised answer.
        sentence: The sentence.
        terms: Terms in it, left to right.
        context: Context at each token and at the end.
        subjects: Who each part speaks of.
        labels: Tokens that are numbers of molecules.
        elsewhere: Whether the sentence is a question or general chemistry.
    """

    text: str
    sentence: Sentence
    terms: Sequence[TermMatch]
    context: Sequence[Context]
    subjects: SentenceSubjects
    labels: frozenset[int] = field(default_factory=frozenset)
    elsewhere: bool = False

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Tokens of the sentence."""
        return self.sentence.tokens

    def word(self, i: int) -> str:
        """Text of token `i`, "" outside the sentence."""
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def is_label(self, i: int) -> bool:
        """Whether token `i` is part of the name of a molecule."""
        return i in self.labels

    def is_silent(self, i: int) -> bool:
        """Whether no claim is made at token `i`: question, condition, generality, reaction."""
        context = self.context[max(0, min(i, len(self.context) - 1))]
        return self.elsewhere or context.silent or context.reacting

    def is_silent_but_reacting(self, i: int) -> bool:
        """The same without reactions: the group that reacts is still a claim."""
        context = self.context[max(0, min(i, len(self.context) - 1))]
        return self.elsewhere or context.silent

    def claim(
        self,
        first: int,
        behind: int,
        kind: str,
        test: Callable[[Facts], Finding] | None,
        *,
        end: int | None = None,
        negated: bool = False,
        has: bool = False,
    ) -> Claim:
        """A claim on tokens `first` up to `behind`; doubted ones cannot be tested.

        Args:
            first: Its first token.
            behind: Index behind its last token.
            kind: Kind of claim.
            test: Its test.
            end: Offset of its end where that lies behind the last token (a unit).
            negated: Whether the claim is the opposite of the test.
            has: Whether the verb's negation ("does not have") turns the claim round as well.
        """
        context = self.context[first]
        if has and context.negated:
            negated = not negated
        if context.doubted or self._is_distributed(first, behind):
            test = None
        start = self.tokens[first].start
        stop = end if end is not None else self.tokens[behind - 1].end
        if self.text.count("(", start, stop) > self.text.count(")", start, stop):
            stop += self.text.startswith(")", stop)
        while behind < len(self.tokens) and self.tokens[behind].start < stop:
            behind += 1
        subject = self.subjects.at(first, behind, self.tokens)
        return Claim(start, stop, kind, opposite(test) if negated else test, subject)

    def _is_distributed(self, first: int, behind: int) -> bool:
        """Whether the numbers of the sentence are handed out: "1 and 2 rings", "… respectively"."""
        numbers = [i for i, token in enumerate(self.tokens) if read_number(token) is not None]
        mine = [i for i in numbers if first <= i < behind]
        if not mine or any(t.text == "respectively" for t in self.tokens):
            return bool(mine)
        if self.subjects.at(first, behind, self.tokens).mode != "each":
            return False
        at = mine[-1]
        pairs = ((i, at) if i < at else (at, i) for i in numbers if i not in mine)
        return any(self._are_paired(*pair) for pair in pairs)

    def _are_paired(self, one: int, two: int) -> bool:
        """Whether "and" joins two numbers of one thing: "1 and 2 rings", "1 ring and 2 rings"."""
        counted = [self.word(i) for i in range(one + 1, two - 1)]
        also = [self.word(i) for i in range(two + 1, two + 1 + len(counted))]
        is_same = [w.removesuffix("s") for w in counted] == [w.removesuffix("s") for w in also]
        return self.word(two - 1) == "and" and len(counted) <= _NEAR and is_same


def opposite(test: Callable[[Facts], Finding] | None) -> Callable[[Facts], Finding] | None:
    """The test of the denied claim."""
    if test is None:
        return None

    def denied(facts: Facts) -> Finding:
        finding = test(facts)
        return Finding(None if finding.holds is None else not finding.holds, finding.truth)

    return denied
