"""Service levels on paper, from rows and from histograms."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ledgers import HOUR, ledger, outcomes, write_rows

from simcost.errors import RunError
from simcost.ledger.percentiles import latency
from simcost.ledger.requests import Ledger
from simcost.slo import Slo, assess
from simcost.slo.requests import _hours

VALUES = [(0, 0.1 * i, 0.1 * i + 2.0, 11) for i in range(1, 101)] + [(1, 5.0, 5.0, 1)]
SLO = Slo(ttft=9.0, attainment=0.9, errors=0.02, percentiles={"ttft": {"p95": 9.6}, "e2e": {"p50": 6.9}})
COUNTS: list[dict[str, int]] = [
    {"arrived": 103, "completed": 100, "rejected": 1, "timed_out": 1, "good": 90, "output_tokens": 1100},
    {"arrived": 3, "completed": 1, "good": 1, "late": 1, "output_tokens": 1},
    {"arrived": 1},
]


def run(rows: Path | None = None, values: Any = VALUES, counts: Any = COUNTS) -> Ledger:
    felt = outcomes(counts, values, rows=rows, in_system=4)
    return ledger(horizon_s=2.5 * HOUR, felt=felt)


def test_on_paper_from_rows(tmp_path: Path) -> None:
    report = assess(run(write_rows(tmp_path / "rows.parquet", VALUES)), SLO)
    judged = 100 + 2 + 1 + 1
    assert report.attainment == pytest.approx(91 / judged)
    assert report.error_share == pytest.approx(2 / 103)
    assert report.error_budget_used == pytest.approx((judged - 91) / (0.1 * judged))
    assert report.goodput_per_s == pytest.approx(91 / 9000)
    assert report.output_tokens_per_s == pytest.approx(1101 / 9000)
    assert report.metrics_error == 0.0
    ttft = [value[1] for value in VALUES]
    assert report.metrics["ttft_s"] == pytest.approx(
        {"mean": np.mean(ttft)} | {f"p{q}": np.quantile(ttft, q / 100, method="inverted_cdf") for q in (50, 90, 95, 99)}
    )
    assert report.metrics["tpot_s"]["p95"] == pytest.approx(0.2)
    assert [(check.name, check.met) for check in report.checks] == [
        ("attainment", False),
        ("errors", True),
        ("ttft_s p95", True),
        ("e2e_s p50", False),
    ]
    assert not report.met


def test_by_hour(tmp_path: Path) -> None:
    slo = Slo(ttft=9.0, attainment=0.88)
    report = assess(run(write_rows(tmp_path / "rows.parquet", VALUES)), slo)
    first, second, third = report.hours.to_pylist()
    assert first["attainment"] == pytest.approx(90 / 102)
    assert first["ttft_p95_s"] == pytest.approx(9.5)
    assert (first["met"], second["met"], third["met"]) == (True, False, None)
    assert second["attainment"] == pytest.approx(1 / 2)
    assert second["tpot_p95_s"] is None
    assert second["e2e_p95_s"] == pytest.approx(5.0)
    assert third["attainment"] is third["error_share"] is third["ttft_p95_s"] is None
    assert report.hours_missed == pytest.approx(1.0)


def test_windows_that_missed_by_what_no_replica_answers_are_not_short() -> None:
    """Ten of a hundred are turned away: too long for any replica, by limits of tenants, or since nothing had room."""

    def missed(limited: int, too_long: int = 0) -> tuple[Any, ...]:
        first = {"arrived": 100, "completed": 90, "rejected": 10, "good": 90, "too_long": too_long}
        felt = outcomes([first, {"arrived": 9, "completed": 9, "good": 9}], VALUES)
        tenant: Any = SimpleNamespace(rate_limited=limited)
        found = ledger(horizon_s=2 * HOUR, felt=replace(felt, by_tenant=(tenant,)))
        return _hours(found, Slo(ttft=1e9), latency(felt))[1:]

    first = ((0.0, HOUR),)
    assert missed(10) == (first, ())
    assert missed(0) == missed(5) == (first, first)
    assert missed(0, too_long=10) == missed(5, too_long=5) == (first, ())
    assert missed(0, too_long=5) == missed(2, too_long=5) == (first, first)


def test_met_when_every_check_is_met() -> None:
    assert assess(run(), Slo(attainment=0.85, errors=0.02, percentiles={"ttft": {"p99": 10.0}})).met


def test_nothing_completed_is_not_met_and_never_nan() -> None:
    report = assess(run(values=[], counts=[{"arrived": 3, "rejected": 3}]), Slo(attainment=0.0))
    assert not report.met
    assert report.metrics["e2e_s"] == dict.fromkeys(("mean", "p50", "p90", "p95", "p99"))
    json.dumps(asdict(report) | {"hours": report.hours.to_pylist()}, allow_nan=False)


def test_nothing_arrived_has_no_attainment() -> None:
    report = assess(run(values=[], counts=[{}]), Slo())
    assert (report.attainment, report.error_share, report.met) == (None, None, False)
    assert report.error_budget_used == 0.0


def test_misses_without_a_budget() -> None:
    assert assess(run(), Slo(attainment=1.0)).error_budget_used is None


def test_rows_of_another_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds 99 completed requests, the run had 101"):
        assess(run(write_rows(tmp_path / "rows.parquet", VALUES[:99])), SLO)


def test_truncated_rows_are_refused(tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.parquet", VALUES)
    rows.write_bytes(rows.read_bytes()[:-20])
    with pytest.raises(RunError, match="cannot read the outcomes"):
        assess(run(rows), SLO)


# Gaps between tokens stay above the smallest bucket (61 µs), where the stated error begins to hold.
requests = st.tuples(st.integers(0, 2), st.floats(1e-3, 1e4), st.floats(0.1, 1e4), st.integers(1, 500)).map(
    lambda v: (v[0], v[1], v[1] + v[2], v[3])
)


@given(st.lists(requests, min_size=1, max_size=40))
def test_histograms_keep_their_stated_error(tmp_path_factory: Any, values: Any) -> None:
    counts = [{"completed": sum(v[0] == w for v in values)} for w in range(3)]
    rows = write_rows(tmp_path_factory.mktemp("rows") / "rows.parquet", values)
    exact, binned = assess(run(rows, values, counts), SLO), assess(run(None, values, counts), SLO)
    pairs = [
        (level, binned.metrics[metric][name])
        for metric, levels in exact.metrics.items()
        for name, level in levels.items()
    ]
    for name in ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s"):
        pairs += zip(exact.hours[name].to_pylist(), binned.hours[name].to_pylist(), strict=True)
    for one, other in pairs:
        assert other is None if one is None else other == pytest.approx(one, rel=binned.metrics_error)


@given(st.lists(st.lists(st.integers(0, 50), min_size=5, max_size=5), min_size=1, max_size=4))
def test_shares_stay_between_0_and_1(windows: list[list[int]]) -> None:
    counts = [
        {"completed": good + slow, "good": good, "rejected": lost, "timed_out": quit_, "late": late}
        for good, slow, lost, quit_, late in windows
    ]
    report = assess(run(values=[], counts=counts), Slo())
    shares = [report.attainment, report.error_share, *report.hours["attainment"].to_pylist()]
    assert all(share is None or 0 <= share <= 1 for share in shares)
