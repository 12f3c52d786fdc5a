"""Names of compounds in an answer: of a molecule of the conversation, or of one that is not in it."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from assistant.chat.claims.text import Token
from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameTable
from assistant.errors import AssistantError

MIN_LETTERS = 4
_NOT_AS_NAME = frozenset(
    "ring group moiety core unit skeleton scaffold nucleus system derivative derivatives fragment "
    "substituent functionality analogue analog bond nitrogen oxygen".split()
)


@cache
def _table() -> dict[str, tuple[tuple[tuple[str, ...], str], ...]]:
    """Word sequences of all names of the table by first word, the longest first, with the SMILES."""
    index: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for entry in NameTable.load().entries:
        for name in entry.all_names:
            words = _words(name)
            if words and len(name) >= MIN_LETTERS:
                index.setdefault(words[0], []).append((words, entry.smiles))
    return {first: tuple(sorted(names, key=lambda n: -len(n[0]))) for first, names in index.items()}


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
        self._own: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for number, name in names.items():
            words = _words(name)
            if words and number in molecules:
                self._own.setdefault(words[0], []).append((words, number))

    def find(self, tokens: Sequence[Token], i: int) -> tuple[int | None, int] | None:
        """The molecule's number (None for a compound outside) and the index behind the name."""
        first = tokens[i].text
        for words, number in self._own.get(first, ()):
            behind = _behind(tokens, i, words)
            if behind:
                return number, behind
        for words, smiles in _table().get(first, ()):
            behind = _behind(tokens, i, words)
            if not behind:
                continue
            if behind < len(tokens) and tokens[behind].text in _NOT_AS_NAME:
                return None
            canonical = _canonical(smiles)
            return self._by_smiles.get(canonical) if canonical else None, behind
        return None


def _behind(tokens: Sequence[Token], start: int, words: Sequence[str]) -> int:
    """Index behind `words` at `start`; symbols inside a name do not matter. 0 where they are not."""
    i = start
    for word in words:
        while i > start and i < len(tokens) and tokens[i].kind == "symbol":
            if tokens[i].text not in "-,()[]'":
                return 0
            i += 1
        if i >= len(tokens) or tokens[i].text != word:
            return 0
        i += 1
    return i
