"""Rows of a study: a policy over its runs, and the availability of a trace."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.sim.spot import SpotRuns
from simcost.studies.spot.result import PolicyRow, RunSpread, TraceRow
from simcost.tables.cells import Flags
from simcost.trace.spot import Floats, Ints, SpotSeries
from simcost.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """One trace: the price of a node at each tick, and the ticks at which runs begin."""

    trace: SpotSeries
    usd_per_h: Floats
    starts: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One policy on one trace."""

    runs: SpotRuns
    billed_usd: Floats


def policy_row(name: str, kind: str, outcomes: Sequence[Outcome], on_demand_usd: float, gang: int) -> PolicyRow:
    """A policy over the runs of some traces."""

    def of(pick: Callable[[SpotRuns], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.concatenate([pick(outcome.runs) for outcome in outcomes])

    usd, finish = np.concatenate([outcome.billed_usd for outcome in outcomes]), of(lambda runs: runs.finish_h)
    on_demand_h, spot_h = of(lambda runs: runs.on_demand_h), of(lambda runs: runs.spot_h)
    ended, met = np.isfinite(finish), of(lambda runs: runs.deadline_met)
    saving = 1 - usd[ended] / on_demand_usd
    billed_on_demand_h = float(of(lambda runs: runs.billed_on_demand_h).mean())
    billed_spot_h = float(of(lambda runs: runs.billed_spot_h).mean())
    return PolicyRow(
        policy=name,
        kind=kind,
        runs=len(usd),
        job_fail_rate=float((~met).mean()),
        avg_finish_time_h=_mean(finish[ended]),
        total_vm_time_h=gang * (billed_on_demand_h + billed_spot_h),
        total_vm_cost_usd=float(usd.mean()),
        on_demand_h=float(on_demand_h.mean()),
        spot_h=float(spot_h.mean()),
        billed_on_demand_h=billed_on_demand_h,
        billed_spot_h=billed_spot_h,
        launches=float(of(lambda runs: runs.launches).mean()),
        preemptions=float(of(lambda runs: runs.preemptions).mean()),
        deadline_met=float(met.mean()),
        finished=float(ended.mean()),
        on_demand_spread_h=spread(on_demand_h),
        spot_spread_h=spread(spot_h),
        billed_usd=spread(usd),
        finish_h=_mean(finish[ended]),
        finish_spread_h=spread(finish[ended]),
        saving=_mean(saving),
        saving_spread=spread(saving),
    )


def trace_row(trace: SpotSeries, price: Floats, starts: Ints, gang: int) -> TraceRow:
    """Availability of a trace for a gang: how often, for how long at a time, and how often it is taken back."""
    there: Flags = np.atleast_2d(trace.nodes) >= gang
    begin, end = _stays(there, np.atleast_2d(price))
    up_h = (end - begin).astype(np.float64) * trace.gap_s / SECONDS_PER_HOUR
    falls = int((end < trace.ticks).sum())
    return TraceRow(
        trace=trace.name,
        gap_s=trace.gap_s,
        span_h=trace.span_s / SECONDS_PER_HOUR,
        available=float(there.any(axis=0).mean()),
        mean_spot_usd_per_h=float(price.mean()),
        starts=len(starts),
        mean_up_h=_mean(up_h),
        median_up_h=float(np.median(up_h)) if len(up_h) else None,
        preemptions_per_day_up=falls / float(up_h.sum()) * 24.0 if len(up_h) else None,
    )


def _stays(there: Flags, price: Floats) -> tuple[Ints, Ints]:
    """First tick of each stay in a zone, and the tick at which the zone takes it back: a gang that is taken back moves
    to the cheapest zone that has room, and stays while that lasts.

    Args:
        there: [zone, tick] True where the gang fits.
        price: [zone, tick]
    """
    ticks = there.shape[1]
    number = np.arange(ticks)
    gone = np.minimum.accumulate(np.where(there, ticks, number)[:, ::-1], axis=1)[:, ::-1]
    free = np.minimum.accumulate(np.where(there.any(axis=0), number, ticks)[::-1])[::-1]
    begin, end, at = list[int](), list[int](), 0
    while at < ticks and free[at] < ticks:
        at = int(free[at])
        zone = int(np.where(there[:, at], price[:, at], np.inf).argmin())
        begin.append(at)
        at = int(gone[zone, at])
        end.append(at)
    return np.array(begin, np.int64), np.array(end, np.int64)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def spread(values: Floats) -> RunSpread:
    """Spread over runs."""
    if not len(values):
        return RunSpread(mean=None, sd=None, p10=None, p25=None, p50=None, p75=None, p90=None)
    p10, p25, p50, p75, p90 = np.quantile(values, (0.1, 0.25, 0.5, 0.75, 0.9)).tolist()
    return RunSpread(mean=float(values.mean()), sd=float(values.std()), p10=p10, p25=p25, p50=p50, p75=p75, p90=p90)
