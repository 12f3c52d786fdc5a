"""Synonyms from the files of WordNet 3.0 (Debian: package wordnet-base).

A word's synonyms are the single words of every synset that the word, or a base form of it, is in:
what METEOR in NLTK takes from its WordNet reader.
"""

from functools import lru_cache
from pathlib import Path

from assistant.errors import AssistantError

DEBIAN = Path("/usr/share/wordnet")

_ENDINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "noun": (
        ("s", ""),
        ("ses", "s"),
        ("ves", "f"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ),
    "verb": (
        ("s", ""),
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}


class WordNet:
    """Synonyms by word.

    Args:
        directory: Holds `index.noun`, `data.noun`, `noun.exc` and so on.

    Raises:
        AssistantError: A file is missing.
    """

    def __init__(self, directory: Path) -> None:
        names = [f"{kind}.{part}" for part in _ENDINGS for kind in ("index", "data")]
        missing = [name for name in names if not (directory / name).is_file()]
        if missing:
            raise AssistantError(
                f"No WordNet in {directory}: {missing[0]} is missing. Install wordnet-base, or"
                " leave --wordnet out to score METEOR without synonyms."
            )
        self._places = {part: _index(directory / f"index.{part}") for part in _ENDINGS}
        self._synsets = {part: _data(directory / f"data.{part}") for part in _ENDINGS}
        self._irregular = {part: _exceptions(directory / f"{part}.exc") for part in _ENDINGS}
        self.synonyms = lru_cache(maxsize=65536)(self._find)

    def _find(self, word: str) -> frozenset[str]:
        """The word and its synonyms, as written in WordNet."""
        found = {word}
        for part in _ENDINGS:
            for form in self._base_forms(word.lower(), part):
                for offset in self._places[part][form]:
                    found.update(self._synsets[part][offset])
        return frozenset(found)

    def _base_forms(self, word: str, part: str) -> list[str]:
        irregular = self._irregular[part].get(word)
        forms = irregular or [
            word[: -len(old)] + new for old, new in _ENDINGS[part] if word.endswith(old)
        ]
        return [form for form in dict.fromkeys([word, *forms]) if form in self._places[part]]


def _index(path: Path) -> dict[str, list[str]]:
    """Byte offsets of the synsets by lemma."""
    places = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):  # the licence
            continue
        fields = line.split()
        places[fields[0]] = fields[-int(fields[2]) :]
    return places


def _data(path: Path) -> dict[str, tuple[str, ...]]:
    """Single words by the synset's byte offset."""
    synsets = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split(" | ")[0].split()
        words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        # Adjectives may carry their place: galore(ip).
        synsets[fields[0]] = tuple(word.split("(")[0] for word in words if "_" not in word)
    return synsets


def _exceptions(path: Path) -> dict[str, list[str]]:
    if not path.is_file():
        return {}
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {form: bases for form, *bases in rows}
