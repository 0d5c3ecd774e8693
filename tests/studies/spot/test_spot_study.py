"""The study of spot policies: money, spread, verdict, and what it warns of."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.shown import on_terminal

from simcost.documents import to_document
from simcost.errors import InputError
from simcost.plan.spot import Greedy, Mixed, SpotBelow, SpotOnly, UniformProgress
from simcost.studies.spot.study import spot_study
from simcost.studies.spot.view import parts
from simcost.trace.spot import SpotSeries, read_availability, read_prices, with_prices

text = on_terminal(parts)

JOB = {"work_h": 10, "deadline_h": 20, "changeover_h": 0.5, "od_usd_per_h": 4.0}


def trace(*runs: tuple[int, int], name: str = "zone") -> SpotSeries:
    nodes = np.repeat([value for _, value in runs], [length for length, _ in runs])
    return SpotSeries(name=name, gap_s=3600.0, nodes=nodes)


def test_money_is_hours_times_price_times_nodes() -> None:
    document = spot_study(
        [trace((100, 2))],
        **JOB,
        gang=2,
        policies=[Greedy(), Mixed(spot_nodes=1)],
        spot_usd_per_h=1,
        starts=[0],
    )
    on_demand, greedy, mixed = document.policies
    assert on_demand.billed_usd.mean == pytest.approx(10.5 * 2 * 4)
    assert greedy.billed_usd.mean == pytest.approx(10.5 * 2 * 1)
    assert mixed.billed_usd.mean == pytest.approx(10.5 * (4 + 1))
    assert greedy.saving == pytest.approx(1 - 21 / 80)
    assert document.best == "Greedy"
    assert document.verdict == (
        "Greedy saves 73.8 % against on-demand and met the deadline in the one run tried, which says little."
    )


def test_the_price_in_effect_is_paid_hour_by_hour_and_a_limit_is_kept() -> None:
    prices = np.where(np.arange(100) < 5, 1.0, 3.0)
    zone = replace(trace((100, 1)), usd_per_h=prices)
    document = spot_study([zone], **JOB, policies=[Greedy(), SpotBelow(max_usd_per_h=2)], starts=[0])
    _, greedy, below = document.policies
    assert greedy.billed_usd.mean == pytest.approx(5 * 1 + 5.5 * 3)
    assert (below.spot_h, below.on_demand_h) == (4.5, 5.5)
    assert below.billed_usd.mean == pytest.approx(5 * 1 + 6 * 4)


def test_more_expensive_than_on_demand_is_said() -> None:
    flicker = trace(*[(1, 1), (1, 0)] * 100)
    job = JOB | {"changeover_h": 0.9}
    document = spot_study([flicker], **job, policies=[Greedy(), SpotOnly()], spot_usd_per_h=3.9, starts=20)
    assert document.best == "On-demand only"
    assert document.verdict.startswith("Stay on demand: Greedy, the cheapest to meet the deadline in all of 20 runs")
    assert {(found["kind"], found["policy"]) for found in document.findings} == {
        ("dearer", "Greedy"),
        ("dearer", "Spot only"),
        ("late", "Spot only"),
    }
    assert "costs" in text(document)
    assert "its changeovers cost more than spot saves" in document.findings[0]["message"]
    dear = spot_study([trace((200, 1))], **JOB, policies=[Greedy()], spot_usd_per_h=4.5, starts=20)
    (found,) = dear.findings
    assert found["message"] == (
        "Greedy costs 12.5 % more than pure on-demand: a spot node costs no less than one on demand."
    )


def test_cut_off_runs_have_no_saving() -> None:
    document = spot_study([trace((30, 0))], **JOB, policies=[SpotOnly()], spot_usd_per_h=1, starts=5)
    alone = document.policies[1]
    assert (alone.saving, alone.finish_h, alone.finished, alone.deadline_met) == (
        None,
        None,
        0,
        0,
    )
    assert document.verdict == "Stay on demand: no other policy met the deadline in all of 5 runs."
    assert "\N{EN DASH}" in text(document)


def test_same_seed_same_bytes_and_all_policies_share_the_starts() -> None:
    zones = [trace(*[(7, 1), (9, 0)] * 20), trace(*[(17, 1), (3, 0)] * 20, name="other")]
    policies = [Greedy(), UniformProgress()]
    one, two = (spot_study(zones, **JOB, policies=policies, spot_usd_per_h=1, starts=50, seed=3) for _ in range(2))
    assert json.dumps(to_document(one)) == json.dumps(to_document(two))
    assert one.starts == 100
    alone = spot_study(zones, **JOB, policies=policies[1:], spot_usd_per_h=1, starts=50, seed=3)
    assert alone.policies[1] == one.policies[2]
    mean = np.mean([row.spot_h for row in one.by_trace if row.policy == "Greedy"])
    assert mean == pytest.approx(one.policies[1].spot_h)


def test_what_a_trace_offers() -> None:
    """Up for 3, 1 and 6 hours; taken back twice in ten hours."""
    document = spot_study(
        [trace((3, 1), (2, 0), (1, 1), (4, 0), (6, 1))], **JOB, policies=[], spot_usd_per_h=1, starts=[0]
    )
    [row] = document.traces
    assert (row.available, row.mean_up_h, row.median_up_h) == (10 / 16, 10 / 3, 3)
    assert row.preemptions_per_day_up == pytest.approx(2 / 10 * 24)
    assert "3 h (3.33 h)" in text(document)


def test_the_published_saving_and_a_real_price(shared: Path) -> None:
    traces = read_availability(shared / "data" / "spot_availability_rle.csv.gz")
    zones = [one for one in traces if "aws-10-26-2022" in one.name]
    document = spot_study(
        zones,
        work_h=48,
        deadline_h=60,
        changeover_h=0.2,
        policies=[Greedy(), UniformProgress()],
        od_usd_per_h=1.0,
        spot_usd_per_h=0.3,
        seed=0,
    )
    greedy, even = document.policies[1:]
    assert greedy.saving == pytest.approx(0.2478, abs=5.1e-5)
    assert even.spot_h > greedy.spot_h
    assert document.starts == 2400
    prices = read_prices(shared / "data" / "spot_prices_rle.csv")
    zone = next(one for one in traces if one.name.endswith("us-west-2c_v100_1") and "04-22" in one.name)
    flat = spot_study(
        [with_prices(zone, prices)],
        work_h=72,
        deadline_h=84,
        changeover_h=0.3,
        policies=[Greedy()],
        od_usd_per_h=3.06,
        starts=[0],
    )
    assert flat.policies[1].billed_usd.mean == pytest.approx(22.9156 * 3.06 + 53.3333 * 0.918, abs=1e-3)
    assert "us-west-2c_v100_1" in text(flat)


def test_a_trace_that_never_has_the_nodes_of_the_gang_is_said() -> None:
    for gang, said in ((8, ["zone never has 8 nodes at once, at most 1: the job never runs on spot there."]), (1, [])):
        found = spot_study([trace((500, 1))], **JOB, gang=gang, policies=[Greedy()], spot_usd_per_h=1, starts=2)
        assert [one["message"] for one in found.findings if one["kind"] == "too_few"] == said


def test_a_trace_that_is_silent_for_a_month_is_said() -> None:
    zone = replace(trace((800, 1)), silent_s=30 * 86400.0)
    found = spot_study([zone], **JOB, spot_usd_per_h=1, policies=[Greedy()], starts=2)
    said = next(finding["message"] for finding in found.findings if finding["kind"] == "gap")
    assert said.startswith("zone says nothing for 30 d: the state before was taken to hold")


def test_what_cannot_be_studied_is_refused() -> None:
    zone = trace((10, 1))
    for said, changes in (
        ("no trace is longer than the deadline of 20 h: 'zone' covers 10 h", {"spot_usd_per_h": 1}),
        ("no spot price for the trace 'zone'", {"starts": [0]}),
        ("on-demand price is 0", {"od_usd_per_h": 0}),
        ("spot price is -1", {"spot_usd_per_h": -1, "starts": [0]}),
        ("cannot be met", {"deadline_h": 10}),
        ("at most 1,000,000", {"starts": 10**9, "deadline_h": 5, "work_h": 4, "spot_usd_per_h": 1}),
    ):
        with pytest.raises(InputError, match=said):
            spot_study([zone], **(JOB | {"policies": [Greedy()]} | changes))
    with pytest.raises(InputError, match="no availability trace"):
        spot_study([], **JOB, policies=[])


def test_what_moves_between_zones_leave_out_is_told() -> None:
    zones = [trace((500, 1), name="a"), trace((500, 1), name="b")]
    for studied, kinds in ((zones, ["moves"]), (zones[:1], ["one_zone"])):
        found = spot_study(studied, **JOB, together=True, policies=[Greedy()], spot_usd_per_h=1, starts=2)
        assert [one["kind"] for one in found.findings] == kinds
    alone = spot_study(zones, **JOB, policies=[Greedy()], spot_usd_per_h=1, starts=2)
    assert not alone.findings


def test_zones_that_take_a_job_back_in_turn_count_each_time() -> None:
    """Two zones, each there every other six hours: always one is there, and every six hours a job moves."""
    turns = [(6, 1), (6, 0)] * 10
    zones = [trace(*turns, name="a"), trace(*turns[1:], *turns[:1], name="b")]
    found = spot_study(zones, **JOB, policies=[Greedy()], spot_usd_per_h=1, starts=[0], together=True)
    both, alone, _ = found.traces
    assert both.available == 1
    assert (both.mean_up_h, both.median_up_h) == (6, 6)
    assert both.preemptions_per_day_up == pytest.approx(19 / 120 * 24)
    assert (alone.mean_up_h, alone.preemptions_per_day_up) == (6, pytest.approx(4))
    assert found.policies[1].preemptions == 1


def test_ticks_longer_than_the_time_to_spare_are_told() -> None:
    """A log of changes day by day: the net is on demand before spot could be tried, and costs what that costs."""
    days = SpotSeries(name="days", gap_s=86400.0, nodes=np.ones(60, np.int64))
    found = spot_study([days], **JOB, policies=[Greedy()], spot_usd_per_h=1, starts=20)
    assert found.policies[1].billed_usd.mean == found.policies[0].billed_usd.mean
    assert [said["kind"] for said in found.findings] == ["net_at_once"]
    assert "ticks of 24 h: with 10 h to spare" in found.findings[0]["message"]
    assert found.verdict.endswith("Greedy, the cheapest to meet the deadline in all of 20 runs, costs the same.")


@pytest.mark.parametrize(("days", "said"), [(24, []), (1, ["the prices of zone end 29 d before it does"])])
def test_prices_that_end_long_before_their_trace_are_told(tmp_path: Path, days: int, said: list[str]) -> None:
    """The last one was taken for a month, or for a year of another time, without a word."""
    rows = [f"2024-02-{1 + i:02},{1 + i % 2}" for i in (0, days)]
    (tmp_path / "p.csv").write_text("\n".join(["timestamp,price_usd_h", *rows]), encoding="utf-8")
    february = 1_706_745_600.0
    zone = SpotSeries(name="zone", gap_s=3600.0, nodes=np.ones(30 * 24 + 1, np.int64), start_s=february)
    priced = with_prices(zone, read_prices(tmp_path / "p.csv"))
    found = spot_study([priced], **JOB, policies=[Greedy()], starts=5)
    assert [one["message"].partition(":")[0] for one in found.findings] == said
