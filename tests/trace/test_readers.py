"""Readers: every bad cell is reported at its row or counted; good ones arrive exactly."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcost.errors import TraceError
from simcost.trace.requests.batch import RequestBatch, concat
from simcost.trace.requests.formats import FormatName
from simcost.trace.requests.readers import Notation, import_trace
from simcost.trace.requests.store import open_trace, read_batches, read_tables

HEADER = "arrival,prompt_tokens,output_tokens\n"
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def load(path: Path) -> RequestBatch:
    return concat(list(read_batches(path)))


def log(folder: Path, text: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def kinds(document: dict[str, object]) -> set[str]:
    return {finding["kind"] for finding in document["findings"]}  # type: ignore[attr-defined]


def test_real_azure_trace(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    got = import_trace(shared / "data/traces/AzureLLMInferenceTrace_conv.csv", "azure-llm", out)
    requests = load(out)
    assert (got["rows"], got["dropped"], got["repaired"]) == (19_366, 0, 0)
    assert int(requests.prompt_tokens.sum()) == 22_361_870
    assert int(requests.output_tokens.sum()) == 4_088_665
    assert got["span_s"] == pytest.approx(3501.7, abs=0.05)
    assert got["start_utc"] == "2023-11-16T18:15:46.680590000Z"
    assert requests.arrival_ns[1] == 4_314_579_000  # 50.9951690 - 46.6805900


def test_real_mooncake_trace(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    got = import_trace(shared / "data/traces/mooncake_conversation_trace.jsonl.gz", "mooncake", out)
    assert (got["rows"], got["span_s"]) == (12_031, 3536.999)
    assert "quantised" in kinds(got)
    first = next(read_tables(out, ["prefix_hashes"]))["prefix_hashes"][0].as_py()
    assert first == list(range(14))
    assert open_trace(out).block_tokens == 512


def test_burstgpt(tmp_path: Path) -> None:
    text = (
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,,1,ChatGPT,472,18,490,API log\n45.5,9,2,GPT-4,0,230,230,Conversation log\n"
        "118,,1,GPT-4,7,0,7,API log\n"
    )
    out = tmp_path / "a.parquet"
    got = import_trace(log(tmp_path, text), "burstgpt", out)
    assert (got["rows"], got["dropped_by"], got["repaired_by"]) == (2, {"failed": 1}, {"zero_prompt": 1})
    assert load(out).arrival_ns.tolist() == [0, 40_500_000_000]
    table = pa.Table.from_batches(read_tables(out, ["model", "session"]))
    assert table.to_pydict() == {"model": ["ChatGPT", "GPT-4"], "session": [None, "9"]}


def test_requests_without_output_are_left_out_and_empty_prompts_mended(tmp_path: Path) -> None:
    text = AZURE + "2024-01-01 00:00:00,0,5\n2024-01-01 00:00:01,3,0\n"
    got = import_trace(log(tmp_path, text), "azure-llm", tmp_path / "a.parquet")
    assert (got["repaired_by"], got["dropped_by"]) == ({"zero_prompt": 1}, {"failed": 1})
    assert load(tmp_path / "a.parquet").output_tokens.tolist() == [5]


def test_unsorted_log(tmp_path: Path) -> None:
    got = import_trace(log(tmp_path, HEADER + "3,1,1\n1,2,2\n2,3,3\n1,4,4\n"), "csv", tmp_path / "a.parquet")
    requests = load(tmp_path / "a.parquet")
    assert requests.arrival_ns.tolist() == [0, 0, 10**9, 2 * 10**9]
    assert requests.prompt_tokens.tolist() == [2, 4, 3, 1]
    assert (got["repaired_by"], kinds(got)) == ({"unsorted": 3}, {"unsorted", "time_unit", "quantised"})


@pytest.mark.parametrize(
    ("cell", "other", "step_ns"),
    [
        ("2023-11-16 18:15:46.6805900", "2023-11-16 18:15:46.6805901", 100),
        ("2024-05-10 00:00:00.009930+00:00", "2024-05-10T02:00:00.009931+02:00", 1000),
        ("2024-05-10T00:00:00", " 2024-05-10 00:00:00.5", 500_000_000),
        ("1700000000.123456788", "1700000000.123456789", 1),
        ("1700000000123", "1700000000124", 1_000_000),
        ("1700000000000001", "1700000000000002", 1000),
        ("1700000000000000001", "1700000000000000002", 1),
        ("0", "1.5e-3", 1_500_000),
        ("0.1", "0.30000000000000004", 200_000_000),
        ("12", " 13 ", 10**9),
    ],
)
def test_times_are_exact(tmp_path: Path, cell: str, other: str, step_ns: int) -> None:
    import_trace(log(tmp_path, f"{HEADER}{cell},1,1\n{other},1,1\n"), "csv", tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet").arrival_ns.tolist() == [0, step_ns]


@given(
    times=st.lists(st.decimals(0, 10**9 - 1, places=9), min_size=1, max_size=20),
    unit=st.sampled_from(["s", "ms", "us"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_decimal_times_are_exact(tmp_path: Path, times: list[Decimal], unit: str) -> None:
    places = {"s": 9, "ms": 6, "us": 3}[unit]
    cells = [f"{time:.{places}f}" for time in times]
    path = log(tmp_path, HEADER + "".join(f"{cell},1,1\n" for cell in cells))
    import_trace(path, "csv", tmp_path / "a.parquet", notation=Notation(time_unit=unit))  # type: ignore[arg-type]
    exact = sorted(int(Decimal(cell).scaleb(places)) for cell in cells)
    assert load(tmp_path / "a.parquet").arrival_ns.tolist() == [time - exact[0] for time in exact]


@pytest.mark.parametrize(
    ("name", "cell", "start", "unit"),
    [
        ("arrival_ms", "5", None, "ms"),
        ("arrival", "1700000000", "2023-11-14T22:13:20.000000000Z", "s"),
        ("arrival", "1700000000000", "2023-11-14T22:13:20.000000000Z", "ms"),
        ("arrival", "27482", None, "s"),
    ],
)
def test_rule_for_units(tmp_path: Path, name: str, cell: str, start: str | None, unit: str) -> None:
    path = log(tmp_path, f"{name},prompt_tokens,output_tokens\n{cell},1,1\n")
    got = import_trace(path, "csv", tmp_path / "a.parquet")
    assert got["start_utc"] == start
    assert ("time_unit" in kinds(got)) == (name == "arrival")
    assert name != "arrival" or any(f"read as {unit} " in found["message"] for found in got["findings"])


def test_start_of_relative_times(tmp_path: Path) -> None:
    path = log(tmp_path, HEADER + "1.5,1,1\n")
    got = import_trace(path, "csv", tmp_path / "a.parquet", start="2024-05-12T00:00:00Z")
    assert got["start_utc"] == "2024-05-12T00:00:01.500000000Z"
    with pytest.raises(TraceError, match="not an ISO time"):
        import_trace(path, "csv", tmp_path / "a.parquet", start="noon")
    dated = log(tmp_path, HEADER + "2024-05-12,1,1\n")
    with pytest.raises(TraceError, match="dates of its own"):
        import_trace(dated, "csv", tmp_path / "a.parquet", start="2024-05-12")


BAD_TOKENS = [
    "",
    "x",
    "-1",
    "1.5",
    "nan",
    "inf",
    "1e3",
    "10000001",
    "99999999999999999999",
    "0x10",
    "1\u0662",
    "\udcff",
    "True",
]
BAD_TIMES = [
    "",
    "soon",
    "2024-13-01 00:00:00",
    "2024-01-01 25:00:00",
    "nan",
    "2024.01.01",
    "9999-01-01 00:00:00",
]


@given(data=st.data(), rows=st.integers(1, 30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_bad_cell_is_named_or_counted(tmp_path: Path, data: st.DataObject, rows: int) -> None:
    cells = [[f"2024-01-01 00:00:{i:02d}", str(i + 1), str(i + 1)] for i in range(rows)]
    bad = data.draw(st.dictionaries(st.integers(0, rows - 1), st.sampled_from(["time", "in", "out", "ragged"])))
    if 2 * sum(kind == "time" for kind in bad.values()) >= rows:
        bad = {}
    for row, kind in bad.items():
        if kind == "ragged":
            cells[row] = cells[row][: data.draw(st.sampled_from([1, 2]))]
        else:
            column = ("time", "in", "out").index(kind)
            cells[row][column] = data.draw(st.sampled_from(BAD_TOKENS if column else BAD_TIMES))
    path, out = log(tmp_path, AZURE + "".join(",".join(row) + "\n" for row in cells)), tmp_path / "a.parquet"
    out.unlink(missing_ok=True)
    if bad:
        with pytest.raises(TraceError) as error:
            import_trace(path, "azure-llm", out)
        assert not out.exists()
        lines = [line for line in str(error.value).splitlines() if line.startswith(str(path))]
        assert len(lines) == min(len(bad), 5)
        named = {int(line.split(": row ")[1].split(" ")[0]) - 1 for line in lines}
        assert named <= set(bad)
        assert len(named) == len(lines)
    if len(bad) < rows:
        got = import_trace(path, "azure-llm", out, on_error="skip")
        assert (got["rows"], got["dropped"]) == (rows - len(bad), len(bad))
        assert load(out).prompt_tokens.tolist() == [i + 1 for i in range(rows) if i not in bad]


@given(lines=st.lists(st.sampled_from(["good", "blank", "{", "[1]", "null", "hash", "token", "time"]), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_bad_json_line_is_named(tmp_path: Path, lines: list[str]) -> None:
    good = {"timestamp": 5, "input_length": 3, "output_length": 4, "hash_ids": [1]}
    text = {
        "good": json.dumps(good),
        "blank": "  ",
        "hash": json.dumps(good | {"hash_ids": ["a"]}),
        "token": json.dumps(good | {"output_length": True}),
        "time": json.dumps(good | {"timestamp": [1]}),
    }
    path = log(tmp_path, "".join(text.get(line, line) + "\n" for line in ["good", *lines]), "log.jsonl")
    bad = [number for number, line in enumerate(lines, start=2) if line not in ("good", "blank")]
    got = import_trace(path, "mooncake", tmp_path / "a.parquet", on_error="skip")
    assert (got["rows"], got["dropped"]) == (1 + lines.count("good"), len(bad))
    if bad:
        with pytest.raises(TraceError) as error:
            import_trace(path, "mooncake", tmp_path / "a.parquet")
        shown = [line for line in str(error.value).splitlines() if line.startswith(str(path))]
        assert {int(line.split(": line ")[1].split(":")[0]) for line in shown} <= set(bad)


def test_line_numbers_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.tables.delimited.BLOCK_BYTES", 4096)
    rows = [f"{i},1,1" for i in range(5000)]
    for bad in (10, 2000, 4000):
        rows[bad] = "1,2"
    rows[3000] = ""
    rows[4500] = "4500,zero,1"
    path = log(tmp_path, HEADER + "\n".join(rows) + "\n\n")
    got = import_trace(path, "csv", tmp_path / "a.parquet", on_error="skip")
    assert got["dropped_by"] == {"malformed": 3, "blank": 2, "prompt_tokens": 1}
    assert any("row 4501 (line 4502)" in finding["message"] for finding in got["findings"])


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_mapping(tmp_path: Path, fmt: str) -> None:
    path = tmp_path / f"log.{fmt}"
    if fmt == "csv":
        path.write_text("when,In,Out,who,level\n7,1,2,me,-3\n9,3,4,,\n")
    else:
        pq.write_table(
            pa.table(
                {
                    "when": [7.0, 9.0],
                    "In": [1, 3],
                    "Out": [2.0, 4.0],
                    "who": ["me", None],
                    "level": pa.array([-3, None]),
                }
            ),
            path,
        )
    mapping = {
        "arrival": "when",
        "prompt_tokens": "In",
        "output_tokens": "Out",
        "tenant": "who",
        "priority": "level",
    }
    import_trace(path, fmt, tmp_path / "a.parquet", mapping=mapping)  # type: ignore[arg-type]
    table = pa.Table.from_batches(read_tables(tmp_path / "a.parquet", ["tenant", "priority"]))
    assert table.to_pydict() == {"tenant": ["me", None], "priority": [-3, None]}
    assert load(tmp_path / "a.parquet").output_tokens.tolist() == [2, 4]


def test_parquet_types(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    when = pa.array([0, 1_500_000], pa.timestamp("us", "Europe/Berlin"))
    table = {
        "arrival": when,
        "prompt_tokens": pa.array([2**31, 5], pa.uint64()),
        "output_tokens": [4.5, float("nan")],
        "prefix_hashes": [[1], []],
    }
    pq.write_table(pa.table(table), path)
    with pytest.raises(TraceError, match="block-tokens"):
        import_trace(path, "parquet", tmp_path / "a.parquet")
    with pytest.raises(TraceError) as error:
        import_trace(path, "parquet", tmp_path / "a.parquet", block_tokens=16)
    assert f"{path}: row 1: prompt_tokens: '2147483648' is not a whole number from 0" in str(error.value)
    assert f"{path}: row 2: output_tokens: the value is missing" in str(error.value)
    nested = pa.table({"arrival": [1], "prompt_tokens": [[1]], "output_tokens": [1]})
    pq.write_table(nested, path)
    with pytest.raises(TraceError, match="prompt_tokens holds list"):
        import_trace(path, "parquet", tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({}, "did you mean --map prompt_tokens=ContextTokens?"),
        ({"prompt_tokens": "ContextToken"}, "did you mean --map prompt_tokens=ContextTokens?"),
        ({"promt_tokens": "ContextTokens"}, "did you mean 'prompt_tokens'"),
        ({"model": "GeneratedToken"}, "model: no column 'GeneratedToken'; did you mean 'GeneratedTokens'?"),
        ({}, "these are columns of --format azure-llm; pass that;"),
        ({}, "its columns are: TIMESTAMP, ContextTokens, GeneratedTokens"),
    ],
)
def test_suggestions(tmp_path: Path, mapping: dict[str, str], said: str) -> None:
    with pytest.raises(TraceError) as error:
        import_trace(log(tmp_path, AZURE + "2024-01-01,1,1\n"), "csv", tmp_path / "a.parquet", mapping=mapping)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("content", "generic", "known"),
    [
        (AZURE + "2024-01-01,7,3\n", "csv", "azure-llm"),
        ("Timestamp,Model,Request tokens,Response tokens\n0,m,7,3\n", "csv", "burstgpt"),
        ('{"timestamp": 0, "input_length": 7, "output_length": 3, "hash_ids": [1]}\n', "jsonl", "mooncake"),
        ("startTime,model,prompt_tokens,completion_tokens\n2024-01-01,m,7,3\n", "csv", "litellm"),
    ],
)
def test_a_log_is_read_in_the_format_of_its_columns(
    tmp_path: Path, content: str, generic: FormatName, known: FormatName
) -> None:
    path = log(tmp_path, content)
    with pytest.raises(TraceError, match=f"columns of --format {known}"):
        import_trace(path, generic, tmp_path / "no.parquet")
    document = import_trace(path, generic, tmp_path / "a.parquet", any_format=True)
    import_trace(path, known, tmp_path / "b.parquet")
    assert document["format"] == known
    assert document["findings"][0]["message"] == f"read as {known}, by its columns"
    assert pq.read_table(tmp_path / "a.parquet").equals(pq.read_table(tmp_path / "b.parquet"))


def test_columns_of_our_own_names_decide_before_those_of_another_format(tmp_path: Path) -> None:
    path = log(tmp_path, "TIMESTAMP,ContextTokens,GeneratedTokens,arrival,prompt_tokens,output_tokens\n9,9,9,1,2,3\n")
    document = import_trace(path, "csv", tmp_path / "a.parquet", any_format=True)
    assert document["format"] == "csv"
    assert pq.read_table(tmp_path / "a.parquet")["prompt_tokens"].to_pylist() == [2]


@pytest.mark.parametrize(
    ("content", "fmt", "said"),
    [
        (b"", "csv", "empty"),
        (HEADER.encode(), "csv", "no requests"),
        (b"\n\n", "csv", "its columns are"),
        (b"arrival,arrival,prompt_tokens,output_tokens\n1,1,1,1\n", "csv", "there twice"),
        (b"\xff\xfe\x00a\x00", "csv", "looks like UTF-16"),
        (b"x" * 100, "parquet", "cannot be read as parquet"),
        (b"\xff\n", "mooncake", "line 1: .* is not UTF-8"),
        (b"{}\n", "mooncake", "its columns are: .none"),
        (gzip.compress(HEADER.encode() + b"1,1,1\n" * 1000, mtime=0)[:-20], "csv", "cannot be read as csv"),
        (b"\x1f\x8bnot gzip", "mooncake", "cannot be read"),
        (b"x", "cvs", "did you mean 'csv'"),
    ],
)
def test_unreadable_logs(tmp_path: Path, content: bytes, fmt: str, said: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=said):
        import_trace(path, fmt, tmp_path / "a.parquet")  # type: ignore[arg-type]
    assert [left.name for left in tmp_path.iterdir()] == ["log"]


def test_missing_log(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no such file"):
        import_trace(tmp_path / "log", "csv", tmp_path / "a.parquet")


def test_gzip_without_its_name(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(gzip.compress(HEADER.encode() + b"1,2,3\n"))
    assert import_trace(path, "csv", tmp_path / "a.parquet")["rows"] == 1


def test_unsorted_hashes_follow_their_rows(tmp_path: Path) -> None:
    rows = [{"timestamp": t, "input_length": t, "output_length": 1, "hash_ids": [t, -t]} for t in (9, 3, 7)]
    path = log(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "log.jsonl")
    import_trace(path, "mooncake", tmp_path / "a.parquet")
    table = pa.Table.from_batches(read_tables(tmp_path / "a.parquet", ["prompt_tokens", "prefix_hashes"]))
    assert table["prefix_hashes"].to_pylist() == [[3, -3], [7, -7], [9, -9]]
    assert np.array_equal(table["prompt_tokens"].to_numpy(), [3, 7, 9])


@pytest.mark.parametrize(
    "line", ['{"resourceSpans": []}', '{"start_time": 1, "attributes": {"gen_ai.usage.input_tokens": 5}}']
)
def test_spans_without_their_format_name_it(tmp_path: Path, line: str) -> None:
    path = tmp_path / "spans.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(TraceError, match="these are OpenTelemetry spans; pass --format otel"):
        import_trace(path, "jsonl", tmp_path / "a.parquet")
