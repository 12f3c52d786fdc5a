"""Questions that are nothing but names of rings or groups: "quinoline?", "pyridine or pyrrole?".

Beside a molecule they ask whether the ring is in it, although each name is one of a molecule, too.
"""

import re
from collections.abc import Sequence

from assistant.chem.groups import groups_called

_NAME = "·"
_ALONE = re.compile(
    r"(?P<goes_on>(?:and|then|what about|how about|and what about)\s+)?"
    r"(?:(?:any|some|is there|are there|got|got any|also|or|an?|the)\s+)*"
    rf"{_NAME}(?:\s*(?:,|or|and|/)\s*{_NAME})*(?:\s+(?:rings?|groups?))?"
    r"(?:,?\s+(?:or not|present|there|in it|in there|in here|here|at all|too|as well|please|pls"
    r"|yes or no))*[\s.!]*\?[\s?!.]*",
    re.IGNORECASE,
)


def asks_for_groups(text: str, names: Sequence[tuple[int, int]], *, after_group: bool) -> bool:
    """Whether a text is nothing but names of rings or groups and a question mark.

    Args:
        text: What a person wrote beside a molecule.
        names: Where it names molecules (start, end), in order.
        after_group: Whether the question before asked for a group; then "and pyridine?" does, too.
    """
    if not names or not all(groups_called(text[start:end]) for start, end in names):
        return False
    rest = text
    for start, end in reversed(names):
        rest = rest[:start] + _NAME + rest[end:]
    match = _ALONE.fullmatch(rest.strip())
    return match is not None and (after_group or match["goes_on"] is None)
