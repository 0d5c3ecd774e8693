"""Is spot worth the restarts? Policies side by side, from many starts along recorded availability."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.compare.words import percent
from simcost.errors import InputError
from simcost.plan.spot import OnDemandOnly, SpotBelow, SpotPolicy, name_of
from simcost.sim.spot import DeadlineJob, SpotRuns, run_spot
from simcost.trace.spot import SpotTrace
from simcost.units import SECONDS_PER_HOUR

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_PERCENTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """One policy on one trace."""

    runs: SpotRuns
    billed_usd: Floats


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

    Raises:
        InputError: a deadline that cannot be met, a trace shorter than the deadline, prices that are not given.
    """
    if not traces:
        raise InputError("no availability trace was given; give at least one")
    if not 0 < od_usd_per_h < np.inf:
        raise InputError(f"the on-demand price is {od_usd_per_h!r} USD per hour; it must be more than 0")
    job = DeadlineJob(work_s=_seconds(work_h), deadline_s=_seconds(deadline_h), changeover_s=_seconds(changeover_h),
                      gang=gang)  # fmt: skip
    prices = [_prices(trace, spot_usd_per_h) for trace in traces]
    begin = [_starts(trace, job, starts, seed) for trace in traces]
    every: dict[str, SpotPolicy] = {name_of(policy): policy for policy in (OnDemandOnly(), *policies)}
    outcomes = {
        name: [
            _outcome(policy, job, trace, price, ticks, od_usd_per_h)
            for trace, price, ticks in zip(traces, prices, begin, strict=True)
        ]
        for name, policy in every.items()
    }
    on_demand_usd = work_h * gang * od_usd_per_h
    rows = [_row(name, every[name].kind, found, on_demand_usd) for name, found in outcomes.items()]
    return {
        "verdict": _verdict(rows), "best": _best(rows)["policy"],
        "work_h": work_h, "deadline_h": deadline_h, "changeover_h": changeover_h, "gang": gang,
        "od_usd_per_h": od_usd_per_h, "spot_usd_per_h": spot_usd_per_h, "on_demand_usd": on_demand_usd, "seed": seed,
        "starts": sum(map(len, begin)),
        "policies": rows,
        "traces": [_trace_row(*one, gang) for one in zip(traces, prices, begin, strict=True)],
        "by_trace": [{"trace": trace.name, **_row(name, every[name].kind, [found], on_demand_usd)}
                     for name, all_found in outcomes.items()
                     for trace, found in zip(traces, all_found, strict=True)],
        "findings": _findings(rows),
    }  # fmt: skip


def _seconds(hours: float) -> float:
    return hours * SECONDS_PER_HOUR


def _prices(trace: SpotTrace, usd_per_h: float | None) -> Floats:
    """Price of a node at each tick."""
    if usd_per_h is not None:
        if not 0 <= usd_per_h < np.inf:
            raise InputError(f"the spot price is {usd_per_h!r} USD per hour; it must be 0 or more")
        return np.full(len(trace.nodes), float(usd_per_h))
    if trace.usd_per_h is None:
        raise InputError(f"no spot price for the trace {trace.name!r}; give spot_usd_per_h or a price trace")
    return trace.usd_per_h


def _starts(trace: SpotTrace, job: DeadlineJob, starts: int | Sequence[int], seed: int) -> Ints:
    """Ticks from which the trace covers the deadline, drawn as the published study does; or those given."""
    if not isinstance(starts, int):
        return np.asarray(starts, np.int64)
    room = len(trace.nodes) - int(job.deadline_s / trace.gap_s) - 1
    if room < 1 or starts < 1:
        raise InputError(
            f"{starts} starts cannot be drawn: {trace.name!r} covers {trace.span_s / SECONDS_PER_HOUR:.4g} h, "
            f"the deadline {job.deadline_s / SECONDS_PER_HOUR:.4g} h; take at least one start and a longer trace"
        )
    drawn: Ints = np.random.RandomState(seed).randint(0, room, starts).astype(np.int64)
    return drawn


def _outcome(
    policy: SpotPolicy, job: DeadlineJob, trace: SpotTrace, price: Floats, starts: Ints, od_usd_per_h: float
) -> _Outcome:
    nodes = trace.nodes
    if isinstance(policy, SpotBelow):
        nodes = np.where(price <= policy.max_usd_per_h, nodes, 0)
    runs = run_spot(policy, job, nodes, trace.gap_s, starts, weights=price)
    return _Outcome(runs, job.gang * (runs.billed_on_demand_h * od_usd_per_h + runs.weighted_spot_h))


def _row(name: str, kind: str, outcomes: Sequence[_Outcome], on_demand_usd: float) -> dict[str, Any]:
    """Means over all runs, with the spread of money, saving and finish. Runs that the trace cut off have no saving."""

    def of(pick: Callable[[SpotRuns], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.concatenate([pick(one.runs) for one in outcomes])

    usd, finish = np.concatenate([one.billed_usd for one in outcomes]), of(lambda runs: runs.finish_h)
    ended = np.isfinite(finish)
    saving = 1 - usd[ended] / on_demand_usd
    means = {
        "on_demand_h": of(lambda runs: runs.on_demand_h), "spot_h": of(lambda runs: runs.spot_h),
        "billed_on_demand_h": of(lambda runs: runs.billed_on_demand_h),
        "billed_spot_h": of(lambda runs: runs.billed_spot_h),
        "launches": of(lambda runs: runs.launches), "preemptions": of(lambda runs: runs.preemptions),
        "deadline_met": of(lambda runs: runs.deadline_met), "finished": ended,
    }  # fmt: skip
    return {
        "policy": name, "kind": kind, "runs": len(usd),
        **{key: float(values.mean()) for key, values in means.items()},
        "billed_usd": _spread(usd),
        "finish_h": _mean(finish[ended]), "finish_spread_h": _spread(finish[ended]),
        "saving": _mean(saving), "saving_spread": _spread(saving),
    }  # fmt: skip


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _spread(values: Floats) -> dict[str, float | None]:
    """Mean and percentiles; None where no run ended."""
    if not len(values):
        return dict.fromkeys(("mean", *_PERCENTILES))
    points = np.quantile(values, list(_PERCENTILES.values()))
    return {"mean": float(values.mean()), **dict(zip(_PERCENTILES, map(float, points), strict=True))}


def _trace_row(trace: SpotTrace, price: Floats, starts: Ints, gang: int) -> dict[str, Any]:
    return {
        "trace": trace.name, "gap_s": trace.gap_s, "span_h": trace.span_s / SECONDS_PER_HOUR,
        "available": float((trace.nodes >= gang).mean()), "mean_spot_usd_per_h": float(price.mean()),
        "starts": len(starts),
    }  # fmt: skip


def _best(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The cheapest policy that met the deadline in every run; on-demand only, the first row, unless others save."""
    safe = [row for row in rows[1:] if row["deadline_met"] == 1 and row["saving"] > 0]
    return min((rows[0], *safe), key=_usd)


def _verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    base, best, runs = rows[0], _best(rows), rows[0]["runs"]
    met = f"all of {runs:,} runs" if runs > 1 else "the one run tried, which says little"
    if best is base:
        safe = [row for row in rows[1:] if row["deadline_met"] == 1]
        if not safe:
            return f"Stay on demand: no other policy met the deadline in {met}."
        other = min(safe, key=_usd)
        more = _percent(max(_usd(other) / _usd(base) - 1, 0.0))
        return f"Stay on demand: {other['policy']}, the cheapest to meet the deadline in {met}, costs {more} more."
    lo, hi = (100 * best["saving_spread"][name] for name in ("p10", "p90"))
    spread = f" ({lo:.0f} to {hi:.0f} % in eight of ten)" if runs > 1 else ""
    return f"{best['policy']} saves {_percent(best['saving'])}{spread} against on-demand and met the deadline in {met}."


def _usd(row: Mapping[str, Any]) -> float:
    return float(row["billed_usd"]["mean"])


def _percent(share: float) -> str:
    return percent(round(share, 3))


def _findings(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What a reader of the table must not miss."""
    base = rows[0]
    found = []
    for row in rows[1:]:
        name, more = row["policy"], _usd(row) / _usd(base) - 1
        if row["deadline_met"] < 1:
            late = f"{name} missed the deadline in {_percent(1 - row['deadline_met'])} of the runs"
            cut = f"; {_percent(1 - row['finished'])} had not ended when the trace did, and their saving is not counted"
            found.append(
                {"kind": "late", "policy": name, "message": late + (cut if row["finished"] < 1 else "") + "."}
            )
        if more > 0:
            text = f"{name} costs {_percent(more)} more than pure on-demand: its changeovers cost more than spot saves."
            found.append({"kind": "dearer", "policy": name, "message": text})
    return found
