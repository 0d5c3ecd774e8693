"""Latencies of a log: kept at import, given to calibrations, and put beside those of a simulation."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.observed_runs import latencies, requests

from simcost.cli import main
from simcost.errors import TraceError
from simcost.trace.observed import read_observation
from simcost.trace.requests.describe import describe_trace
from simcost.trace.requests.readers import Notation, import_trace

SCENARIO = """\
scenario: observed
model: llama-3.1-8b
horizon: 10min
workload: {kind: trace, path: log.parquet}
slo: {ttft: 1s}
plans:
  - name: ours
    replica:
      accelerator: h100
      kv_tokens: 200000
      step: {a: 0.013, b: 4.5e-5, c: 4e-5, d: 1.3e-7, q: 2.5e-9, sigma: 0}
      first_token_overhead: 30ms
    batching: {max_num_seqs: 32, max_num_batched_tokens: 1024}
    buy: {offer: runpod/pod-h100-sxm}
    scaling: {kind: fixed, replicas: 1}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of 60 requests by a known engine, TTFT in milliseconds and E2E in seconds."""
    batch = requests(60)
    found = latencies(batch)
    with (tmp_path / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arrival_ns", "prompt_tokens", "output_tokens", "ttft_ms", "latency", "status"])
        writer.writerows(
            [
                (batch.arrival_ns[i], batch.prompt_tokens[i], batch.output_tokens[i], 1e3 * ttft, e2e, "ok")
                for i, (ttft, e2e) in enumerate(zip(found.ttft_s, found.e2e_s, strict=True))
            ]
        )
    return tmp_path / "log.csv"


def imported(log: Path) -> Path:
    trace = log.with_suffix(".parquet")
    import_trace(log, "csv", trace, mapping={"e2e_s": "latency"})
    return trace


@pytest.mark.parametrize("form", ["e2e_s", "e2e_ms"])
def test_latencies_that_say_their_unit(form: str, tmp_path: Path) -> None:
    """As TGI logs them (`total_time` of a span), and proxies written in Go; they were all taken as unknown."""
    told = ["4.5s", "250ms", "63.5\u00b5s", "900us", "1m3.5s", "2m", "1h0m1s", "soon", ""]
    log = tmp_path / "log.jsonl"
    rows = ({"arrival": i, "prompt_tokens": 5, "output_tokens": 1, "total": text} for i, text in enumerate(told))
    log.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    said = import_trace(log, "jsonl", tmp_path / "t.parquet", mapping={form: "total"})
    found = pq.read_table(tmp_path / "t.parquet")["e2e_s"].to_pylist()
    assert found[:7] == pytest.approx([4.5, 0.25, 6.35e-5, 9e-4, 63.5, 120, 3601])
    assert found[7:] == [None, None]
    assert said["repaired_by"] == {"latency": 1}


def test_latencies_that_say_their_unit_beside_a_decimal_comma(tmp_path: Path) -> None:
    """All were taken as unknown where marks of numbers are declared."""
    log = tmp_path / "log.csv"
    log.write_text("arrival;prompt_tokens;output_tokens;e2e_s\n0;5;1;1,5s\n1;5;1;250ms\n2;5;1;0,75\n")
    said = import_trace(log, "csv", tmp_path / "t.parquet", notation=Notation(decimal=","))
    assert pq.read_table(tmp_path / "t.parquet")["e2e_s"].to_pylist() == pytest.approx([1.5, 0.25, 0.75])
    assert not said["repaired_by"]


def test_latencies_are_kept_in_seconds(log: Path) -> None:
    table = pq.read_table(imported(log))
    truth = latencies(requests(60))
    assert table["ttft_s"].to_numpy() == pytest.approx(truth.ttft_s)
    assert table["e2e_s"].to_numpy() == pytest.approx(truth.e2e_s)
    assert set(table["status"].to_pylist()) == {"ok"}


def test_times_in_the_place_of_latencies(tmp_path: Path) -> None:
    """As the spend logs of LiteLLM have them; where both times are one, the answer was not streamed."""
    path = tmp_path / "spend.csv"
    path.write_text(
        "startTime,endTime,completionStartTime,prompt_tokens,completion_tokens,status\n"
        "2026-03-02 09:00:00.5,2026-03-02 09:00:02.5,2026-03-02 09:00:00.75,10,5,success\n"
        "2026-03-02 09:00:01,2026-03-02 09:00:04,2026-03-02 09:00:04,10,5,success\n"
        "2026-03-02 09:00:02,2026-03-02 09:00:01,,10,5,success\n"
        "2026-03-02 09:00:03,2026-03-02 09:00:06,,10,5,success\n"
    )
    report = import_trace(path, "litellm", tmp_path / "spend.parquet")
    table = pq.read_table(tmp_path / "spend.parquet")
    assert table["ttft_s"].to_pylist() == [0.25, None, None, None]
    assert table["e2e_s"].to_pylist() == [2.0, 3.0, None, 3.0]
    assert "1 latency" in str(report)
    found = describe_trace(tmp_path / "spend.parquet")["latencies"]
    one = dict.fromkeys(("mean", "p5", "p50", "p95", "p99", "max"), 0.25)
    assert found["ttft_s"] == pytest.approx(one | {"known": 1}, rel=0.004)
    assert found["e2e_s"] == pytest.approx(
        {"known": 3, "mean": 8 / 3, "p5": 2.0, "p50": 3.0, "p95": 3.0, "p99": 3.0, "max": 3.0}, rel=0.004
    )


def test_times_of_any_log_by_the_clocks_of_a_zone(tmp_path: Path) -> None:
    """The clocks are set back at 01:00 UTC: 02:30 comes twice."""
    path = tmp_path / "log.csv"
    path.write_text(
        "began,done,prompt_tokens,output_tokens\n2026-10-25 02:50:00,2026-10-25 02:59:59,10,5\n"
        "2026-10-25 02:59:58,2026-10-25 02:00:02,10,5\n2026-10-25 02:30:00,2026-10-25 02:30:30,10,5\n"
    )
    mapping = {"arrival": "began", "end_at": "done"}
    import_trace(path, "csv", tmp_path / "log.parquet", mapping=mapping, notation=Notation(timezone="Europe/Berlin"))
    assert pq.read_table(tmp_path / "log.parquet")["e2e_s"].to_pylist() == [599.0, 4.0, 30.0]
    with pytest.raises(TraceError, match="both e2e_s and end_at are mapped"):
        import_trace(path, "csv", tmp_path / "two.parquet", mapping=mapping | {"e2e_s": "done"})


def test_a_trace_with_latencies_is_an_observation(log: Path) -> None:
    run = read_observation([imported(log)]).run
    assert run is not None
    assert run.ttft_s == pytest.approx(latencies(requests(60)).ttft_s)


def test_a_trace_without_latencies_is_refused_with_the_remedy(log: Path) -> None:
    trace = log.with_name("plain.parquet")
    text = log.read_text().replace("ttft_ms", "x")
    log.write_text(text)
    import_trace(log, "csv", trace)
    with pytest.raises(TraceError, match="import the log again with its columns"):
        read_observation([trace])


@pytest.mark.parametrize("cell", ["", "-3", "soon", "1e9", "NaN?"])
def test_a_latency_that_cannot_be_is_unknown(cell: str, log: Path) -> None:
    lines = log.read_text().splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join([*cells[:4], cell, cells[5]])
    log.write_text("\n".join(lines))
    document = import_trace(log, "csv", log.with_suffix(".parquet"), mapping={"e2e_s": "latency"})
    assert pq.read_table(log.with_suffix(".parquet"))["e2e_s"].null_count == 1
    assert document["repaired_by"].get("latency", 0) == (1 if cell else 0)


def test_both_units_of_one_latency_are_refused(log: Path) -> None:
    mapping = {"e2e_s": "latency", "e2e_ms": "latency"}
    with pytest.raises(TraceError, match="both e2e_s and e2e_ms are mapped"):
        import_trace(log, "csv", log.with_suffix(".parquet"), mapping=mapping)


@pytest.mark.usefixtures("no_pictures")
def test_the_engine_itself_stands_beside_its_log_without_error(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With several replications too, of which the first replays the log; drawn engines are told."""
    trace, scenario = imported(log), log.with_name("scenario.yaml")
    scenario.write_text(SCENARIO)
    out = log.with_name("out")
    assert main(["run", str(scenario), "--seeds", "2", "--quiet", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["trace", "check", str(out), str(trace), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["metric"] for row in document["rows"]} == {"ttft", "tpot", "e2e"}
    errors = {(row["metric"], row["statistic"]): row["error"] for row in document["rows"]}
    assert errors["tpot", "mean"] == pytest.approx(0, abs=0.01)
    assert document["findings"] == []
    other = log.with_name("other.parquet")
    import_trace(trace, "parquet", other)
    assert main(["trace", "check", str(out), str(other), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["findings"]
    assert told["kind"] == "other_trace"
    assert f"{other} has other contents than each of these" in told["message"]
    scenario.write_text(SCENARIO.replace("sigma: 0", "sigma: 0.3"))
    assert main(["run", str(scenario), "--seeds", "2", "--quiet", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["trace", "check", str(out), str(trace), "--json"]) == 0
    assert [each["kind"] for each in json.loads(capsys.readouterr().out)["findings"]] == ["drawn_engines"]
    assert main(["trace", "check", str(out), str(trace), "--plan", "theirs"]) == 2
    assert "no plan 'theirs'" in capsys.readouterr().err


@pytest.mark.usefixtures("no_pictures")
def test_requests_that_had_not_ended_are_on_neither_side(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The engine beside its own log is without error however early the run ends, which is told."""
    trace, scenario, out = imported(log), log.with_name("scenario.yaml"), log.with_name("out")
    for horizon, findings in (("10s", ["unfinished"]), ("10min", [])):
        scenario.write_text(SCENARIO.replace("10min", horizon))
        assert main(["run", str(scenario), "--quiet", "--seeds", "1", "--out", str(out)]) == 0
        capsys.readouterr()
        assert main(["trace", "check", str(out), str(trace), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert [finding["kind"] for finding in document["findings"]] == findings
        errors = [row["error"] for row in document["rows"] if row["statistic"] == "mean"]
        assert errors == pytest.approx([0, 0, 0], abs=0.01)


@pytest.mark.usefixtures("no_pictures")
def test_a_run_that_ends_before_any_recorded_request_is_told(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{n},20,2,60" for n in range(8)]
    log.write_text("\n".join(["arrival_ns,prompt_tokens,output_tokens,latency", *rows]))
    trace, scenario, out = imported(log), log.with_name("scenario.yaml"), log.with_name("out")
    scenario.write_text(SCENARIO.replace("10min", "10s"))
    assert main(["run", str(scenario), "--quiet", "--seeds", "1", "--out", str(out)]) == 0
    assert main(["trace", "check", str(out), str(trace)]) == 2
    assert "no request ended within the run of 10 s; run with a longer horizon" in capsys.readouterr().err


HEADER = "arrival,prompt_tokens,output_tokens,"


def read(tmp_path: Path, text: str, **asked: object) -> tuple[dict[str, list[float | None]], dict[str, Any]]:
    """The latencies of a log, and what its import tells."""
    (tmp_path / "own.csv").write_text(HEADER + text)
    found = import_trace(tmp_path / "own.csv", "csv", tmp_path / "own.parquet", **asked)
    table = pq.read_table(tmp_path / "own.parquet")
    return {name: table[name].to_pylist() for name in ("ttft_s", "e2e_s") if name in table.column_names}, found


@pytest.mark.parametrize(
    "text", ["ttft_s,e2e_s\n0,9,5,3,2\n1,9,6,1,2\n", "first_token_at,end_at\n0,9,5,3,2\n1,9,6,2,3\n"]
)
def test_a_first_token_after_the_end_is_unknown_and_told(tmp_path: Path, text: str) -> None:
    """Numbers were kept, and times were taken as unknown in silence."""
    latencies, found = read(tmp_path, text)
    assert latencies == {"ttft_s": [None, 1.0], "e2e_s": [2.0, 2.0]}
    assert found["repaired_by"] == {"late_first_token": 1}


def test_latencies_of_rows_that_are_left_out_are_not_counted(tmp_path: Path) -> None:
    latencies, found = read(tmp_path, "e2e_s,status\n0,9,5,2,200\n1,9,6,-1,500\n")
    assert (latencies["e2e_s"], found["repaired"]) == ([2.0], 0)


def test_ends_in_an_hour_that_clocks_show_twice_follow_their_arrivals(tmp_path: Path) -> None:
    """The order of the ends is not that of the arrivals: a short request after a long one took an hour more."""
    rows = [("02:59:50", "02:00:10"), ("02:59:52", "02:59:53"), ("02:00:01", "02:00:03")]
    text = "".join(f"2026-10-25 {start},9,{i + 1},2026-10-25 {end}\n" for i, (start, end) in enumerate(rows))
    latencies, _ = read(tmp_path, f"end_at\n{text}", notation=Notation(timezone="Europe/Berlin"))
    assert latencies["e2e_s"] == [20.0, 1.0, 2.0]


def test_dates_of_ends_beside_arrivals_that_count_from_a_stated_start(tmp_path: Path) -> None:
    latencies, _ = read(tmp_path, "end_at\n0,9,5,2026-01-05T09:00:02Z\n", start="2026-01-05T09:00:00Z")
    assert latencies["e2e_s"] == [2.0]


@pytest.mark.parametrize(
    ("column", "passed"),
    [
        ("latency_ms", "--map e2e_ms=latency_ms"),
        ("duration", "--map e2e_s=duration or --map e2e_ms=duration"),
        ("finished_at", "--map end_at=finished_at"),
        ("time_to_first_token", "--map ttft_s=time_to_first_token or --map ttft_ms=time_to_first_token"),
    ],
)
def test_latencies_of_other_names_are_told(tmp_path: Path, column: str, passed: str) -> None:
    """They were passed over in silence, and `trace check` found none."""
    _, found = read(tmp_path, f"{column}\n0,9,5,2\n")
    [told] = [each["message"] for each in found["findings"] if each["kind"] == "unread_column"]
    assert told.endswith(f"pass {passed}")
    _, found = read(tmp_path, f"{column},ttft_ms,e2e_s\n0,9,5,2,100,2\n")
    assert "unread_column" not in [each["kind"] for each in found["findings"]]


def test_times_fill_in_where_langfuse_has_no_latency(tmp_path: Path) -> None:
    """Observations as its API gives them have times alone, and had no latencies."""
    path = tmp_path / "observations.csv"
    path.write_text(
        "id,type,startTime,completionStartTime,endTime,inputTokens,outputTokens,latency,timeToFirstToken\n"
        "a,GENERATION,2026-03-02T09:00:00Z,2026-03-02T09:00:00.5Z,2026-03-02T09:00:02Z,9,5,,\n"
        "b,GENERATION,2026-03-02T09:00:01Z,2026-03-02T09:00:02Z,2026-03-02T09:00:03Z,9,5,1.75,0.25\n"
    )
    import_trace(path, "langfuse", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["e2e_s"].to_pylist() == [2.0, 1.75]
    assert table["ttft_s"].to_pylist() == [0.5, 0.25]


def test_burstgpt_has_the_time_of_whole_answers(tmp_path: Path) -> None:
    path = tmp_path / "burst.csv"
    head = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type"
    path.write_text(f"{head}\n5,,2.5,ChatGPT,9,5,14,Conversation log\n")
    import_trace(path, "burstgpt", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["e2e_s"].to_pylist() == [2.5]


def test_a_mapped_latency_goes_before_one_of_our_name(tmp_path: Path) -> None:
    """The column named e2e_s was read, and the mapped one was not."""
    latencies, _ = read(tmp_path, "e2e_s,engine_ms\n0,9,5,2,1500\n", mapping={"e2e_ms": "engine_ms"})
    assert latencies["e2e_s"] == [1.5]


@pytest.mark.parametrize(
    ("header", "mapping", "told"),
    [
        ("ttft_ms,e2e_s", {}, ""),
        ("ttft_s,e2e_s", {}, "most first tokens come after the end of the answer"),
        ("ttft_ms,e2e_ms", {}, "60 of 60 answers took less than 0.1 ms for each output token"),
        ("ttft_ms,both", {"e2e_s": "both"}, "30 of 60 answers took more than 3 s for each output token"),
        ("ttft_ms,both", {"e2e_ms": "both"}, "30 of 60 answers took less than 0.1 ms for each output token"),
        ("ttft_ms,late", {"e2e_ms": "late"}, ""),
        ("tenant,soon", {"e2e_s": "soon"}, ""),
    ],
)
def test_latencies_in_another_unit_are_told(tmp_path: Path, header: str, mapping: dict[str, str], told: str) -> None:
    ends = {"both": [2, 2000], "late": [200_000], "soon": [0.002]}.get(header.partition(",")[2], [2]) * 60
    lines = [f"{1e9 * i:.0f},100,50,200,{end}" for i, end in enumerate(ends[:60])]
    (tmp_path / "log.csv").write_text("\n".join([f"arrival_ns,prompt_tokens,output_tokens,{header}", *lines]))
    found = import_trace(tmp_path / "log.csv", "csv", tmp_path / "log.parquet", mapping=mapping)["findings"]
    assert [one["message"].startswith(told) for one in found if one["kind"] == "latency_unit"] == [True] * bool(told)


def test_ends_of_answers_are_in_no_unit_of_latencies(tmp_path: Path) -> None:
    """`--map e2e_ms=COLUMN` was advised of a column of times."""
    rows = "\n".join(f"{i},100,50,{i + 400}" for i in range(60))
    (tmp_path / "log.csv").write_text(f"arrival_s,prompt_tokens,output_tokens,end_at\n{rows}\n")
    found = import_trace(tmp_path / "log.csv", "csv", tmp_path / "log.parquet")
    assert "latency_unit" not in {one["kind"] for one in found["findings"]}
    assert pq.read_table(tmp_path / "log.parquet")["e2e_s"].to_pylist() == [400] * 60


@pytest.mark.parametrize(
    ("columns", "where", "told"),
    [
        ("ttft_ms,gpu", [], True),
        ("ttft_ms,gpu", [("gpu", "h100")], False),
        ("ttft_ms,gpu,pod", [("pod", "h100")], False),
        ("tenant,gpu", [], False),
    ],
)
def test_latencies_of_several_engines_are_told(
    tmp_path: Path, columns: str, where: list[tuple[str, str]], told: bool
) -> None:
    """A calibration to the sum of them fits none."""
    engines = [",".join([gpu] * columns.count(",")) for gpu in ("h100", "l4")]
    rows = "".join(f"{i},9,5,20,{engine}\n" for i, engine in enumerate(engines))
    (tmp_path / "log.csv").write_text(f"arrival,prompt_tokens,output_tokens,{columns}\n{rows}")
    found = import_trace(tmp_path / "log.csv", "csv", tmp_path / "log.parquet", where=where)["findings"]
    said = [one["message"] for one in found if one["kind"] == "unread_column"]
    assert ["--where gpu=NAME" in one for one in said] == [True] * told
