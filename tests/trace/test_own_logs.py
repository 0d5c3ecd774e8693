"""Logs as companies export them: each format, dates and marks, failed requests, several models, several files."""

import gzip
import io
import json
import lzma
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcost.errors import InputError, TraceError
from simcost.tables.encoding import not_text
from simcost.trace.requests.batch import concat
from simcost.trace.requests.describe import describe_trace
from simcost.trace.requests.log_files import format_of_name
from simcost.trace.requests.readers import Notation, import_trace
from simcost.trace.requests.store import read_batches, read_tables
from simcost.trace.requests.tally import _MESSAGES
from simcost.trace.requests.tally import finding as tally_finding

HEADER = "arrival,prompt_tokens,output_tokens\n"
TS = {"arrival": "ts", "prompt_tokens": "pt", "output_tokens": "ct"}
NESTED = {"arrival": "ts", "prompt_tokens": "usage.prompt_tokens", "output_tokens": "usage.completion_tokens"}
SPANS = {
    "arrival": "start_time",
    "prompt_tokens": "attributes.gen_ai.usage.input_tokens",
    "output_tokens": "attributes.gen_ai.usage.output_tokens",
}
GERMAN = {"arrival": "Zeitstempel", "prompt_tokens": "Prompt Tokens", "output_tokens": "Completion Tokens"}
STAMP = {"arrival": "timestamp"}


def log(folder: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def imported(folder: Path, logs: Path | list[Path], fmt: str, **options: Any) -> dict[str, Any]:
    return import_trace(logs, fmt, folder / "t.parquet", **options)  # type: ignore[arg-type]


def pairs(folder: Path) -> list[tuple[int, int]]:
    requests = concat(list(read_batches(folder / "t.parquet")))
    return list(zip(requests.prompt_tokens.tolist(), requests.output_tokens.tolist(), strict=True))


def messages(document: dict[str, Any]) -> dict[str, str]:
    return {finding["kind"]: finding["message"] for finding in document["findings"]}


# rows, dropped, sums of prompt and output tokens (counted apart, with csv and json alone), start to the second
@pytest.mark.parametrize(
    ("name", "fmt", "mapping", "notation", "rows", "models"),
    [
        ("langfuse.csv", "langfuse", {}, {}, 300, 2),
        ("langfuse_iso.csv", "langfuse", {}, {}, 300, 2),
        ("litellm.csv", "litellm", {}, {}, 295, 2),
        ("otel.jsonl", "otel", {}, {}, 500, 2),
        ("otel_flat.json", "otel", {}, {}, 200, 2),
        ("otel_flat.json", "jsonl", SPANS, {}, 200, 2),
        ("flat.jsonl", "jsonl", TS, {}, 50, 0),
        ("flat2.jsonl", "jsonl", TS, {}, 50, 0),
        ("vllm.jsonl", "jsonl", NESTED, {}, 300, 2),
        ("excel_de.csv", "csv", GERMAN, {"time_format": "%d.%m.%Y %H:%M:%S"}, 300, 0),
        ("datadog.tsv", "csv", STAMP, {}, 300, 0),
        ("floats.csv", "csv", {}, {}, 300, 0),
        ("local.csv", "csv", {"arrival": "created_at", "prompt_tokens": "input_tokens"}, {}, 300, 0),
        ("flat.parquet", "parquet", STAMP | {"prompt_tokens": "input_tokens"}, {}, 3000, 0),
        ("gateway.parquet", "parquet", NESTED | STAMP, {}, 3000, 2),
    ],
)
def test_exports(
    shared: Path,
    tmp_path: Path,
    name: str,
    fmt: str,
    mapping: dict[str, str],
    notation: dict[str, Any],
    rows: int,
    models: int,
) -> None:
    cases = shared / "cases/logs"
    if not cases.is_dir():
        pytest.skip(f"no cases at {cases}")
    got = imported(tmp_path, cases / name, fmt, mapping=mapping, notation=Notation(**notation))
    assert (got["rows"], got["dropped"] + got["rows"], got["repaired"]) == (rows, got["read"], 0)
    assert got["start_utc"].startswith("2026-03-02T07:00:00" if name == "local.csv" else "2026-03-02T09:00:00")
    assert len(got["models"]) == models == len(describe_trace(tmp_path / "t.parquet")["models"])
    assert ("models" in messages(got)) == (models == 2)
    assert pairs(tmp_path)[:2] in ([(503, 73), (2271, 115)], [(503, 73), (331, 354)])


def test_the_cases_hold_the_same_requests(shared: Path, tmp_path: Path) -> None:
    cases = shared / "cases/logs"
    if not cases.is_dir():
        pytest.skip(f"no cases at {cases}")
    imported(tmp_path, cases / "floats.csv", "csv")
    wanted = pairs(tmp_path)
    for name, fmt, mapping, notation in [
        ("langfuse.csv", "langfuse", {}, Notation()),
        ("langfuse_iso.csv", "langfuse", {}, Notation()),
        ("datadog.tsv", "csv", STAMP, Notation()),
        ("vllm.jsonl", "jsonl", NESTED, Notation()),
        ("excel_de.csv", "csv", GERMAN, Notation(time_format="%d.%m.%Y %H:%M:%S")),
    ]:
        imported(tmp_path, cases / name, fmt, mapping=mapping, notation=notation)
        assert pairs(tmp_path) == wanted, name


def test_columns_of_json_need_not_be_in_its_first_row(tmp_path: Path) -> None:
    text = '{"ts": 1}\n{"ts": 2, "usage": null}\n{"ts": 3, "usage": {"prompt_tokens": 5, "completion_tokens": 7}}\n'
    got = imported(tmp_path, log(tmp_path, gzip.compress(text.encode())), "jsonl", mapping=NESTED)
    assert (got["rows"], got["dropped_by"]) == (1, {"no_usage": 2})
    assert pairs(tmp_path) == [(5, 7)]


def test_a_stored_trace_that_is_imported_again_keeps_its_date_and_its_blocks(tmp_path: Path) -> None:
    rows = [{"arrival": f"2026-03-02T09:00:{i:02d}.5Z", "model": "ab"[i % 2], "prefix_hashes": [1]} for i in range(6)]
    text = "\n".join(json.dumps(row | {"prompt_tokens": 9, "output_tokens": 6}) for row in rows)
    imported(tmp_path, log(tmp_path, text, "log.jsonl"), "jsonl", block_tokens=16)
    stored = (tmp_path / "t.parquet").rename(tmp_path / "stored.parquet")
    again = imported(tmp_path, stored, "parquet", where=[("model", "b")])
    assert (again["rows"], again["start_utc"]) == (3, "2026-03-02T09:00:01.500000000Z")
    assert describe_trace(tmp_path / "t.parquet")["block_tokens"] == 16
    moved = imported(tmp_path, stored, "parquet", start="2027-01-01T00:00:00Z")
    assert moved["start_utc"] == "2027-01-01T00:00:00.000000000Z"


def test_the_length_of_a_span_is_its_latency_where_it_states_none(tmp_path: Path) -> None:
    usage = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 6}
    start = 1_772_442_000_000_000_000
    spans = [
        span(start, usage, endTimeUnixNano=str(start + 2_500_000_000)),
        span(start, usage | {"gen_ai.latency.e2e": 1.5}, endTimeUnixNano=start + 2_500_000_000),
        span(start, usage, endTimeUnixNano="0"),
    ]
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    imported(tmp_path, log(tmp_path, text, "spans.jsonl"), "otel")
    assert pq.read_table(tmp_path / "t.parquet")["e2e_s"].to_pylist() == [2.5, 1.5, None]
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans[2:]}]}]})
    imported(tmp_path, log(tmp_path, text, "spans.jsonl"), "otel")
    assert "e2e_s" not in pq.read_table(tmp_path / "t.parquet").column_names


@pytest.mark.parametrize("codec", ["gzip", "zstd", "bz2"])
def test_a_packed_log_is_read_as_it_is_and_a_cut_one_is_a_message(tmp_path: Path, codec: str) -> None:
    text = HEADER + "".join(f"{i},{5 + i},{6 + i * i}\n" for i in range(500))
    stream = pa.BufferOutputStream()
    with pa.CompressedOutputStream(stream, codec) as out:
        out.write(text.encode())
    packed = stream.getvalue().to_pybytes()
    assert imported(tmp_path, log(tmp_path, packed), "csv")["rows"] == 500
    assert pairs(tmp_path)[-1] == (504, 6 + 499 * 499)
    with pytest.raises(TraceError, match="is it damaged"):
        imported(tmp_path, log(tmp_path, packed[: len(packed) // 2]), "csv")


def test_a_log_packed_by_xz_is_refused_by_name() -> None:
    assert format_of_name("log.jsonl.xz") == "jsonl"
    assert not_text(lzma.compress(b"arrival")) == "is packed by xz; unpack it, or pack it by gzip"


def test_columns_of_a_gateway_that_are_mapped_as_any_log_are_told(tmp_path: Path) -> None:
    """Its answers from the cache would be load of a model."""
    text = '{"startTime": 1, "prompt_tokens": 5, "completion_tokens": 7, "cache_hit": "True"}\n'
    mapping = {"arrival": "startTime", "output_tokens": "completion_tokens"}
    findings = imported(tmp_path, log(tmp_path, text), "jsonl", mapping=mapping)["findings"]
    [told] = [one for one in findings if one["kind"] == "unread_column"]
    assert "those of --format litellm, which also leaves out rows by cache_hit;" in told["message"]


def test_columns_of_an_engine_are_named_each_for_its_own(tmp_path: Path) -> None:
    """The prompt was named for the output, too."""
    file = log(tmp_path, '{"arrival_time": 1, "num_prompt_tokens": 5, "num_generation_tokens": 6}\n')
    with pytest.raises(TraceError, match=r"--map output_tokens=num_generation_tokens\?"):
        imported(tmp_path, file, "jsonl")
    file = log(tmp_path, '{"arrival": 1, "num_prompt_tokens": 5, "size": 6}\n')
    with pytest.raises(TraceError, match="output_tokens: no column 'output_tokens'; pass --map output_tokens=COLUMN"):
        imported(tmp_path, file, "jsonl")


def test_a_time_with_a_comma_names_the_option_for_it(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"'1,319' is not a time.* before a fraction, pass --decimal ,"):
        imported(tmp_path, log(tmp_path, HEADER.replace(",", ";") + "1,319;5;6\n"), "csv")


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_the_delimiter_is_that_of_the_header(tmp_path: Path, delimiter: str) -> None:
    text = HEADER.replace(",", delimiter) + f'0{delimiter}"5"{delimiter}6\n'
    imported(tmp_path, log(tmp_path, text), "csv")
    assert pairs(tmp_path) == [(5, 6)]


def test_a_doubtful_delimiter_is_asked_for(tmp_path: Path) -> None:
    path = log(tmp_path, "arrival;prompt_tokens;output_tokens;cost, USD\n0;5;6;1,25\n")
    with pytest.raises(TraceError, match=r"its header has , and ;; pass .* --delimiter"):
        imported(tmp_path, path, "csv")
    imported(tmp_path, path, "csv", notation=Notation(delimiter=";"))
    quoted = log(tmp_path, 'arrival,prompt_tokens,output_tokens,"a;b"\n0,5,6,1\n')
    imported(tmp_path, quoted, "csv")


@pytest.mark.parametrize(
    ("cell", "marks", "tokens"),
    [
        ("1.234", {"decimal": ",", "thousands": "."}, 1234),
        ("1.234.567,0", {"thousands": "."}, 1234567),
        ("1,234", {"thousands": ","}, 1234),
        ("1'234", {"thousands": "'"}, 1234),
        ("1\u202f234", {"thousands": " "}, 1234),
        ("2,0", {"decimal": ","}, 2),
        ("503.000", {"decimal": "."}, 503),
        ("1234", {"thousands": "."}, 1234),
    ],
)
def test_declared_marks(tmp_path: Path, cell: str, marks: dict[str, str], tokens: int) -> None:
    path = log(tmp_path, HEADER.replace(",", ";") + f"0;{cell};6\n1;7;8\n")
    imported(tmp_path, path, "csv", notation=Notation(**marks))
    assert pairs(tmp_path) == [(tokens, 6), (7, 8)]


@pytest.mark.parametrize("cells", [("0,25", "1"), ("2026-03-02 09:00:00,25", "2026-03-02 09:00:01")])
def test_times_with_a_decimal_comma(tmp_path: Path, cells: tuple[str, str]) -> None:
    path = log(tmp_path, HEADER.replace(",", ";") + "".join(f"{cell};7;8\n" for cell in cells))
    assert imported(tmp_path, path, "csv", notation=Notation(decimal=","))["span_s"] == 0.75


@pytest.mark.parametrize(
    ("cell", "marks", "said"),
    [
        ("2.000", {}, "'2.000' may be 2 or 2,000; pass --decimal . or --thousands ."),
        ("2,271", {}, "'2,271' has a comma in the number; pass --thousands , if it marks thousands"),
        ("1.234", {"decimal": ","}, "pass --thousands and --decimal"),
        ("2.000", {"decimal": ","}, "pass --thousands"),
        ("1.23.4", {"thousands": "."}, "not a whole number"),
        ("2.5", {}, "'2.5' is not a whole number"),
    ],
)
def test_undeclared_marks_are_faults(tmp_path: Path, cell: str, marks: dict[str, str], said: str) -> None:
    path = log(tmp_path, HEADER.replace(",", ";") + f"0;{cell};6\n")
    with pytest.raises(TraceError) as error:
        imported(tmp_path, path, "csv", notation=Notation(**marks))
    assert said in str(error.value)
    assert "row 1 (line 2): prompt_tokens" in str(error.value)


def test_one_mark_for_two_things(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="both --thousands and --decimal"):
        imported(tmp_path, log(tmp_path, HEADER), "csv", notation=Notation(decimal=",", thousands=","))


def test_failed_requests_are_left_out_by_reason(tmp_path: Path) -> None:
    said = [(200, "INFO"), (500, "INFO"), (429, "WARN"), (200, "ERROR")]
    lines = [
        {"arrival": i, "prompt_tokens": 5, "output_tokens": 6, "status": status, "level": level}
        for i, (status, level) in enumerate(said)
    ]
    lines += [
        {"arrival": 9, "prompt_tokens": 5, "output_tokens": 0},
        {"arrival": 10, "status": 200},
        {"arrival": 11, "prompt_tokens": "x", "output_tokens": 1, "status": "timeout"},
        {"status": 200},
        {"arrival": 12, "prompt_tokens": 8, "output_tokens": 1, "status": "odd"},
    ]
    got = imported(tmp_path, log(tmp_path, "\n".join(map(json.dumps, lines))), "jsonl")
    assert pairs(tmp_path) == [(5, 6), (8, 1)]
    assert got["dropped_by"] == {"failed_status": 4, "failed": 1, "no_usage": 1, "blank": 1}
    assert got["repaired"] == 0
    assert "status 'odd' (1)" in messages(got)["unknown_status"]
    assert "4 requests failed, as their status says" in messages(got)["failed_status"]


def test_the_status_may_have_another_name(tmp_path: Path) -> None:
    text = HEADER.replace("\n", ",http\n") + "0,1,2,200\n1,3,4,503\n"
    got = imported(tmp_path, log(tmp_path, text), "csv", mapping={"status": "http"})
    assert (pairs(tmp_path), got["dropped_by"]) == ([(1, 2)], {"failed_status": 1})


def test_litellm(tmp_path: Path) -> None:
    head = "call_type,prompt_tokens,completion_tokens,startTime,model,team_id,cache_hit,status\n"
    lines = [
        "acompletion,5,6,2026-03-02 09:00:00.5+00,openai/a,t,False,success",
        "aembedding,9,0,2026-03-02 09:00:01+00,e,t,False,success",
        "acompletion,5,6,2026-03-02 09:00:02+00,openai/a,t,True,success",
        "acompletion,7,0,2026-03-02 09:00:03+00,openai/a,t,False,failure",
    ]
    text = head + "\n".join(lines)
    got = imported(tmp_path, log(tmp_path, text), "litellm")
    assert (pairs(tmp_path), got["models"]) == ([(5, 6)], {"openai/a": 1})
    assert got["dropped_by"] == {"failed_status": 1, "cache_hit": 1, "other_operation": 1}
    rows = [dict(zip(head.strip().split(","), line.split(","), strict=True)) for line in text.splitlines()[1:]]
    again = imported(tmp_path, log(tmp_path, json.dumps(rows)), "litellm")
    assert again["dropped_by"] == got["dropped_by"]


@pytest.mark.parametrize(
    ("time", "zone", "told"),
    [
        ("3/2/2026, 9:00:00 AM", None, True),
        ("3/2/2026, 9:00:00 AM", "America/New_York", False),
        ("2026-03-02 09:00:00", None, False),
    ],
)
def test_langfuse_dates_of_a_browser_have_its_clock(tmp_path: Path, time: str, zone: str | None, told: bool) -> None:
    """Langfuse itself writes UTC; a date as a browser shows it is by the clock of the one who exported it."""
    file = log(tmp_path, f'startTime,inputUsage,outputUsage\n"{time}",5,6\n')
    got = imported(tmp_path, file, "langfuse", notation=Notation(timezone=zone))
    assert ("no_zone" in messages(got)) == told
    assert got["start_utc"].startswith("2026-03-02T14" if zone else "2026-03-02T09")


def test_langfuse_json(tmp_path: Path) -> None:
    lines = [
        {
            "type": "GENERATION",
            "level": "DEFAULT",
            "startTime": "2026-03-02T09:00:00.181Z",
            "model": "a",
            "usageDetails": {"input": 100, "input_cached_tokens": 400, "output": 5, "total": 505},
        },
        {"type": "SPAN", "level": "DEFAULT", "startTime": "2026-03-02T09:00:01Z"},
        {
            "type": "GENERATION",
            "level": "ERROR",
            "startTime": "2026-03-02T09:00:01Z",
            "usageDetails": {"input": 3},
        },
        {
            "type": "GENERATION",
            "level": "WARNING",
            "startTime": "2026-03-02T09:00:02Z",
            "usageDetails": {"input": "x"},
        },
    ]
    text = "\n".join(map(json.dumps, lines))
    got = imported(tmp_path, log(tmp_path, text), "langfuse", on_error="skip")
    assert pairs(tmp_path) == [(500, 5)], "cached tokens are part of the prompt"
    assert got["dropped_by"] == {"other_operation": 1, "failed_status": 1, "prompt_tokens": 1}


def span(start: object, attributes: dict[str, object], **more: object) -> dict[str, object]:
    kinds = {int: "intValue", str: "stringValue", float: "doubleValue"}
    listed = [
        {"key": key, "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
        for key, value in attributes.items()
    ]
    return {"startTimeUnixNano": start, "attributes": listed, **more}


def test_otel_spans_of_old_and_new_names(tmp_path: Path) -> None:
    new = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "a",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 6,
        "gen_ai.conversation.id": "c1",
    }
    old = {"gen_ai.response.model": "a", "gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.completion_tokens": 8}
    start = 1_772_442_000_000_000_000
    spans = [
        span(str(start), new),
        span(start + 10**9, old),
        span(start, {"http.route": "/v1"}),
        span(start, new | {"gen_ai.operation.name": "embeddings"}),
        span(start, new | {"gen_ai.operation.name": "invoke_agent"}),
        span(start, new, status={"code": 2}),
        span(start, new | {"error.type": "timeout"}),
        span("0", new),
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "api"}}]}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    text = json.dumps(document) + '\n{"resourceLogs": []}\n{"resourceSpans": {}}\n'
    path = log(tmp_path, text, "spans.jsonl")
    got = imported(tmp_path, path, "otel", on_error="skip", where=[("service.name", "api")])
    assert pairs(tmp_path) == [(5, 6), (7, 8)]
    assert got["start_utc"] == "2026-03-02T09:00:00.000000000Z"
    assert got["dropped_by"] == {"other_operation": 3, "failed_status": 2, "arrival": 1, "malformed": 1}
    assert got["models"] == {"a": 2}
    assert "line 1, span 8: startTimeUnixNano: the value is missing" in messages(got)["arrival"]
    pretty = log(tmp_path, json.dumps(document, indent=2), "pretty.json")
    assert imported(tmp_path, pretty, "otel", on_error="skip")["rows"] == 2


def test_a_request_that_a_framework_and_its_client_record_counts_once(tmp_path: Path) -> None:
    """Both spans have the token counts: such a log was twice the load. Only the innermost call of each tree counts."""
    old = {"llm.usage.prompt_tokens": 7, "llm.usage.completion_tokens": 8}
    new = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 8}
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 8}
    start = 1_772_442_000_000_000_000
    names = [("a", "", agent), ("b", "a", old), ("c", "b", old), ("d", "c", new), ("e", "d", new | {"other": 1})]
    spans = [
        span(start + i, attributes, traceId="t", spanId=name, parentSpanId=parent)
        for i, (name, parent, attributes) in enumerate(names)
    ]
    larger = new | {"gen_ai.usage.input_tokens": 9}
    spans += [span(start + 9, larger, traceId="t", spanId="f", parentSpanId="e"), span(start + 10, larger)]
    spans += [span(start + 11, new, traceId="other", spanId="g", parentSpanId="e")]
    path = log(tmp_path, json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}), "spans.jsonl")
    got = imported(tmp_path, path, "otel")
    assert pairs(tmp_path) == [(9, 8), (9, 8), (7, 8)]
    assert got["dropped_by"] == {"other_operation": 1, "parent": 4}


def test_a_request_that_a_gateway_and_its_server_record_counts_once(tmp_path: Path) -> None:
    """Between their spans are those of the HTTP call, which have no counts: it counted twice. Some are in a circle."""
    new = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 8}
    names = [("a", "", new), ("b", "a", {"http.method": "POST"}), ("c", "b", {"http.route": "/v1"}), ("d", "c", new)]
    names += [("e", "f", {"http.method": "POST"}), ("f", "e", {"http.route": "/v1"}), ("g", "f", new)]
    spans = [
        span(1_772_442_000_000_000_000 + i, attributes, traceId="t", spanId=name, parentSpanId=parent)
        for i, (name, parent, attributes) in enumerate(names)
    ]
    path = log(tmp_path, json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}), "spans.jsonl")
    assert imported(tmp_path, path, "otel")["rows"] == 2


@pytest.mark.parametrize("step", [-1, 1])
def test_a_request_counts_once_across_the_documents_of_a_file(tmp_path: Path, step: int) -> None:
    """A collector writes spans in batches by their end: that of the framework, which ends later, is in another one."""
    new = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 8}
    names = [("a", "", new), ("b", "a", new), ("c", "b", {"http.method": "POST"}), ("d", "c", new)]
    spans = [
        span(1_772_442_000_000_000_000 + i, attributes, traceId="t", spanId=name, parentSpanId=parent)
        for i, (name, parent, attributes) in enumerate(names)
    ]
    ordered = spans[::step]
    for cut in range(1, 4):
        batches = [ordered[:cut], ordered[cut:]]
        text = "\n".join(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": batch}]}]}) for batch in batches)
        got = imported(tmp_path, log(tmp_path, text, "spans.jsonl"), "otel")
        assert (got["rows"], got["dropped_by"]) == (1, {"other_operation": 1, "parent": 2}), cut


def test_spans_as_an_sdk_prints_them_count_a_request_once(tmp_path: Path) -> None:
    """One span an object, with its ids under `context`: a framework and its client counted twice. Attempts, each with
    counts of its own under one span, count each.
    """
    counts = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 8}
    names = [("c", "b"), ("d", "b"), ("b", "a"), ("a", None), ("x", "elsewhere")]
    spans = [
        {
            "name": "chat m",
            "context": {"trace_id": "0x1", "span_id": name, "trace_state": "[]"},
            "parent_id": parent,
            "start_time": f"2026-03-02T09:00:0{i}Z",
            "attributes": counts,
        }
        for i, (name, parent) in enumerate(names)
    ]
    path = log(tmp_path, "\n".join(json.dumps(one, indent=2) for one in spans), "spans.json")
    got = imported(tmp_path, path, "otel")
    assert (got["rows"], got["dropped_by"]) == (3, {"parent": 2})


def test_where_takes_any_column(tmp_path: Path) -> None:
    text = HEADER.replace("\n", ",model,team\n") + "0,1,1,a,x\n1,2,1,b,x\n2,3,1,a,y\n3,bad,1,c,x\n"
    path = log(tmp_path, text)
    got = imported(tmp_path, path, "csv", where=[("model", "a")])
    assert (pairs(tmp_path), got["unselected"], got["dropped"]) == ([(1, 1), (3, 1)], 2, 0)
    imported(tmp_path, path, "csv", where=[("model", "a"), ("team", "x")])
    assert pairs(tmp_path) == [(1, 1)]
    got = imported(tmp_path, path, "csv", where=[("model", "a"), ("model", "b")])
    assert pairs(tmp_path) == [(1, 1), (2, 1), (3, 1)]
    assert "models" not in messages(got)
    got = imported(tmp_path, path, "csv", where=[("team", "x")], on_error="skip")
    assert "a (1), b (1)" in messages(got)["models"]
    with pytest.raises(TraceError, match=r"no column 'modell'; did you mean 'model'"):
        imported(tmp_path, path, "csv", where=[("modell", "a")])
    with pytest.raises(TraceError, match=r"no row with model=d; the file has 'a' \(2\)"):
        imported(tmp_path, path, "csv", where=[("model", "d")])


def test_struct_fields_of_parquet(tmp_path: Path) -> None:
    usage = [
        {"prompt": {"tokens": 3}, "out": 4},
        None,
        {"prompt": None, "out": 5},
        {"prompt": {"tokens": 6}, "out": 7},
    ]
    table = pa.table({"arrival": [0, 1, 2, 3], "usage": usage, "model.name": ["a", "a", "a", "b"]})
    pq.write_table(table, tmp_path / "log")
    mapping = {"prompt_tokens": "usage.prompt.tokens", "output_tokens": "usage.out", "model": "model.name"}
    got = imported(tmp_path, tmp_path / "log", "parquet", mapping=mapping, on_error="skip")
    assert (pairs(tmp_path), got["dropped_by"]) == ([(3, 4), (6, 7)], {"no_usage": 1, "prompt_tokens": 1})
    with pytest.raises(TraceError, match="usage holds struct"):
        imported(tmp_path, tmp_path / "log", "parquet", mapping=mapping | {"prompt_tokens": "usage"})


def test_several_files_make_one_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = log(tmp_path, HEADER.replace("\n", ",model\n") + "2024-05-01T00:00:10,1,1,a\n", "one.csv")
    two = log(tmp_path, HEADER.replace(",", ";") + "1714521600;2;2\n1714521601;x;2\n", "two.csv")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(HEADER.encode() + b"2024-05-01,3,3\nnow,1,1\n")))
    got = imported(tmp_path, [one, two, Path("-")], "csv", on_error="skip")
    assert (got["rows"], got["dropped"], got["repaired_by"]) == (3, 2, {"unsorted": 2})
    assert pairs(tmp_path) == [(2, 2), (3, 3), (1, 1)]
    bad = {finding["file"]: finding["message"] for finding in got["findings"] if finding["kind"] in HEADER}
    assert set(bad) == {str(two), "standard input"}
    assert bad[str(two)].startswith(f"{two}: 1 row had an impossible prompt_tokens")
    labels = pa.Table.from_batches(read_tables(tmp_path / "t.parquet", ["model"])).to_pydict()["model"]
    assert labels == [None, None, "a"]
    with pytest.raises(TraceError, match=r"two\.csv: row 2 \(line 3\): prompt_tokens"):
        imported(tmp_path, [one, two], "csv")
    relative = log(tmp_path, HEADER + "0,1,1\n", "relative.csv")
    with pytest.raises(TraceError, match=r"relative\.csv: .*different zeros"):
        imported(tmp_path, [one, relative], "csv")


def test_faults_of_standard_input_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, said in [
        (b"", "standard input: the file is empty"),
        (b"a,b\n1,2\n", "standard input: no column counts tokens"),
        (HEADER.encode() + b"1,,1\n", "standard input: row 1"),
    ]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        with pytest.raises(TraceError, match=said):
            imported(tmp_path, Path("-"), "csv")


CELLS = st.sampled_from(["", "0", "5", "x", "2.000", "7.0"])
ROWS = st.tuples(
    st.sampled_from(["1", "2", "", "-1"]),
    CELLS,
    CELLS,
    st.sampled_from(["a", "b", ""]),
    st.sampled_from(["200", "500", "", "odd"]),
)


@given(rows=st.lists(ROWS, max_size=20), where=st.sampled_from([(), (("model", "a"),)]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_counted_once(
    tmp_path: Path, rows: list[tuple[str, ...]], where: tuple[tuple[str, str], ...]
) -> None:
    rows = [("1", "5", "5", "a", "200"), *rows]
    text = HEADER.replace("\n", ",model,status\n") + "".join(",".join(row) + "\n" for row in rows)
    got = imported(tmp_path, log(tmp_path, text), "csv", on_error="skip", where=where)
    assert got["read"] == len(rows) == got["rows"] + got["dropped"] + got["unselected"]
    served = [
        row
        for row in rows
        if row[0] in "12"
        and row[0]
        and {row[1], row[2]} <= {"5", "7.0", "0"}
        and row[2] != "0"
        and row[4] != "500"
        and (not where or row[3] == "a")
    ]
    assert got["rows"] == len(served)
    assert got["unselected"] == sum(row[3] != "a" for row in rows) * bool(where)


def test_a_status_of_floating_point(tmp_path: Path) -> None:
    columns = {"arrival": [0, 1], "prompt_tokens": [1, 2], "output_tokens": [1, 2], "status": [200.0, 503.0]}
    pq.write_table(pa.table(columns), tmp_path / "log")
    assert imported(tmp_path, tmp_path / "log", "parquet")["dropped_by"] == {"failed_status": 1}
    assert imported(tmp_path, tmp_path / "log", "parquet", where=[("status", "200")])["unselected"] == 1


def test_a_log_without_requests_says_why(tmp_path: Path) -> None:
    text = HEADER + "0,5,0\n1,6,0\n"
    with pytest.raises(TraceError, match="no requests: 2 requests without output tokens failed"):
        imported(tmp_path, log(tmp_path, text), "csv")


@pytest.mark.parametrize("kind", ["large_string", "string_view", "dictionary", "binary"])
def test_marks_of_numbers_hold_for_text_of_any_type(tmp_path: Path, kind: str) -> None:
    """Polars and pandas store text as large strings, categories as dictionaries: 2.000 was read as 2 there."""
    text = pa.array(["2.000", "300"])
    column = text.dictionary_encode() if kind == "dictionary" else text.cast(getattr(pa, kind)())
    times = pa.array(["2026-03-02T09:00:00Z", "2026-03-02T09:00:05Z"])
    table = pa.table({"arrival": times, "prompt_tokens": column, "output_tokens": [5, 6]})
    pq.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(TraceError, match="may be 2 or 2,000"):
        imported(tmp_path, tmp_path / "log.parquet", "parquet")
    imported(tmp_path, tmp_path / "log.parquet", "parquet", notation=Notation(thousands="."))
    assert pairs(tmp_path) == [(2000, 5), (300, 6)]


def test_declared_marks_hold_for_latencies(tmp_path: Path) -> None:
    rows = "2026-03-02 09:00:00;10;5;1.234;2.345,5\n2026-03-02 09:00:02;10;5;1e2;900\n2026-03-02 09:00:03;10;5;0.5;1\n"
    csv = log(tmp_path, "arrival;prompt_tokens;output_tokens;ttft_ms;e2e_ms\n" + rows)
    found = imported(tmp_path, csv, "csv", notation=Notation(decimal=",", thousands="."))
    read = pq.read_table(tmp_path / "t.parquet", columns=["ttft_s", "e2e_s"]).to_pydict()
    assert read == {"ttft_s": [1.234, 0.1, None], "e2e_s": [2.3455, 0.9, 0.001]}
    assert found["repaired_by"] == {"latency": 1}
    numbers = log(
        tmp_path, '{"arrival_s": 0.5, "prompt_tokens": "1.503", "output_tokens": 5.0, "ttft_ms": 35.125}', "a.jsonl"
    )
    imported(tmp_path, numbers, "jsonl", notation=Notation(thousands="."))
    assert pq.read_table(tmp_path / "t.parquet", columns=["ttft_s"]).to_pydict() == {"ttft_s": [0.035125]}
    assert pairs(tmp_path) == [(1503, 5)]


def test_times_with_and_without_a_zone_are_not_of_one_log(tmp_path: Path) -> None:
    """Rows without a zone were taken as UTC in silence, hours away from the others."""
    csv = log(tmp_path, HEADER + "2026-03-02 09:00:00,9,5\n2026-03-02T10:00:01+01:00,9,5\n2026-03-02 09:00:02,9,5\n")
    with pytest.raises(TraceError, match=r"row 1 .* with a zone, as other rows of this log have it"):
        imported(tmp_path, csv, "csv")
    assert imported(tmp_path, csv, "csv", on_error="skip")["dropped_by"] == {"arrival": 2}
    plain = log(tmp_path, HEADER + "2026-03-02 09:00:00,9,5\n2026-03-02 09:00:02,9,6\n")
    assert messages(imported(tmp_path, plain, "csv"))["no_zone"].endswith("pass --timezone")
    assert "no_zone" not in messages(imported(tmp_path, plain, "csv", notation=Notation(timezone="UTC")))


def test_local_times_go_through_the_change_of_clocks(tmp_path: Path) -> None:
    """A request each half hour of a night in Berlin: 02:00 and 02:30 come twice, an hour apart. The option was taken
    and not obeyed."""
    local = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    csv = log(tmp_path, HEADER + "".join(f"2026-10-25 {clock}:00,9,{i + 1}\n" for i, clock in enumerate(local)))
    found = imported(tmp_path, csv, "csv", notation=Notation(timezone="Europe/Berlin"))
    assert found["start_utc"] == "2026-10-24T23:30:00.000000000Z"
    assert (found["span_s"], found["repaired"]) == (2.5 * 3600, 0)
    assert pairs(tmp_path) == [(9, i + 1) for i in range(6)]
    assert "no_zone" not in messages(found)
    assert "twice" in messages(found)["clock_twice"]
    spring = log(tmp_path, HEADER + "2026-03-29 02:30:00,9,5\n")
    with pytest.raises(TraceError, match="2026-03-29 02:30:00"):
        imported(tmp_path, spring, "csv", notation=Notation(timezone="Europe/Berlin"))
    with pytest.raises(InputError, match="did you mean 'Europe/Berlin'"):
        imported(tmp_path, csv, "csv", notation=Notation(timezone="Europe/Berlim"))


def test_a_log_that_begins_with_the_newest_goes_through_the_change_of_clocks(tmp_path: Path) -> None:
    """The second showing of an hour was taken for the first, and the first for both."""
    local = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    rows = [f"2026-10-25 {clock}:00,9,{i + 1}\n" for i, clock in enumerate(local)]
    csv = log(tmp_path, HEADER + "".join(reversed(rows)))
    found = imported(tmp_path, csv, "csv", notation=Notation(timezone="Europe/Berlin"))
    assert (found["start_utc"], found["span_s"]) == ("2026-10-24T23:30:00.000000000Z", 2.5 * 3600)
    assert pairs(tmp_path) == [(9, i + 1) for i in range(6)]


@pytest.mark.parametrize("order", [1, -1])
def test_logs_of_requests_in_the_order_of_their_ends_go_through_the_change_of_clocks(
    tmp_path: Path, order: int
) -> None:
    """Of three requests that begin one after another the last ends first: most rows are earlier than the one before.
    Such a log was taken for one that begins with the newest row.
    """
    minutes = [minute for first in range(0, 180, 3) for minute in (first + 2, first + 1, first)]
    rows = [f"2026-10-25 {(60 + m - 60 * (m >= 120)) // 60:02}:{m % 60:02}:00,9,{m + 1}\n" for m in minutes]
    csv = log(tmp_path, HEADER + "".join(rows[::order]))
    found = imported(tmp_path, csv, "csv", notation=Notation(timezone="Europe/Berlin"))
    assert (found["start_utc"], found["span_s"]) == ("2026-10-24T23:00:00.000000000Z", 179 * 60)
    assert pairs(tmp_path) == [(9, i + 1) for i in range(180)]


@pytest.mark.parametrize(
    "text",
    ["2026-03-02 09:00:00,5", "2026-03-02 09:00:00.5 UTC", "2026-03-02 10:00:00.5 +0100 CET", "2026-03-02T09:00:00.5z"],
)
def test_times_as_loggers_and_databases_write_them(tmp_path: Path, text: str) -> None:
    found = imported(tmp_path, log(tmp_path, HEADER.replace(",", ";") + f"{text};9;5\n"), "csv")
    assert found["start_utc"] == "2026-03-02T09:00:00.500000000Z"


@pytest.mark.parametrize(
    ("column", "numbers", "unit"), [("ts_ms", (1767603600, 1767603660), "s"), ("ts_us", (0, 3600 * 10**6), None)]
)
def test_a_unit_that_contradicts_the_numbers_is_told(
    tmp_path: Path, column: str, numbers: tuple[int, int], unit: str | None
) -> None:
    """Seconds since 1970 in a column that says ms were read as ms in silence: a minute as 60 ms."""
    rows = "".join(f"{number},9,{i + 1}\n" for i, number in enumerate(numbers))
    csv = log(tmp_path, HEADER.replace("arrival", column) + rows)
    told = messages(imported(tmp_path, csv, "csv", mapping={"arrival": column})).get("time_unit", "")
    assert told.endswith(f"pass --time-unit {unit}") if unit else not told


def test_columns_that_would_change_the_answer_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    csv = log(tmp_path, HEADER[:-1] + ",Model,status_code\n0,9,5,a,200\n1,9,5,b,500\n")
    told = [each["message"] for each in imported(tmp_path, csv, "csv")["findings"] if each["kind"] == "unread_column"]
    assert [message.rpartition("pass --map ")[2] for message in told] == ["model=Model", "status=status_code"]
    mapping = {"status": "status_code"}
    found = imported(tmp_path, csv, "csv", mapping=mapping, where=[("Model", "a"), ("Model", "b")])
    assert (found["rows"], found["dropped_by"]) == (1, {"failed_status": 1})
    assert "unread_column" not in messages(found)
    sums = log(tmp_path, HEADER[:-1] + ",num_model_requests\n0,90,50,9\n")
    assert "each row is taken as one request" in messages(imported(tmp_path, sums, "csv"))["unread_column"]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("Upstream Model", "model"),
        ("requested_model_id", "model"),
        ("HTTP", "status"),
        ("upstream_status", "status"),
        ("http.response.status_code", "status"),
        ("model_version", None),
        ("cache_status", None),
        ("error_code", None),
    ],
)
def test_a_model_or_a_status_of_a_longer_name_is_told(tmp_path: Path, column: str, told: str | None) -> None:
    """Requests of two models became one trace without a word where the column was called `Upstream Model`."""
    csv = log(tmp_path, f"{HEADER[:-1]},{column}\n0,9,5,a\n1,9,5,b\n")
    found = messages(imported(tmp_path, csv, "csv")).get("unread_column", "")
    assert (f"{told}={column}" in found) if told else not found


def test_a_trace_under_the_name_of_a_log_is_told_to_be_parquet(tmp_path: Path) -> None:
    file = log(tmp_path, HEADER[:-1] + "\n0,90,50\n")
    got = import_trace(file, "csv", tmp_path / "out.CSV")
    assert messages(got)["name"] == f"{tmp_path / 'out.CSV'} is Parquet, whatever its name says"
    assert describe_trace(tmp_path / "out.CSV")["rows"] == 1


@pytest.mark.parametrize("kind", [*_MESSAGES, "prompt_tokens"])
def test_one_row_is_told_in_the_singular(kind: str) -> None:
    one, more = (tally_finding(kind, count)["message"] for count in (1, 2000))
    assert re.match(r"1 (row|request|prompt|latency|first token|count|LLM call)\b", one)
    assert re.match(r"2,000 (rows|requests|prompts|latencies|first tokens|counts|LLM calls)\b", more)
    assert not re.search(r"\b(were|are|have|their)\b", one)
