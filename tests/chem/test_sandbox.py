import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant import errors
from assistant.chem.sandbox import ChemPool, ChemWorker, error_from_json, error_to_json
from assistant.errors import (
    AssistantError,
    ChemistryTimeoutError,
    InputTooLargeError,
    InvalidMoleculeError,
    UnreadableFileError,
)

LONG_CHAIN = "C" * 590
HOSTILE = ["C" * 5000, "C(" * 10_000 + "C" + ")" * 10_000, ".".join("C" * 2000), "C" * 800]


@pytest.fixture(scope="module")
def pool() -> Iterator[ChemPool]:
    with ChemPool() as pool:
        pool.call("inspect", text="C")
        yield pool


def test_inspecting_a_drug_gives_all_that_the_page_shows(pool: ChemPool) -> None:
    result = pool.call("inspect", text="CC(=O)Oc1ccccc1C(=O)O")
    assert result["smiles"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert result["facts"]["formula"] == "C9H8O4"
    assert result["svg"].startswith("<svg")
    assert "V2000" in result["molblock"]
    assert result["normalisation"] == {"smiles": result["smiles"], "changes": []}
    assert result["stereo"] == "no stereocentre"


def test_inspecting_a_drug_takes_well_under_a_tenth_of_a_second(pool: ChemPool) -> None:
    times = []
    for text in (
        "CN1CCC[C@H]1c1cccnc1",
        "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
        "CN1C2CCC1CC(C2)OC(=O)C",
    ) * 2:
        started = time.perf_counter()
        pool.call("inspect", text=text)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.1  # the quickest: other work on this machine is not the subject


def test_the_stereo_sentence_counts_what_is_set(pool: ChemPool) -> None:
    text = "C[C@H](O)C(F)/C=C/C"
    assert pool.call("inspect", text=text)["stereo"] == (
        "1 of 2 stereocentres set, 1 of 1 stereo double bond set"
    )


def test_a_drawing_gives_the_same_as_its_smiles(pool: ChemPool) -> None:
    first = pool.call("inspect", text="C[C@H](N)C(=O)O")
    second = pool.call("molblock", block=first["molblock"])
    assert second["smiles"] == first["smiles"]
    assert second["facts"] == first["facts"]


def test_an_error_crosses_the_pipe_with_position_and_fix(pool: ChemPool) -> None:
    with pytest.raises(InvalidMoleculeError, match="ring 1 is not closed") as caught:
        pool.call("inspect", text="C1CC")
    assert (caught.value.source, caught.value.position, caught.value.fix) == ("C1CC", 1, "C1CC1")


def test_the_other_tasks_answer(pool: ChemPool, tmp_path: Path) -> None:
    assert "<svg" in pool.call("draw", smiles="CCO", highlight=[1], dark=True, numbers=True)["svg"]
    assert "3D" in pool.call("conformer", smiles="CCO")["molblock"]
    assert len(pool.call("conformers", smiles="CCO", n=3)["positions"]) == 3
    entries = pool.call("recognise", text="CCO\nC1CC\nCCO>>CC=O")["recognised"]
    assert [entry["kind"] for entry in entries] == ["smiles", "smiles", "reaction"]
    assert entries[1]["error"]["position"] == 1
    assert entries[2]["reaction"]["products"][0]["smiles"] == "CC=O"
    path = tmp_path / "x.smi"
    path.write_text("CCO ethanol\n")
    molecules = pool.call("file", path=str(path), name="x.smi")["molecules"]
    assert molecules == [{"smiles": "CCO", "name": "ethanol"}]


def test_an_unreadable_file_is_the_same_error_outside(pool: ChemPool, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        pool.call("file", path=str(tmp_path / "none.sdf"), name="none.sdf")


@pytest.mark.parametrize("text", HOSTILE, ids=["long", "nested", "fragments", "heavy"])
def test_hostile_text_is_refused_at_once(pool: ChemPool, text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(InputTooLargeError):
        pool.call("inspect", text=text)
    assert time.perf_counter() - started < 1.0


def test_a_shape_that_takes_too_long_is_killed_in_time_and_the_pool_goes_on() -> None:
    with ChemPool(2, seconds=1.0) as pool:
        pool.call("inspect", text="C")
        started = time.perf_counter()
        with pytest.raises(ChemistryTimeoutError, match="3D shape took more than 1 s"):
            pool.call("conformer", smiles=LONG_CHAIN)
        assert time.perf_counter() - started < 4.0  # the limit, and time to start the next child
        assert pool.call("inspect", text="CCO")["smiles"] == "CCO"


def test_a_killed_worker_is_replaced_by_another_process() -> None:
    worker = ChemWorker(seconds=20)
    try:
        worker.call("recognise", text="C")
        first = worker.pid
        with pytest.raises(ChemistryTimeoutError):
            worker.call("conformer", smiles=LONG_CHAIN, seconds=0.2)
        assert worker.pid != first
        assert worker.call("recognise", text="CCO")["recognised"][0]["smiles"] == "CCO"
    finally:
        worker.close()


def test_a_worker_that_died_is_replaced_unnoticed() -> None:
    worker = ChemWorker(seconds=20)
    try:
        worker.call("recognise", text="C")
        worker._process.kill()
        worker._process.wait()
        assert worker.call("recognise", text="CCO")["recognised"][0]["smiles"] == "CCO"
    finally:
        worker.close()


def test_slow_shapes_do_not_hold_up_the_facts(pool: ChemPool) -> None:
    def slow() -> None:
        with pytest.raises(ChemistryTimeoutError):
            pool.call("conformer", smiles=LONG_CHAIN, seconds=1.0)

    threads = [threading.Thread(target=slow) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    pool.call("inspect", text="CCO")
    came_first = any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()
    assert came_first


def test_many_threads_each_get_their_own_answer(pool: ChemPool) -> None:
    smiles = ["C" * n for n in range(1, 25)]
    answers: dict[str, object] = {}

    def ask(text: str) -> None:
        answers[text] = pool.call("recognise", text=text)["recognised"][0]["smiles"]

    threads = [threading.Thread(target=ask, args=(text,)) for text in smiles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {text: text for text in smiles}


def test_closing_twice_is_harmless_and_calls_are_refused_then() -> None:
    pool = ChemPool(1)
    pool.close()
    pool.close()
    with pytest.raises(ChemistryTimeoutError, match="shut down"):
        pool.call("recognise", text="C")


def test_an_unknown_task_is_a_programming_error(pool: ChemPool) -> None:
    with pytest.raises(ValueError, match="no task 'dance'"):
        pool.call("dance")


def test_a_pool_needs_a_worker() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ChemPool(0)


def test_own_names_reach_the_children(tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("name\tsmiles\nhouse compound 17\tCCCCCCCCBr\n")
    with ChemPool(1, names=own) as pool:
        entry = pool.call("recognise", text="House compound 17")["recognised"][0]
    assert entry["smiles"] == "CCCCCCCCBr"


def test_the_worker_starts_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "assistant").mkdir()  # a folder of that name must not be taken for the package
    (tmp_path / "assistant" / "__init__.py").write_text("raise RuntimeError\n")
    monkeypatch.chdir(tmp_path)
    with ChemPool(1) as pool:
        assert pool.call("recognise", text="C")["recognised"][0]["smiles"] == "C"


def test_the_worker_does_not_load_the_model_stack() -> None:
    code = (
        "import sys, assistant.chem.worker;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'gradio')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux honours RLIMIT_AS")
def test_memory_over_the_limit_becomes_a_memory_error_in_the_child() -> None:
    code = (
        "from assistant.chem.worker import limit_memory\n"
        "limit_memory(600 * 2**20)\n"
        "try:\n    bytearray(2**30)\nexcept MemoryError:\n    raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


@pytest.mark.parametrize(
    "error",
    [
        InvalidMoleculeError("m", source="C1", position=1, fix="C"),
        InputTooLargeError("too large"),
        UnreadableFileError("no"),
        ChemistryTimeoutError("slow"),
    ],
)
def test_errors_survive_the_json_round_trip(error: AssistantError) -> None:
    back = error_from_json(error_to_json(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_an_unknown_error_kind_is_still_shown_as_text() -> None:
    for kind in ("NoSuchError", "__doc__", "annotations"):
        back = error_from_json({"kind": kind, "message": "text"})
        assert type(back) is errors.AssistantError
