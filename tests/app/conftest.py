"""What the explorer sets in its process ends with each test."""

import gc
from collections.abc import Iterator

import pytest

from simcost.execution import cycles
from simcost.scenario.storage.ledger_memory import MEMORY


@pytest.fixture(autouse=True)
def _memory_of_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests read runs from disk, as commands do."""
    monkeypatch.setattr(MEMORY, "most_bytes", 0)


@pytest.fixture(autouse=True)
def _nothing_set_aside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work of other tests sets aside what is older than itself, which it does not beside the explorer."""
    monkeypatch.setattr(cycles, "_AT_WORK", [])
    yield
    gc.unfreeze()
