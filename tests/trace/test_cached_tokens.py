"""Cached tokens of prompts that logs count: kept at import, described, and billed at the price of reads."""

import csv
import io
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcost.catalog import load_catalog
from simcost.errors import TraceError
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
    assert price.cache_read_usd_per_m is not None
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


def anthropic(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    usage = {"input_tokens": new, "cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    by_ttl = {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0}
    return {"arrival": 0, "usage": usage | {"cache_creation": by_ttl, "output_tokens": output}}


def anthropic_report(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    by_ttl = {"ephemeral_5m_input_tokens": written // 2, "ephemeral_1h_input_tokens": written - written // 2}
    row = {"arrival": 0, "uncached_input_tokens": new, "cache_read_input_tokens": read, "output_tokens": output}
    return row | {"cache_creation": by_ttl}


def openai(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    usage = {"prompt_tokens": new + read + written, "prompt_tokens_details": {"cached_tokens": read}}
    return {"arrival": 0, "usage": usage | {"completion_tokens": output}}


def openai_responses(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    usage = {"input_tokens": new + read + written, "input_tokens_details": {"cached_tokens": read}}
    return {"arrival": 0, "usage": usage | {"output_tokens": output}}


def gemini(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    usage = {"promptTokenCount": new + read + written, "cachedContentTokenCount": read}
    return {
        "arrival": 0,
        "usage": usage | {"candidatesTokenCount": output - output // 3, "thoughtsTokenCount": output // 3},
    }


def converse(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    usage = {"inputTokens": new, "cacheReadInputTokens": read, "cacheWriteInputTokens": written}
    return {"arrival": 0, "usage": usage | {"outputTokens": output}}


def bedrock(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    counts = {"inputTokenCount": new, "cacheReadInputTokenCount": read, "cacheWriteInputTokenCount": written}
    row = {"timestamp": "2026-03-02T09:00:00Z", "modelId": "m"}
    return row | {"input": counts, "output": {"outputTokenCount": output}}


def bedrock_answer(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    """The counts of the cache are in the answer only."""
    row = bedrock(new, read, written, output)
    usage = {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    return row | {"input": {"inputTokenCount": new}, "output": row["output"] | {"outputBodyJson": {"usage": usage}}}


def langfuse(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    usage = {"input": new, "cache_read_input_tokens": read, "cache_creation_input_tokens": written, "output": output}
    return {"type": "GENERATION", "startTime": "2026-03-02T09:00:00Z", "usageDetails": usage}


def langsmith(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    usage = {"input_tokens": new + read + written, "output_tokens": output, "input_token_details": {"cache_read": read}}
    row = {"id": "a", "run_type": "llm", "start_time": "2026-03-02T09:00:00Z"}
    return row | {"outputs": {"usage_metadata": usage}}


def otel(new: int, read: int, written: int, output: int) -> dict[str, Any]:
    usage = {"input_tokens": new + read + written, "cache_read.input_tokens": read, "output_tokens": output}
    usage |= {"cache_creation.input_tokens": written}
    return SPAN | {"attributes": {f"gen_ai.usage.{name}": count for name, count in usage.items()}}


USAGE = ("usage.input_tokens", "usage.output_tokens")
PROVIDERS: list[tuple[Callable[[int, int, int, int], dict[str, Any]], str, tuple[str, str] | None]] = [
    (anthropic, "jsonl", USAGE),
    (anthropic_report, "jsonl", ("uncached_input_tokens", "output_tokens")),
    (openai, "jsonl", ("usage.prompt_tokens", "usage.completion_tokens")),
    (openai_responses, "jsonl", USAGE),
    (gemini, "jsonl", ("usage.promptTokenCount", "usage.candidatesTokenCount")),
    (converse, "jsonl", ("usage.inputTokens", "usage.outputTokens")),
    (bedrock, "bedrock", None),
    (bedrock_answer, "bedrock", None),
    (langfuse, "langfuse", None),
    (langsmith, "langsmith", None),
    (otel, "otel", None),
]


@pytest.mark.parametrize(("write", "fmt", "columns"), PROVIDERS, ids=[write.__name__ for write, _, _ in PROVIDERS])
@pytest.mark.parametrize("seed", range(4))
def test_each_provider_counts_the_whole_prompt_and_its_cached_tokens(
    tmp_path: Path, write: Callable[..., Mapping[str, Any]], fmt: str, columns: tuple[str, str] | None, seed: int
) -> None:
    """New, read and written tokens add up to the prompt, whichever of them a provider counts in its input."""
    g = random.Random(seed)
    rows = [(g.randint(1, 99), g.choice([0, 7, 5000]), g.choice([0, 800]), g.randint(1, 99)) for _ in range(30)]
    text = "\n".join(json.dumps(write(*row)) for row in rows)
    mapping = {} if columns is None else dict(zip(("prompt_tokens", "output_tokens"), columns, strict=True))
    document, found = imported(tmp_path, text, fmt, mapping=mapping)
    table = pq.read_table(tmp_path / "log.parquet")
    assert table["prompt_tokens"].to_pylist() == [sum(row[:3]) for row in rows]
    assert table["output_tokens"].to_pylist() == [row[3] for row in rows]
    assert found == [row[1] for row in rows]
    assert "cached_tokens" not in document["repaired_by"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gen_ai.response.time_to_first_chunk", 0.25),
        ("gen_ai.latency.time_to_first_token", 0.25),
        ("ai.response.msToFirstChunk", 250),
    ],
)
def test_spans_have_the_time_to_the_first_chunk(tmp_path: Path, name: str, value: float) -> None:
    usage = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5, name: value}
    file = tmp_path / "log"
    file.write_text(json.dumps(SPAN | {"attributes": usage}))
    import_trace(file, "otel", tmp_path / "log.parquet")
    assert pq.read_table(tmp_path / "log.parquet")["ttft_s"].to_pylist() == [0.25]


def test_a_part_of_a_prompt_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    row = anthropic(10, 0, 0, 5)
    row["usage"]["cache_read_input_tokens"] = "many"
    (tmp_path / "log").write_text(json.dumps(row))
    mapping = dict(zip(("prompt_tokens", "output_tokens"), USAGE, strict=True))
    with pytest.raises(TraceError, match=r"line 1: usage\.cache_read_input_tokens: 'many' is not a whole number"):
        import_trace(tmp_path / "log", "jsonl", tmp_path / "log.parquet", mapping=mapping)
