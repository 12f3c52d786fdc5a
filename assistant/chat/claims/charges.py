"""Claims about a charge: "a +1 charge", "no charge", "it carries a positive charge"."""

from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.values import Quantity, compare
from assistant.chat.claims.wholes import charge_in_words, with_a_charge
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_WHOLES = words("it molecule compound structure they both neither molecules compounds")
_AUXILIARIES = words("does do not doesn't don't also overall therefore thus")
_SIGNS = {"positive": 1, "negative": -1}


def charge_of_number(stated: Quantity, facts: Facts) -> Finding:
    """Whether a stated number is the formal charge of the whole."""
    return Finding(compare(stated, facts.charge), charge_in_words(facts))


def charge_before_its_noun(reading: Reading, match: TermMatch, used: set[int]) -> Claim | None:
    """As in "a +1 charge", "no net charge", "a positive charge".

    Args:
        reading: The sentence.
        match: Where it says "charge".
        used: Indices of tokens that a claim was read from; those of this one are added.
    """
    i = match.first - 1
    if i < 0 or match.first in used or reading.is_silent(i):
        return None
    if (sign := _SIGNS.get(reading.word(i))) is not None:
        return _of_sign(reading, match, sign)
    if reading.context[i].mode != "has" and reading.tokens[i].text != "no":
        return None
    token = reading.tokens[i]
    if token.text == "no" or (token.kind == "number" and token.text[0] in "+-"):
        value = 0.0 if token.text == "no" else token.value
        used.update(range(i, match.behind))
        stated = Quantity(value, value)
        return reading.claim(
            i, match.behind, "charge", lambda f: charge_of_number(stated, f), has=True
        )
    return None


def _of_sign(reading: Reading, match: TermMatch, sign: int) -> Claim | None:
    """As in "it carries a positive charge": of all of it, as drawn."""
    if reading.word(match.behind) not in ("", ".", ",", "and", "so", "overall"):
        return None  # "a positive charge on the nitrogen"
    context = reading.context[match.first - 1]
    who = context.verb - 1
    while reading.word(who) in _AUXILIARIES:
        who -= 1
    is_whole = reading.word(who) in _WHOLES or reading.is_label(who)
    if context.mode != "has" or not is_whole or any(t.text == "ph" for t in reading.tokens):
        return None  # "the nitrogen carries …", "at pH 7 it carries …"
    test = with_a_charge(sign)
    return reading.claim(match.first - 1, match.behind, "charge", test, has=True)
