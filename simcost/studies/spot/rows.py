"""The rows of a spot study: a policy over its runs, and a trace."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.sim.spot import SpotRuns
from simcost.trace.spot_init import Flags, Floats, Ints, SpotTrace
from simcost.units import SECONDS_PER_HOUR

_PERCENTILES = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One policy on one trace."""

    runs: SpotRuns
    billed_usd: Floats


def policy_row(
    name: str, kind: str, outcomes: Sequence[Outcome], on_demand_usd: float, gang: int
) -> dict[str, Any]:
    """Means over all runs, with the spread of money, saving, hours and finish.

    Runs that the trace cut off have no saving. Hours are those of the gang, but for `total_vm_time_h`: of nodes.
    """

    def of(pick: Callable[[SpotRuns], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.concatenate([pick(one.runs) for one in outcomes])

    usd, finish = np.concatenate([one.billed_usd for one in outcomes]), of(lambda runs: runs.finish_h)
    on_demand_h, spot_h = of(lambda runs: runs.on_demand_h), of(lambda runs: runs.spot_h)
    ended, met = np.isfinite(finish), of(lambda runs: runs.deadline_met)
    saving = 1 - usd[ended] / on_demand_usd
    means = {
        "on_demand_h": on_demand_h, "spot_h": spot_h,
        "billed_on_demand_h": of(lambda runs: runs.billed_on_demand_h),
        "billed_spot_h": of(lambda runs: runs.billed_spot_h),
        "launches": of(lambda runs: runs.launches), "preemptions": of(lambda runs: runs.preemptions),
        "deadline_met": met, "finished": ended,
    }  # fmt: skip
    row = {key: float(values.mean()) for key, values in means.items()}
    return {
        "policy": name, "kind": kind, "runs": len(usd),
        "job_fail_rate": float((~met).mean()),
        "avg_finish_time_h": _mean(finish[ended]),
        "total_vm_time_h": gang * (row["billed_on_demand_h"] + row["billed_spot_h"]),
        "total_vm_cost_usd": float(usd.mean()),
        **row,
        "on_demand_spread_h": spread(on_demand_h), "spot_spread_h": spread(spot_h),
        "billed_usd": spread(usd),
        "finish_h": _mean(finish[ended]), "finish_spread_h": spread(finish[ended]),
        "saving": _mean(saving), "saving_spread": spread(saving),
    }  # fmt: skip


def trace_row(trace: SpotTrace, price: Floats, starts: Ints, gang: int) -> dict[str, Any]:
    """What a trace offers a gang: how often, for how long at a time, and how often it takes it back."""
    there: Flags = np.any(np.atleast_2d(trace.nodes) >= gang, axis=0)
    change = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    up_h = np.diff(change)[::2] * trace.gap_s / SECONDS_PER_HOUR
    falls = len(up_h) - int(there[-1])
    return {
        "trace": trace.name, "gap_s": trace.gap_s, "span_h": trace.span_s / SECONDS_PER_HOUR,
        "available": float(there.mean()), "mean_spot_usd_per_h": float(price.mean()), "starts": len(starts),
        "mean_up_h": _mean(up_h), "median_up_h": float(np.median(up_h)) if len(up_h) else None,
        "preemptions_per_day_up": falls / float(up_h.sum()) * 24.0 if len(up_h) else None,
    }  # fmt: skip


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def spread(values: Floats) -> dict[str, float | None]:
    """Mean, standard deviation (of these runs) and percentiles; None where no run ended."""
    if not len(values):
        return dict.fromkeys(("mean", "sd", *_PERCENTILES))
    points = np.quantile(values, list(_PERCENTILES.values()))
    found = {"mean": float(values.mean()), "sd": float(values.std())}
    return {**found, **dict(zip(_PERCENTILES, map(float, points), strict=True))}
