"""What the page's tests share: chemistry in this process, an empty session, no model stack."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.ui.fakes import FakeOptions, InProcessChemistry
from ui.session import Session


@pytest.fixture(scope="session", autouse=True)
def _no_model_stack() -> Iterator[None]:
    """The page takes one light class from `assistant.assistant`, which imports torch."""
    name = "assistant.assistant"
    if name in sys.modules:
        yield
        return
    stand_in = ModuleType(name)
    stand_in.ReplyOptions = FakeOptions
    sys.modules[name] = stand_in
    yield
    del sys.modules[name]


@pytest.fixture(scope="session")
def shared_chemistry() -> InProcessChemistry:
    return InProcessChemistry()


@pytest.fixture
def chemistry(shared_chemistry: InProcessChemistry) -> InProcessChemistry:
    shared_chemistry.broken.clear()
    shared_chemistry.calls.clear()
    return shared_chemistry


@pytest.fixture
def session() -> Session:
    return Session()
