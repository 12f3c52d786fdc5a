"""What a bare yes or no claims: the statement that its question asks for.

    "Does it contain a ring?"          "It contains a ring."
    "Is the logP above 2?"             "The logP is above 2."
    "It is aromatic, right?"           "It is aromatic."

The statement is read by the readers of claims, like a sentence of an answer. Where it cannot be
told what yes would mean (two questions, "or", a negation, a condition), there is no statement.
"""

import re
from itertools import pairwise

from assistant.chat.claims.bounds import plain_limits
from assistant.chat.claims.lexicon import find_terms
from assistant.chat.claims.text import normalise, split_sentences
from assistant.chat.claims.wordlist import words
from assistant.chat.sentences import sentence_spans

NOUN = r"(?:molecule|compound|structure|drug|substance)"
"""What a molecule is called."""
_RANK = r"(?:first|second|third|fourth|last|other|former|latter)"
_COUNT = r"(?:two|three|four)"
_PLURAL = (
    r"they|both(?: of them)?|these|those|all of them"
    rf"|(?:the|these|those|all) {_COUNT}(?: of them| {NOUN}s)?|(?:the|these|those|both) {NOUN}s"
    rf"|{NOUN}s? \d+(?:, \d+)*,? and (?:{NOUN} )?\d+|\d and \d"
)
_SINGULAR = (
    rf"(?:this|that|the|my) (?:one|(?:{_RANK} )?(?:{NOUN}|one)|{_RANK})|{NOUN} #?\d+|@\d+"
    r"|it|this|that|mine|we"
)
_SUBJECT = rf"(?P<plural>{_PLURAL})|(?P<singular>{_SINGULAR})"
_ADVERB = r"(?:really|actually|also|still|even|truly|indeed|perhaps|maybe|in fact)"
_BEFORE = r"^(?:(?:and|so|but|then|also|okay?|well|now|hm+|please|hello|hi|thanks)[, ]+)*"
_QUESTION = re.compile(
    rf"{_BEFORE}(?P<verb>is|are|does|do|has|have) (?:{_SUBJECT}|(?P<there>there))(?![\w'])"
    rf"(?: {_ADVERB})* +(?P<rest>.+)$",
    re.IGNORECASE,
)
_THAN = (
    r"(?:above|below|over|under|between|exactly|equal to|at (?:least|most)"
    r"|(?:more|less|higher|lower|greater|smaller|larger|bigger|better|fewer) than)"
)
_OF_A_VALUE = re.compile(
    rf"{_BEFORE}(?:is|are) (?P<value>(?:the|its|their) .+?)"
    rf" (?P<rest>(?:{_THAN}|the same|positive|negative).*)$",
    re.IGNORECASE,
)
_WITHOUT_A_VERB = (
    (re.compile(r"^(?:any|an?) (?P<rest>.+)$", re.IGNORECASE), "It has {}."),
    (re.compile(rf"^(?P<rest>{_THAN} \d.*)$", re.IGNORECASE), "It has {}."),
    (
        re.compile(
            rf"^(?:(?:is|are) )?(?P<value>[a-z][\w -]*?) (?P<rest>{_THAN} [-+]?\d.*)$",
            re.IGNORECASE,
        ),
        "",
    ),
)
"""As in "any halogens?", "fewer than 10 rings?", "clogP above 5?"."""
_MORE = re.compile(r"\b(?:bigger|larger|greater|higher|better) than (?=[-+]?\d)", re.IGNORECASE)
_LESS = re.compile(r"\b(?:smaller|lower|worse) than (?=[-+]?\d)", re.IGNORECASE)
_HEAVIER = re.compile(r"\b(?:is heavier|weighs more) than (?=\d)", re.IGNORECASE)
_LIGHTER = re.compile(r"\b(?:is lighter|weighs less) than (?=\d)", re.IGNORECASE)
_CONFIRM = re.compile(
    r"^(?:can|could|would|may) (?:you|i|we) (?:please )?(?:confirm|assume|say|conclude)(?: that)? ",
    re.IGNORECASE,
)
_TAG = re.compile(
    r"^(?P<said>.+?) *[,-] *(?:right|correct|yes|true|no|is(?:n't)? (?:it|that so)"
    r"|are(?:n't)? they|does(?:n't)? it|has(?:n't)? it|do(?:n't)? they|am i right)$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"[ ,]*\b(?:at all|please|by any chance|by the way|as well|then|yes or no)$", re.IGNORECASE
)
_UNCLEAR = re.compile(
    r"\b(?:or|nor|not|no|none|neither|never|without|if|when|after|before|once|would|could|should|can"
    r"|may|might|suppose|assuming|unless|either|any of (?:them|these|those)|than (?:i|you|we) \w+"
    r"|what|which|who|whose|how|why|where)\b|n't\b"
    r"|\w[ ,]+and (?:is|are|does|do|has|have)\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^(?:hello|hi|hey|thanks|thank you|ok|okay|great|good|perfect|nice|sure)\W*$", re.IGNORECASE
)
_MOST_CHARS = 300
"""A longer question is not one that yes would answer."""
_PLAIN = words(
    "it its they both these those the a an any some molecule molecules compound compounds "
    "structure structures drug drugs substance substances this first second third fourth one "
    "is are has have contains contain carries carry bears bear includes include possesses "
    "possess shows show there here of group groups functional atom atoms and than as at least "
    "most exactly more less fewer above below over under between higher lower greater smaller "
    "larger bigger heavier lighter mass the same number passes pass obeys obey follows follow "
    "violates violate breaks break rule rules five lipinski lipinski's aromatic chiral "
    "achiral acyclic cyclic neutral polar lipophilic flexible hydrophobic total overall "
    "computed calculated formal net positive negative zero two three four six seven eight "
    "nine ten equal to count g mol da å å2 å²"
)
_ROUNDED = re.compile(r"\bequal to [-+]?[1-9]\d*(?!\.\d|\d)", re.IGNORECASE)
_POINTERS = words("it there here this molecule compound structure")
_DECLINES = re.compile(
    r"\b(?:not know|don't know|unknown|cannot|can't|unable|not (?:able|sure|certain)|guess(?:ing)?"
    r"|(?:have|has|find|know) no (?:value|data|knowledge|line|idea|reliable|answer|access|talent)"
    r"|no idea|only (?:help|talk|know|work|make)|make (?:something|it) up"
    r"|leave (?:that|it) to|not the right|beyond me|not my field|do not help)\b",
    re.IGNORECASE,
)
_THIRD_PERSON = {"have": "has", "do": "does", "go": "goes"}


def statement_of(question: str) -> str | None:
    """What somebody says who answers this turn with yes; None where that cannot be told.

    Args:
        question: The turn as the model reads it, with the numbers of molecules.
    """
    plain = normalise(question)
    if len(plain) > _MOST_CHARS:
        return None
    sentences = [plain[span.start : span.end].strip() for span in sentence_spans(plain)]
    asked = [sentence for sentence in sentences if sentence.endswith("?")]
    if not asked and len(sentences) == 1:
        asked = sentences  # "is it aromatic"
    others = [sentence for sentence in sentences if sentence not in asked]
    if len(asked) != 1 or not all(_GREETING.match(sentence) for sentence in others):
        return None
    question = plain_limits(_CLOSING.sub("", asked[0].rstrip("?!. "))).strip()
    confirmed = _TAG.match(question)
    question = confirmed["said"] if confirmed else question
    said = _CONFIRM.sub("", question)
    is_said = confirmed is not None or said != question
    if _UNCLEAR.search(said):
        return None
    statement = f"{said}." if is_said else _turned(said)
    if statement is None:
        return None
    statement = statement.replace("weighs more than molecule", "is heavier than molecule")
    statement = statement.replace("weighs less than molecule", "is lighter than molecule")
    statement = _LIGHTER.sub("has a mass below ", _HEAVIER.sub("has a mass above ", statement))
    return statement if _says_all_it_can(statement) else None


def _says_all_it_can(statement: str) -> bool:
    """Whether the readers of claims read every word of it: no place, condition or quality besides.

    "An oxygen in the ring", "charged at pH 7" and "a basic amine" would be judged as an oxygen,
    charged and an amine. What is charged inside and neutral outside may be called either.
    """
    tokens = [token for part in split_sentences(statement, []) for token in part.tokens]
    terms = find_terms(tokens)
    of_terms = {i for term in terms for i in range(term.first, term.behind)}
    for i, token in enumerate(tokens):
        follower = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if token.text in "<>=≤≥":
            return False  # two limits at once
        if i in of_terms or token.kind != "word":
            continue
        if token.text == "in" and follower in _POINTERS:
            continue
        if token.text not in _PLAIN:
            return False
    for one, after in pairwise(terms):
        if not {token.text for token in tokens[one.behind : after.first]} & {
            "and",
            ",",
            "than",
            "as",
        }:
            return False
    if _ROUNDED.search(statement) and any(t.term.family == "scalar" for t in terms):
        return False  # whether a mass of 180.16 is equal to 180
    is_charge = any(term.term.key == "charge" for term in terms) or "charged" in statement
    return not is_charge or "net" in statement


def _turned(question: str) -> str | None:
    """A question as a statement."""
    question = _LESS.sub("below ", _MORE.sub("above ", question))
    found = _OF_A_VALUE.search(question)
    if found is not None:
        return f"{found['value']} is {found['rest']}."
    found = _QUESTION.search(question)
    if found is None:
        return _without_a_verb(question)
    verb, rest = found["verb"].lower(), found["rest"]
    if found["there"]:
        return f"There {verb} {rest}." if verb in ("is", "are") else None
    subject = found["plural"] or found["singular"]
    subject = f"molecules {subject}" if subject[0].isdigit() else subject
    if verb in ("do", "does"):
        verb, _, rest = rest.partition(" ")
        verb = verb if found["plural"] else _third_person(verb)
    subject = "it" if subject.lower() == "we" else subject
    return f"{subject} {verb} {rest}."


def _without_a_verb(question: str) -> str | None:
    for pattern, statement in _WITHOUT_A_VERB:
        if found := pattern.match(question):
            rest = found["rest"]
            return statement.format(rest) if statement else f"The {found['value']} is {rest}."
    return None


def _third_person(verb: str) -> str:
    if verb in _THIRD_PERSON:
        return _THIRD_PERSON[verb]
    if verb.endswith(("s", "sh", "ch", "x", "z")):
        return f"{verb}es"
    if verb.endswith("y") and verb[-2:-1] not in "aeou":
        return f"{verb[:-1]}ies"
    return f"{verb}s"


def declines(sentence: str) -> bool:
    """Whether a sentence says that something is not known or cannot be told."""
    return _DECLINES.search(sentence) is not None
