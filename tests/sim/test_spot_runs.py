"""Spot policies: the published numbers, a plain transcription of the rules, and laws on any trace."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.plan.spot import (
    Greedy,
    Mixed,
    OnDemandOnly,
    SpotOnly,
    SpotPolicy,
    TimeSliced,
    UniformProgress,
    UniformProgressPlain,
)
from simcost.sim.spot import DeadlineJob, SpotRuns, run_spot
from simcost.trace.spot import Ints, SpotSeries, read_availability

HOUR_S = 3600.0
SAFE = (Greedy(), UniformProgress(), UniformProgressPlain(), TimeSliced(slices=1), TimeSliced(slices=5))


@pytest.fixture(scope="module")
def traces(shared: Path) -> dict[str, SpotSeries]:
    return {one.name: one for one in read_availability(shared / "data" / "spot_availability_rle.csv.gz")}


def hours(work: float, deadline: float, changeover: float, gang: int = 1) -> DeadlineJob:
    return DeadlineJob(work_s=work * HOUR_S, deadline_s=deadline * HOUR_S, changeover_s=changeover * HOUR_S, gang=gang)


def study(trace: SpotSeries, policy: SpotPolicy) -> SpotRuns:
    starts = np.random.RandomState(0).randint(0, len(trace.nodes) - 361, 300)
    return run_spot(policy, hours(48, 60, 0.2), trace.nodes, trace.gap_s, starts)


def test_greedy_gives_the_published_table(traces: dict[str, SpotSeries]) -> None:
    published = {
        "2a_k80_1": (5.338, 42.662, 5.385, 44.915),
        "2a_k80_8": (39.830, 8.170, 40.024, 9.150),
        "2a_v100_1": (13.751, 34.249, 13.855, 35.690),
        "2a_v100_8": (37.090, 10.910, 37.267, 12.277),
        "2b_k80_1": (45.967, 2.033, 46.167, 2.287),
        "2b_k80_8": (40.082, 7.918, 40.282, 9.487),
        "2b_v100_1": (19.783, 28.217, 19.931, 30.096),
        "2b_v100_8": (39.349, 8.651, 39.549, 10.779),
    }
    every = []
    for zone, numbers in published.items():
        runs = study(traces[f"availability/1-node/aws-10-26-2022/us-west-{zone}"], Greedy())
        every.append(runs)
        means = [part.mean() for part in (runs.on_demand_h, runs.spot_h, runs.billed_on_demand_h, runs.billed_spot_h)]
        assert means == pytest.approx(numbers, abs=5.1e-4), zone
    on_demand = np.concatenate([runs.on_demand_h for runs in every])
    billed_o, billed_s = (np.mean([getattr(r, f"billed_{kind}_h") for r in every]) for kind in ("on_demand", "spot"))
    assert (on_demand.mean(), on_demand.std()) == pytest.approx((30.149, 19.210), abs=6e-4)
    assert (billed_o, billed_s) == pytest.approx((30.307, 19.335), abs=5.1e-4)
    assert np.mean([runs.launches for runs in every]) == pytest.approx(8.57, abs=5.1e-3)
    assert 1 - (billed_o + 0.3 * billed_s) / 48 == pytest.approx(0.2478, abs=5.1e-5)
    assert all(runs.deadline_met.all() for runs in every)


@pytest.mark.parametrize(
    ("name", "job", "numbers", "launches"),
    [
        (
            "preemption/1-node/aws-04-22-2023/us-west-2c_v100_1",
            hours(72, 84, 0.3),
            (22.6156, 49.3844, 22.9156, 53.3333, 83.6978),
            19,
        ),
        (
            "preemption/1-node/aws-04-19-2023/us-east-1b_intel_64",
            hours(27, 36, 0.2),
            (20.5772, 6.4228, 20.7772, 9.1044, 35.7939),
            17,
        ),
        (
            "availability/16-node/aws-08-27-2023/us-west-2a_v100_1",
            hours(48, 60, 0.2, 8),
            (42.2667, 5.7333, 42.4667, 6.3333, 59.8),
            4,
        ),
        (
            "preemption/4-node/aws-08-03-2023/us-west-2c_v100_1",
            hours(48, 60, 0.2, 4),
            (15.65, 32.35, 15.85, 34.75, 59.7667),
            13,
        ),
    ],
)
def test_greedy_single_runs_are_as_published(
    traces: dict[str, SpotSeries], name: str, job: DeadlineJob, numbers: tuple[float, ...], launches: int
) -> None:
    runs = run_spot(Greedy(), job, traces[name].nodes, traces[name].gap_s, np.array([0]))
    found = (runs.on_demand_h, runs.spot_h, runs.billed_on_demand_h, runs.billed_spot_h, runs.finish_h)
    assert [part[0] for part in found] == pytest.approx(numbers, abs=5.1e-5)
    assert runs.launches[0] == launches


def by_the_rules(kind: str, job: DeadlineJob, zones: Ints, gap: float) -> tuple[float, ...]:  # noqa: C901  # as written
    """The rules as they are written, one run from tick 0; of several zones the first that has room."""
    c, r, d = job.work_s, job.deadline_s, job.changeover_s
    state, locked, rem, prog, launches, t, i, zone = "I", False, 0.0, 0.0, 0, 0.0, 0, 0
    work_in, billed = {"O": 0.0, "S": 0.0}, {"O": 0.0, "S": 0.0}
    while True:
        there = [i < zones.shape[1] and one[i] >= job.gang for one in zones]
        av = any(there)
        left, need = r - t, c - prog
        ahead, here = (t + 2 * d) * c / r, t * c / r
        if state == "S" and not there[zone]:
            state, rem = "I", 0.0
        if locked:
            new = "O"
        else:
            if state == "S":
                new = "S"
            elif av:
                new = "O" if kind == "uniform-progress" and state == "O" and prog < ahead else "S"
            else:
                new = state
                if kind in ("uniform-progress", "up-plain"):
                    enough = ahead if kind == "uniform-progress" else here
                    if state == "O" and prog >= enough:
                        new = "I"
                    if state == "I" and prog < here:
                        new = "O"
            if left < need + 2 * d + gap and not (state == "S" and new == "S"):
                new, locked = "O", True
        if new != state:
            if new != "I":
                rem, launches = d, launches + 1
            state, zone = new, there.index(True) if new == "S" else 0
        if state != "I":
            use = min(rem, gap)
            rem -= use
            work = min(gap - use, need)
            prog += work
            work_in[state] += work
            billed[state] += use + work
            if prog >= c:
                return (*work_in.values(), *billed.values(), t + use + work, launches)
        t, i = t + gap, i + 1


whole_traces = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), min_size=1, max_size=20).map(
    lambda runs: np.repeat([value for _, value in runs], [length for length, _ in runs])
)
jobs = st.builds(
    lambda work, slack, changeover, gang: DeadlineJob(
        work_s=60.0 * work,
        deadline_s=60.0 * (work + changeover + slack),
        changeover_s=60.0 * changeover,
        gang=gang,
    ),
    st.integers(1, 300),
    st.integers(0, 200),
    st.integers(0, 20),
    st.integers(1, 3),
)


@given(
    nodes=whole_traces,
    job=jobs,
    policy=st.sampled_from([Greedy(), UniformProgress(), UniformProgressPlain()]),
)
def test_a_plain_transcription_of_the_rules_agrees(nodes: Ints, job: DeadlineJob, policy: SpotPolicy) -> None:
    runs = run_spot(policy, job, nodes, 300.0, np.array([0]))
    found = (runs.on_demand_h, runs.spot_h, runs.billed_on_demand_h, runs.billed_spot_h, runs.finish_h)
    *expected, launches = by_the_rules(policy.kind, job, nodes[None], 300.0)
    assert [part[0] * HOUR_S for part in found] == pytest.approx(expected)
    assert runs.launches[0] == launches


@given(
    nodes=whole_traces,
    shift=st.integers(0, 60),
    job=jobs,
    policy=st.sampled_from([Greedy(), UniformProgress()]),
)
def test_a_gang_moves_to_the_first_zone_with_room(
    nodes: Ints, shift: int, job: DeadlineJob, policy: SpotPolicy
) -> None:
    zones = np.array([nodes, np.roll(nodes, shift)])
    runs = run_spot(policy, job, zones, 300.0, np.array([0]))
    found = (runs.on_demand_h, runs.spot_h, runs.billed_on_demand_h, runs.billed_spot_h, runs.finish_h)
    *expected, launches = by_the_rules(policy.kind, job, zones, 300.0)
    assert [part[0] * HOUR_S for part in found] == pytest.approx(expected)
    assert runs.launches[0] == launches


def test_of_zones_with_room_the_cheapest_is_taken_and_kept() -> None:
    """Zone 0 is lost at tick 4; zone 1, cheap until then, costs 5 an hour from there on."""
    zones = np.array([[1] * 4 + [0] * 96, [0] + [1] * 99])
    price = np.array([[3.0] * 100, [1.0] * 4 + [5.0] * 96])
    runs = run_spot(Greedy(), hours(6, 20, 0), zones, HOUR_S, np.array([0, 1]), price)
    assert runs.weighted_spot_h.tolist() == [4 * 3 + 2 * 5, 3 * 1 + 3 * 5]
    assert runs.preemptions.tolist() == [1, 0]
    assert runs.launches.tolist() == [2, 1]


policies = st.one_of(st.sampled_from([OnDemandOnly(), SpotOnly(), *SAFE]), st.builds(Mixed, spot_nodes=st.just(1)))


@given(nodes=whole_traces, job=jobs, policy=policies, gap_s=st.sampled_from([30.0, 300.0, 3600.0]))
def test_laws_of_every_policy(nodes: Ints, job: DeadlineJob, policy: SpotPolicy, gap_s: float) -> None:
    weights = np.linspace(1, 2, len(nodes))
    runs = run_spot(policy, job, nodes, gap_s, np.arange(len(nodes)), weights)
    done, billed = runs.on_demand_h + runs.spot_h, runs.billed_on_demand_h + runs.billed_spot_h
    ended, work_h = np.isfinite(runs.finish_h), job.work_s / HOUR_S
    assert (done <= work_h * (1 + 1e-9)).all()
    assert done[ended] == pytest.approx(work_h)
    assert (runs.billed_on_demand_h >= runs.on_demand_h - 1e-9).all()
    assert (runs.billed_spot_h >= runs.spot_h - 1e-9).all()
    most = runs.launches * job.changeover_s / HOUR_S
    assert (billed - done <= most + 1e-9).all()
    assert (billed[ended] <= runs.finish_h[ended] + 1e-9).all()
    assert (runs.billed_spot_h - 1e-9 <= runs.weighted_spot_h).all()
    assert (runs.weighted_spot_h <= 2 * runs.billed_spot_h + 1e-9).all()
    assert (runs.preemptions <= runs.launches).all()
    if not isinstance(policy, SpotOnly):
        assert runs.deadline_met.all()


def test_all_spot_and_no_spot() -> None:
    job = hours(10, 20, 0.5)
    always, never = np.ones(100, np.int64), np.zeros(100, np.int64)
    for policy in SAFE:
        runs = run_spot(policy, job, always, HOUR_S, np.array([0]))
        assert (runs.spot_h[0], runs.billed_spot_h[0], runs.finish_h[0], runs.launches[0]) == (
            10,
            10.5,
            10.5,
            1,
        )
        assert run_spot(policy, job, never, HOUR_S, np.array([0])).on_demand_h[0] == 10
    alone = run_spot(SpotOnly(), job, never, HOUR_S, np.array([0]))
    assert (alone.finish_h[0], alone.deadline_met[0], alone.billed_spot_h[0]) == (np.inf, False, 0)


def test_one_slice_and_a_gang_wholly_on_spot_are_greedy(traces: dict[str, SpotSeries]) -> None:
    trace = traces["availability/1-node/aws-10-26-2022/us-west-2a_v100_8"]
    greedy = study(trace, Greedy())
    for policy in (TimeSliced(slices=1), Mixed(spot_nodes=1)):
        assert study(trace, policy).finish_h == pytest.approx(greedy.finish_h)
        assert study(trace, policy).billed_spot_h == pytest.approx(greedy.billed_spot_h)


def test_a_mixed_fleet_works_in_proportion_to_its_nodes() -> None:
    nodes = np.array([0, 0, 2, 2, 2, 2, 2, 2, 2, 2])
    runs = run_spot(Mixed(spot_nodes=2), hours(6, 30, 0, 4), nodes, HOUR_S, np.array([0]))
    assert (runs.finish_h[0], runs.on_demand_h[0], runs.spot_h[0]) == (7, 3.5, 2.5)


def test_uniform_progress_spreads_on_demand_over_the_time() -> None:
    """Without spot it runs on demand from the second tick on, where Greedy waits for the net."""
    never = np.zeros(40, np.int64)
    greedy, even = (
        run_spot(p, hours(10, 40, 0.1), never, HOUR_S, np.array([0])) for p in (Greedy(), UniformProgress())
    )
    assert greedy.launches[0] == 1
    assert even.launches[0] > 5


def test_impossible_jobs_are_refused() -> None:
    with pytest.raises(InputError, match="deadline of 10 h cannot be met"):
        hours(10, 10, 0.2)
    with pytest.raises(InputError, match="cannot be run"):
        hours(-1, 10, 0.2)
    ones = np.ones(9, np.int64)
    with pytest.raises(InputError, match="outside the 9 ticks"):
        run_spot(Greedy(), hours(1, 2, 0), ones, 60.0, np.array([9]))
    with pytest.raises(InputError, match="2 nodes on spot, but the gang has 1"):
        run_spot(Mixed(spot_nodes=2), hours(1, 2, 0), ones, 60.0, np.array([0]))
