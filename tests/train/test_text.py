"""Plain text for training holds nothing that the evaluation measures on."""

import gzip
import json
from pathlib import Path

from assistant.evaluate.tasks.forgetting import (
    TABLE,
    after_first_sentence,
    is_unseen,
    load_passages,
)
from assistant.train.corpus import question_sources, text_source
from assistant.train.text import passages, text_documents, text_sources

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


def test_a_passage_ends_where_a_sentence_does_and_is_no_longer_than_the_limit(
    tmp_path: Path,
) -> None:
    start, second = "Water boils at 100 degrees Celsius.", "It is a gas above that."
    third = f"At {'low ' * 40}pressure it boils earlier, at 0.5 bar at 81 degrees!"
    fourth = f"What {'very ' * 60}high pressure does is another matter."
    filled = f"{'so ' * 121}warm that 400 are full.".rjust(400, "x")
    texts = {
        f"{start} {second} {third} {fourth}": f"{second} {third}",
        f"{start} {second}  {second}\n{second}": " ".join([second] * 3),
        f"{start} {filled} {second}": filled,
        f"{start} x{filled} {second}": None,
        f"{start} {fourth * 2}": None,
        f"{start} No. {fourth * 2}": None,
        f"{start} {second}": None,
        f"{start} A table without any sentence, {'1, ' * 30}": None,
    }
    rows: list[dict[str, object]] = [{"text": text} for text in texts]
    write_lines(tmp_path / "text" / "openstax_more_paragraphs.jsonl.gz", rows)
    assert set(text_documents(tmp_path)) == set(texts)
    found = passages(tmp_path, tmp_path / "kept.json", seed=1)
    assert sorted(found) == sorted(f"{start}\n{rest}" for rest in texts.values() if rest)
    assert passages(tmp_path, tmp_path / "kept.json", seed=1) == found


def test_measured_and_trained_passages_are_split_alike(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl.gz"
    write_lines(own, [{"text": f"Short one. {'word ' * 200}"}, {"text": "One. Two."}])
    (passage,) = load_passages(own, None)
    assert (passage.start, len(passage.rest)) == ("Short one.", 500)
    assert after_first_sentence("One. Two.") is None
