import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.chem import opsin
from assistant.chem.opsin import OpsinProcess, SystematicName, opsin_command, read_systematic_name

FAKE = """
import sys, time
print("Enter a chemical name to begin:", file=sys.stderr, flush=True)
time.sleep(float(sys.argv[1]))
for line in sys.stdin:
    name = line.strip()
    if name == "die":
        sys.exit(1)
    if name.startswith("(+)-"):
        print("STEREOCHEMISTRY_IGNORED: this term was ignored: (+)-", file=sys.stderr, flush=True)
    if name == "xylene":
        print("APPEARS_AMBIGUOUS: xylen describes multiple structures", file=sys.stderr, flush=True)
    print({"nonsense": "", "xylene": "Cc1ccccc1C"}.get(name, "C" * len(name)), flush=True)
"""


def fake(folder: Path, delay: float) -> OpsinProcess:
    script = folder / "fake.py"
    script.write_text(FAKE)
    return OpsinProcess((sys.executable, str(script), str(delay)))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[OpsinProcess]:
    process = fake(tmp_path, 0.0)
    yield process
    process.close()


def test_names_are_answered_one_after_the_other(process: OpsinProcess) -> None:
    assert process.read("abc") == SystematicName("CCC")
    assert process.read("nonsense") == SystematicName(None)
    assert process.read("ab") == SystematicName("CC")


def test_an_ambiguous_name_has_no_structure_and_says_so(process: OpsinProcess) -> None:
    assert process.read("xylene") == SystematicName(None, is_ambiguous=True)


def test_ignored_stereo_is_told(process: OpsinProcess) -> None:
    assert process.read("(+)-a").ignored_stereo
    assert not process.read("abc").ignored_stereo


def test_a_dead_process_is_started_again(process: OpsinProcess) -> None:
    with pytest.raises(OSError, match="ended"):
        process.read("die")
    process._process.wait()
    assert process.read("abc").smiles == "CCC"


def test_a_late_answer_is_not_given_to_the_next_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = fake(tmp_path, 1.0)
    try:
        monkeypatch.setattr(opsin, "SECONDS", 0.2)
        with pytest.raises(TimeoutError):
            slow.read("late")
        monkeypatch.setattr(opsin, "SECONDS_WHEN_BEHIND", 30)
        assert slow.read("ab") == SystematicName("CC")
    finally:
        slow.close()


def test_a_slow_start_is_waited_for_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = fake(tmp_path, 5.0)
    try:
        monkeypatch.setattr(opsin, "SECONDS", 0.3)
        started = time.perf_counter()
        for name in ("a", "b", "c", "d", "e"):
            with pytest.raises(TimeoutError):
                slow.read(name)
        assert time.perf_counter() - started < 1.2
    finally:
        slow.close()


@pytest.mark.parametrize("name", ["x" * 500, "<script>alert</script>", "a\nb", "12"])
def test_implausible_names_never_reach_opsin(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opsin, "_read", None)
    assert read_systematic_name(name) == SystematicName(None)


@pytest.mark.skipif(opsin_command() is None, reason="py2opsin or a Java runtime is not installed")
def test_opsin_itself_reads_a_systematic_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opsin, "SECONDS", 30)
    process = OpsinProcess(opsin_command() or ())
    try:
        assert process.read("propan-2-ol").smiles == "CC(C)O"
        assert process.read("blub").smiles is None
    finally:
        process.close()
