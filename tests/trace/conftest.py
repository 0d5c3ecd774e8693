"""Real traces, imported once."""

from pathlib import Path

import pytest

from simcost.trace.requests.readers import import_trace


@pytest.fixture(scope="session")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an hour of a conversation service (Azure 2023), and one with prefix hashes (Mooncake)."""
    home = tmp_path_factory.mktemp("real")
    logs = shared / "data" / "traces"
    import_trace(logs / "AzureLLMInferenceTrace_conv.csv", "azure-llm", home / "conversation.parquet")
    import_trace(logs / "mooncake_conversation_trace.jsonl.gz", "mooncake", home / "mooncake.parquet")
    return home
