import threading

import pytest

from assistant.errors import BundleError
from tests.ui.fakes import FakeAssistant
from ui.handle import AssistantHandle, without_folders


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("There is no bundle directory /data/ann/my-bundle; check --bundle.",
         "There is no bundle directory my-bundle; check --bundle."),
        ("No bundle at /srv/lab/b: it is empty.", "No bundle at b: it is empty."),
        ("No such file or directory: '/data/ann/my models/llm/config.json'",
         "No such file or directory: 'config.json'"),
        (r"cannot read C:\\Users\\ann\\b\\x.json, restore it", "cannot read x.json, restore it"),
        ("see ~/models/llm.", "see llm."),
        ("a hub id (owner/name) and/or a file", "a hub id (owner/name) and/or a file"),
        ("asked https://huggingface.co/a/b in vain", "asked https://huggingface.co/a/b in vain"),
        ("3 tokens/s", "3 tokens/s"),
    ],
)  # fmt: skip
def test_a_path_of_the_host_is_cut_to_its_last_part(told: str, shown: str) -> None:
    assert without_folders(told) == shown


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("kind", [BundleError, OSError])
def test_the_state_that_visitors_see_names_no_folder(kind: type[Exception]) -> None:
    def load() -> None:
        raise kind("No weights at /data/ann/secret project/model.safetensors")

    handle = AssistantHandle(load)
    handle.start()
    for thread in threading.enumerate():
        if thread.name == "load-assistant":
            thread.join()
    assert handle.state.startswith("failed: ")
    assert "ann" not in handle.state


def test_what_comes_after_the_load_keeps_nobody_waiting() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def then() -> None:
        begun.set()
        may_end.wait(60)

    handle = AssistantHandle(FakeAssistant, then=then)
    handle.start()
    assert begun.wait(60)
    assert handle.state == "ready"
    assert isinstance(handle.get(), FakeAssistant)
    may_end.set()


def test_what_comes_after_a_load_that_failed_is_left_out() -> None:
    def load() -> FakeAssistant:
        raise BundleError("No weights.")

    begun = threading.Event()
    AssistantHandle(load, then=begun.set)._fulfil()
    assert not begun.is_set()


def test_an_error_after_the_load_is_not_taken_for_one_of_the_load(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def then() -> None:
        raise BundleError("No heads.")

    handle = AssistantHandle(FakeAssistant, then=then)
    with pytest.raises(BundleError, match="No heads"):  # for the thread's exception hook
        handle._fulfil()
    assert handle.state == "ready"
    assert "could not be loaded" not in caplog.text
