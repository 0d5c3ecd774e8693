"""Short forms of scenarios: `slo: {ttft: {p95: 2s}}`, and lengths in months and years."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.scenarios import SERVICES, SMALL, write

from simcost.scenario.checks.load import find_faults, load, load_with_services
from simcost.slo import Slo
from simcost.units import MEAN_MONTH_S

METRICS, LEVELS = ("ttft", "tpot", "e2e"), ("p50", "p90", "p95", "p99")


def slo_of(folder: Path, slo: str) -> Slo:
    return load(write(folder, ("slo: {ttft: 1s, attainment: 95%}", f"slo: {{{slo}}}"))).scenario.slo


def messages(folder: Path, slo: str) -> list[str]:
    faults = find_faults(write(folder, ("slo: {ttft: 1s, attainment: 95%}", f"slo: {{{slo}}}")))
    return [f"{fault.path}: {fault.message}" for fault in faults]


@pytest.mark.parametrize("metrics", [some for n in (1, 2, 3) for some in itertools.combinations(METRICS, n)])
@pytest.mark.parametrize("levels", [some for n in (1, 2, 4) for some in itertools.combinations(LEVELS, n)])
def test_the_short_form_is_the_long_one(tmp_path: Path, metrics: tuple[str, ...], levels: tuple[str, ...]) -> None:
    targets = ", ".join(f"{level}: {place + 1}s" for place, level in enumerate(levels))
    each = ", ".join(f"{metric}: {{{targets}}}" for metric in metrics)
    assert slo_of(tmp_path, each) == slo_of(tmp_path, f"percentiles: {{{each}}}")
    mixed = f"{metrics[0]}: {{{targets}}}, percentiles: {{{', '.join(f'{one}: {{{targets}}}' for one in metrics[1:])}}}"
    assert slo_of(tmp_path, f"attainment: 90%, {mixed}") == slo_of(tmp_path, f"attainment: 90%, {each}")


def test_both_forms_of_one_metric_are_joined(tmp_path: Path) -> None:
    joined = slo_of(tmp_path, "ttft: {p95: 2s}, tpot: 80ms, percentiles: {ttft: {p99: 3s}}")
    assert joined == slo_of(tmp_path, "tpot: 80ms, percentiles: {ttft: {p95: 2s, p99: 3s}}")


def test_of_services_and_tenants_too(tmp_path: Path) -> None:
    short = write(tmp_path, ("slo: {ttft: 1s,", "slo: {ttft: {p95: 1s},"), text=SERVICES)
    services = load_with_services(short).services  # type: ignore[union-attr]
    assert services["chat"].scenario.slo.percentiles == {"ttft": {"p95": 1.0}}
    tenants = "workload:\n  tenant: a", "tenants: [{name: a, slo: {e2e: {p99: 9s}}}]\nplans:"
    one = load(write(tmp_path, ("workload:", tenants[0]), ("plans:", tenants[1]))).scenario
    assert one.tenants[0].slo == Slo(percentiles={"e2e": {"p99": 9.0}})


@pytest.mark.parametrize(
    ("slo", "fault"),
    [
        ("ttft: {p95: 2s}, percentiles: {ttft: {p95: 3s}}", "slo.ttft.p95: is a target under percentiles.ttft too"),
        ("ttft: {}", "slo.ttft: is empty; write a limit"),
        ("e2e: {p95: soon}", "slo.e2e.p95: 'soon' is not a quantity"),
        ("tpot: {p93: 2s}", "slo.tpot.p93: unknown key 'p93'; did you mean"),
        ("tpot: {mean: 2s}", "slo.tpot.mean: unknown key 'mean'; known here: p50, p90, p95, p99"),
        ("ttft: {p95: 2s}, percentiles: 3", "slo.percentiles: expected a mapping"),
        ("ttft: {p95: 2s}, percentiles: {ttft: 3}", "slo.percentiles.ttft: expected a mapping"),
        ("itl: {p95: 80ms}", "slo.itl: unknown key 'itl'; did you mean 'tpot'?"),
        ("ttft: [2s]", "slo.ttft: a list is not a number"),
    ],
)
def test_what_is_no_target_is_told_at_its_place(tmp_path: Path, slo: str, fault: str) -> None:
    assert any(message.startswith(fault) for message in messages(tmp_path, slo))
    assert not any("a mapping is not a number" in message for message in messages(tmp_path, slo))


@pytest.mark.parametrize(("text", "months"), [("1mo", 1), ("3mo", 3), ("6mo", 6), ("12mo", 12), ("1y", 12), ("3y", 36)])
def test_months_are_of_the_calendar_where_a_date_is_known(tmp_path: Path, text: str, months: int) -> None:
    plain = load(write(tmp_path, ("horizon: 10min", f"horizon: {text}"))).scenario
    assert plain.horizon == months * MEAN_MONTH_S
    dated = write(tmp_path, ("horizon: 10min", f"horizon: {text}\nstarts: 2027-11-30T00:00:00Z"))
    year, month = divmod(2027 * 12 + 10 + months, 12)
    days = {1: 31, 2: 29 if year % 4 == 0 else 28}.get(month + 1, 30)
    end = datetime(year, month + 1, min(30, days), tzinfo=UTC)
    assert load(dated).scenario.horizon == (end - datetime(2027, 11, 30, tzinfo=UTC)).total_seconds()


@pytest.mark.parametrize("text", ["0mo", "3mt", "mo", "-1mo", "1000y"])
def test_no_length_is_a_fault(tmp_path: Path, text: str) -> None:
    [fault] = find_faults(write(tmp_path, ("horizon: 10min", f"horizon: {text}"), text=SMALL))
    assert fault.path == "horizon"
