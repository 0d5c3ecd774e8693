"""Cached tokens of prompts that logs count: kept at import, described, and billed at the price of reads."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcost.catalog import load_catalog
from simcost.studies.breakeven.command import asked
from simcost.studies.breakeven.question import price_trace
from simcost.trace.requests.describe import describe_trace
from simcost.trace.requests.readers import import_trace

SPEND = {"call_type": "acompletion", "model": "openai/a", "prompt_tokens": 4000, "completion_tokens": 100}
SPENDS: list[dict[str, Any]] = [
    SPEND
    | {"startTime": "2026-03-02T09:00:00Z"}
    | {
        "metadata": {
            "additional_usage_values": {
                "cache_read_input_tokens": 0,
                "prompt_tokens_details": {"cached_tokens": 3072},
            }
        }
    },
    SPEND | {"startTime": "2026-03-02T09:00:01Z", "metadata": {"usage_object": {"cache_read_input_tokens": 2048}}},
    SPEND | {"startTime": "2026-03-02T09:00:02Z", "metadata": {"status": "success"}},
]
MAP = pa.map_(pa.string(), pa.struct({"cache_read_input_tokens": pa.int64()}))
SPAN = {"name": "chat", "startTimeUnixNano": "1767225600000000000", "endTimeUnixNano": "1767225602000000000"}


def cached(out: Path) -> list[int | None]:
    found: list[int | None] = pq.read_table(out)["cached_tokens"].to_pylist()
    return found


def imported(folder: Path, text: str, fmt: Any, **options: Any) -> tuple[dict[str, Any], list[int | None]]:
    file, out = folder / "log", folder / "log.parquet"
    file.write_text(text)
    document = import_trace(file, fmt, out, **options)
    return document, cached(out)


def as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]))
    table.writeheader()
    table.writerows({key: json.dumps(v) if isinstance(v, dict) else v for key, v in row.items()} for row in rows)
    return text.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, SPENDS)),
        "\n".join(json.dumps(row | {"metadata": json.dumps(row["metadata"])}) for row in SPENDS),
        as_csv(SPENDS),
    ],
    ids=["objects", "text in JSON", "text in CSV"],
)
def test_spend_logs_count_them_in_their_metadata(tmp_path: Path, text: str) -> None:
    _, found = imported(tmp_path, text, "litellm")
    assert found == [3072, 2048, None]


def test_metadata_that_is_no_json_counts_nothing(tmp_path: Path) -> None:
    _, found = imported(tmp_path, as_csv([SPENDS[0] | {"metadata": "{broken"}, SPENDS[1]]), "litellm")
    assert found == [None, 2048]


def test_empty_metadata_before_the_first_count_hides_no_count(tmp_path: Path) -> None:
    empty = [SPEND | {"startTime": "2026-03-02T08:59:59Z", "metadata": text} for text in ("", "null", "[]")]
    document, found = imported(tmp_path, as_csv([*empty, *SPENDS]), "litellm")
    assert found == [None, None, None, 3072, 2048, None]
    assert document["repaired_by"] == {}


@pytest.mark.parametrize(
    ("metadata", "counts"),
    [
        (pa.array([[("usage_object", {"cache_read_input_tokens": 500})], None], MAP), [500, None]),
        (pa.array([["tag"], None]), [None, None]),
    ],
    ids=["map", "list"],
)
def test_metadata_of_parquet_may_be_a_map_or_a_list(tmp_path: Path, metadata: pa.Array, counts: list[Any]) -> None:
    columns = {"startTime": ["2026-03-02T09:00:00Z"] * 2, "prompt_tokens": [1000] * 2, "completion_tokens": [10] * 2}
    pq.write_table(pa.table({**columns, "model": ["m"] * 2, "metadata": metadata}), tmp_path / "log.parquet")
    import_trace(tmp_path / "log.parquet", "litellm", tmp_path / "out.parquet")
    assert cached(tmp_path / "out.parquet") == counts


def test_langfuse_reads_counts_that_are_text(tmp_path: Path) -> None:
    usage = {"input": "10", "cache_read_input_tokens": "990", "output": "20"}
    row = {"type": "GENERATION", "startTime": "2026-03-02T09:00:00Z", "model": "claude", "usageDetails": usage}
    assert imported(tmp_path, json.dumps(row), "langfuse")[1] == [990]


def test_langfuse_adds_up_all_types_whose_names_hold_input(tmp_path: Path) -> None:
    """Of Anthropic they begin with `cache`, and were left out of the prompt."""
    usage = {"input": 10, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 90, "output": 5}
    row = {"type": "GENERATION", "startTime": "2026-03-02T09:00:00Z", "model": "a", "usageDetails": usage}
    _, found = imported(tmp_path, json.dumps(row), "langfuse")
    assert found == [900]
    assert pq.read_table(tmp_path / "log.parquet")["prompt_tokens"].to_pylist() == [1000]


@pytest.mark.parametrize("name", ["gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read"])
def test_spans_have_them_as_an_attribute(tmp_path: Path, name: str) -> None:
    usage = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5, name: 64}
    _, found = imported(tmp_path, json.dumps(SPAN | {"attributes": usage}), "otel")
    assert found == [64]


def test_counts_that_cannot_be_are_unknown_and_told(tmp_path: Path) -> None:
    head = "arrival,prompt_tokens,output_tokens,cached_tokens\n"
    document, found = imported(tmp_path, head + "0,100,5,64\n1,100,5,101\n2,100,5,-1\n3,100,5,x\n4,100,5,\n", "csv")
    assert found == [64, None, None, None, None]
    assert document["repaired_by"] == {"cached_tokens": 3}
    (said,) = (one["message"] for one in document["findings"] if one["kind"] == "cached_tokens")
    assert "3 counts of cached tokens that could not be read, or above those of the prompt" in said


@pytest.mark.parametrize("name", ["num_cached_tokens", "cachedTokens", "cachedContentTokenCount"])
def test_columns_that_may_count_them_are_told(tmp_path: Path, name: str) -> None:
    text = f"arrival,prompt_tokens,output_tokens,{name}\n0,100,5,64\n"
    (tmp_path / "log").write_text(text)
    document = import_trace(tmp_path / "log", "csv", tmp_path / "a.parquet")
    assert any(f"pass --map cached_tokens={name}" in one["message"] for one in document["findings"])
    _, found = imported(tmp_path, text, "csv", mapping={"cached_tokens": name})
    assert found == [64]


def test_tokens_that_anthropic_counts_beside_the_prompt_are_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(
        "arrival,in_tokens,output_tokens,cache_read_input_tokens,usage.cache_creation_input_tokens\n0,10,5,900,90\n"
    )
    mapping = {"prompt_tokens": "in_tokens"}
    document = import_trace(tmp_path / "log", "csv", tmp_path / "a.parquet", mapping=mapping)
    (said,) = (one["message"] for one in document["findings"] if "Anthropic" in one["message"])
    assert said.startswith("cache_read_input_tokens and usage.cache_creation_input_tokens: ")
    assert "prompt_tokens=COLUMN+cache_read_input_tokens+usage.cache_creation_input_tokens" in said
    summed = mapping["prompt_tokens"] + "+cache_read_input_tokens+usage.cache_creation_input_tokens"
    import_trace(tmp_path / "log", "csv", tmp_path / "a.parquet", mapping={"prompt_tokens": summed})
    assert pq.read_table(tmp_path / "a.parquet")["prompt_tokens"].to_pylist() == [1000]


def test_an_api_bills_what_the_log_counts(tmp_path: Path) -> None:
    """Two prompts of 4,000 tokens, 3,072 and 2,048 of them cached; a third whose count is unknown."""
    imported(tmp_path, "\n".join(map(json.dumps, SPENDS)), "litellm")
    trace = tmp_path / "log.parquet"
    assert describe_trace(trace)["cached_tokens"] == {"known": 2, "share": (3072 + 2048) / 8000}
    (api,) = price_trace(trace, [asked("openai/gpt-5-mini")], load_catalog()).apis
    price = load_catalog().token_price("openai/gpt-5-mini")
    by_hand = (12_000 - 5120) * price.input_usd_per_m + 5120 * price.cache_read_usd_per_m + 300 * price.output_usd_per_m
    assert api.usd_per_month == pytest.approx(by_hand / 1e6 * 730 * 3600 / 2)
    assert "as the log counts them" in api.cache


def test_a_log_without_any_count_is_searched_as_before(tmp_path: Path) -> None:
    rows = [row | {"metadata": {}, "session_id": "s"} for row in SPENDS]
    _, found = imported(tmp_path, as_csv(rows), "litellm")
    assert found == [None, None, None]
    assert describe_trace(tmp_path / "log.parquet")["cached_tokens"] is None
    (api,) = price_trace(tmp_path / "log.parquet", [asked("openai/gpt-5-mini")], load_catalog()).apis
    assert "found in the trace as recorded" in api.cache


def test_an_api_tells_how_many_requests_the_log_counts(tmp_path: Path) -> None:
    imported(tmp_path, "\n".join(map(json.dumps, SPENDS)), "litellm")
    (api,) = price_trace(tmp_path / "log.parquet", [asked("openai/gpt-5-mini")], load_catalog()).apis
    assert "as the log counts them for 2 of 3 requests; of the others none is taken as read" in api.cache
