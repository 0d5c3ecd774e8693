"""Study of spot policies: their rows, verdict and findings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from simcost.compare.verdict import percent
from simcost.documents import FindingDocument
from simcost.errors import InputError, TraceError
from simcost.plan.spot import Mixed, OnDemandOnly, SpotBelow, SpotPolicy
from simcost.sim.spot import STATES, DeadlineJob, course, run_spot
from simcost.studies.spot.result import Course, CoursePart, PolicyRow, SpotStudy
from simcost.studies.spot.rows import Outcome, Replay, policy_row, trace_row
from simcost.trace.spot import Floats, Ints, SpotSeries, any_zone
from simcost.units import SECONDS_PER_HOUR, format_seconds

Findings = list[FindingDocument]


def best_of(rows: Sequence[PolicyRow]) -> PolicyRow:
    """The cheapest policy that met the deadline in every run; on-demand only, the first row, unless others save."""
    safe = [row for row in rows[1:] if row.deadline_met == 1 and (row.saving or 0.0) > 0]
    return min((rows[0], *safe), key=_usd)


def verdict(rows: Sequence[PolicyRow]) -> str:
    """Verdict: the policy to take, its saving, and how sure it is."""
    base, best, runs = rows[0], best_of(rows), rows[0].runs
    met = f"all of {runs:,} runs" if runs > 1 else "the one run tried, which says little"
    if best is base:
        safe = [row for row in rows[1:] if row.deadline_met == 1]
        if not safe:
            return f"Stay on demand: no other policy met the deadline in {met}."
        other = min(safe, key=_usd)
        more = _usd(other) / _usd(base) - 1
        cost = (
            ("costs the same" if round(more, 3) == 0 else f"costs {_percent(more)} more")
            if more >= 0
            else f"costs only {_percent(-more)} less, and no less than the work alone"
        )
        return f"Stay on demand: {other.policy}, the cheapest to meet the deadline in {met}, {cost}."
    lo, hi = (100 * (bound or 0.0) for bound in (best.saving_spread.p10, best.saving_spread.p90))
    spread = f" ({lo:.0f} to {hi:.0f} % in eight of ten)" if runs > 1 else ""
    return (
        f"{best.policy} saves {_percent(best.saving or 0.0)}{spread} against on-demand and met the deadline in {met}."
    )


def findings(rows: Sequence[PolicyRow], replays: Sequence[Replay], od_usd_per_h: float) -> Findings:
    """Deadlines missed, and policies that cost more than on demand, with the reason."""
    base = rows[0]
    saves = any(replay.usd_per_h.mean() < od_usd_per_h for replay in replays)
    why = "its changeovers cost more than spot saves" if saves else "a spot node costs no less than one on demand"
    found = Findings()
    for row in rows[1:]:
        name, more = row.policy, _usd(row) / _usd(base) - 1
        if row.deadline_met < 1:
            late = f"{name} missed the deadline in {_percent(1 - row.deadline_met)} of the runs"
            cut = (
                f"; {_percent(1 - row.finished)} had not ended when the trace did, and their saving is not counted; "
                "their cost is that until then"
            )
            found.append({"kind": "late", "policy": name, "message": late + (cut if row.finished < 1 else "") + "."})
        if more > 0:
            text = f"{name} costs {_percent(more)} more than pure on-demand: {why}."
            found.append({"kind": "dearer", "policy": name, "message": text})
    return found


def _usd(row: PolicyRow) -> float:
    return row.billed_usd.mean or 0.0


def _percent(share: float) -> str:
    return percent(round(share, 3))


MOST_STARTS = 1_000_000


def spot_study(
    traces: Sequence[SpotSeries],
    *,
    work_h: float,
    deadline_h: float,
    changeover_h: float,
    gang: int = 1,
    policies: Sequence[SpotPolicy],
    od_usd_per_h: float,
    spot_usd_per_h: float | None = None,
    starts: int | Sequence[int] = 300,
    seed: int = 1,
    together: bool = False,
) -> SpotStudy:
    """The study of `simcost train spot`.

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
        together: the traces are zones that the job may move between; each alone is in `by_trace`.

    Raises:
        TraceError: traces shorter than the deadline, or without the prices that were not given.
        InputError: a deadline that cannot be met, an impossible price.
    """
    _check_given(traces, od_usd_per_h)
    job = _job(work_h, deadline_h, changeover_h, gang)
    studied, said = _studied(traces, job, starts, together)
    replays = [Replay(trace, _prices(trace, spot_usd_per_h), _starts(trace, job, starts, seed)) for trace in studied]
    every: dict[str, SpotPolicy] = {policy.label: policy for policy in (OnDemandOnly(), *policies)}
    on_demand_usd = work_h * gang * od_usd_per_h
    outcomes = {name: [_outcome(policy, job, run, od_usd_per_h) for run in replays] for name, policy in every.items()}
    counted = 1 if together else len(replays)
    rows, by_trace = _rows(every, outcomes, replays, counted, on_demand_usd, gang)
    return SpotStudy(
        verdict=verdict(rows),
        best=best_of(rows).policy,
        work_h=work_h,
        deadline_h=deadline_h,
        changeover_h=changeover_h,
        gang=gang,
        od_usd_per_h=od_usd_per_h,
        spot_usd_per_h=spot_usd_per_h,
        on_demand_usd=on_demand_usd,
        seed=seed,
        starts=sum(len(replay.starts) for replay in replays[:counted]),
        policies=tuple(rows),
        traces=tuple(trace_row(replay.trace, replay.usd_per_h, replay.starts, gang) for replay in replays),
        by_trace=by_trace,
        courses=_courses(every, outcomes[best_of(rows).policy][:counted], job, replays),
        findings=findings(rows, replays, od_usd_per_h) + said,
    )


def _check_given(traces: Sequence[SpotSeries], od_usd_per_h: float) -> None:
    """Raise InputError without a trace or a price on demand."""
    if not traces:
        raise InputError("no availability trace was given; give at least one")
    if not 0 < od_usd_per_h < np.inf:
        raise InputError(f"the on-demand price is {od_usd_per_h!r} USD per hour; it must be more than 0")


def _job(work_h: float, deadline_h: float, changeover_h: float, gang: int) -> DeadlineJob:
    return DeadlineJob(
        work_s=_seconds(work_h),
        deadline_s=_seconds(deadline_h),
        changeover_s=_seconds(changeover_h),
        gang=gang,
    )


def _rows(
    policies: Mapping[str, SpotPolicy],
    outcomes: Mapping[str, Sequence[Outcome]],
    replays: Sequence[Replay],
    counted: int,
    on_demand_usd: float,
    gang: int,
) -> tuple[list[PolicyRow], tuple[PolicyRow, ...]]:
    """Each policy over the traces that count together, and on each trace."""

    def row(policy: str, of: Sequence[Outcome]) -> PolicyRow:
        return policy_row(policy, policies[policy].kind, of, on_demand_usd, gang)

    by_trace = tuple(
        replace(row(policy, [outcome]), trace=replay.trace.name)
        for policy, of in outcomes.items()
        for replay, outcome in zip(replays, of, strict=True)
    )
    return [row(policy, of[:counted]) for policy, of in outcomes.items()], by_trace


def _seconds(hours: float) -> float:
    """Without the dust of the division by 3,600: the number of ticks is the floor of a quotient."""
    return round(hours * SECONDS_PER_HOUR, 6)


def _taken(trace: SpotSeries, gang: int) -> Findings:
    """Assumptions about a trace, and that it never has the nodes of the gang."""
    said = Findings()
    most = int(trace.nodes.max())
    if most < gang:
        text = f"{trace.name} never has {gang:,} nodes at once, at most {most:,}: the job never runs on spot there."
        said.append({"kind": "too_few", "trace": trace.name, "message": text})
    if trace.assumed:
        text = f"{trace.name} has prices only: spot counts as always there, unless a policy limits its price."
        said.append({"kind": "assumed", "trace": trace.name, "message": text})
    said += [{"kind": "time_notation", "trace": trace.name, "message": text} for text in trace.notation]
    said += [{"kind": "gap", "trace": trace.name, "message": text} for text in trace.held_long()]
    return said


def _studied(
    traces: Sequence[SpotSeries], job: DeadlineJob, starts: int | Sequence[int], together: bool
) -> tuple[list[SpotSeries], Findings]:
    """The traces that cover the deadline, before them all of them as one where a job may move; and findings."""
    studied, said = _long_enough(traces, job, starts)
    if not together:
        return studied, said
    if len(studied) == 1:
        text = f"{studied[0].name} is the only trace that covers the deadline: a job cannot move to another zone."
        said.append({"kind": "one_zone", "trace": studied[0].name, "message": text})
        return studied, said
    zones = any_zone(studied)
    text = "A job that moves to another zone takes its checkpoint along: that traffic is not in the cost."
    said.append({"kind": "moves", "trace": zones.name, "message": text})
    return [zones, *studied], said


def _long_enough(
    traces: Sequence[SpotSeries], job: DeadlineJob, starts: int | Sequence[int]
) -> tuple[list[SpotSeries], Findings]:
    """The traces that cover the deadline from some start, and what is said of those and of the others."""
    studied, said = [], Findings()
    for trace in traces:
        last = trace.ticks - int(job.deadline_s / trace.gap_s) - 1
        span = f"{trace.name} covers {trace.span_s / SECONDS_PER_HOUR:.4g} h"
        if isinstance(starts, int) and last < 1:
            text = f"{span}, less than the deadline of {job.deadline_s / SECONDS_PER_HOUR:.4g} h; it was left out."
            said.append({"kind": "short", "trace": trace.name, "message": text})
            continue
        said += _net_at_once(trace, job)
        if not isinstance(starts, int) and max(starts, default=0) > last:
            text = f"{span}: a run that begins at tick {max(starts)} finds no spot after its end."
            said.append({"kind": "beyond", "trace": trace.name, "message": text})
        said += _taken(trace, job.gang)
        studied.append(trace)
    if not studied:
        longest = max(traces, key=lambda trace: trace.span_s)
        raise TraceError(
            f"no trace is longer than the deadline of {job.deadline_s / SECONDS_PER_HOUR:.4g} h: {longest.name!r} "
            f"covers {longest.span_s / SECONDS_PER_HOUR:.4g} h; give a longer trace, or the ticks to start at"
        )
    return studied, said


def _net_at_once(trace: SpotSeries, job: DeadlineJob) -> Findings:
    """A finding where the safety net catches before anything else can happen: it looks once a tick."""
    spare_s = job.deadline_s - job.work_s
    if spare_s >= 2 * job.changeover_s + trace.gap_s:
        return Findings()
    gap, spare = format_seconds(trace.gap_s), format_seconds(spare_s)
    text = (
        f"{trace.name} has ticks of {gap}: with {spare} to spare, less than two changeovers and a tick, the safety net "
        "goes on demand at the start of every run; take a later deadline, or a shorter --tick"
    )
    return [{"kind": "net_at_once", "trace": trace.name, "message": f"{text}."}]


def _prices(trace: SpotSeries, usd_per_h: float | None) -> Floats:
    """Price of a node at each tick, in the shape of its nodes."""
    if usd_per_h is not None:
        if not 0 <= usd_per_h < np.inf:
            raise InputError(f"the spot price is {usd_per_h!r} USD per hour; it must be 0 or more")
        return np.full(trace.nodes.shape, float(usd_per_h))
    if trace.usd_per_h is None:
        raise TraceError(f"no spot price for the trace {trace.name!r}; pass --spot USD, or --prices FILE")
    return trace.usd_per_h


def _starts(trace: SpotSeries, job: DeadlineJob, starts: int | Sequence[int], seed: int) -> Ints:
    """Ticks from which the trace covers the deadline, drawn as the published study does; or those given."""
    if not isinstance(starts, int):
        return np.asarray(starts, np.int64)
    if not 1 <= starts <= MOST_STARTS:
        raise InputError(f"{starts:,} starts cannot be drawn; give at least one, and at most {MOST_STARTS:,}")
    room = trace.ticks - int(job.deadline_s / trace.gap_s) - 1
    drawn: Ints = np.random.RandomState(seed).randint(0, room, starts).astype(np.int64)
    return drawn


def _nodes(policy: SpotPolicy, replay: Replay) -> Ints:
    """Nodes of a trace that a policy takes."""
    if isinstance(policy, SpotBelow):
        return np.where(replay.usd_per_h <= policy.max_usd_per_h, replay.trace.nodes, 0)
    return replay.trace.nodes


def _outcome(policy: SpotPolicy, job: DeadlineJob, replay: Replay, od_usd_per_h: float) -> Outcome:
    nodes = _nodes(policy, replay)
    runs = run_spot(policy, job, nodes, replay.trace.gap_s, replay.starts, weights=replay.usd_per_h)
    return Outcome(runs, job.gang * (runs.billed_on_demand_h * od_usd_per_h + runs.weighted_spot_h))


def _courses(
    policies: Mapping[str, SpotPolicy],
    best: Sequence[Outcome],
    job: DeadlineJob,
    replays: Sequence[Replay],
) -> tuple[Course, ...]:
    """The run in which the best policy costs the median, under each policy that moves the whole gang."""
    usd = np.concatenate([outcome.billed_usd for outcome in best])
    middle = int(np.argsort(usd, kind="stable")[(len(usd) - 1) // 2])
    ends = np.cumsum([len(replay.starts) for replay in replays])
    median = int(np.searchsorted(ends, middle, side="right"))
    replay = replays[median]
    trace, start = replay.trace, int(replay.starts[middle - (ends[median - 1] if median else 0)])
    courses = []
    for name, policy in policies.items():
        if isinstance(policy, Mixed):
            continue
        parts = course(policy, job, _nodes(policy, replay), trace.gap_s, start, replay.usd_per_h)
        courses.append(
            Course(
                policy=name,
                trace=trace.name,
                start_tick=start,
                parts=tuple(CoursePart(state=STATES[state], from_h=since, to_h=until) for state, since, until in parts),
            )
        )
    return tuple(courses)
