"""`kill -9` while answers are written: no committed turn is lost and the file is whole."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assistant.chat.history import History
from assistant.chat.history.database import FILE_NAME
from tests.ui.fakes import TEXT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills the process by a signal")


def kill_while_writing(root: Path, directory: Path, seconds: float) -> list[str]:
    """What the child said it had written before it was killed."""
    command = [sys.executable, "-m", "tests.ui.killed_child", str(directory)]
    child = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    lines = [child.stdout.readline(), child.stdout.readline()]  # one whole turn
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    lines += child.stdout.readlines()
    child.stdout.close()
    child.wait()
    return [line for line in lines if line.endswith("\n")]


def check(directory: Path, lines: list[str]) -> None:
    history = History.open(directory)
    assert history.notice == ""
    for line in lines:
        kind, conversation, text = line.rstrip("\n").split(" ", 2)
        nodes = history.load("visitor", conversation).tree.nodes
        question = next(node for node in nodes if node.message.text == text)
        answer = next(node for node in nodes if node.parent == question.id)
        assert answer.state in ("done", "failed")
        if kind == "answered":
            assert answer.message.text == TEXT
            assert len(answer.message.checks) == 4
    history.close()
    file = sqlite3.connect(directory / FILE_NAME)
    assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    file.close()


@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_no_committed_turn_is_lost_by_kill_9(root: Path, tmp_path: Path, times: int) -> None:
    rng = random.Random(times)
    lines: list[str] = []
    for _ in range(times):
        lines += kill_while_writing(root, tmp_path, rng.uniform(0.0, 0.6))
        check(tmp_path, lines)
    assert sum(line.startswith("answered") for line in lines) >= times
