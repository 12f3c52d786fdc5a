"""A name that nobody knows gives way to the one that the molecule has in the prompt.

    "Molecule 1 is rosane, C6H6O …" of phenol ─► up to the name, "phenol", the rest drawn

A small language model copies a name piece by piece. Behind a space its first piece is often another
than at the beginning of a line, and where that goes wrong so does what follows. What a larger model
calls a molecule may be a synonym that no table here has: nothing is put in the place of a name that
is told as another one ("also known as"), that says how a structure is built, or that the table
knows; and no name is put in that somebody made up.
"""

import logging
import re
from collections.abc import Generator, Mapping, Sequence

from assistant.answering import Written
from assistant.chat.check import Check
from assistant.chat.claims.naming import is_in_table
from assistant.llm.layout import text_ids
from assistant.llm.load import LoadedLLM
from assistant.llm.offsets import token_offsets
from assistant.llm.outcomes import FAILURES
from assistant.second_thoughts import Outcome, Writer

_MOST_NAMES = 4
"""Of one answer that are put right; each draws the rest of it anew."""
_PLAIN = re.compile(r"[A-Za-z]{2,40}(?: [A-Za-z]{2,40})?")
"""A name that says nothing of the structure: without digits, hyphens and brackets."""
_IS = re.compile(r"(?:^|[.!?:]\s+|\n)(?:molecule \d+|it|this) is $", re.IGNORECASE)
"""What stands before the name that an answer opens with."""
log = logging.getLogger(__name__)


def misnamed(text: str, checks: Sequence[Check], names: Mapping[int, str]) -> tuple[Check, ...]:
    """Claims that call a molecule what nobody knows it by, though its name stands in the prompt.

    Args:
        text: The answer.
        checks: Verdicts on its claims.
        names: What the prompt calls the molecules, by number.
    """
    return tuple(
        check
        for check in checks
        if check.kind == "name"
        and check.verdict == "unverifiable"
        and is_in_table(names.get(check.molecule, ""))
        and _IS.search(text[: check.start])
        and _PLAIN.fullmatch(check.claim)
        and not is_in_table(check.claim)
    )


def with_own_names(
    writer: Writer, llm: LoadedLLM, first: Written, names: Mapping[int, str]
) -> Generator[None, None, Outcome]:
    """The answer with the molecules' own names, or the first attempt where that is no better.

    Better is one that nothing contradicts, that confirms no less, and whose names are confirmed.

    Args:
        writer: Draws what follows a name.
        llm: Its language model.
        first: Has such a name.
        names: What the prompt calls the molecules, by number.

    Yields:
        Nothing, after each token: closing it there ends the request that is being drawn.
    """
    written, n_tried = first, 0
    try:
        while n_tried < _MOST_NAMES and (wrong := misnamed(written.text, written.checks, names)):
            begun = _begun(llm, written, wrong[0], names[wrong[0].molecule])
            n_tried += 1
            found = yield from writer.goes_on(begun)
            if writer.is_stopped:
                return Outcome(first, n_tried, ended=False)
            if found is None or not _is_named_at(found, wrong[0].start):
                break
            written = found
    except FAILURES as error:
        # The text of an error may hold a structure.
        log.warning("an answer could not be written with a name (%s)", type(error).__name__)
        log.debug("what failed", exc_info=error)
        return Outcome(first, n_tried, ended=False)
    keeps_all = len(written.confirmed) >= len(first.confirmed)
    is_better = (
        keeps_all and not written.contradicted and not misnamed(written.text, written.checks, names)
    )
    return Outcome(written if is_better else first, n_tried, ended=True)


def _begun(llm: LoadedLLM, written: Written, wrong: Check, name: str) -> tuple[int, ...]:
    """The tokens of an answer up to a name, those of another one in its place, and what follows.

    With the comma behind it the name ends: "cholesterol" would go on to "cholesterololete".
    """
    ids = written.done.token_ids
    offsets = token_offsets(llm.tokenizer, ids)
    place = next(i for i, (_, end) in enumerate(offsets) if end > wrong.start)
    before = written.text[offsets[place][0] : wrong.start]  # a token may begin with the space
    behind = next((i for i, (start, _) in enumerate(offsets) if start >= wrong.end), len(ids))
    return (*ids[:place], *text_ids(llm.tokenizer, before + name), *ids[behind : behind + 1])


def _is_named_at(found: Written, start: int) -> bool:
    return any(check.kind == "name" and check.start == start for check in found.confirmed)
