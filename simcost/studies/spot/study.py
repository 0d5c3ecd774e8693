"""The document of a spot study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simcost.errors import InputError
from simcost.plan.spot import Mixed, OnDemandOnly, SpotBelow, SpotPolicy, name_of
from simcost.sim.spot import STATES, DeadlineJob, course, run_spot
from simcost.studies.spot.rows import Outcome, policy_row, trace_row
from simcost.studies.spot.words import best_of, findings, verdict
from simcost.trace.spot_init import Floats, Ints, SpotTrace, any_zone
from simcost.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

Findings = list[dict[str, Any]]
MOST_STARTS = 1_000_000
LONG_SILENCE_S = 7 * SECONDS_PER_DAY


def spot_study(
    traces: Sequence[SpotTrace],
    *,
    work_h: float,
    deadline_h: float,
    changeover_h: float,
    gang: int = 1,
    policies: Sequence[SpotPolicy],
    od_usd_per_h: float,
    spot_usd_per_h: float | None = None,
    starts: int | Sequence[int] = 300,
    seed: int = 0,
    together: bool = False,
) -> dict[str, Any]:
    """The document of `simcost train spot`.

    Args:
        traces: availability; with prices where `spot_usd_per_h` is None.
        work_h: work of the whole gang on spot or on demand.
        deadline_h: after the start.
        changeover_h: time to get nodes and to be where the job was.
        gang: nodes that run together.
        policies: to compare; on-demand only is always among them.
        od_usd_per_h: price of a node on demand.
        spot_usd_per_h: price of a node on spot; None = that in effect, from the traces.
        starts: how many runs on each trace, drawn evenly with `seed`, or the ticks at which they begin.
        seed: of the starts; all policies share them.
        together: the traces are zones that the job may move between; each alone stands beside them in `by_trace`.

    Returns:
        `verdict`, `best`, `policies[]` (over all runs), `by_trace[]`, `traces[]`, `courses[]` (the run of the best
        policy that costs the median, under each policy: states with their hours), `findings[]`.

    Raises:
        InputError: a deadline that cannot be met, traces shorter than the deadline, prices that are not given.
    """
    if not traces:
        raise InputError("no availability trace was given; give at least one")
    if not 0 < od_usd_per_h < np.inf:
        raise InputError(f"the on-demand price is {od_usd_per_h!r} USD per hour; it must be more than 0")
    job = DeadlineJob(work_s=_seconds(work_h), deadline_s=_seconds(deadline_h), changeover_s=_seconds(changeover_h),
                      gang=gang)  # fmt: skip
    studied, said = _long_enough(traces, job, starts)
    if together and len(studied) > 1:
        studied = [any_zone(studied), *studied]
    prices = [_prices(trace, spot_usd_per_h) for trace in studied]
    begin = [_starts(trace, job, starts, seed) for trace in studied]
    every: dict[str, SpotPolicy] = {name_of(policy): policy for policy in (OnDemandOnly(), *policies)}
    outcomes = {
        name: [
            _outcome(policy, job, trace, price, ticks, od_usd_per_h)
            for trace, price, ticks in zip(studied, prices, begin, strict=True)
        ]
        for name, policy in every.items()
    }
    counted = 1 if together else len(studied)
    on_demand_usd = work_h * gang * od_usd_per_h
    rows = [
        policy_row(name, every[name].kind, found[:counted], on_demand_usd, gang)
        for name, found in outcomes.items()
    ]
    best = best_of(rows)["policy"]
    return {
        "verdict": verdict(rows), "best": best,
        "work_h": work_h, "deadline_h": deadline_h, "changeover_h": changeover_h, "gang": gang,
        "od_usd_per_h": od_usd_per_h, "spot_usd_per_h": spot_usd_per_h, "on_demand_usd": on_demand_usd, "seed": seed,
        "starts": sum(map(len, begin[:counted])),
        "policies": rows,
        "traces": [trace_row(*one, gang) for one in zip(studied, prices, begin, strict=True)],
        "by_trace": [{"trace": trace.name, **policy_row(name, every[name].kind, [found], on_demand_usd, gang)}
                     for name, all_found in outcomes.items()
                     for trace, found in zip(studied, all_found, strict=True)],
        "courses": _courses(every, outcomes[best][:counted], job, studied, prices, begin),
        "findings": findings(rows) + said,
    }  # fmt: skip


def _seconds(hours: float) -> float:
    """Without the dust of the division by 3,600: the number of ticks is the floor of a quotient."""
    return round(hours * SECONDS_PER_HOUR, 6)


def _taken(trace: SpotTrace) -> Findings:
    """What is taken for granted of a trace."""
    said = Findings()
    if trace.assumed:
        text = f"{trace.name} has prices only: spot counts as always there, unless a policy limits its price."
        said.append({"kind": "assumed", "trace": trace.name, "message": text})
    if trace.silent_s > LONG_SILENCE_S:
        days = f"{trace.silent_s / SECONDS_PER_DAY:.4g} d"
        text = (
            f"{trace.name} says nothing for {days}: the state before was taken to hold; was the log complete?"
        )
        said.append({"kind": "gap", "trace": trace.name, "message": text})
    return said


def _long_enough(
    traces: Sequence[SpotTrace], job: DeadlineJob, starts: int | Sequence[int]
) -> tuple[list[SpotTrace], Findings]:
    """The traces that cover the deadline from some start, and what is said of those and of the others."""
    studied, said = [], Findings()
    for trace in traces:
        last = trace.ticks - int(job.deadline_s / trace.gap_s) - 1
        span = f"{trace.name} covers {trace.span_s / SECONDS_PER_HOUR:.4g} h"
        if isinstance(starts, int) and last < 1:
            text = f"{span}, less than the deadline of {job.deadline_s / SECONDS_PER_HOUR:.4g} h; it was left out."
            said.append({"kind": "short", "trace": trace.name, "message": text})
            continue
        if not isinstance(starts, int) and max(starts, default=0) > last:
            text = f"{span}: a run that begins at tick {max(starts)} finds no spot after its end."
            said.append({"kind": "beyond", "trace": trace.name, "message": text})
        said += _taken(trace)
        studied.append(trace)
    if not studied:
        longest = max(traces, key=lambda trace: trace.span_s)
        raise InputError(
            f"no trace is longer than the deadline of {job.deadline_s / SECONDS_PER_HOUR:.4g} h: {longest.name!r} "
            f"covers {longest.span_s / SECONDS_PER_HOUR:.4g} h; give a longer trace, or the ticks to start at"
        )
    return studied, said


def _prices(trace: SpotTrace, usd_per_h: float | None) -> Floats:
    """Price of a node at each tick, in the shape of its nodes."""
    if usd_per_h is not None:
        if not 0 <= usd_per_h < np.inf:
            raise InputError(f"the spot price is {usd_per_h!r} USD per hour; it must be 0 or more")
        return np.full(trace.nodes.shape, float(usd_per_h))
    if trace.usd_per_h is None:
        raise InputError(f"no spot price for the trace {trace.name!r}; give spot_usd_per_h or a price trace")
    return trace.usd_per_h


def _starts(trace: SpotTrace, job: DeadlineJob, starts: int | Sequence[int], seed: int) -> Ints:
    """Ticks from which the trace covers the deadline, drawn as the published study does; or those given."""
    if not isinstance(starts, int):
        return np.asarray(starts, np.int64)
    if not 1 <= starts <= MOST_STARTS:
        raise InputError(f"{starts:,} starts cannot be drawn; give at least one, and at most {MOST_STARTS:,}")
    room = trace.ticks - int(job.deadline_s / trace.gap_s) - 1
    drawn: Ints = np.random.RandomState(seed).randint(0, room, starts).astype(np.int64)
    return drawn


def _nodes(policy: SpotPolicy, trace: SpotTrace, price: Floats) -> Ints:
    """What of a trace a policy takes."""
    if isinstance(policy, SpotBelow):
        return np.where(price <= policy.max_usd_per_h, trace.nodes, 0)
    return trace.nodes


def _outcome(
    policy: SpotPolicy, job: DeadlineJob, trace: SpotTrace, price: Floats, starts: Ints, od_usd_per_h: float
) -> Outcome:
    runs = run_spot(policy, job, _nodes(policy, trace, price), trace.gap_s, starts, weights=price)
    return Outcome(runs, job.gang * (runs.billed_on_demand_h * od_usd_per_h + runs.weighted_spot_h))


def _courses(
    policies: Mapping[str, SpotPolicy], best: Sequence[Outcome], job: DeadlineJob, traces: Sequence[SpotTrace],
    prices: Sequence[Floats], begin: Sequence[Ints],
) -> list[dict[str, Any]]:  # fmt: skip
    """The run in which the best policy costs the median, under each policy that moves the whole gang."""
    usd = np.concatenate([one.billed_usd for one in best])
    middle = int(np.argsort(usd, kind="stable")[(len(usd) - 1) // 2])
    place = np.cumsum([len(one) for one in begin])
    at = int(np.searchsorted(place, middle, side="right"))
    trace, start = traces[at], int(begin[at][middle - (place[at - 1] if at else 0)])
    found = []
    for name, policy in policies.items():
        if isinstance(policy, Mixed):
            continue
        parts = course(policy, job, _nodes(policy, trace, prices[at]), trace.gap_s, start, prices[at])
        found.append({"policy": name, "trace": trace.name, "start_tick": start,
                      "parts": [{"state": STATES[state], "from_h": since, "to_h": until}
                                for state, since, until in parts]})  # fmt: skip
    return found
