"""The page of results is what its records say."""

import re

import pytest

from assistant.errors import AssistantError
from assistant.evaluate.results import PAGE, RECORDS, page_text, read_records
from assistant.evaluate.tasks.registry import FORGETTING, tasks


def test_the_page_is_written_from_the_records_that_are_there():
    assert PAGE.read_text(encoding="utf-8") == page_text(read_records(RECORDS)), (
        "run: python -m assistant.evaluate.results"
    )


def test_records_hold_numbers_and_no_row_of_a_table():
    for record in read_records(RECORDS):
        assert "outcomes" not in record
        task = re.sub(r"-(random\d+|scaffold)$", "", record["task"])  # other splits of its rows
        assert task in {*tasks(), FORGETTING}
        assert all(row["n"] > 0 and row["metrics"] for row in record["rows"])
        assert record["commit"]
        assert "with changes" not in record["commit"]


def test_a_file_that_is_no_record_is_named(tmp_path):
    (tmp_path / "x.json").write_text("[]", encoding="utf-8")
    with pytest.raises(AssistantError, match=r"x\.json is no record"):
        read_records(tmp_path)
