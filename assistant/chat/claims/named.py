"""Names of compounds in an answer: of the conversation's molecules, or of others."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from assistant.chat.claims.text import Token
from assistant.chat.claims.trie import PhraseTrie
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule
from assistant.chem.names import built_in_names
from assistant.errors import AssistantError

MIN_LETTERS = 4
_INSIDE = "-,()[]'"
_NOT_AS_NAME = words(
    "ring group moiety core unit skeleton scaffold nucleus system derivative derivatives "
    "fragment substituent functionality analogue analog bond nitrogen oxygen"
)
_JOINTS = frozenset("/-")


@cache
def _table() -> PhraseTrie[str]:
    """All names of the table with their SMILES."""
    names = {
        _words(name): entry.smiles
        for entry in reversed(built_in_names().entries)
        for name in reversed(entry.all_names)
        if len(name) >= MIN_LETTERS and _words(name)
    }
    return PhraseTrie(names.items(), _INSIDE)


@lru_cache(maxsize=1024)
def _canonical(smiles: str) -> str | None:
    try:
        return Molecule.parse(smiles).smiles
    except AssistantError:
        return None


def _words(name: str) -> tuple[str, ...]:
    """A name as the tokens of a text would be, without hyphens, commas and brackets."""
    plain = "".join(c if c.isalnum() else " " for c in name.lower())
    return tuple(plain.split())


class NameFinder:
    """Finds names at a token; `molecules` gives the structures of the conversation."""

    def __init__(self, molecules: Mapping[int, Facts], names: Mapping[int, str]) -> None:
        self._by_smiles = {facts.smiles: number for number, facts in molecules.items()}
        own = ((_words(name), number) for number, name in names.items() if number in molecules)
        self._own = PhraseTrie(((words, number) for words, number in own if words), _INSIDE)

    def find(self, tokens: Sequence[Token], i: int) -> tuple[int | None, int] | None:
        """The molecule's number (None for a compound outside) and the index behind the name."""
        own = self._own.longest(tokens, i)
        if own is not None:
            return own
        named = _table().longest(tokens, i)
        if named is None:
            return None
        smiles, behind = named
        if behind < len(tokens) and tokens[behind].text in _NOT_AS_NAME:
            return None
        if _is_phase(tokens, i, behind):
            return None
        canonical = _canonical(smiles)
        return self._by_smiles.get(canonical) if canonical else None, behind


def _is_phase(tokens: Sequence[Token], start: int, behind: int) -> bool:
    """Whether a name stands for a phase beside water: "the octanol/water log P"."""
    after = [token.text for token in tokens[behind : behind + 2]]
    before = [token.text for token in tokens[max(0, start - 2) : start]]
    return any(
        len(pair) == 2 and pair[0] in _JOINTS and pair[1] == "water"
        for pair in (after, before[::-1])
    )
