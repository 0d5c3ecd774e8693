"""Waste of our own runs: the buckets of a plan of a finished run, of its serving fleets and of its jobs."""

from collections.abc import Mapping
from math import fsum
from typing import Any

from simcost.catalog.facts import Offer
from simcost.documents import FindingDocument, values
from simcost.errors import InputError
from simcost.studies.waste.price import GpuPrice, price_of
from simcost.studies.waste.result import PlanWaste
from simcost.studies.waste.study import summary
from simcost.trace.series.resample import finding
from simcost.units import SECONDS_PER_HOUR, format_usd

JOBS = {
    "useful": "useful",
    "checkpoint": "checkpoint",
    "lost": "lost",
    "restart": "restart",
    "idle_blocked": "blocked_in_pool",
    "idle_free": "free_idle",
    "down": "down",
    "unallocated": "free_idle",
}
SERVING = {
    "computing": "useful",
    "idle": "allocated_idle",
    "starting": "restart",
    "draining": "restart",
    "unallocated": "free_idle",
}
BUCKET_OF = SERVING | JOBS
"""Bucket of each state for which a bill has costs."""
Plan = Mapping[str, Any]


def waste_of_plan(
    plan: Plan, horizon_s: float, *, price_usd_per_h: float | None = None, offer: Offer | None = None
) -> PlanWaste:
    """The result of `waste` for a plan, without the parts that only samples have.

    Useful is engine time that tokens took in ready replicas, and work of jobs that was kept. The utilisation is that of
    the run, in which jobs write checkpoints, redo work and restart too. Spot nodes cost nothing while they are not
    there: such hours do not count as capacity; `down` are only nodes that are paid while broken.
    Services and pools have GPU-hours of their own, and each bucket costs what the plan's bill has for its states.

    What was paid for owned nodes or commitments that nothing ran on is a finding, and in no bucket.

    Args:
        plan: as it stands in the result of a run: `replica_hours` and `accelerator_hours` of its fleets,
            `gpu_hours` by bucket of its jobs (`requests`: those of its fleets), `utilisation`, `cost_usd`.
        horizon_s: length of the run.
        price_usd_per_h: of a GPU; or
        offer: of the catalog; neither = what the plan's accelerators cost on its bill.

    Raises:
        InputError: two prices, or nothing that was used.
    """
    of_jobs = _paid(plan.get("gpu_hours") or {}, plan["accelerator_hours"])
    totals = _serving(plan, of_jobs.pop("requests", 0.0) if of_jobs else None)
    for name, hours in of_jobs.items():
        totals[JOBS[name]] = totals.get(JOBS[name], 0.0) + hours * SECONDS_PER_HOUR
    capacity_h = fsum(totals.values()) / SECONDS_PER_HOUR
    if not capacity_h > 0:
        raise InputError(f"the plan {plan['name']!r} used no accelerators; there is nothing to look at")
    given = price_usd_per_h is not None or offer is not None
    unused_usd = 0.0 if given else plan["cost_usd"].get("by_state", {}).get("unused_commitment", 0.0)
    price = price_of(price_usd_per_h, offer) if given else _billed(plan, unused_usd, totals)
    where = str(plan["name"])
    rows = [(name, where, seconds) for name, seconds in totals.items() if name != "useful"]
    idle = totals.get("blocked_in_pool", 0.0) + totals.get("free_idle", 0.0)
    blocked = totals.get("blocked_in_pool", 0.0)
    fragmentation = blocked / idle if idle and of_jobs else None
    unused = _unused(unused_usd)
    besides = f" Besides, {format_usd(unused_usd)} were paid for nodes that the plan did not run."
    common = summary(
        totals,
        rows,
        [],
        price,
        file="",
        plan=where,
        span_s=horizon_s,
        findings=[*unused, *_processors(plan)],
        fragmentation=fragmentation,
        also=besides if unused else "",
    )
    return PlanWaste(**values(common) | {"utilisation": plan["utilisation"]})


def _paid(gpu_hours: Mapping[str, float], accelerator_hours: float) -> dict[str, float]:
    """GPU-hours by bucket without those of nodes that were not there and that no one paid for."""
    down = gpu_hours.get("down", 0.0)
    paid = min(accelerator_hours - fsum(hours for name, hours in gpu_hours.items() if name != "down"), down)
    return {**gpu_hours, "down": paid if paid > 1e-9 * down else 0.0} if down else dict(gpu_hours)


def _serving(plan: Plan, beside_jobs_h: float | None) -> dict[str, float]:
    """GPU-seconds by bucket of the fleets that serve; beside jobs, which count what is unallocated, of so many
    GPU-hours in all.
    """
    totals: dict[str, float] = {"useful": 0.0}
    hours = _gpu_hours_by_state(plan)
    if beside_jobs_h is not None:
        hours.pop("unallocated", None)
        scale = beside_jobs_h / (fsum(hours.values()) or 1.0)
        hours = {state: value * scale for state, value in hours.items()}
    for state, value in hours.items():
        totals[SERVING[state]] = totals.get(SERVING[state], 0.0) + value * SECONDS_PER_HOUR
    return totals


def _gpu_hours_by_state(plan: Plan) -> dict[str, float]:
    """GPU-hours of the states of replicas, of each service and pool by the GPUs of its replicas; those that none held
    are unallocated.
    """
    states = plan.get("replica_hours") or {}
    strange = sorted(set(states) - set(SERVING))
    if strange:
        raise InputError(
            f"the plan {plan['name']!r} has hours of {', '.join(strange)}: its result was written by an older simcost; "
            "run the scenario again"
        )
    total_h = float(plan["accelerator_hours"])
    parts = plan.get("services") or plan.get("pools")
    if not parts:
        replicas_h = fsum(states.values())
        return {state: total_h * hours / replicas_h for state, hours in states.items()} if replicas_h else {}
    found: dict[str, float] = {}
    for part in parts:
        for state, hours in _gpu_hours_by_state(part).items():
            found[state] = found.get(state, 0.0) + hours
    left_h = total_h - fsum(found.values())
    if left_h > 1e-9 * total_h:
        found["unallocated"] = found.get("unallocated", 0.0) + left_h
    return found


def _billed(plan: Plan, unused_usd: float, totals: Mapping[str, float]) -> GpuPrice:
    """Price of a GPU-hour on the plan's bill, without what was paid for no GPU-hour at all, and of one in each bucket:
    what its states cost, with its part of what whole billing units cost more.
    """
    usd = plan["cost_usd"]["by_category"]["compute"] - unused_usd
    hours = {name: seconds / SECONDS_PER_HOUR for name, seconds in totals.items() if seconds}
    paid = dict.fromkeys(hours, 0.0)
    for state, spent in plan["cost_usd"].get("by_state", {}).items():
        if (name := BUCKET_OF.get(state)) in paid:
            paid[name] += spent
    known = fsum(paid.values())
    rates = {name: usd * paid[name] / known / hours[name] for name in hours} if known else {}
    mean = usd / fsum(hours.values())
    unlike = any(abs(rate - mean) > 1e-6 * mean for rate in rates.values())
    return GpuPrice(
        usd_per_h=mean,
        spot_usd_per_h=None,
        source=f"compute on the plan's bill / GPU-hours{', the mean of unlike prices' if unlike else ''}",
        usd_per_h_of=rates,
    )


def _processors(plan: Plan) -> list[FindingDocument]:
    """The finding on nodes without accelerators."""
    if not plan.get("on_processors"):
        return []
    text = "some nodes of the plan have no accelerators: hours of their vCPUs count as GPU-hours here"
    return [finding("on_processors", "", 1, text)]


def _unused(usd: float) -> list[FindingDocument]:
    """The finding on nodes that were paid and never there."""
    if usd < 0.005:
        return []
    text = (
        f"{format_usd(usd)} more were paid for nodes that are owned or committed to and that the plan did not run; "
        "they are in no row"
    )
    return [finding("unused_commitment", "", 1, text)]
