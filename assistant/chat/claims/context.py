"""How a sentence speaks at each word: says it has, lacks or is something, doubts it, or tells of reactions.

One pass over the tokens; the readers of claims ask `Context` at the place of a claim:

    "It may contain an ester"          doubted
    "If it had an ester, …"            silent: no claim
    "It does not contain an ester"     has, negated
    "no ester, ketone or amide"        each of them negated by the one "no"
    "Hydrolysis gives a phenol"        reacting: the phenol is somebody else's
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.chat.claims.text import Sentence, Token

Mode = Literal["", "has", "is"]

_HAS = frozenset(
    "contain contains containing contained has have having had feature features featuring bear bears "
    "bearing include includes including possess possesses possessing carry carries carrying comprise "
    "comprises comprising incorporate incorporates incorporating display displays there consists "
    "consist consisting composed built show shows showing exhibit exhibits exhibiting present "
    "count counts hosts".split()
)
_ATTACHED = frozenset(
    "attached linked connected bonded joined fused substituted flanked decorated bridged tethered "
    "appended bound".split()
)
_LACKS = frozenset("lack lacks lacking without devoid absence free missing".split())
_BE = frozenset("is are was were isn't aren't wasn't weren't be being classified classed".split())
_NOT = frozenset("not never cannot can't doesn't don't didn't isn't aren't hasn't haven't n't nor hardly".split())
_BOUNDARY = frozenset("but however although though while whereas yet instead whilst".split())
_HEDGE = frozenset(
    "may might could possibly perhaps probably likely presumably maybe potentially apparently "
    "seems seem appears appear suggests suggest suggesting should think believe guess assume suspect "
    "unsure uncertain unclear unknown conceivably plausibly supposedly expect expected "
    "sure certain know unlikely".split()
)
_SILENT_AFTER = frozenset(
    "if whether would wouldn't suppose supposing assuming imagine unless hypothetically".split()
)
_SILENT = frozenset(
    "requires states stipulates criteria criterion guideline guidelines threshold thresholds "
    "typical typically usually generally often define defined defines definition refers wrong "
    "incorrect untrue mistaken wrongly must recommended ideally want wish let "
    "propose proposed imagine checks please tell ask asked remember recall".split()
)
_REACTING = re.compile(
    r"react|gives?$|giving|yields?$|yielding|afford|produc(?!t)|generat|convert|transform|forms?$|forming"
    r"|formed|hydroly|oxidi[sz]|oxidation|reduc|metaboli[sz]|synthe[st]|prepared|obtained|derived"
    r"|made$|treat|cleav|deprot|protonat|alkylat|acylat|acetylat|esterif|nitration|hydrogenat"
    r"|coupl|condens|los(?:e|es|s|ing)$|add(?:s|ed|ing|ition)?$|replac|remov|introduc|becom|attack"
    r"|binds?$|binding|interact|coordinat|compete|dissolv|releas|deacetyl|demethyl|halogenat"
    r"|brominat|chlorinat|decarboxyl|cycli[sz]ation|saponif|tautomeri|ioni[sz]|substituting|swap"
    r"|turn(?:s|ed|ing)$|eliminat|activat|inhibit|donat|mimic|target|compar"
)
_WITH_AFTER = frozenset("consistent agreement accordance line compared along associated together deals".split())


@dataclass(frozen=True, slots=True)
class Context:
    """What the words before a place say about it.

    Args:
        mode: "has" behind "contains", "with", …; "is" behind "is a".
        negated: The verb says the opposite.
        listed_no: A "no" further left still rules over bare nouns in its list.
        doubted: Hedged.
        silent: Conditional, general or quoted: no claim is made.
        reacting: Tells of a reaction or of something outside the molecule.
        verb: Index of the token that set the mode, -1 for none.
    """

    mode: Mode = ""
    negated: bool = False
    listed_no: bool = False
    doubted: bool = False
    silent: bool = False
    reacting: bool = False
    verb: int = -1


def read_context(sentence: Sentence, listed: Context | None = None) -> tuple[Context, ...]:
    """The context at every token, with one more for the end of the sentence.

    Args:
        sentence: The sentence.
        listed: Context of the line that introduced this list item.
    """
    reader = _Reader(sentence.tokens, listed or Context())
    return tuple(reader.step(i) for i in range(len(sentence.tokens))) + (reader.now(),)


class _Reader:
    def __init__(self, tokens: Sequence[Token], start: Context) -> None:
        self._tokens = tokens
        self._mode: Mode = start.mode
        self._negated = start.negated
        self._no = False
        self._doubted = start.doubted
        self._reacting = start.reacting
        self._silent = any(t.text in _SILENT for t in tokens) or start.silent
        self._verb = -1
        self._not_at = -9

    def now(self) -> Context:
        return Context(
            self._mode, self._negated, self._no, self._doubted, self._silent, self._reacting, self._verb
        )

    def step(self, i: int) -> Context:
        """Takes token `i` in and gives the context that holds at it."""
        word = self._tokens[i].text
        before = self.now()
        if self._tokens[i].kind == "symbol":
            if word == ":" and i > 0 and self._mode == "":
                self._mode, self._verb = self._mode, self._verb
            return before
        if word in _BOUNDARY:
            self._clear()
        elif word in _SILENT_AFTER:
            self._silent = True
        elif word in _HEDGE and not (word in ("sure", "certain", "know") and not self._is_negated(i)):
            self._doubted = True
        elif word in _NOT:
            self._take_not(i)
        if word in ("no", "neither", "nor"):
            self._no = True
        elif word in ("a", "an", "the", "its") or self._tokens[i].kind == "number":
            self._no = False
        if word in _BE:
            self._set("is", i, negated=word.endswith("n't"))
        elif word in _LACKS and not (word == "free" and self._word(i + 1) != "of"):
            self._set("has", i, negated=not self._is_negated(i))
        elif self._says_has(i):
            self._set("has", i, negated=self._is_negated(i))
        elif word in _ATTACHED:
            self._set("has", i, negated=self._is_negated(i))
        elif _REACTING.match(word) and not self._is_negated(i):
            self._reacting = True
        return before

    def _says_has(self, i: int) -> bool:
        word = self._tokens[i].text
        if word in _HAS:
            return word != "present" or self._word(i + 1) in (":", "are", "is")
        if word in ("with", "of") and word == "with":
            return self._word(i - 1) not in _WITH_AFTER and not self._reacting
        return False

    def _take_not(self, i: int) -> None:
        if self._word(i + 1) in ("only", "just", "merely"):
            return
        self._not_at = i
        if self._mode == "is" and self._verb >= i - 2:
            self._negated = True

    def _is_negated(self, i: int) -> bool:
        return 0 <= i - self._not_at <= 4

    def _set(self, mode: Mode, i: int, *, negated: bool) -> None:
        self._mode, self._verb, self._negated = mode, i, negated
        if mode == "has" and self._tokens[i].text != "with":
            self._no = False
        if negated:
            self._not_at = -9

    def _clear(self) -> None:
        self._mode, self._negated, self._no = "", False, False
        self._doubted = self._reacting = False
        self._not_at, self._verb = -9, -1

    def _word(self, i: int) -> str:
        return self._tokens[i].text if 0 <= i < len(self._tokens) else ""
