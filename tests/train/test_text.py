"""Plain text for training holds nothing that the evaluation measures on."""

import gzip
import json
from pathlib import Path

from assistant.evaluate.tasks.forgetting import TABLE, is_unseen, load_passages
from assistant.train.corpus import question_sources, text_source
from assistant.train.text import text_documents, text_sources

TEXTS = [
    f"Sentence number {i} stands here. It is followed by a second one, which is longer."
    for i in range(600)
]


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_documents_that_are_kept_are_left_out(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": text} for text in TEXTS]
    write_lines(tmp_path / "text" / "openstax_more_paragraphs.jsonl.gz", rows)
    seen = set(text_documents(tmp_path))
    kept = set(TEXTS) - seen
    assert seen < set(TEXTS)
    assert 3 <= len(kept) <= 20
    assert all(is_unseen(text) for text in kept)


def test_forgetting_is_measured_on_a_source_that_no_recipe_reads(tmp_path: Path) -> None:
    assert text_source(TABLE) not in {*text_sources(), *question_sources()}
    flags = {"maybe_truncated": 0, "likely_needs_missing_context": 0}
    rows = [{"response": text, **flags} for text in TEXTS[:3]]
    rows += [
        {"response": TEXTS[3], **flags, "maybe_truncated": 1},
        {"response": "One sentence only", **flags},
    ]
    write_lines(tmp_path / TABLE, rows)
    found = load_passages(None, tmp_path)
    assert [f"{passage.start} {passage.rest}" for passage in found] == TEXTS[:3]
    own = tmp_path / "own.jsonl.gz"
    write_lines(own, [{"text": TEXTS[9]}])
    assert [f"{p.start} {p.rest}" for p in load_passages(own, None)] == [TEXTS[9]]
