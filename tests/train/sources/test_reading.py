"""All tables of a recipe: read together, told with their licence, and wrong entries named."""

from pathlib import Path

import pytest

from assistant.train.sources.reading import read_records, source_of
from assistant.train.sources.registry import Source


def test_tables_are_read_together_and_told_with_their_licence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = "".join(f"{i}\tCCO\tThe molecule is an alcohol.\n" for i in range(30))
    text = "CID\tSMILES\tdescription\n" + rows + "31\tC1CC\tA ring that is open.\n"
    values = tmp_path / "homo.csv"
    values.write_text("smiles,homo,split\nCCO,-0.25,train\nCCN,-0.2,test\n", encoding="utf-8")
    captions = tmp_path / "train.txt"
    captions.write_text(text, encoding="utf-8")
    sources = [Source("chebi20", captions), Source("qm9", values)]
    with caplog.at_level("INFO"):
        records, lines = read_records(sources)
    assert len(records) == 31
    assert lines == [
        "chebi20: train.txt, split train, 30 records (BSD-3-Clause; ChEBI text CC BY 4.0),"
        " 1 rows left out",
        "qm9: homo.csv, split train, 1 records (none stated by the files at hand)",
    ]
    assert "C1CC" not in caplog.text  # structures are logged at DEBUG only


def test_an_entry_of_a_recipe_is_a_source() -> None:
    entry = {"format": "qm9", "path": "qm9/homo.csv.gz", "limit": 5}
    assert source_of(entry, "[[data]]") == Source("qm9", Path("qm9/homo.csv.gz"), limit=5)
    for wrong, said in (
        ({"format": "qm9"}, r"\[\[data\]\] has an entry without path"),
        ({"path": "a.csv"}, "without format"),
        (entry | {"file": "a"}, "unknown keys file"),
    ):
        with pytest.raises(ValueError, match=said):
            source_of(wrong, "[[data]]")
