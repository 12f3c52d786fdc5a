"""Which words stand around the name of a value in questions that ask for it.

    python -m assistant.train.usual_words [--out assistant/chat/asking/usual_words.toml]

From the generator's questions: a word is usual that stands in questions for values of the card at
least a third as often as in questions that no fact answers or for a definition. The program reads
the lists to see what a question most likely asks for (`assistant/chat/asking/usual.py`); run this
again when the wordings changed, which a test sees.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill

from assistant.chat.asking.reasons import without_surroundings
from assistant.chat.asking.spelling import plain_text
from assistant.chat.asking.terms import asked_terms
from assistant.chat.asking.usual import USUAL_WORDS, words_around
from assistant.chat.claims.text import split_sentences
from assistant.train import wording

LEAST_RATIO = 1 / 3
_WIDTH = 130


def usual_words() -> tuple[list[str], list[str]]:
    """The usual words and the other ones, each in alphabetical order."""
    asking = [text for texts in wording.ASKED.values() for text in texts]
    others = [text for text, _ in (*wording.ASK_UNKNOWN_FREE, *wording.ASK_UNKNOWN_COMPARED_FREE)]
    others += [*wording.OFF_TOPIC, *wording.GENERAL_CHEMISTRY, *wording.ASK_DEFINITION]
    in_asking, in_others = _questions_with(asking), _questions_with(others)

    def is_usual(word: str) -> bool:
        share = in_asking[word] / len(asking)
        return share >= LEAST_RATIO * (in_others[word] + 0.5) / len(others)

    heard = sorted({*in_asking, *in_others})
    usual = [word for word in heard if word in in_asking and is_usual(word)]
    return usual, sorted(set(heard).difference(usual))


def _questions_with(questions: Iterable[str]) -> Counter[str]:
    """By word, in how many questions it stands beside what they ask for."""
    found: Counter[str] = Counter()
    for question in questions:
        plain = without_surroundings(plain_text(question.replace("{m}", "molecule 1")))
        tokens = [token for part in split_sentences(plain, []) for token in part.tokens]
        found.update(set(words_around(tokens, asked_terms(tokens))))
    return found


def as_text(usual: Sequence[str], other: Sequence[str]) -> str:
    """Both lists as their file has them."""
    head = "# Written by `python -m assistant.train.usual_words`, read by `usual.py`.\n"
    return head + "".join(
        f'{name} = """\n{fill(" ".join(words), _WIDTH, break_on_hyphens=False)}\n"""\n'
        for name, words in (("usual", usual), ("other", other))
    )


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=USUAL_WORDS)
    args = parser.parse_args(argv)
    usual, other = usual_words()
    args.out.write_text(as_text(usual, other), encoding="utf-8")
    sys.stdout.write(f"{len(usual)} usual and {len(other)} other words: {args.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
