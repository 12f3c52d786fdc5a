"""Plain text for training holds nothing that the evaluation measures on."""

import gzip
import json

from assistant.evaluate.tasks.forgetting import TABLE, is_unseen, load_passages
from assistant.train.text import text_documents


def test_passages_to_measure_forgetting_on_are_left_out(tmp_path):
    path = tmp_path / TABLE
    path.parent.mkdir()
    texts = [f"Sentence number {i} stands here. It is followed by a second one, which is longer."
             for i in range(600)]  # fmt: skip
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    seen = set(text_documents(tmp_path))
    unseen = {f"{p.start} {p.rest}" for p in load_passages(None, tmp_path)}
    assert seen | unseen == set(texts)
    assert not seen & unseen
    assert 3 <= len(unseen) <= 20
    assert all(is_unseen(text) for text in unseen)
