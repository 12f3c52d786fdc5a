"""Sources without a clear licence are left out where that is asked for; all are in the table."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from assistant.errors import AssistantError
from assistant.train import licences, text
from assistant.train.adapt.__main__ import main as adapt
from assistant.train.card import sources_of
from assistant.train.corpus import molecules_with_facts, outside_questions, question_sources
from assistant.train.provenance import Provenance
from assistant.train.sources.registry import SOURCES
from assistant.train.start import check_sources, note_sources


def write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_every_source_that_a_loader_reads_is_in_the_table() -> None:
    assert set(text.text_sources()) <= licences.known("text").keys()
    assert set(question_sources()) <= licences.known("text").keys()
    assert SOURCES.keys() == licences.known("formats").keys()
    for family in ("corpus", "text", "labels", "formats"):
        for name, entry in licences.known(family).items():
            assert entry.what, name
            assert entry.licence, name
            assert not (entry.clear and "none stated" in entry.licence), name


def test_what_a_database_does_not_state_is_not_clear_whoever_copied_it() -> None:
    # The card of the head that learned from it says that the database states no licence.
    for family, name in (("corpus", "freesolv"), ("labels", "moleculenet/freesolv")):
        assert not licences.licence_of(family, name).clear
        assert "states none" in licences.licence_of(family, name).licence
    for family in ("corpus", "text", "labels"):
        for name, entry in licences.known(family).items():
            assert not (entry.clear and "states none" in entry.licence), name


def test_an_unknown_source_has_no_clear_licence() -> None:
    assert not licences.licence_of("corpus", "elsewhere").clear
    assert licences.clear_names("corpus", ["muv", "elsewhere", "hiv"]) == ["muv"]
    with pytest.raises(AssistantError, match=r"zhangddi \(none stated"):
        licences.refuse_unclear("formats", ["chebi20", "zhangddi"])


@pytest.mark.slow
def test_molecules_come_from_clear_sources_only(tmp_path: Path) -> None:
    path = tmp_path / "smiles_corpus" / "part.csv.gz"
    path.parent.mkdir()
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        rows = [("CCCCCCF", "muv"), ("CCCCCCCl", "uspto1k"), ("CCCCCCBr", "hiv|tox21")]
        csv.writer(file).writerows([("smiles", "sources"), *rows])
    kept = {
        flag: {m.smiles for m, _ in molecules_with_facts(
            tmp_path, tmp_path / f"{flag}.pkl", n=3, seed=1, licensed_only=flag)}
        for flag in (False, True)
    }  # fmt: skip
    assert {"CCCCCCF", "CCCCCCCl", "CCCCCCBr"} <= kept[False]
    assert kept[False] - kept[True] == {"CCCCCCCl"}


def test_text_leaves_out_files_and_rows_without_a_clear_licence(tmp_path: Path) -> None:
    directory = tmp_path / "text"
    write_lines(
        directory / "ontology_definitions.jsonl.gz",
        [
            {"term": "a", "definition": "kept", "source": "RXNO"},
            {"term": "b", "definition": "left out", "source": "UBERON"},
        ],
    )
    write_lines(directory / "ghs_clp_statements.jsonl.gz", [{"code": "H1", "statement": "hot"}])
    assert set(text.text_documents(tmp_path)) == {"a: kept", "b: left out", "H1: hot"}
    assert list(text.text_documents(tmp_path, licensed_only=True)) == ["a: kept"]


def test_questions_to_decline_come_from_clear_files(tmp_path: Path, monkeypatch) -> None:
    for name in question_sources():
        row = {"text": f"text of {name}", "question": f"text of {name}"}
        write_lines(tmp_path / "text" / f"{name}.jsonl.gz", [row])
    everything = outside_questions(tmp_path, tmp_path / "all.json", seed=1, licensed_only=True)
    assert "text of banking77_queries" in everything["off_topic"]
    unclear = licences.Licence("x", "none stated", clear=False)
    known = licences.licence_of
    monkeypatch.setattr(
        licences,
        "licence_of",
        lambda family, name: unclear if "banking" in name else known(family, name),
    )
    left = outside_questions(tmp_path, tmp_path / "some.json", seed=1, licensed_only=True)
    assert "text of banking77_queries" not in left["off_topic"]
    assert "text of clinc150_queries" in left["off_topic"]


def test_a_run_keeps_to_the_sources_it_was_prepared_from(tmp_path: Path) -> None:
    check_sources(tmp_path, licensed_only=True)
    note_sources(tmp_path, licensed_only=True)
    check_sources(tmp_path, licensed_only=True)
    with pytest.raises(AssistantError, match="licensed_only = true"):
        check_sources(tmp_path, licensed_only=False)
    older = tmp_path / "older"
    older.mkdir()
    (older / "molecules.pkl").write_bytes(b"")  # prepared before there was a choice
    with pytest.raises(AssistantError, match="licensed_only = false"):
        check_sources(older, licensed_only=True)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    with pytest.raises(AssistantError, match="cannot start from"):
        check_sources(fresh, licensed_only=True, start=older)
    check_sources(fresh, licensed_only=True, start=tmp_path)


def test_a_licensed_run_begins_with_no_encoder_that_learned_from_other_sources(
    tmp_path: Path,
) -> None:
    unknown, unclear, clear = (tmp_path / name for name in ("unknown", "unclear", "clear"))
    for directory in (unknown, unclear, clear, tmp_path / "run"):
        directory.mkdir()
    Provenance(licensed_only=False, sources=("QM9: none stated",)).write(unclear)
    Provenance(licensed_only=True, sources=("ESOL: MIT",)).write(clear)
    for encoder in (unknown, unclear):
        with pytest.raises(AssistantError, match=rf"{encoder.name} is refused: .*--licensed-only"):
            check_sources(tmp_path / "run", licensed_only=True, encoder=encoder)
    check_sources(tmp_path / "run", licensed_only=True, encoder=clear)
    note_sources(tmp_path / "run", licensed_only=True, encoder=clear)
    assert Provenance.of(tmp_path / "run") == Provenance(True, ("ESOL: MIT",))
    check_sources(tmp_path / "free", licensed_only=False, encoder=unclear)


def test_a_card_lists_what_was_used(tmp_path: Path) -> None:
    everything = "\n".join(sources_of({"text_share": 0.1}, tmp_path))
    licensed = "\n".join(sources_of({"text_share": 0.1, "licensed_only": True}, tmp_path))
    assert "DrugBank" in everything
    assert "none stated" not in licensed
    assert "MoleculeNet MUV (Wu et al. 2018), from chemprop: MIT (structures only)" in licensed
    assert "OpenStax" not in "\n".join(
        line for line in sources_of({"text_share": 0.0}, tmp_path) if "read as text" in line
    )


def test_a_card_lists_the_text_that_only_a_run_before_read(tmp_path: Path) -> None:
    (tmp_path / text.TEXT).write_bytes(b"")  # taken over from it
    for flag in (False, True):
        recipe = {"text_share": 0.0, "licensed_only": flag}
        read = [line for line in sources_of(recipe, tmp_path) if "read as text" in line]
        assert len(read) == len(text.text_sources(licensed_only=flag))


def test_a_card_lists_what_the_pre_trained_encoder_learned_from(tmp_path: Path) -> None:
    recipe = {"text_share": 0.0, "encoder": "runs/encoder"}
    assert "encoder: what it was trained on was not noted" in sources_of(recipe, tmp_path)[-1]
    Provenance(licensed_only=False, sources=("QM9: none stated",)).write(tmp_path)
    assert sources_of(recipe, tmp_path)[-1] == "pre-trained encoder: QM9: none stated"


def test_adapting_refuses_a_format_without_a_clear_licence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    code = adapt(
        [
            *("--llm", str(tmp_path), "--run", str(tmp_path / "run"), "--licensed-only"),
            *("--data", f"pubchem324k={tmp_path / 'x.csv'}"),
        ]
    )
    assert code == 1
    assert "pubchem324k (none stated)" in capsys.readouterr().err


def test_adapting_refuses_an_encoder_that_learned_from_other_sources(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    run = ["--llm", str(tmp_path), "--run", str(tmp_path / "run"), "--licensed-only"]
    assert adapt([*run, "--encoder", str(tmp_path / "mine")]) == 1
    assert "mine is refused" in capsys.readouterr().err
    Provenance(licensed_only=True).write(tmp_path / "mine")
    assert adapt([*run, "--encoder", str(tmp_path / "mine")]) == 1
    assert "No language model" in capsys.readouterr().err
