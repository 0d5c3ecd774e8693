"""`simcost catalog import`: the row that it writes is the model that other commands know."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.commands import call, refused

CONFIG = {
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "max_position_embeddings": 32768,
    "num_attention_heads": 28,
    "num_hidden_layers": 28,
    "num_key_value_heads": 4,
    "tie_word_embeddings": False,
    "vocab_size": 152064,
}


def written(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG | changes))
    return folder


def answer(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(*words, "--json").out)
    return found


def test_an_imported_model_is_known_by_its_name(tmp_path: Path) -> None:
    """Bytes of weights are those of the same model in the catalog, up to norms and biases."""
    model, facts = written(tmp_path / "Mine-7B"), str(tmp_path / "facts")
    found = answer("catalog", "import", str(model), "-o", facts)
    assert (found["name"], found["precision"], found["findings"]) == ("mine-7b", "bf16", [])
    own = answer("perf", "mine-7b", "--on", "l40s", "--catalog", facts)
    known = answer("perf", "qwen2.5-7b", "--on", "l40s")
    assert own["weights_bytes"] == pytest.approx(known["weights_bytes"], rel=1e-4)
    assert own["kv_bytes_per_token"] == known["kv_bytes_per_token"]


def test_a_second_import_keeps_the_other_rows(tmp_path: Path) -> None:
    first, second, facts = (
        written(tmp_path / "one"),
        written(tmp_path / "two", num_hidden_layers=14),
        tmp_path / "facts",
    )
    for model in (first, second, first):
        answer("catalog", "import", str(model), "-o", str(facts))
    listed = answer("catalog", "list", "models", "--catalog", str(facts))["rows"]
    assert {row["name"]: row["layers"] for row in listed if row["name"] in ("one", "two")} == {"one": 28, "two": 14}


def test_a_name_of_the_catalog_is_told(tmp_path: Path) -> None:
    found = answer("catalog", "import", str(written(tmp_path / "x")), "-o", str(tmp_path / "f"), "--name", "qwen2.5-7b")
    assert found["findings"] == ["with this folder, qwen2.5-7b is yours in place of that of simcost"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "it has neither model_type nor architectures"),
        ("{", "is not the config.json of a model"),
        ('{"model_type": "llama"}', "the config has no num_hidden_layers, hidden_size"),
        (json.dumps(CONFIG | {"num_key_value_heads": 3}), "heads (28) must be a multiple of kv_heads (3)"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert message in refused("catalog", "import", str(tmp_path))
