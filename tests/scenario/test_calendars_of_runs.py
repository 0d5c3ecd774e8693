"""Autoscalers that follow a calendar know the date of time 0, and a run without one is refused before it begins."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.commands import trace

from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.resolve import ResolvedPlan, settle

SCENARIO = """\
scenario: dated
model: llama-3.2-1b
{requests}
slo: {{ttft: 1s}}
plans:
  - name: one
    replica: {{accelerator: l4}}
    buy: {{offer: aws/g6.xlarge}}
    scaling: {scaling}
"""
DRAWN = "horizon: 10min\nworkload: {kind: synthetic, rate: 1/s}"
DEMAND = (
    "demand: {history: hourly.csv, timezone: Europe/Berlin, requests: {}, "
    "forecast: {horizon: 2h, model: flat, paths: 10}}\nseeds: 1"
)
CRON = "{kind: keda, max: 3, triggers: [{kind: cron, start: 0 9 * * *, end: 0 10 * * *, timezone: UTC, replicas: 3}]}"
FOLLOWING = CRON.replace("triggers: [", "triggers: [{kind: metric, name: wva_desired_replicas, threshold: 1}, ")
CHAIN = f"{{kind: chain, first: {{kind: wva, max: 3}}, then: {FOLLOWING}}}"
TIMETABLE = "{kind: schedule, steps: [{at: 00:00, replicas: 1}]}"
ENDS = datetime(2026, 7, 8, 8, tzinfo=UTC)


def written(folder: Path, requests: str, scaling: str) -> Path:
    hours = [f"{ENDS - timedelta(hours=72 - i):%Y-%m-%dT%H:%M:%SZ},{100 + i % 24}" for i in range(72)]
    (folder / "hourly.csv").write_text("\n".join(["timestamp,value", *hours]), encoding="utf-8")
    (folder / "dated.yaml").write_text(SCENARIO.format(requests=requests, scaling=scaling), encoding="utf-8")
    return folder / "dated.yaml"


def planned(folder: Path, requests: str, scaling: str) -> ResolvedPlan:
    [plan] = settle(load(written(folder, requests, scaling)), seed=None, seeds=None).plans
    return plan


@pytest.mark.parametrize("scaling", [CRON, CHAIN], ids=["cron", "chain"])
def test_a_cron_trigger_without_the_date_of_time_0_is_a_fault_with_its_place(tmp_path: Path, scaling: str) -> None:
    faults = find_faults(written(tmp_path, DRAWN, scaling))
    assert any(fault.path == "plans.0.scaling" and "write `starts: " in fault.message for fault in faults)
    assert not any("starts" in fault.message for fault in find_faults(written(tmp_path, DEMAND, scaling)))


def test_a_start_that_is_not_a_date_is_a_fault_with_its_place(tmp_path: Path) -> None:
    file = written(tmp_path, DRAWN, TIMETABLE)
    file.write_text(file.read_text() + "starts: next Monday\n")
    [fault] = find_faults(file)
    assert (fault.path, fault.line) == ("starts", 11)
    assert "'next Monday' is not a date and time; write e.g. 2026-07-20T00:00:00Z" in fault.message


def test_a_demand_begins_where_its_history_ends(tmp_path: Path) -> None:
    plan = planned(tmp_path, DEMAND, CRON)
    assert (plan.pool.starts_utc_s, plan.notes) == (ENDS.timestamp(), ())


def test_calendars_that_begin_at_another_time_than_the_demand_are_told(tmp_path: Path) -> None:
    plan = planned(tmp_path, f"{DEMAND}\nstarts: 2026-07-20T00:00:00Z", CRON)
    assert plan.pool.starts_utc_s == datetime(2026, 7, 20, tzinfo=UTC).timestamp()
    assert plan.notes == ("Calendars begin at `starts`; the demand begins at 2026-07-08T10:00:00+02:00.",)
    [note] = planned(tmp_path, DEMAND, TIMETABLE).notes
    assert note == (
        "Its timetable takes the start of the run as midnight; the demand begins at 2026-07-08T10:00:00+02:00."
    )


@pytest.mark.parametrize(
    ("begins", "daily", "told"),
    [("2026-07-20T15:00:00Z", "", True), ("2026-07-20T00:00:00Z", "", False), ("2026-07-20T15:00:00Z", "daily", False)],
)
def test_a_timetable_beside_a_trace_that_begins_at_another_time_than_midnight_is_told(
    tmp_path: Path, begins: str, daily: str, told: bool
) -> None:
    trace(tmp_path, f"arrival,prompt_tokens,output_tokens\n{begins},100,10\n2026-07-20T15:10:00Z,100,10\n")
    daily = f", daily: {[1] * 24}" if daily else ""
    plan = planned(tmp_path, f"horizon: 10min\nworkload: {{kind: trace, path: log.parquet{daily}}}", TIMETABLE)
    assert any("though the trace begins at 2026-07-20T15:00:00Z" in note for note in plan.notes) == told


@pytest.mark.parametrize(
    ("starts", "daily", "told"),
    [
        ("2026-07-20T15:00:00Z", "", True),
        ("2026-07-20T15:00:00Z", f", daily: {[1] * 24}", False),
        ("2026-07-20T00:00:00Z", "", False),
    ],
)
def test_a_day_of_requests_that_begins_at_another_time_than_calendars_is_told(
    tmp_path: Path, starts: str, daily: str, told: bool
) -> None:
    requests = f"starts: {starts}\nhorizon: 10min\nworkload: {{kind: synthetic, rate: 1/s{daily}}}"
    source = settle(load(written(tmp_path, requests, CRON)), seed=None, seeds=None).source
    assert source is not None
    said = (
        "Requests take the start of the run as midnight (`daily`), and calendars of autoscalers take it as "
        f"`starts`, {starts}."
    )
    assert (said in source.caveats(2)) == told


@pytest.mark.parametrize(("ends", "told"), [("2026-10-24T22", True), ("2026-10-26T23", False)])
def test_a_timetable_of_a_run_in_which_the_clocks_change_says_so(tmp_path: Path, ends: str, told: bool) -> None:
    """Berlin sets its clocks back on 25 October: from then on nine o'clock of the timetable is eight of the users."""
    file = written(tmp_path, DEMAND, TIMETABLE)
    end = datetime.fromisoformat(f"{ends}:00:00+00:00")
    hours = [f"{end - timedelta(hours=72 - i):%Y-%m-%dT%H:%M:%SZ},{100 + i % 24}" for i in range(72)]
    (tmp_path / "hourly.csv").write_text("\n".join(["timestamp,value", *hours]), encoding="utf-8")
    file.write_text(file.read_text().replace("horizon: 2h", "horizon: 2d"))
    [plan] = settle(load(file), seed=None, seeds=None).plans
    notes = [note for note in plan.notes if "the clocks of Europe/Berlin change on 2026-10-25" in note]
    assert len(notes) == told
    assert not any("as midnight" in note for note in plan.notes)
