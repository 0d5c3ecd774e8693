"""The performance document and its text."""

import json
from typing import Any

import pytest
from support.shown import on_terminal

from simcost.catalog import load_catalog
from simcost.errors import CatalogError
from simcost.perf import ReplicaSpec
from simcost.perf.document import perf_document
from simcost.studies.catalog.perf_view import parts

text = on_terminal(parts)

CATALOG = load_catalog()


def document(model: str, accelerator: str, max_num_seqs: int = 256, **spec: Any) -> dict[str, Any]:
    return perf_document(CATALOG, model, ReplicaSpec(accelerator=accelerator, **spec), max_num_seqs=max_num_seqs)


def test_keys_that_others_read() -> None:
    found = document("llama-3.1-70b", "h100", tp=8, precision="fp8")
    assert {"coefficients", "provenance", "kv_capacity_tokens", "weights_bytes", "throughput"} <= found.keys()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["accelerator"] == "h100-sxm"


def test_throughput_follows_from_the_coefficients() -> None:
    found = document("llama-3.1-8b", "h100")
    c = found["coefficients"]
    for row in found["throughput"]:
        time_s = c["a_s"] + row["batch"] * (c["c_s_per_sequence"] + 2048 * c["d_s_per_token"])
        assert row["tpot_s"] == pytest.approx(time_s)
        assert row["tokens_per_s"] == pytest.approx(row["batch"] / time_s)


def test_the_batch_ends_where_the_cache_or_the_limit_does() -> None:
    assert [row["batch"] for row in document("llama-3.1-8b", "h100", max_num_seqs=6)["throughput"]] == [
        1,
        2,
        4,
        6,
    ]
    small = document("llama-3.1-8b", "h100", kv_tokens=2048 * 3)
    assert [row["batch"] for row in small["throughput"]] == [1, 2, 3]
    assert document("llama-3.1-8b", "h100", kv_tokens=2000)["throughput"] == []


def test_text_shows_what_the_document_holds() -> None:
    found = document("llama-3.1-8b", "l4", precision="fp8")
    shown = " ".join(text(found).split())
    assert found["source"] in shown
    assert "analytic" in shown
    assert f"{found['kv_capacity_tokens']:,} tokens" in shown
    assert "holds no sequence" in text(document("llama-3.1-8b", "h100", kv_tokens=2000))


def test_unknown_names_are_named() -> None:
    with pytest.raises(CatalogError, match="h101"):
        document("llama-3.1-8b", "h101")
