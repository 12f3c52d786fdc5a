"""Two questions of different kinds in one sentence: "What is its logP, and is it an ester?"."""

import random
from typing import TYPE_CHECKING

from assistant.train import answers, replies
from assistant.train.language import Naming, Turn

if TYPE_CHECKING:
    from assistant.train.view import View

_KINDS = (
    *(answers.value, answers.group, answers.groups, answers.chirality, answers.rule_of_five),
    *(answers.alerts, answers.element, answers.charged, answers.aromatic, replies.name),
)
_JOINTS = (" and ", ", and ", "? And ", "? ", "? Also, ", "; also ", " plus ")


def both(rng: random.Random, view: "View", naming: Naming) -> Turn:
    """Each part is answered in its order, as it would be alone."""
    first, second = (write(rng, view, naming) for write in rng.sample(_KINDS, 2))
    joint = rng.choice(_JOINTS)
    opening, more = first[0].rstrip("?. "), second[0]
    if joint != "? " and more[1:2].islower():
        more = more[0].lower() + more[1:]
    return f"{opening}{joint}{more}", f"{first[1]} {second[1]}", "both"
