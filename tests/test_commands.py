"""A command that cannot go on says so in one line."""

from pathlib import Path

import pytest

from assistant.commands import exit_status, near
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
