"""A command that cannot go on says so in one line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assistant.commands import ctrl_c_calls, exit_status, near
from assistant.errors import AssistantError


def test_what_ends_a_command_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses() -> int:
        raise AssistantError("No table at x; name one with --file.")

    def writes() -> int:
        (tmp_path / "none" / "x").write_text("")
        return 0

    def renames() -> int:
        (tmp_path / "new").write_text("")
        (tmp_path / "new").replace(tmp_path / "absent" / "chosen")
        return 0

    def is_stopped() -> int:
        raise KeyboardInterrupt

    for work, status, said in (
        (refuses, 1, "No table at x; name one with --file.\n"),
        (writes, 1, f"{tmp_path / 'none' / 'x'} cannot be used: No such file or directory."),
        (renames, 1, f"{tmp_path / 'absent' / 'chosen'} cannot be used"),
        (is_stopped, 130, "\nnothing is lost\n"),
    ):
        assert exit_status(work, after_stop="nothing is lost") == status
        assert capsys.readouterr().err.startswith(said)
    assert exit_status(lambda: 0) == 0


def test_what_is_no_mistake_of_a_person_stays_an_error() -> None:
    def is_a_bug() -> int:
        raise OSError("a socket")

    with pytest.raises(OSError, match="a socket"):
        exit_status(is_a_bug)


def test_the_nearest_name_is_offered_and_none_that_is_far() -> None:
    known = ("property:homo", "caption", "wrong-graph")
    assert near("property:hmo", known) == " Did you mean 'property:homo'?"
    assert near("Captions", known) == " Did you mean 'caption'?"
    assert near("xyz", known) == ""


def test_ctrl_c_is_heard_and_asks_for_an_end_where_a_command_knows_one() -> None:
    asked: list[bool] = []

    def waits() -> int:
        with ctrl_c_calls(lambda: asked.append(True)):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
        return 0

    assert exit_status(waits) == 130
    assert asked == [True]


MATCHING = """
from assistant.commands import exit_status, hold_ctrl_c
hold_ctrl_c()
import os, signal, threading, time
import numpy
from rdkit import Chem

mol, pattern = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"), Chem.MolFromSmarts("c:c")

def match():
    while True:
        mol.GetSubstructMatches(pattern)

def work():
    for _ in range(2):
        threading.Thread(target=match, daemon=True).start()
    print("matching", flush=True)
    time.sleep(30)
    return 0

handler = signal.getsignal(signal.SIGUSR1)
status = exit_status(work)
assert signal.getsignal(signal.SIGUSR1) == handler
assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
os._exit(status)
"""


def test_ctrl_c_is_heard_while_threads_match_substructures() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "4"}
    command = [sys.executable, "-c", MATCHING]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "matching\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert error == "\nstopped\n"  # no match ended with a part of its result
