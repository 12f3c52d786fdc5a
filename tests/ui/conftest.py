"""What the page's tests share: chemistry in this process and an empty session."""

import pytest

from tests.ui.fakes import InProcessChemistry
from ui.session import Session


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
