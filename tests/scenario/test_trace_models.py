"""Names of models in logs, against those of the catalog."""

import pytest

from simcost.scenario.inputs.trace_models import is_same_model


@pytest.mark.parametrize(
    ("model", "name", "same"),
    [
        ("llama-3.1-8b", "meta-llama/Llama-3.1-8B-Instruct", True),
        ("llama-3.1-8b", "openai/llama-3.1-8b", True),
        ("llama-3.1-8b", "llama3.1:8b", True),
        ("llama-3.1-8b", "llama-3.1-80b", False),
        ("llama-3.1-8b", "llama-3.1-70b", False),
        ("llama-3.1-8b", "gpt-4o-mini", False),
        ("qwen2.5-7b", "Qwen/Qwen2.5-7B-Instruct-AWQ", True),
        ("qwen2.5-7b", "Qwen/Qwen2.5-72B", False),
    ],
)
def test_names(model: str, name: str, same: bool) -> None:
    assert is_same_model(model, name) is same
