"""Waste: published clusters to the GPU-minute, the laws of its ledger, and each measure on a case by hand."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.shown import on_terminal

from simcost.catalog.loading import load_catalog
from simcost.documents import values
from simcost.errors import FaultsError, InputError, TraceError
from simcost.studies.waste import buckets
from simcost.studies.waste.actions import consolidate, give_back, merge_pools, shut_at_night
from simcost.studies.waste.buckets import MONITORED, Waste, split
from simcost.studies.waste.from_results import waste_of_plan
from simcost.studies.waste.gpu_sharing import share_gpus
from simcost.studies.waste.result import SampledWaste
from simcost.studies.waste.study import waste
from simcost.studies.waste.view import parts
from simcost.studies.waste.workload_actions import SpotCase, fix_failing, measure, outcomes, right_size
from simcost.trace.jobs.jobs import STATUS, Jobs
from simcost.trace.spot import SpotSeries
from simcost.trace.utilization import blocks, table
from simcost.trace.utilization import samples as monitored
from simcost.trace.utilization.samples import UtilizationSamples

text = on_terminal(parts)

HOUR = 3600.0


def samples(**given) -> UtilizationSamples:
    """Samples of GPUs, each allocated and standing for an hour, but for what is given."""
    rows = len(given["start_s"])
    columns = {
        "unit": 0,
        "pool": 0,
        "owner": 0,
        "hold_s": HOUR,
        "gpus": 1.0,
        "allocated": 1.0,
        "down": 0.0,
        "duty": np.nan,
        "pending": 0.0,
        "waiting_jobs": 0.0,
        "memory_used_bytes": np.nan,
        "memory_total_bytes": np.nan,
    } | given
    whole = ("unit", "pool", "owner")
    arrays = {
        name: np.broadcast_to(np.asarray(column, np.int64 if name in whole else np.float64), rows).copy()
        for name, column in columns.items()
        if name not in ("units", "pools", "queues")
    }
    units = tuple(f"g{i}" for i in range(int(arrays["unit"].max()) + 1))
    pools = tuple(f"p{i}" for i in range(int(arrays["pool"].max()) + 1))
    return UtilizationSamples(
        **arrays,
        units=units,
        pools=pools,
        owners=("",),
        step_s=HOUR,
        start_utc_s=0.0,
        queues=bool(arrays["pending"].any()),
    )


@pytest.fixture(scope="module")
def earth(shared: Path) -> SampledWaste:
    return waste(shared / "data" / "helios_earth_vc_per_minute.parquet", price_usd_per_h=2.0)


@pytest.fixture(scope="module")
def genai(shared: Path) -> SampledWaste:
    return waste(shared / "data" / "genai_gpu_duty.parquet", price_usd_per_h=2.0)


@pytest.mark.slow
def test_a_month_of_helios_earth_to_the_gpu_minute(earth: SampledWaste) -> None:
    blocked = {name: hours * 60 for name, hours in values(earth.blocked).items() if name.endswith("hours")}
    assert earth.capacity_gpu_hours == 856 * 44_640 / 60
    assert round(100 * earth.allocation, 4) == 66.6975
    assert blocked == pytest.approx(
        {
            "pending_gpu_hours": 2_740_297,
            "in_pool_gpu_hours": 483_640,
            "partition_gpu_hours": 2_244_723,
            "shortage_gpu_hours": 11_934,
            "idle_gpu_hours": 12_725_483,
        },
        rel=1e-12,
    )
    assert round(100 * earth.blocked.waiting_share, 3) == 89.263
    assert round(100 * earth.blocked.avoidable_share, 3) == 88.134
    assert earth.utilisation is None
    assert earth.verdict.startswith("At least 33.3 % of 636,864 GPU-hours did no work: $424,183 of $1,273,728")


def test_a_day_of_serving_pods(genai: SampledWaste) -> None:
    assert round(100 * genai.samples.duty_mean, 3) == 7.025
    assert round(100 * genai.samples.duty_zero_share, 3) == 66.847
    assert genai.samples.rows == 157_417
    assert genai.actions[0].action == "share GPUs"


@pytest.mark.parametrize("name", ["earth", "genai"])
def test_the_document_adds_up(name: str, request: pytest.FixtureRequest) -> None:
    document = request.getfixturevalue(name)
    buckets = document.buckets
    assert sum(one.gpu_hours for one in buckets.values()) == pytest.approx(document.capacity_gpu_hours, rel=1e-9)
    assert sum(one.usd for one in buckets.values()) == pytest.approx(document.cost_usd, rel=1e-9)
    for action in document.actions:
        most = sum(buckets[bucket].gpu_hours for bucket in action.buckets)
        saves = action.saves_gpu_hours
        assert 0 <= saves.lo <= saves.expected <= saves.hi <= most * (1 + 1e-9)
    usd = [one.usd for one in document.ranked]
    assert usd == sorted(usd, reverse=True)


@st.composite
def any_samples(draw: st.DrawFn) -> UtilizationSamples:
    """GPUs and pools of any size, with holes and with all that can go wrong at once."""
    units, steps = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    seed = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = units * steps
    single = draw(st.booleans())
    gpus = np.ones(rows) if single else seed.integers(1, 9, rows).astype(float)
    allocated = np.floor(gpus * seed.random(rows) + draw(st.sampled_from([0, 0.5, 1]))).clip(0, gpus)
    duty = np.where(seed.random(rows) < draw(st.sampled_from([0, 0.5, 0.95])), 0.0, seed.random(rows))
    hold_s = seed.integers(1, 7200, rows).astype(float)
    start_s = np.concatenate([np.cumsum(part) - part + seed.integers(0, 9999) for part in np.split(hold_s, units)])
    pools = draw(st.integers(1, 3))
    return samples(
        start_s=start_s,
        hold_s=hold_s,
        unit=np.repeat(np.arange(units), steps),
        pool=np.repeat(np.arange(units) % pools, steps),
        gpus=gpus,
        allocated=allocated,
        down=np.floor((gpus - allocated) * seed.random(rows)),
        duty=np.where(seed.random(rows) < draw(st.sampled_from([0, 0.2])), np.nan, duty),
        pending=seed.integers(0, 6, rows) * draw(st.booleans()),
        waiting_jobs=0.0,
        memory_used_bytes=8e10 * seed.random(rows),
        memory_total_bytes=8e10,
    )


def seconds(account: Waste, bucket: str) -> np.ndarray:
    """GPU-seconds of each sample in a bucket."""
    return np.concatenate([part.seconds[bucket] for part in account.parts()])


def measures(account: Waste) -> list:
    return [
        *give_back(account),
        *shut_at_night(account, "UTC"),
        *share_gpus(account),
        *right_size(measure(account)),
        *consolidate(account),
        *merge_pools(account),
    ]


@given(any_samples())
def test_each_gpu_second_is_in_one_bucket_and_no_measure_saves_more_than_it_addresses(
    given: UtilizationSamples,
) -> None:
    account = split(given)
    assert sum(account.totals.values()) == pytest.approx(given.capacity_gpu_s, rel=1e-9)
    assert all((seconds(account, name) >= -1e-6).all() for name in MONITORED)
    if (queue := account.queue) is not None:
        parts = queue.in_pool_gpu_s + queue.partition_gpu_s + queue.shortage_gpu_s
        assert parts == pytest.approx(queue.pending_gpu_s, rel=1e-9)
        assert account.totals["blocked_partition"] == pytest.approx(queue.partition_gpu_s, rel=1e-9, abs=1e-6)
        assert queue.avoidable_share <= queue.waiting_share <= 1
    for action in measures(account):
        most = sum(account.totals[bucket] for bucket in action.buckets)
        assert 0 <= action.saves_gpu_s.lo <= action.saves_gpu_s.hi <= most * (1 + 1e-9) + 1e-6, action


@given(any_samples(), st.integers(1, 50))
def test_a_few_units_at_a_time_and_cut_at_hours_measures_are_those_of_the_whole(
    given: UtilizationSamples, rows: int
) -> None:
    whole = split(given)
    expected = measures(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitored, "PART_ROWS", rows)
        patch.setattr(buckets, "PART_ROWS", max(rows // 3, 1))
        patch.setattr(blocks, "HELD_ROWS", rows)
        units = [np.unique(part.unit).tolist() for part in given.parts()]
        assert [unit for part in units for unit in part] == sorted(set(given.unit.tolist()))
        account = split(given)
        assert (account.totals, account.queue) == (whole.totals, whole.queue)
        cut = measures(account)
    assert [one.action for one in cut] == [one.action for one in expected]
    for one, other in zip(cut, expected, strict=True):
        assert values(one.saves_gpu_s) == pytest.approx(values(other.saves_gpu_s), rel=1e-12)


FORMS = (
    ("t_s,gpu,duty,memory_used_bytes,memory_total_bytes,user", "{t},g{g},{d},{m},80,u{u}"),
    ("t_s,gpu,pod,duty,vc", "{t}.25,g{g},p{u},{d},v{u}"),
    ("t_s,vc,gpus,allocated,pending,waiting_jobs", "{t},v{g},8,{u},{q},{q}"),
    ("t_s,metric,gpu,value", "{t},DCGM_FI_DEV_GPU_UTIL,g{g},{d}"),
    (
        "t_s,metric,vc,pod,value",
        "{t},total_gpu_num,v{g},,8\n{t},running_gpu_num,v{g},,{u}\n{t},pending_gpu_num,v{g},,{q}",
    ),
)


@pytest.mark.parametrize("form", FORMS, ids=[header for header, _ in FORMS])
def test_a_file_read_a_few_units_at_a_time_has_the_document_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: tuple[str, str]
) -> None:
    path = tmp_path / "samples.csv"
    random = np.random.default_rng(5)
    rows = [
        form[1].format(t=1000 * t, g=g, d=random.integers(2, 101), m=random.integers(0, 81), u=(t + g) % 9, q=t * g % 4)
        for t in range(120)
        for g in range(5)
    ]
    random.shuffle(rows)
    path.write_text("\n".join([form[0], *rows]) + "\n")
    whole = waste(path, price_usd_per_h=1.0)
    for module, name, count in ((monitored, "PART_ROWS", 150), (blocks, "HELD_ROWS", 100), (table, "SORTED_ROWS", 70)):
        monkeypatch.setattr(module, name, count)
    assert waste(path, price_usd_per_h=1.0) == whole


def test_idle_is_blocked_by_its_own_queue_first_and_then_by_others() -> None:
    account = split(
        samples(start_s=[0, 0, 0], unit=[0, 1, 2], pool=[0, 1, 2], gpus=8, allocated=[5, 8, 2], pending=[1, 4, 0])
    )
    hours = {name: seconds / HOUR for name, seconds in account.totals.items()}
    assert hours["blocked_in_pool"] == 1
    assert hours["blocked_partition"] == pytest.approx(4)
    assert hours["free_idle"] == pytest.approx(4)
    assert seconds(account, "blocked_partition") / HOUR == pytest.approx([1, 0, 3])  # spare 2, 0 and 6 of 8
    assert merge_pools(account)[0].saves_gpu_s.expected == pytest.approx(4 * HOUR)


def test_gpus_that_did_nothing_in_any_sample_are_given_back() -> None:
    start_s, unit = np.tile(np.arange(72) * HOUR, 4), np.repeat(np.arange(4), 72)
    duty = np.where(unit < 2, 0.5, 0.0)
    once, unknown = duty.copy(), duty.copy()
    once[-1], unknown[-1] = 0.01, np.nan
    [found] = give_back(split(samples(start_s=start_s, unit=unit, duty=duty)))
    assert (found.saves_gpu_s.lo, found.saves_gpu_s.expected, found.saves_gpu_s.hi) == (144 * HOUR,) * 3
    assert found.rule.startswith("2 GPUs held without any work in 3.0 days: ")
    for less in (once, unknown):
        assert give_back(split(samples(start_s=start_s, unit=unit, duty=less)))[0].saves_gpu_s.hi == 72 * HOUR
    assert give_back(split(samples(start_s=start_s / 24, hold_s=HOUR / 24, unit=unit, duty=duty))) == [], "3 hours"
    waited_for = samples(start_s=start_s, unit=unit, duty=duty, pending=1.0)
    assert give_back(split(waited_for)) == []


def test_an_hour_is_shut_that_was_quiet_on_four_days_of_five() -> None:
    hours = np.arange(5 * 24) * HOUR
    night = np.arange(5 * 24) % 24 < 6
    once = np.arange(5 * 24) == 3  # one night of five, at three o'clock, somebody worked
    twice = once | (np.arange(5 * 24) == 28)
    often = twice | (np.arange(5 * 24) == 52)  # at four o'clock, on two nights of five
    for busy, off, always in (
        (~night, 30, 30),
        (~night | once, 29, 25),
        (~night | twice, 28, 20),
        (~night | often, 24, 20),
    ):
        saves = shut_at_night(split(samples(start_s=hours, duty=busy.astype(float))), "UTC")[0].saves_gpu_s
        assert (saves.expected, saves.lo) == (off * HOUR, always * HOUR)


def test_the_hours_are_those_of_the_time_zone() -> None:
    half = np.arange(0, 4 * 24, 0.5) * HOUR  # a day begins at 18:30 UTC in Kolkata: whole hours there are half here
    busy = (half % HOUR == 0).astype(float)
    for zone in ("UTC", "Asia/Kolkata"):
        account = split(samples(start_s=half, hold_s=HOUR / 2, duty=busy))
        assert shut_at_night(account, zone) == []
    late = (half // HOUR % 2).astype(float)  # every other hour of UTC
    account = split(samples(start_s=half, hold_s=HOUR / 2, duty=late))
    assert shut_at_night(account, "UTC")[0].saves_gpu_s.expected == 48 * HOUR
    saves = shut_at_night(account, "Asia/Kolkata")
    assert sum(save.saves_gpu_s.expected for save in saves) <= HOUR


def test_times_without_a_zone_are_of_the_zone_asked_for(tmp_path: Path) -> None:
    """The same working hours of Tokyo, with their offset and without; over the change to summer time in Berlin too."""

    def of(offset: str, zone: str) -> SampledWaste:
        rows = [
            f"2026-03-{day}T{hour:02d}:00:00{offset},{gpu},{50 if 9 <= hour < 17 else 0}"
            for gpu in range(2)
            for day in (28, 29, 30)
            for hour in range(24)
        ]
        path = tmp_path / f"duty{len(offset)}.csv"
        path.write_text("timestamp,gpu,duty_pct\n" + "\n".join(rows) + "\n")
        return waste(path, price_usd_per_h=1.0, timezone=zone, mapping={"duty": "duty_pct"})

    said, zoned = of("", "Asia/Tokyo"), of("+09:00", "Asia/Tokyo")
    assert said.hours == zoned.hours
    assert [one.hour for one in said.hours if one.where == "0" and one.utilisation] == list(range(9, 17))
    assert [one["message"] for one in said.findings if one["kind"] == "no_zone"] == [
        "144 rows have times that say no zone; they were read as times of Asia/Tokyo"
    ]
    assert of("", "Europe/Berlin").hours == of("", "UTC").hours == said.hours


def test_units_that_alternate_share_a_gpu_and_those_that_add_up_do_not() -> None:
    start_s, unit = np.tile(np.arange(48) * HOUR, 2), np.repeat([0, 1], 48)
    first = np.tile([0.7, 0.0], 24)
    apart = split(samples(start_s=start_s, unit=unit, duty=np.concatenate([first, np.roll(first, 1)])))
    together = split(samples(start_s=start_s, unit=unit, duty=np.concatenate([first, first])))
    assert share_gpus(apart)[0].saves_gpu_s.expected == 48 * HOUR
    assert share_gpus(together) == []
    full = samples(start_s=start_s, unit=unit, duty=0.1, memory_used_bytes=5e10, memory_total_bytes=8e10)
    assert share_gpus(split(full)) == []  # their memory does not fit


def test_a_pool_keeps_its_p99_and_hands_back_what_is_free() -> None:
    demand = np.full(1000, 4.0)
    demand[:5] = 8  # half a per cent of the time
    (action,) = consolidate(split(samples(start_s=np.arange(1000) * HOUR, gpus=10, allocated=demand)))
    assert action.saves_gpu_s.lo == 2 * 1000 * HOUR
    assert action.saves_gpu_s.expected == (6 * 995 + 2 * 5) * HOUR


def test_the_smallest_slice_that_holds_memory_and_duty() -> None:
    start_s, unit = np.tile(np.arange(10) * HOUR, 4), np.repeat(np.arange(4), 10)
    account = split(
        samples(
            start_s=start_s,
            unit=unit,
            memory_total_bytes=8e10,
            memory_used_bytes=np.repeat([8e9, 8e9, 3e10, 7e10], 10),
            duty=np.repeat([0.1, 0.25, 0.1, 0.1], 10),
        )
    )
    saves = right_size(measure(account))[0].saves_gpu_s
    # 1g.10gb, 2g.20gb (duty beyond a seventh), 3g.40gb (memory), and none for 70 GB
    assert saves.expected == pytest.approx(10 * HOUR * ((1 - 1 / 7) + (1 - 1 / 3) + (1 - 1 / 2)))
    assert right_size(measure(account), "l40s") == []
    assert measure(account).unused_gpu_s == pytest.approx(10 * HOUR * np.array([0.9, 0.9, 0.625, 0.125]))


def jobs(status: list[str], user: list[int]) -> Jobs:
    rows = len(status)
    ints = {name: np.ones(rows, np.int64) for name in ("gpus", "min_gpus", "max_gpus")}
    zeros = {name: np.zeros(rows, np.int64) for name in ("cpu_milli", "memory_mib", "priority", "pool", "gpu_type")}
    length = np.full(rows, 3600)
    return Jobs(
        job_id=np.array([str(i) for i in range(rows)], object),
        submit_s=np.arange(rows),
        duration_s=length,
        limit_s=length,
        deadline_s=np.full(rows, -1),
        gpu_milli=np.full(rows, 1000),
        user=np.array(user),
        status=np.array([STATUS.index(word) for word in status]),
        preemptible=np.ones(rows, np.bool_),
        spot_ok=np.zeros(rows, np.bool_),
        pools=("",),
        users=("a", "b"),
        **ints,
        **zeros,
    )


def test_failures_that_repeat_are_those_a_check_would_stop() -> None:
    found = outcomes(jobs(["failed", "failed", "failed", "killed", "failed", "passed"], [0, 1, 0, 0, 0, 1]))
    assert found.gpu_s == {"failed": 4 * HOUR, "killed": HOUR, "passed": HOUR, "unknown": 0}
    saves = fix_failing(found)[0].saves_gpu_s  # the third only: the fifth follows one that was killed
    assert (saves.lo, saves.expected, saves.hi) == (0, HOUR, 4 * HOUR)


def test_work_of_failed_and_cancelled_jobs_is_ranked_beside_the_buckets(tmp_path: Path) -> None:
    path = tmp_path / "duty.csv"
    path.write_text("t_s,gpu,duty\n0,g,100\n3600,g,100\n")
    document = waste(path, price_usd_per_h=3, jobs=jobs(["failed", "killed"], [0, 0]))
    assert [(one.bucket, one.usd, one.beside) for one in document.ranked] == [
        ("cancelled", 3, True),
        ("failed", 3, True),
    ]
    assert document.utilisation == 1


@pytest.mark.parametrize("used", [0, 1_000_000])
def test_units_whose_memory_is_not_known_share_as_if_it_was_not_measured(tmp_path: Path, used: int) -> None:
    """DCGM writes 0 used and 0 free where it cannot tell; that divided by zero."""
    saved = []
    for memory in (f"{used},0", ","):
        file = tmp_path / "samples.csv"
        lines = [f"{60 * t},g{g},0.1,{memory}" for t in range(20) for g in range(2)]
        file.write_text("t_s,gpu,duty,memory_used_bytes,memory_total_bytes\n" + "\n".join(lines) + "\n")
        actions = {action.action: action for action in waste(file, price_usd_per_h=2.0).actions}
        saved.append(actions["share GPUs"])
    assert saved[0] == saved[1]


def test_samples_without_a_gpu_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "pools.csv"
    file.write_text("t_s,pool,gpus,allocated,pending\n0,p,0,0,0\n60,p,0,0,0\n")
    with pytest.raises(InputError, match="no GPU is there"):
        waste(file, price_usd_per_h=2.0)


def test_the_price_is_said_or_that_of_an_offer(tmp_path: Path) -> None:
    path = tmp_path / "duty.csv"
    path.write_text("t_s,gpu,duty\n0,g,50\n3600,g,50\n")
    offer = load_catalog().offer("aws/p5.48xlarge")
    document = waste(path, offer=offer)
    assert document.price.usd_per_gpu_hour == offer.on_demand_usd_per_h / 8
    assert document.buckets["allocated_idle"].usd == pytest.approx(offer.on_demand_usd_per_h / 8)
    for wrong in (
        {},
        {"price_usd_per_h": 2.0, "offer": offer},
        {"price_usd_per_h": -1.0},
        {"price_usd_per_h": 2.0, "timezone": "Mars"},
    ):
        with pytest.raises(InputError):
            waste(path, **wrong)


def test_a_plan_of_a_run_has_the_same_buckets() -> None:
    hours = {
        "useful": 44,
        "checkpoint": 0,
        "lost": 4,
        "restart": 4,
        "idle_blocked": 1,
        "idle_free": 3,
        "down": 0,
    }
    plan = {
        "name": "a",
        "gpu_hours": hours,
        "accelerator_hours": 56,
        "utilisation": 52 / 56,
        "cost_usd": {"by_category": {"compute": 112.0}},
    }
    document = waste_of_plan(plan, 3600.0)
    assert (document.cost_usd, document.price.usd_per_gpu_hour) == (112, 2)
    assert document.buckets["lost"].usd == pytest.approx(8)
    assert document.allocation == pytest.approx(52 / 56)
    assert document.buckets["useful"].share == pytest.approx(44 / 56)
    assert document.utilisation == pytest.approx(52 / 56)
    assert document.fragmentation == 0.25
    assert text(document).startswith("21.4 % of 56 GPU-hours did no work: $24.00 of $112.00")


@pytest.mark.parametrize(("held", "down"), [(60.0, 0.0), (75.0, 15.0), (64.0, 4.0)])
def test_only_gpu_hours_that_are_paid_are_capacity(held: float, down: float) -> None:
    """Spot nodes cost nothing while they are not there; broken nodes are paid. No bucket's money depends on it."""
    plan = {
        "name": "a",
        "gpu_hours": {
            "useful": 45,
            "checkpoint": 5,
            "lost": 0,
            "restart": 0,
            "idle_blocked": 0,
            "idle_free": 10,
            "down": 15,
        },
        "accelerator_hours": held,
        "utilisation": 50 / held,
        "cost_usd": {"by_category": {"compute": 2 * held}},
    }
    document = waste_of_plan(plan, 3600.0)
    assert (document.capacity_gpu_hours, document.cost_usd) == (pytest.approx(held), pytest.approx(2 * held))
    assert document.price.usd_per_gpu_hour == pytest.approx(2)
    assert document.buckets["down"].gpu_hours == pytest.approx(down)
    assert document.buckets["useful"].usd == pytest.approx(90)


def test_hours_of_processors_are_told() -> None:
    plan = {
        "name": "a",
        "accelerator_hours": 8.0,
        "utilisation": 0.25,
        "replica_hours": {"computing": 2.0, "idle": 6.0},
        "cost_usd": {"by_category": {"compute": 16.0}},
    }
    assert [one["kind"] for one in waste_of_plan(plan, 3600.0).findings] == []
    assert [one["kind"] for one in waste_of_plan({**plan, "on_processors": True}, 3600.0).findings] == ["on_processors"]


@pytest.mark.parametrize("layout", ["columns", "metrics"])
def test_gpus_of_several_models_at_one_price_are_told(tmp_path: Path, layout: str) -> None:
    """An idle T4 beside a busy H100 is not half of their money; a metric without the label is of the same GPU."""
    rows = []
    for minute in range(0, 60, 5):
        for gpu, model, busy in (("0", "H100", 90), ("1", "T4", 0)):
            time = f"2026-03-02T00:{minute:02d}:00Z"
            if layout == "columns":
                rows.append(f"{time},{gpu},{model},{busy},9000")
            else:
                rows.append(f"{time},{gpu},{model},DCGM_FI_DEV_GPU_UTIL,{busy}")
                rows.append(f"{time},{gpu},,DCGM_FI_DEV_FB_USED,9000")
    metrics = "__name__,value" if layout == "metrics" else "DCGM_FI_DEV_GPU_UTIL,DCGM_FI_DEV_FB_USED"
    path = tmp_path / "gpus.csv"
    path.write_text("\n".join([f"timestamp,gpu,modelName,{metrics}", *rows]) + "\n")
    found = waste(path, price_usd_per_h=3.0)
    assert found.samples.units == 2
    assert found.samples.rows == 24
    assert found.verdict.endswith("Its GPUs are of 2 models, all at one price.")
    assert next(one["kind"] for one in found.findings) == "several_models"
    path.write_text(path.read_text().replace("T4", "H100"))
    assert "models" not in waste(path, price_usd_per_h=3.0).verdict


def test_the_gpus_of_one_model_are_those_of_a_file_of_it_alone(tmp_path: Path) -> None:
    """Each model at its price: what is asked for with conditions is what the rows alone give."""
    rows = [
        f"2026-03-02T{minute // 60:02d}:{minute % 60:02d}:00Z,{gpu},{model},{team},{(busy + minute) % 90}"
        for minute in range(0, 180, 5)
        for gpu, model, team, busy in (("0", "H100", "a", 70), ("1", "T4", "b", 0), ("2", "T4", "a", 5))
    ]
    head = "timestamp,gpu,modelName,team,DCGM_FI_DEV_GPU_UTIL"
    both, alone = tmp_path / "both.csv", tmp_path / "alone.csv"
    both.write_text("\n".join([head, *rows]) + "\n")
    hours = 0.0
    for where, words in (([("modelName", "H100")], ",H100,"), ([("gpu_model", "T4")], ",T4,")):
        alone.write_text("\n".join([head, *(row for row in rows if words in row)]) + "\n")
        asked, expected = waste(both, price_usd_per_h=3.0, where=where), waste(alone, price_usd_per_h=3.0)
        assert replace(asked, file="", findings=[]) == replace(expected, file="", findings=[])
        assert "left out, as --where asks" in asked.findings[0]["message"]
        hours += asked.capacity_gpu_hours
    assert hours == pytest.approx(waste(both, price_usd_per_h=3.0).capacity_gpu_hours)
    one = waste(both, price_usd_per_h=3.0, where=[("modelName", "T4"), ("modelName", "H100"), ("team", "b")])
    assert one.samples.units == 1


def test_rows_are_chosen_by_columns_that_are_not_read_and_faults_of_others_are_not_theirs(tmp_path: Path) -> None:
    path = tmp_path / "gpus.csv"
    rows = [
        f"2026-03-02T00:{minute:02d}:00Z;{gpu};{cluster};{duty}"
        for minute in (0, 5)
        for gpu, cluster, duty in (("0", "eu", "20,5"), ("1", "us", "n/k"))
    ]
    path.write_text("\n".join(["timestamp;gpu;cluster;DCGM_FI_DEV_GPU_UTIL", *rows]) + "\n")
    asked = waste(path, price_usd_per_h=3.0, where=[("Cluster", "eu")])
    assert (asked.samples.units, asked.samples.rows) == (1, 2)
    assert asked.utilisation == pytest.approx(0.205)
    with pytest.raises(FaultsError, match=r"gpus\.csv:3: DCGM_FI_DEV_GPU_UTIL: 'n/k'"):
        waste(path, price_usd_per_h=3.0, where=[("cluster", "us")])


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (("modelname", "H200"), "no row with modelname=H200; the file has 'H100' (2), 'T4' (2)"),
        (("modle", "T4"), "--where: no column 'modle'"),
        (("DCGM_FI_DEV_GPU_UTIL", "7"), "the file has '5' (4)"),
    ],
)
def test_conditions_that_no_row_can_meet_are_told(tmp_path: Path, where: tuple[str, str], told: str) -> None:
    path = tmp_path / "gpus.csv"
    rows = [f"2026-03-02T00:{m:02d}:00Z,{gpu},{model},5" for m in (0, 5) for gpu, model in (("0", "H100"), ("1", "T4"))]
    path.write_text("\n".join(["timestamp,gpu,modelName,DCGM_FI_DEV_GPU_UTIL", *rows]) + "\n")
    with pytest.raises(TraceError, match=re.escape(told)):
        waste(path, price_usd_per_h=3.0, where=[where])


def test_money_for_nodes_that_nothing_ran_on_makes_no_gpu_hour_more_expensive() -> None:
    """Two owned nodes of 8 GPUs, of which one serves: a GPU-hour costs what it costs where both do."""
    states = {"computing": 2.0, "idle": 6.0, "starting": 0.0, "draining": 0.0, "unallocated": 0.0}
    plan = {
        "name": "a",
        "accelerator_hours": 8.0,
        "utilisation": 0.25,
        "replica_hours": states,
        "cost_usd": {
            "by_category": {"compute": 32.0},
            "by_state": {"computing": 4.0, "idle": 12.0, "unused_commitment": 16.0},
        },
    }
    document = waste_of_plan(plan, 3600.0)
    assert (document.price.usd_per_gpu_hour, document.cost_usd) == (2, 16)
    assert [found["kind"] for found in document.findings] == ["unused_commitment"]
    assert "$16.00 more were paid" in text(document)
    assert document.verdict.endswith(". Besides, $16.00 were paid for nodes that the plan did not run.")
    assert not waste_of_plan(plan, 3600.0, price_usd_per_h=3.0).findings


def test_a_plan_that_serves_and_trains() -> None:
    """Replicas of 2 GPUs served 3 h of 4; jobs had 2 GPU-hours."""
    plan = {
        "name": "a",
        "gpu_hours": {"requests": 8.0, "useful": 2.0},
        "accelerator_hours": 10.0,
        "utilisation": 0.8,
        "replica_hours": {"computing": 3.0, "idle": 0.5, "starting": 0.5, "draining": 0, "unallocated": 0},
        "cost_usd": {"by_category": {"compute": 1.0}},
    }
    document = waste_of_plan(plan, 3600.0, price_usd_per_h=1.0)
    assert {name: bucket.gpu_hours for name, bucket in document.buckets.items() if bucket.gpu_hours} == {
        "useful": 8.0,
        "restart": 1.0,
        "allocated_idle": 1.0,
    }
    alone = waste_of_plan({key: value for key, value in plan.items() if key != "gpu_hours"}, 3600.0)
    assert alone.capacity_gpu_hours == 10
    with pytest.raises(InputError, match="used no accelerators"):
        waste_of_plan(plan | {"gpu_hours": {"useful": 0.0}}, 3600.0)


SACCT = """\
JobID|User|Partition|Submit|Start|End|ElapsedRaw|AllocTRES|ReqTRES|State|NTasks|TRESUsageInAve|TRESUsageInTot
1|ann|long|2026-03-02T00:00:00|2026-03-02T00:00:00|2026-03-02T02:00:00|7200|gres/gpu=4|gres/gpu=4|COMPLETED|||
1.0||||||7200|||COMPLETED|4|gres/gpuutil=50|gres/gpuutil=200
2|bob|long|2026-03-02T00:00:00|2026-03-02T01:00:00|2026-03-02T02:00:00|3600|gres/gpu=2|gres/gpu=2|FAILED|||
2.0||||||3600|||FAILED|2|gres/gpuutil=25|
3|bob|short|2026-03-02T00:30:00|2026-03-02T01:00:00|2026-03-02T01:30:00|1800|gres/gpu=1|gres/gpu=1|CANCELLED|||
"""


def test_a_job_log_of_slurm_tells_allocation_use_and_waiting(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text(SACCT)
    document = waste(path, price_usd_per_h=2.0, gpus=8)
    hours = {name: bucket.gpu_hours for name, bucket in document.buckets.items()}
    assert document.capacity_gpu_hours == 16
    # job 1: 8 GPU-hours at 50 %; job 2: 2 at 25 %; job 3: half an hour, not measured
    assert hours["useful"] == pytest.approx(8 * 0.5 + 2 * 0.25)
    assert hours["allocated_idle"] == pytest.approx(4 + 1.5)
    assert hours["unmeasured"] == 0.5
    # free: 4 GPUs for the first hour, then 1, then 2 for half an hour each; job 2 waits an hour, job 3 half of it
    assert hours["blocked_in_pool"] == pytest.approx(2 + 0.5)
    assert hours["free_idle"] == pytest.approx(4 - 2.5 + 0.5 + 1)
    assert document.outcomes == {"failed": 2, "killed": 0.5, "passed": 8, "unknown": 0}
    assert document.blocked.shortage_gpu_hours == 0
    by_pool = waste(path, price_usd_per_h=2.0, gpus={"long": 6, "short": 2})
    assert by_pool.buckets["blocked_partition"].gpu_hours == 0
    assert by_pool.capacity_gpu_hours == 16


def test_without_a_number_of_gpus_the_most_held_at_once(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text(SACCT)
    document = waste(path, price_usd_per_h=2.0)
    assert document.capacity_gpu_hours == 14
    assert "the 7 that jobs held at once were taken" in " ".join(said["message"] for said in document.findings)
    with pytest.raises(InputError, match="held 7 GPUs at once, more than the 6 given; check the number"):
        waste(path, price_usd_per_h=2.0, gpus=6)
    with pytest.raises(InputError, match="pool 'short'; say how many"):
        waste(path, price_usd_per_h=2.0, gpus={"long": 6})


def test_jobs_are_replayed_on_spot(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text(SACCT)
    steady = SpotSeries(name="zone", gap_s=600.0, nodes=np.ones(1000, np.int64))
    document = waste(path, price_usd_per_h=2.0, gpus=8, spot=SpotCase(trace=steady, usd_per_gpu_h=0.5))
    [move] = [action for action in document.actions if action.action == "move to spot"]
    typical = (8 * 7200 + 2 * 3600 + 0.5 * 1800) / 10.5 / 3600
    assert move.saves_usd.expected == pytest.approx(10.5 * (2.0 - 0.5 * (typical + 0.2) / typical))
    assert move.where == "preemptible jobs"
    flicker = SpotSeries(name="zone", gap_s=600.0, nodes=np.tile([1, 1, 1, 0], 500))
    worse = waste(path, price_usd_per_h=2.0, gpus=8, spot=SpotCase(trace=flicker, usd_per_gpu_h=0.5))
    [less] = [action for action in worse.actions if action.action == "move to spot"]
    assert less.saves_usd.expected < move.saves_usd.expected
    with pytest.raises(InputError, match="needs its price"):
        waste(path, price_usd_per_h=2.0, gpus=8, spot=SpotCase(trace=steady))


def test_a_listing_of_kubectl_is_a_job_log_without_a_number_of_gpus(tmp_path: Path) -> None:
    """4 GPUs for 4 h of the 5 h in which two pods held 4 and 2."""
    pods = [_pod("a", 4, 1, 5), _pod("b", 2, 0, 5)]
    path = tmp_path / "pods.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    document = waste(path, price_usd_per_h=2.0)
    assert document.capacity_gpu_hours == 6 * 5
    assert document.buckets["unmeasured"].gpu_hours == 4 * 4 + 2 * 5
    assert any("the 6 that jobs held at once were taken" in one["message"] for one in document.findings)


def _pod(name: str, gpus: int, start_h: int, end_h: int) -> dict[str, Any]:
    started, ended = (f"2026-03-02T0{hour}:00:00Z" for hour in (start_h, end_h))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "ml", "uid": name, "creationTimestamp": started},
        "spec": {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}]},
        "status": {
            "phase": "Succeeded",
            "startTime": started,
            "containerStatuses": [{"state": {"terminated": {"finishedAt": ended}}}],
        },
    }
