"""Replicas that demand needs, and what was paid beyond them; read from the ledger and its service levels alone.

A replica carries the requests that keep its engine at a target utilisation. With w the engine time that tokens took per
request (`Outcomes.work_s` over those worked on), r requests per second need r*w/target replicas, rounded up; r is a
centred mean over five minutes (of short runs: a 24th of the run), which neither lags nor leads.

The target is 80 % of what saturates the engine, or less where the SLO asks for it. Tokens can take all of its time but
for the fixed part a of each step, which a full batch of n sequences still has: with v the time that tokens took per
sequence and step, it is saturated at n*v/(a + n*v). And at a utilisation u a step lasts a/(1-u), since the longer it
lasts the more tokens it has to compute. A limit L on the time per output token therefore holds up to u = 1 - a/L. The
fixed part is measured: time with requests that no token took, over the steps. A limit on E2E counts per output token of
a mean request.

Over-provisioned are paid replica-hours beyond those needed, minute by minute; a shortage at another time does not make
up for them. In an hour that missed the SLO nothing was too much, whatever the load says; requests longer than the KV
cache of any replica, and those over the rate limits of tenants, do not count there, since more replicas would answer
none of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum, inf
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simcost.compare.least_work import ReplicaLimits
from simcost.ledger.requests import Ledger
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.slo import SloReport
    from simcost.slo.tenants import TenantReport

CARRIED = 0.8
"""Share of the load that saturates a replica, up to which one is enough."""
SMOOTHED_S = 300.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """Replica-hours of a run: paid = needed + over-provisioned."""

    paid_h: float
    """From the order of nodes to their release, in slots of replicas."""
    needed_h: float
    over_h: float

    @classmethod
    def sum(cls, parts: "Sequence[Provisioning]") -> "Provisioning":
        """Of several fleets."""
        return cls(**{name: fsum(getattr(part, name) for part in parts) for name in ("paid_h", "needed_h", "over_h")})


def provisioning(ledger: Ledger, slo: "SloReport", replica: ReplicaLimits | None = None) -> Provisioning:
    """Cost of a fleet beyond the replicas that its demand needed."""
    t_s, rate = demand(ledger)
    paid_s = np.diff(held_s(ledger, np.append(0.0, t_s)))
    needed_s = needed_replicas(ledger, rate, target_utilisation(ledger, slo, replica)) * np.diff(t_s, prepend=0.0)
    over_s = np.where(_missed(ledger, slo, t_s), 0.0, np.maximum(paid_s - needed_s, 0.0))
    paid_h, over_h = (
        float(ledger.offered_s().sum()) / SECONDS_PER_HOUR,
        float(over_s.sum()) / SECONDS_PER_HOUR,
    )
    return Provisioning(paid_h=paid_h, needed_h=paid_h - over_h, over_h=over_h)


def demand(ledger: Ledger, window_s: float | None = None) -> tuple[Floats, Floats]:
    """Ends of the intervals of the pulse, and the rate of arrivals in each, a mean over a window around it.

    Args:
        ledger: of the run.
        window_s: None = five minutes, of short runs a 24th of the run.
    """
    t_s, arrived = ledger.pulse["t_s"].to_numpy(), ledger.pulse["arrived"].to_numpy()
    window_s = min(SMOOTHED_S, ledger.horizon_s / 24) if window_s is None else window_s
    return t_s, _smooth(np.diff(arrived, prepend=0) / np.diff(t_s, prepend=0.0), t_s, window_s)


def needed_replicas(ledger: Ledger, rate: Floats, target: float) -> npt.NDArray[np.int64]:
    """The smallest number of replicas that carries a rate of requests at a target utilisation of each."""
    return np.ceil(rate * work_per_arrival_s(ledger) / target - 1e-9).astype(np.int64)


def work_per_arrival_s(ledger: Ledger) -> float:
    """Engine time of a mean request: that of those worked on, and none for those that no replica could hold."""
    sent = ledger.outcomes.sendings or ledger.outcomes
    worked_on = sent.completed + sent.timed_out + sent.lost
    if not worked_on:
        return 0.0
    return ledger.outcomes.work_s / worked_on * (1 - ledger.outcomes.too_long / sent.arrived)


def saturating_utilisation(ledger: Ledger, replica: ReplicaLimits | None) -> float:
    """Utilisation of a replica with a full batch at all times; 1 where its limits are not known, as of unlike ones."""
    found = ledger.outcomes
    if replica is None or not found.generated_tokens or not found.work_s:
        return 1.0
    tokens_s = replica.max_num_seqs * found.work_s * replica.step.tokens_per_step / found.generated_tokens
    return tokens_s / (tokens_s + _fixed_step_s(ledger))


def target_utilisation(ledger: Ledger, slo: "SloReport | None" = None, replica: ReplicaLimits | None = None) -> float:
    """Up to which utilisation a replica is enough; without service levels the limits of the ledger count alone, of
    several tenants those of each.
    """
    found, fixed_s = ledger.outcomes, _fixed_step_s(ledger)
    tokens = found.output_tokens / found.completed if found.completed else 0.0
    limits = [found.limits.tpot_s, *([found.limits.e2e_s / tokens] if tokens else [])]
    if slo is not None and slo.tenants:
        limits = [inf, *(limit for tenant in slo.tenants for limit in _times_per_token(tenant))]
    for check in slo.checks if slo else ():
        metric, _, percentile = check.name.rpartition(": ")[2].partition("_s ")
        if percentile and metric == "tpot":
            limits.append(check.target)
        if percentile and metric == "e2e" and tokens:
            limits.append(check.target / tokens)
    return min(CARRIED * saturating_utilisation(ledger, replica), max(1 - fixed_s / min(limits), 0.01))


def _times_per_token(tenant: "TenantReport") -> Iterator[float]:
    """Longest times per output token that the limits of a tenant allow."""
    tpot_s, e2e_s, completed = tenant.limits["tpot_s"], tenant.limits["e2e_s"], tenant.requests["completed"]
    if tpot_s is not None:
        yield tpot_s
    if e2e_s is not None and tenant.output_tokens:
        yield e2e_s / (tenant.output_tokens / completed)


def _fixed_step_s(ledger: Ledger) -> float:
    """Mean length of the part of a step that no token takes."""
    steps, busy_s = ledger.outcomes.steps, float(ledger.replicas["busy_s"].to_numpy().sum())
    return max(busy_s - ledger.outcomes.work_s, 0.0) / steps if steps else 0.0


def held_s(ledger: Ledger, t_s: Floats) -> Floats:
    """Slot-seconds of nodes up to each time."""
    slots = np.array(ledger.slots, np.float64)[ledger.nodes["kind"].to_numpy()]
    start, end = ledger.nodes["start_s"].to_numpy(), ledger.nodes["end_s"].to_numpy()
    return _since(start, slots, t_s) - _since(end, slots, t_s)


def _since(at_s: Floats, slots: Floats, t_s: Floats) -> Floats:
    """Sum over events of the time since each, times its slots."""
    order = np.argsort(at_s, kind="stable")
    count = np.searchsorted(at_s[order], t_s, side="right")
    weight, moment = (np.append(0.0, np.cumsum(row)) for row in (slots[order], (slots * at_s)[order]))
    result: Floats = t_s * weight[count] - moment[count]
    return result


def _missed(ledger: Ledger, slo: "SloReport", t_s: Floats) -> npt.NDArray[np.bool_]:
    """True where the hour in which an interval of the pulse ends missed the SLO by what more replicas might answer."""
    window_s = ledger.outcomes.window_s
    hour = np.ceil(t_s / window_s - 1e-9).astype(np.int64) - 1
    return np.isin(hour, [round(start_s / window_s) for start_s, _ in slo.short_s])


def _smooth(rate: Floats, t_s: Floats, window_s: float) -> Floats:
    """Centred means; at the ends over what there is."""
    if not len(rate):
        return rate
    width = max(round(window_s / (t_s[0] or 1.0)), 1)
    total, count = (np.convolve(row, np.ones(width), "full") for row in (rate, np.ones(len(rate))))
    centre = slice(width // 2, width // 2 + len(rate))
    mean: Floats = total[centre] / count[centre]
    return mean
