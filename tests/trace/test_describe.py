"""Description against plain computations, and findings that appear only where they should."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.shown import on_terminal

from simcost.cli.main import main
from simcost.studies.traces.view import parts
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.requests.describe import describe_trace
from simcost.trace.requests.readers import import_trace
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.synthesis.stored_requests import synthesize
from simcost.trace.workload.spec import Synthetic

text = on_terminal(parts)


def store(path: Path, arrival_s: np.ndarray, prompt: np.ndarray, output: np.ndarray, **options: object) -> Path:
    arrival = np.round(np.asarray(arrival_s) * 1e9).astype(np.int64)
    with TraceWriter(path, source="test", **options) as writer:  # type: ignore[arg-type]
        writer.write_batch(RequestBatch(arrival, prompt.astype(np.int32), output.astype(np.int32)))
    return path


def ones(count: int) -> np.ndarray:
    return np.ones(count, np.int32)


@given(gaps=st.lists(st.integers(0, 40), min_size=2, max_size=200), batch=st.integers(1, 50))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_against_plain_computation(tmp_path: Path, gaps: list[int], batch: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simcost.trace.requests.store.read_batches.__defaults__", (batch,))
        arrival = np.cumsum([0, *gaps]).astype(float)
        prompt = np.arange(1, len(arrival) + 1) ** 2
        got = describe_trace(store(tmp_path / "a.parquet", arrival, prompt, ones(len(arrival))))
    assert got["rows"] == len(arrival)
    assert got["span_s"] == arrival[-1]
    if sum(gaps):
        assert got["cv"] == pytest.approx(np.std(gaps) / np.mean(gaps), abs=1e-6)
    for width in (1, 10, 60):
        whole = int(arrival[-1] // width)
        counts = np.bincount((arrival // width).astype(int), minlength=whole)[:whole]
        want = np.var(counts, ddof=1) / counts.mean() if whole >= 2 and counts.sum() else None
        assert got["dispersion"][f"{width}s"] == pytest.approx(want)
    for name, share in (("p5", 0.05), ("p50", 0.5), ("p99", 0.99)):
        assert got["prompt_tokens"][name] == np.quantile(prompt, share, method="inverted_cdf")
    assert got["prompt_tokens"]["mean"] == pytest.approx(prompt.mean())


def test_poisson_looks_like_poisson(tmp_path: Path) -> None:
    flat = Synthetic(rate=20.0, daily=(1.0,) * 24, burst_cv=0.0)
    synthesize(flat, tmp_path / "a.parquet", folder=tmp_path, seed=3, horizon_s=7200.0)
    got = describe_trace(tmp_path / "a.parquet")
    assert got["cv"] == pytest.approx(1.0, abs=0.015)  # standard error about 0.003
    assert got["dispersion"]["1s"] == pytest.approx(1.0, abs=0.07)  # sqrt(2 / 7200) = 0.017
    assert got["dispersion"]["10s"] == pytest.approx(1.0, abs=0.21)  # sqrt(2 / 720) = 0.053
    assert len(got["rate_per_hour"]) == 2
    assert sum(got["rate_per_hour"]) == got["rows"]


def test_rate_of_a_part_of_an_hour(tmp_path: Path) -> None:
    path = store(
        tmp_path / "a.parquet",
        np.array([0.0, 3600, 3600, 4500, 5399]),
        ones(5),
        ones(5),
        span_ns=5400 * 10**9,
    )
    assert describe_trace(path)["rate_per_hour"] == [1.0, 8.0]


@pytest.mark.parametrize(
    ("end_s", "rates"), [(7200.0, [60.0, 61.0]), (7200.001, [60.0, 61.0]), (7560.0, [60.0, 60.0, 10.0])]
)
def test_a_rest_of_seconds_is_no_hour_of_its_own(tmp_path: Path, end_s: float, rates: list[float]) -> None:
    """A request a minute, and one at the end: a millisecond after two hours it was shown as 3,600,000 an hour."""
    arrival = np.append(np.arange(0.0, 7200.0, 60.0), end_s)
    got = describe_trace(store(tmp_path / "a.parquet", arrival, ones(121), ones(121)))
    assert got["rate_per_hour"] == pytest.approx(rates, rel=1e-6)


def test_one_request(tmp_path: Path) -> None:
    got = describe_trace(store(tmp_path / "a.parquet", np.array([0.0]), ones(1), ones(1)))
    assert (got["rows"], got["rate_per_s"], got["cv"], got["rate_per_hour"]) == (1, None, None, [])
    assert "1 request" in text(got)


def test_prefix_reuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.trace.requests.statistics._MERGED", 2)
    monkeypatch.setattr("simcost.trace.requests.store.read_tables.__defaults__", (1,))
    hashes = [[1, 2, 3], [], None, [1, 2, 4], [5]]
    columns = [range(5), [9] * 5, [2] * 5, hashes]
    names = ["arrival_ns", "prompt_tokens", "output_tokens", "prefix_hashes"]
    with TraceWriter(tmp_path / "a.parquet", source="t", optional=["prefix_hashes"], block_tokens=4) as writer:
        writer.write(pa.table([pa.array(column) for column in columns], names=names))
    got = describe_trace(tmp_path / "a.parquet")
    assert got["prefix_reuse"] == pytest.approx(2 / 7)
    assert "28.6 % (blocks of 4 tokens)" in text(got)


def test_tenants_adapters_and_sessions_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.trace.requests.statistics._MERGED", 2)
    monkeypatch.setattr("simcost.trace.requests.store.read_tables.__defaults__", (2,))
    (tmp_path / "a.csv").write_text(
        "arrival,prompt_tokens,output_tokens,tenant,session,adapter\n"
        "0,10,5,a,s1,\n1,10,5,b,s1,\n2,10,5,a,s2,\n3,10,5,,s2,\n4,10,5,c,s1,\n5,10,5,,,\n"
    )
    import_trace(tmp_path / "a.csv", "csv", tmp_path / "a.parquet")
    got = describe_trace(tmp_path / "a.parquet")
    assert got["labels"] == {
        "tenant": {"known": 4, "distinct": 3, "requests": {"a": 2, "b": 1, "c": 1}},
        "session": {"known": 5, "distinct": 2},
    }
    assert "tenants: a (2), b (1), c (1)" in text(got)
    assert "sessions: 2, 2.5 requests each on average" in text(got)


@pytest.mark.parametrize(
    ("arrival", "output", "kinds"),
    [
        (np.arange(500.0), np.arange(500) % 97 + 1, set()),
        (np.append(np.arange(500.0), 900.0), np.arange(501) % 97 + 1, {"gap"}),
        (np.append(np.arange(60.0), 2e8), np.arange(61) % 97 + 1, {"gap"}),  # a wrong year, most of the mean
        (np.repeat(np.arange(250.0), 2), np.arange(500) % 97 + 1, {"quantised"}),
        (np.append(np.arange(499.0), 498.0), np.arange(500) % 97 + 1, {"duplicate_arrival"}),
        (np.arange(500.0), np.minimum(np.arange(500) + 1, 300), {"cap"}),
        (np.arange(500.0), np.full(500, 128), {"constant"}),
        (np.zeros(500), np.arange(500) % 97 + 1, {"constant"}),
    ],
)
def test_findings(tmp_path: Path, arrival: np.ndarray, output: np.ndarray, kinds: set[str]) -> None:
    prompt = np.arange(len(arrival)) % 89 + 1
    got = describe_trace(store(tmp_path / "a.parquet", arrival, prompt, output))
    assert {finding["kind"] for finding in got["findings"]} == kinds
    assert text(got).count("\n- ") == len(kinds)


@pytest.mark.parametrize("again", [0, 300])
def test_a_part_of_the_rows_twice_is_told_beside_a_coarse_clock(tmp_path: Path, again: int) -> None:
    """Ten requests a second on a clock of seconds, the first 30 seconds there twice."""
    rng = np.random.default_rng(1)
    arrival, tokens = np.arange(3000) // 10, np.exp(rng.normal(6, 1, (2, 3000))).astype(np.int64) + 1
    rows = np.sort(np.append(np.arange(3000), np.arange(again)))
    got = describe_trace(store(tmp_path / "a.parquet", arrival[rows].astype(float), tokens[0][rows], tokens[1][rows]))
    found = {said["kind"]: said["count"] for said in got["findings"]}
    assert found.get("repeated", 0) == again
    assert "quantised" in found


@pytest.mark.parametrize(("a_tick", "kinds"), [(1, {"repeated"}), (2, {"repeated", "quantised"})])
def test_a_log_that_holds_its_rows_twice_is_no_coarse_clock(tmp_path: Path, a_tick: int, kinds: set[str]) -> None:
    """Each of 500 requests twice, alone in its tick or with another one."""
    arrival, number = np.tile(np.repeat(np.arange(500.0 // a_tick), a_tick), 2), np.tile(np.arange(500), 2)
    order = np.argsort(arrival, kind="stable")
    prompt, output = number[order] % 89 + 1, number[order] % 97 + 1
    got = describe_trace(store(tmp_path / "a.parquet", arrival[order], prompt, output))
    assert {finding["kind"] for finding in got["findings"]} == kinds
    assert got["findings"][0]["count"] == 500


def test_requests_of_few_lengths_on_a_coarse_clock_are_no_copies(tmp_path: Path) -> None:
    """Two kinds of requests, as of images: that two of a tick are alike is chance."""
    arrival, kind = np.repeat(np.arange(100.0), 5), np.random.default_rng(4).integers(1, 3, 500)
    got = describe_trace(store(tmp_path / "a.parquet", arrival, kind, kind * 10))
    assert "repeated" not in {finding["kind"] for finding in got["findings"]}


def test_step_of_the_clock(shared: Path, tmp_path: Path) -> None:
    log = shared / "data/traces/mooncake_conversation_trace.jsonl.gz"
    got = import_trace(log, "mooncake", tmp_path / "a.parquet")
    assert any("steps of 3 s" in finding["message"] for finding in got["findings"])
    assert "12,031 requests" in text(got)
    assert 0.3 < describe_trace(tmp_path / "a.parquet")["prefix_reuse"] < 0.45


def test_requests_over_time_count_all_requests_but_those_of_the_last_part(tmp_path: Path) -> None:
    """Steps of 30 s over 58 min: each request of a whole step counts once. A trace of years has 240 steps at most."""
    arrival = np.sort(np.random.default_rng(5).uniform(0, 3500, 4000))
    got = describe_trace(store(tmp_path / "a.parquet", arrival, ones(4000), ones(4000)))
    step_s, rates = got["over_time"]["step_s"], got["over_time"]["rate_per_s"]
    since = arrival - arrival[0]
    assert step_s == 30
    assert len(rates) == int(got["span_s"] // 30)
    assert sum(rates) * step_s == pytest.approx(np.sum(since < 30 * len(rates)))
    years = describe_trace(store(tmp_path / "b.parquet", np.array([0.0, 1e9]), ones(2), ones(2)))["over_time"]
    assert len(years["rate_per_s"]) <= 240


def test_percentiles_of_tokens_are_nearest_ranks(tmp_path: Path) -> None:
    got = describe_trace(store(tmp_path / "a.parquet", np.arange(200.0), np.arange(1, 201), ones(200)))
    assert got["prompt_tokens"]["percentiles"] == [2 * percent for percent in range(1, 100)]


@pytest.mark.parametrize("arrival", [[0.0], [0.0, 0.0], [0.0, 0.5], [0.0, 3.0], [0.0, 9e8]])
def test_every_trace_has_its_pictures(arrival: list[float], tmp_path: Path) -> None:
    """Also of one request, of one instant, of tokens that are all the same."""
    path = store(tmp_path / "a.parquet", np.array(arrival), ones(len(arrival)), ones(len(arrival)))
    words = ["trace", "describe", str(path), "--html", str(tmp_path / "a.html"), "--svg", str(tmp_path / "a.svg")]
    assert main(words) == 0
    assert (tmp_path / "a.html").read_text().count("<svg") == (2 if arrival[-1] >= 2 else 1)
