"""Plain English and chemistry text that the language model also learns from.

Open textbooks, definitions of chemistry and biology ontologies, medical questions with answers: all
under CC BY 4.0, CC0 or free for reuse (`licences.toml` names each); share-alike sources are not.
"""

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from assistant.errors import AssistantError
from assistant.evaluate.tasks.forgetting import MIN_REST_CHARS, after_first_sentence, is_unseen
from assistant.train import licences

Row = dict[str, str]

_SENTENCE_END = re.compile(r"(?<=[.!?])(?=\s|$)")
_PASSAGE_CHARS = 400
N_PASSAGES = 12000
TEXT = "text.npy"
"""File of a run with the plain text that it, or a run before it, was trained on."""

_SOURCES: dict[str, Callable[[Row], str]] = {
    "openstax_chemistry2e_paragraphs": lambda row: row["text"],
    "openstax_chemistry2e_glossary": lambda row: f"{row['term']}: {row['meaning']}",
    "openstax_more_paragraphs": lambda row: row["text"],
    "openstax_more_glossary": lambda row: f"{row['term']}: {row['meaning']}",
    "ontology_definitions": lambda row: f"{row['term']}: {row['definition']}",
    "chebi_definitions": lambda row: f"{row['name']}: {row['definition']}",
    "medquad_qa": lambda row: f"{row['question']}\n{row['answer']}",
    "teachopencadd_paragraphs": lambda row: row["text"],
    "ghs_clp_statements": lambda row: f"{row['code']}: {row['statement']}",
}
"""File under `text/` -> how a record becomes a document."""


def text_sources(*, licensed_only: bool = False) -> list[str]:
    """The files that are read, as the table of licences names them."""
    return licences.clear_names("text", _SOURCES) if licensed_only else list(_SOURCES)


def text_documents(data: Path, *, licensed_only: bool = False) -> Iterator[str]:
    """The documents of every source that the data directory holds, less one in 64 that is kept.

    Args:
        data: Data directory.
        licensed_only: Leaves out files, and rows of files with several sources, without a clear
            licence.

    Raises:
        AssistantError: It holds none of them.
    """
    found = False
    for name in text_sources(licensed_only=licensed_only):
        document = _SOURCES[name]
        path = data / "text" / f"{name}.jsonl.gz"
        if not path.is_file():
            continue
        found = True
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if licensed_only and not licences.row_is_clear(name, row):
                    continue
                text = document(row)
                if not is_unseen(text):
                    yield text
    if not found:
        raise AssistantError(
            f"None of {', '.join(_SOURCES)} (.jsonl.gz) is under {data / 'text'}; give the data"
            " directory with --data, or set text_share = 0."
        )


def passages(data: Path, keep: Path, *, seed: int, licensed_only: bool = False) -> list[str]:
    """Texts to go on with: a first sentence, a newline, and what comes after it, in one line.

    They end where a sentence does: what comes after the last word is learned, too.

    Args:
        data: Data directory.
        keep: File of this run that holds the result; read when it exists.
        seed: Of their choice; there are `N_PASSAGES` at most.
        licensed_only: Reads clearly licensed documents only.

    Raises:
        AssistantError: There are no documents to take them from.
    """
    if keep.is_file():
        return json.loads(keep.read_text(encoding="utf-8"))
    found = []
    for document in text_documents(data, licensed_only=licensed_only):
        passage = after_first_sentence(" ".join(document.split()))
        if passage is None or not 20 <= len(passage.start) <= 250:
            continue
        rest = _whole_sentences(passage.rest)
        if len(rest) > MIN_REST_CHARS:
            found.append(f"{passage.start}\n{rest}")
    chosen = random.Random(seed).sample(found, min(N_PASSAGES, len(found)))
    keep.write_text(json.dumps(chosen), encoding="utf-8")
    return chosen


def _whole_sentences(text: str) -> str:
    """As many sentences of a text as the limit holds, none where the first is longer."""
    ends = (match.start() for match in _SENTENCE_END.finditer(text))
    return text[: max((end for end in ends if end <= _PASSAGE_CHARS), default=0)]


@dataclass(frozen=True)
class PlainText:
    """All documents as one row of token ids, (n,) uint16, an end token after each."""

    ids: np.ndarray

    @classmethod
    def load(
        cls,
        data: Path,
        keep: Path,
        tokenizer: PreTrainedTokenizerFast,
        *,
        licensed_only: bool = False,
    ) -> "PlainText":
        """Tokenises the documents, or reads `keep`, where an earlier call wrote them."""
        if not keep.is_file():
            documents = list(text_documents(data, licensed_only=licensed_only))
            random.Random(0).shuffle(documents)
            encoded = tokenizer(documents, add_special_tokens=False, split_special_tokens=True)
            end = [tokenizer.eos_token_id]
            ids = [token for row in encoded["input_ids"] for token in row + end]
            np.save(keep, np.array(ids, np.uint16))
        return cls(np.load(keep))

    def crop(self, rng: random.Random, length: int) -> np.ndarray:
        """`length` tokens in a row from anywhere."""
        start = rng.randrange(max(1, len(self.ids) - length + 1))
        return self.ids[start : start + length]
