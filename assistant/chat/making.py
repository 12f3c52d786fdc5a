"""Questions for how a compound is made, which are declined where the compound is a controlled one.

The program says so itself and the language model is not asked: a small one declines every
synthesis, a large one given by `--llm` might not. Facts and hazards stay answered.
"""

import re

from assistant.chat.conversation import Conversation
from assistant.chem.controlled import controlled, controlled_name

_MAKE = (
    r"make|making|made|prepare[ds]?|preparing|preparation|produce[ds]?|producing|manufactur\w+"
    r"|cook(?:ed|ing)?|brew(?:ed|ing)?|obtain(?:ed|ing)?|extract(?:ed|ing|ion)?|isolate[ds]?"
    r"|purif\w+|crystalli[sz]\w+"
)
_ASKED = re.compile(
    r"(?<!not asking for the )\b(?:bio|retro|total )?(?:re)?-?synth(?:esi|eti)\w*"
    r"|\bretro-?synth\w*|\broutes?\b(?! of (?:administration|exposure))|\brecipe|\bprecursors?\b"
    r"|\bdisconnections?\b|\bstarting (?:materials?|compounds?)\b(?! attached)|\bone-?pot\b"
    r"|\bscale[ -]?up\b"
    r"|\b(?:reactants?|reagents?|ingredients?|chemicals?)\b.{0,40}\b(?:need|give|for|to|yield|form)\b"
    r"|\b(?:how|steps?|ways?|instructions?|procedure|protocol|method|help|teach|show|can|could)\b"
    rf".{{0,60}}\b(?:{_MAKE})\b"
    r"(?! (?:it|them|this|that) (?:more|less|better|worse|safer|so|un\w+)\b)"
    r"|\b(?:procedure|protocol|instructions?)\b.{0,20}\b(?:for|to|of)\b"
    r"|\b(?:mix|combine)\b.{0,40}\bto\b"
    rf"|^(?:{_MAKE})\b|\bfrom (?:which|what) .{{0,40}}\b(?:made|prepared|obtained|derived)\b"
    r"|\b(?:convert|turn|transform|reduce|oxidi[sz]e|react)\w* (?:it|this|that|molecule \d+)"
    r" (?:in)?to\b",
    re.IGNORECASE,
)
_LOOKS_LIKE_IT = re.compile(
    r"\bsynthetic (?:accessibility|opioid|drug|compound)|\bis (?:it|this|that|molecule \d+)"
    r" (?:a )?(?:synthetic|natural)\b|\bmade (?:up )?of\b|\bextraction coefficient",
    re.IGNORECASE,
)


def asks_to_make(question: str) -> bool:
    """Whether a question is for a synthesis, for precursors or a procedure.

    Args:
        question: As it was written. Rather too many than too few: it matters for controlled
            structures alone.
    """
    line = " ".join(question.split())  # a line break inside changes nothing
    return _ASKED.search(_LOOKS_LIKE_IT.sub(" ", line)) is not None


def declined_making(conversation: Conversation) -> str:
    """The answer that declines the last question, where it asks how a controlled compound is made.

    Args:
        conversation: Ends with a question.

    Returns:
        "" where there is nothing to decline.
    """
    question = conversation.messages[-1].asked
    if not asks_to_make(question):
        return ""
    focus = conversation.focus(conversation.n_turns - 1)
    for number in focus:
        found = controlled(conversation.molecule(number).molecule)
        if found is not None:
            return (
                f"I do not help with making molecule {number}: by its structure it is"
                f" {found.name}, {found.kind}. Its computed facts can be asked, and what is known"
                " of its hazards."
            )
    named = controlled_name(question)
    if named is not None:
        return (
            f"I do not help with making {named.name}: it is {named.kind}. Draw or paste it to ask"
            " for its computed facts."
        )
    return ""
