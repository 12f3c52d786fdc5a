"""Limits of the rule of five that an answer says are exceeded: "7 hydrogen bond donors > 5".

Lipinski counted all N and O, and the hydrogens on them, which are other numbers than the card's
donors and acceptors.
"""

from collections.abc import Callable, Iterator

from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chem.facts import Facts

_SAID = {"hbd": "hydrogen bond donors > 5", "hba": "hydrogen bond acceptors > 10"}


def read_limits(reading: Reading) -> Iterator[Claim]:
    """A count of donors or acceptors that stands beside the limit it exceeds."""
    for match in reading.terms:
        said = _SAID.get(match.term.key)
        number = reading.tokens[match.first - 1] if match.first else None
        behind = match.behind
        is_limit = reading.word(behind) == ">" and reading.word(behind + 1) in ("5", "10")
        if said is None or number is None or number.kind != "number" or not is_limit:
            continue
        test = _test(f"{int(number.value)} {said}", said)
        yield reading.claim(match.first - 1, behind + 2, match.term.key, test)


def _test(stated: str, said: str) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        truth = next((v for v in facts.rule_of_five_violations if v.endswith(said)), None)
        return Finding(stated == truth, truth or f"not {said}")

    return test
