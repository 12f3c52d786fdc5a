"""How a sentence speaks at each word: has, lacks or is something, doubts, tells of reactions.

One pass over the tokens; the readers of claims ask `Context` at the place of a claim:

    "It may contain an ester"          doubted
    "If it had an ester, …"            silent: no claim
    "It does not contain an ester"     has, negated
    "no ester, ketone or amide"        each of them negated by the one "no"
    "Hydrolysis gives a phenol"        reacting: the phenol is somebody else's
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.chat.claims.text import Sentence, Token
from assistant.chat.claims.wordlist import words
from assistant.chat.claims.yardsticks import is_of_no_molecule

Mode = Literal["", "has", "is"]

_HAS = words(
    "contain contains containing contained has have having had feature features featuring "
    "bear bears bearing include includes including possess possesses possessing carry carries "
    "carrying comprise comprises comprising incorporate incorporates incorporating display "
    "displays there consists consist consisting composed built show shows showing exhibit "
    "exhibits exhibiting present hosts see find finds recognise recognize identify "
    "combines combining trigger triggers raise raises hit hits match matches flags"
)
_ATTACHED = words(
    "attached linked connected bonded joined fused substituted flanked decorated bridged "
    "tethered appended bound"
)
_LACKS = words("lack lacks lacking without devoid absence free missing")
_BE = words("is are was were isn't aren't wasn't weren't be being classified classed")
NEGATIONS = words(
    "not never cannot can't couldn't doesn't don't didn't isn't aren't wasn't weren't hasn't "
    "haven't hadn't won't n't nor hardly"
)
"""Words that deny what follows them, a verb or a value."""
_BOUNDARY = words("but however although though while whereas yet instead whilst")
_HEDGE = words(
    "may might could possibly perhaps probably likely presumably maybe potentially apparently "
    "seems seem appears appear suggests suggest suggesting should think believe guess assume "
    "suspect unsure uncertain unclear unknown conceivably plausibly supposedly expect "
    "expected sure certain know unlikely"
)
_SILENT_AFTER = words(
    "if whether would wouldn't suppose supposing assuming imagine unless hypothetically"
)
_SILENT = words(
    "requires states stipulates criteria criterion guideline guidelines threshold thresholds "
    "typical typically usually generally often define defines refers wrong incorrect untrue "
    "mistaken wrongly false must recommended ideally want wish let propose proposed imagine checks "
    "please tell ask asked remember recall"
)
_SAY = words(
    "said say gave give stated state wrote claimed claim mentioned quoted suggested provided "
    "entered typed"
)
"""What "you" do to a value that the answer does not make its own."""
_ENDS_ASIDE = (",", ")", ";")
_RULE_WORDS = words("criteria criterion guideline guidelines thresholds")
_JUDGES = words(
    "satisfies satisfy meets meet passes pass fulfils fulfills obeys violates fails breaks within"
)
"""Verbs that say of the molecule itself whether it keeps a rule."""
_REACTING = re.compile(
    r"react|gives?$|giving|yields?$|yielding|afford|produc(?!t)|generat|convert|transform|forms?$|forming"
    r"|formed|hydroly|oxidi[sz]|oxidation|reduc|metaboli[sz]|synthe[st]|prepared|obtained|derived"
    r"|made$|treat|cleav|deprot|protonat|alkylat|acylat|acetylat|esterif|nitration|hydrogenat"
    r"|coupl|condens|los(?:e|es|s|ing)$|add(?:s|ed|ing|ition)?$|replac|remov|introduc|becom|attack"
    r"|binds?$|binding|interact|coordinat|compete|dissolv|releas|deacetyl|demethyl|halogenat"
    r"|brominat|chlorinat|decarboxyl|cycli[sz]ation|saponif|tautomeri|ioni[sz]|substituting|swap"
    r"|turn(?:s|ed|ing)$|eliminat|activat|inhibit|donat|mimic|target"
)
LIST_WORDS = words("groups group features moieties functionalities")
"""A line or clause that ends with one of these and a colon introduces a list of groups."""
_FORM_OF = words("the ring open this in salt neutral cyclic chain drawn shown its")
_WITH_AFTER = words("consistent agreement accordance line compared along associated together deals")


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


def read_context(
    sentence: Sentence, listed: Context | None = None, names: Collection[int] = ()
) -> tuple[Context, ...]:
    """The context at every token, with one more for the end of the sentence.

    Args:
        sentence: The sentence.
        listed: Context of the line that introduced this list item.
        names: Tokens that name a molecule.
    """
    reader = _Reader(sentence.tokens, listed or Context(), names)
    return (*(reader.step(i) for i in range(len(sentence.tokens))), reader.now())


class _Reader:
    def __init__(self, tokens: Sequence[Token], start: Context, names: Collection[int]) -> None:
        self._tokens, self._names = tokens, names
        self._mode: Mode = start.mode
        self._negated = start.negated
        self._no = False
        self._doubted = start.doubted
        self._reacting = start.reacting
        words = {t.text for t in tokens}
        quoted = words & _SILENT - (_RULE_WORDS if words & _JUDGES else frozenset())
        self._silent = bool(quoted) or start.silent
        self._quoting = False
        self._of_no_molecule = is_of_no_molecule(tokens, names)
        self._verb = -1
        self._not_at = -9
        self._is_aside = False

    def now(self) -> Context:
        return Context(
            self._mode,
            self._negated,
            self._no,
            self._doubted,
            self._silent or self._of_no_molecule or self._quoting,
            self._reacting,
            self._verb,
        )

    def step(self, i: int) -> Context:
        """Takes token `i` in and gives the context that holds at it."""
        word = self._tokens[i].text
        turns = word in _BOUNDARY | {";"} and self._word(i + 1) in ("the", "its")
        if turns or i in self._names:
            self._of_no_molecule = False
        before = self.now()
        if self._tokens[i].kind == "symbol":
            if word == ":" and {self._word(i - k) for k in (1, 2, 3)} & LIST_WORDS:
                self._set("has", i, negated=self._is_negated(i) or self._negated)
            if word in _ENDS_ASIDE and self._kind(i + 1) != "number":
                self._quoting = False
            if self._is_aside and word in _ENDS_ASIDE:
                self._negated, self._is_aside, self._not_at = False, False, -9
            return before
        is_turn = word == "rather" and self._word(i - 1) == "," and self._word(i + 1) != "than"
        if word in _BOUNDARY or is_turn:
            self._clear()
        elif word == "which" and self._describes_another(i):
            self._reacting = True
        elif word in _SILENT_AFTER:
            self._silent = True
        elif word == "you" and self._word(i + 1) in _SAY and self._word(i - 1) != "as":
            self._quoting = True
        elif word in _HEDGE and not (
            word in ("sure", "certain", "know") and not self._is_negated(i)
        ):
            self._doubted = True
        elif word in NEGATIONS:
            self._take_not(i)
        if word in ("no", "neither", "nor"):
            self._no = self._word(i + 1) not in (",", ":")
        elif word in ("a", "an", "the", "its") or self._tokens[i].kind == "number":
            self._no = False
        if word in _BE and self._word(i - 1) == "there":
            self._negated = word.endswith("n't")
        elif word in ("it", "that", "this") and self._tokens[i].is_shortened:
            self._set("is", i, negated=False)
        elif word in _BE:
            denied = word.endswith("n't") or self._not_at == i - 1
            self._set("is", i, negated=denied)
        elif word in ("rather", "instead") and self._word(i + 1) in ("than", "of"):
            self._negated = not self._negated
        elif word == "neither" and self._mode:
            self._negated = True
        elif word in _LACKS and not (word == "free" and self._word(i + 1) != "of"):
            self._set("has", i, negated=not self._is_negated(i))
        elif self._says_has(i) or word in _ATTACHED:
            self._set("has", i, negated=self._is_negated(i))
        elif self._is_reacting(i):
            self._reacting = True
        return before

    def _describes_another(self, i: int) -> bool:
        """As in "similar to methyl salicylate, which …": no numbered molecule is meant."""
        near = [t for t in self._tokens[max(0, i - 7) : i] if t.text != ","]
        related = any(t.text in ("similar", "unlike", "like", "related", "resembles") for t in near)
        return related and bool(near) and near[-1].kind != "number"

    def _is_reacting(self, i: int) -> bool:
        word = self._tokens[i].text
        if word in ("form", "forms") and self._word(i - 1) in _FORM_OF:
            return False
        if word == "made" and self._word(i + 1) not in ("from", "by", "into", "via", "with"):
            return False
        return (
            bool(_REACTING.match(word)) and not self._is_negated(i) and self._word(i - 1) != "rdkit"
        )

    def _says_has(self, i: int) -> bool:
        word = self._tokens[i].text
        if word in _HAS:
            return word != "present" or self._word(i + 1) in (":", "are", "is")
        if word == "part":
            return self._word(i + 1) == "of"
        if word == "with":
            return self._word(i - 1) not in _WITH_AFTER and not self._reacting
        return False

    def _take_not(self, i: int) -> None:
        if self._word(i + 1) in ("only", "just", "merely") or self._denies_a_name(i):
            return
        self._not_at = i
        if self._mode == "is" and self._verb >= i - 2:
            self._negated = True
        elif self._begins_aside(i):
            self._negated = self._is_aside = True

    def _denies_a_name(self, i: int) -> bool:
        """As in "molecule 2, not molecule 1, has …", "2, not 1, has …": the verb is not denied."""
        if self._verb == i - 1:
            return False
        is_number = self._word(i + 1).isdigit() and self._word(i + 2) in _ENDS_ASIDE
        return is_number or i + 1 in self._names

    def _begins_aside(self, i: int) -> bool:
        """As in "contains an ester, not an amide, and …": denied up to the next comma."""
        if not self._mode or self._negated or self._word(i) != "not" or self._verb < 0:
            return False
        if self._mode == "has":
            return self._word(i + 1) in ("a", "an", "any", "the")
        return self._word(i - 1) in (",", "(", "and", "therefore", "thus", "hence", "so")

    def _is_negated(self, i: int) -> bool:
        return 0 <= i - self._not_at <= 4

    def _set(self, mode: Mode, i: int, *, negated: bool) -> None:
        self._mode, self._verb, self._negated, self._is_aside = mode, i, negated, False
        if mode == "has" and self._tokens[i].text != "with":
            self._no = False
        if negated:
            self._not_at = -9

    def _clear(self) -> None:
        self._mode, self._negated, self._no = "", False, False
        self._doubted = self._reacting = self._is_aside = self._quoting = False
        self._not_at, self._verb = -9, -1

    def _kind(self, i: int) -> str:
        return self._tokens[i].kind if 0 <= i < len(self._tokens) else ""

    def _word(self, i: int) -> str:
        return self._tokens[i].text if 0 <= i < len(self._tokens) else ""
