"""Columns that are probably the needed ones, and the first rows of logs."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcost.errors import TraceError
from simcost.trace.requests.formats import FORMATS, NEEDED, find_columns
from simcost.trace.requests.likely_columns import likely_columns, read_head
from simcost.trace.requests.log_files import format_of_name
from simcost.trace.requests.readers import import_trace


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (["arrival", "prompt_tokens", "output_tokens"], ["arrival", "prompt_tokens", "output_tokens"]),
        (["arrival_ms", "output_tokens", "prompt_tokens"], ["arrival_ms", "prompt_tokens", "output_tokens"]),
        (["TIMESTAMP", "ContextTokens", "GeneratedTokens"], ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]),
        (["id", "Request Time", "Tokens In", "Tokens Out"], ["Request Time", "Tokens In", "Tokens Out"]),
        (["end_time", "startTime", "inTok", "total_tokens", "outTok"], ["startTime", "inTok", "outTok"]),
        (["finished_at", "received", "prompt len", "answer len"], ["received", "prompt len", "answer len"]),
        (
            ["Created At", "Prompt (total tok)", "Completion (total tok)"],
            ["Created At", "Prompt (total tok)", "Completion (total tok)"],
        ),
        (["total_time", "total_tokens", "input_token_cost"], [None, None, None]),
        (["exec_time_seconds", "queue time", "prompt_length"], [None, "prompt_length", None]),
        (["gmt_create", "exec_time_seconds"], ["gmt_create", None, None]),
        (["time", "tokens"], ["time", None, None]),
        (["ts", "model", "input tokens", "output tokens"], ["ts", "input tokens", "output tokens"]),
        (["request_ts", "tokens_in", "tokens_out"], ["request_ts", "tokens_in", "tokens_out"]),
        (
            ["ts", "response.usage.total_tokens", "response.usage.prompt_tokens", "response.usage.completion_tokens"],
            ["ts", "response.usage.prompt_tokens", "response.usage.completion_tokens"],
        ),
        (["at", "request.out_tokens", "request.tokens"], [None, "request.tokens", "request.out_tokens"]),
        (["a", "b"], [None, None, None]),
        ([], [None, None, None]),
    ],
)
def test_columns_are_found_by_the_words_of_their_names(present: list[str], expected: list[str | None]) -> None:
    found = likely_columns(FORMATS["csv"], present)
    assert [found.get(ours) for ours in NEEDED] == expected
    assert len(set(found.values())) == len(found)


def test_columns_of_a_format_go_first() -> None:
    names = ["Timestamp", "Session ID", "Model", "Request tokens", "Response tokens", "input_tokens"]
    assert likely_columns(FORMATS["burstgpt"], names)["prompt_tokens"] == "Request tokens"


SIDES = ["prompt", "input", "request", "context", "output", "completion", "response", "generated"]
UNITS = [
    *["bytes", "byte_length", "kb", "chars", "characters", "char_len", "words", "messages", "ms", "seconds", "time"],
    *[
        "latency",
        "duration",
        "cost",
        "price",
        "usd",
        "tokens_per_second",
        "token_rate",
        "token_cost",
        "tokens_cost_usd",
    ],
    *["time_per_token", "max_tokens", "token_limit", "cached_tokens", "reasoning_tokens", "audio_tokens", "id", "hash"],
]
"""Ends of names of columns that do not count the tokens of a prompt or an output."""
STYLES: list[Callable[[str], str]] = [
    str,
    str.upper,
    lambda name: name.replace("_", " ").title(),
    lambda name: "".join(word.title() for word in name.split("_")),
    lambda name: f"properties.{name}",
    lambda name: f"cost.{name}_tokens",
]
HTTP = ["properties.requestLength", "properties.responseLength", "request_length", "response_len", "Content-Length"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_column_in_another_unit_is_never_suggested_as_tokens(fmt: str) -> None:
    form = FORMATS[fmt]
    names = [style(f"{side}_{unit}") for side in SIDES for unit in UNITS for style in STYLES]
    for present in [*([name] for name in [*names, *HTTP]), names, HTTP]:
        with pytest.raises(TraceError) as caught:
            find_columns(form, {}, ["when", *present], "log")
        said = str(caught.value).partition("; its columns are")[0]
        assert not re.search(r"(prompt|output)_tokens='?(?!COLUMN|900|200)", said), said
        assert "did you mean" not in said.replace("did you mean --map arrival=", ""), said
        assert not {*NEEDED[1:]} & {*likely_columns(form, present)}, present


@pytest.mark.parametrize("name", HTTP)
def test_a_column_in_another_unit_is_refused_as_tokens(name: str) -> None:
    with pytest.raises(TraceError, match=f"prompt_tokens counts tokens, and {name} does not"):
        find_columns(FORMATS["csv"], {"prompt_tokens": name}, ["arrival", "output_tokens", name], "log")


@pytest.mark.parametrize("length", ["prompt_length", "input_len", "requestLength"])
def test_tokens_go_before_lengths_of_no_unit(length: str) -> None:
    found = likely_columns(FORMATS["csv"], ["ts", length, "usage.input_token_count", "output_tokens"])
    assert found["prompt_tokens"] == "usage.input_token_count"


@pytest.mark.parametrize(
    "present",
    [["time", "elb_status_code", "received_bytes"], ["when"], ["ts", "properties.requestLength"], ["arrival"]],
)
def test_a_log_of_arrivals_only_is_told_once_and_read_with_stated_lengths(present: list[str], tmp_path: Path) -> None:
    """Each step of the message led to the next one."""
    file = tmp_path / "log.jsonl"
    file.write_text("".join(json.dumps(dict.fromkeys(present, i)) + "\n" for i in range(3)))
    with pytest.raises(TraceError) as caught:
        import_trace(file, "jsonl", tmp_path / "a.parquet")
    said = str(caught.value)
    assert said.count("no column") - said.count("no column is called arrival") == 1
    (example,) = re.findall(r"e\.g\. --map (\S+),", said)
    mapping = dict(part.split("=") for part in example.replace("arrival=COLUMN", "arrival=when").split(","))
    document = import_trace(file, "jsonl", tmp_path / "a.parquet", mapping=mapping)
    table = pq.read_table(tmp_path / "a.parquet")
    assert document["rows"] == 3
    assert {*table["prompt_tokens"].to_pylist()} == {900}
    assert {*table["output_tokens"].to_pylist()} == {200}


@pytest.mark.parametrize("kind", ["csv", "semicolons", "gz", "jsonl", "parquet"])
def test_the_first_rows_are_read_whatever_the_file(tmp_path: Path, kind: str) -> None:
    rows = [{"when": f"2026-01-0{i + 1}T00:00:00Z", "in": i, "out": 2 * i} for i in range(9)]
    mark = ";" if kind == "semicolons" else ","
    text = "\n".join([mark.join(rows[0]), *(mark.join(map(str, row.values())) for row in rows)])
    file = tmp_path / "log"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif kind == "gz":
        file.write_bytes(gzip.compress(text.encode()))
    else:
        file.write_text("\n".join(map(json.dumps, rows)) if kind == "jsonl" else text, encoding="utf-8")
    head = read_head(file, FORMATS[kind if kind in FORMATS else "csv"], rows=3)
    assert list(head.names) == ["when", "in", "out"]
    assert [list(row) for row in head.rows] == [list(map(str, row.values())) for row in rows[:3]]


@pytest.mark.parametrize("content", [b"", b"PAR1"])
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "log"
    file.write_bytes(content)
    with pytest.raises(TraceError):
        read_head(file, FORMATS["parquet"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("a.b.TSV.GZ", "csv"),
        ("a.ndjson.gz", "jsonl"),
        ("a.parquet", "parquet"),
        ("csv", None),
        ("-", None),
    ],
)
def test_the_end_of_a_name_says_the_format(name: str, expected: str | None) -> None:
    assert format_of_name(name) == expected


def test_what_is_nested_has_the_dotted_paths_by_which_it_is_imported(tmp_path: Path) -> None:
    row = {"ts": 1, "usage": {"prompt_tokens": 100, "completion_tokens": 20}, "tags": ["a"]}
    (tmp_path / "log.jsonl").write_text(f"{json.dumps(row)}\n", encoding="utf-8")
    (tmp_path / "log.json").write_text(json.dumps([row]), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "log.parquet")
    for name, fmt in (("log.jsonl", "jsonl"), ("log.json", "jsonl"), ("log.parquet", "parquet")):
        head = read_head(tmp_path / name, FORMATS[fmt])
        assert set(head.names) == {"ts", "usage.prompt_tokens", "usage.completion_tokens", "tags"}
        assert likely_columns(FORMATS[fmt], head.names) == {
            "arrival": "ts",
            "prompt_tokens": "usage.prompt_tokens",
            "output_tokens": "usage.completion_tokens",
        }
        assert dict(zip(head.names, head.rows[0], strict=True))["usage.prompt_tokens"] == "100"
