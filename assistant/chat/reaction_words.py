"""Questions for the reactants or the product of a reaction, and the molecules they are about."""

import re
from dataclasses import dataclass

from assistant.chat.conversation import Conversation

_MADE = r"(?:make|made|synthesi[sz]ed?|prepared?|obtain(?:ed)?)"
_RETRO = re.compile(
    r"\bretro-?synthe\w*"
    r"|\b(?:which|what|name|suggest|propose|give|list|predict)\b[^.?!]{0,40}"
    r"\b(?:reactants?|starting (?:materials?|compounds?)|precursors?)\b"
    rf"|\b(?:how|from (?:what|which))\b[^.?!]{{0,60}}\b{_MADE}\b"
    r"|\b(?:suggest|propose|give)\b[^.?!]{0,20}\b(?:synthesis|disconnection)\b",
    re.IGNORECASE,
)
_PRODUCT = re.compile(
    r"\bproducts?\b[^.?!]{0,60}\b(?:react\w*|reaction|combin\w*|mix\w*)"
    r"|\b(?:react\w*|reaction|combin\w*|mix\w*)\b[^.?!]{0,60}\bproducts?\b"
    r"|\bproducts? (?:of|from|between) (?:molecules? |compounds? |@)\d+ ?(?:,|\+|&|and|with)"
    r"|\bpredict\b[^.?!]{0,20}\bproducts?\b|\bwhich product\b|\bwhat (?:forms|is formed)\b",
    re.IGNORECASE,
)
_MORE_THAN_THAT = re.compile(
    r"\byields?\b|\bconditions?\b|\btemperature|\bsolvents?\b|\benzym\w*|\bindustr\w*|\bfirst\b"
    r"|\btotal synthesis|\bprocedure|\bprotocol|\b\d+ ?(?:m?g|kg|mo?l|mmol)\b|\bcost|\bcheap"
    r"|\bbiosynth|\bmetaboli\w*|\bdegrad\w*|\bnatural product|\bby-?products?"
    r"|\b(?:two|three|four|five|\d+|several|many|how many) steps?\b|\bsteps\b|\bmechanism|\bwhy\b"
    r"|\breagents?\b|\bcatalysts?\b|\bpatent|\bliterature|\bso(?:luble|lutions?)\b"
    r"|\b\d+(?:[.,]\d+)? ?(?:m|µ|μ|u)?[lM]\b|(?-i:\bpH\b)|\bbuffers?\b|\bstock\b|\bsamples?\b"
    r"|\btablets?\b|\bformulations?\b|\bcrystals\b|\bfilms?\b|\bgels?\b|\bstandards?\b",
    re.IGNORECASE,
)
"""What makes it a question that reactants or a product alone do not answer."""


@dataclass(frozen=True)
class AskedReaction:
    """One step of a reaction that a question asks for.

    Attributes:
        task: A name of `SHORT_TASKS`.
        numbers: Of the molecules that are given.
        smiles: What is given, of one or several parts.
    """

    task: str
    numbers: tuple[int, ...]
    smiles: str


def asked_reaction(conversation: Conversation) -> AskedReaction | None:
    """What the last question asks for beyond doubt; None where it asks for something else.

    Args:
        conversation: Ends with a question.
    """
    question = conversation.messages[-1].asked
    if _MORE_THAN_THAT.search(question):
        return None
    is_retro, is_product = bool(_RETRO.search(question)), bool(_PRODUCT.search(question))
    focus = conversation.focus(conversation.n_turns - 1)
    if is_retro == is_product or not focus:
        return None
    known = {number: conversation.molecule(number) for number in focus}
    if is_retro:
        wanted = [n for n in focus if known[n].role == "product"] or list(focus)
        if len(wanted) != 1:
            return None
        return AskedReaction("retrosynthesis", tuple(wanted), known[wanted[0]].molecule.smiles)
    given = tuple(n for n in focus if known[n].role != "product")
    if not given:
        return None
    return AskedReaction("product", given, ".".join(known[n].molecule.smiles for n in given))
