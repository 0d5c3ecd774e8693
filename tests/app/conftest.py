"""What the explorer sets in its process ends with each test."""

import pytest

from simcost.scenario.storage.ledger_memory import MEMORY


@pytest.fixture(autouse=True)
def _memory_of_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests read runs from disk, as commands do."""
    monkeypatch.setattr(MEMORY, "most_bytes", 0)
