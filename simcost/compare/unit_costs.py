"""Cost of a plan by charge, per unit of work, and by use."""

from collections.abc import Iterable, Sequence
from math import fsum
from typing import Any, NamedTuple

from simcost.billing import Charge
from simcost.compare.means import mean_of
from simcost.compare.results import PlanSummary, RunResult

Document = dict[str, Any]
WORKING = ("computing", "useful", "checkpoint")
"""States of accelerators in which they do what they are paid for."""
USEFUL = ("computing", "useful")
"""Those without the writing of checkpoints, as GPU-hours of jobs are counted."""


def money(plan: PlanSummary) -> Document:
    """Parts of a plan's bill beyond its total; means over replications, a month where it is said."""
    return {
        "unit_costs": unit_costs(plan),
        "allocation_usd_per_month": allocation(plan),
        "charges": [
            {"charge": name, "usd_per_month": usd} for name, usd in charges_usd_per_month(plan.results).items()
        ],
        "energy": energy_per_month(plan.results),
    }


def charge_changes(plan: PlanSummary, against: PlanSummary) -> list[Document]:
    """Difference of two plans by charge, largest first; the charges add up to it."""
    own, other = charges_usd_per_month(plan.results), charges_usd_per_month(against.results)
    changes = {name: own.get(name, 0.0) - other.get(name, 0.0) for name in (*own, *(set(other) - set(own)))}
    ordered = sorted(changes.items(), key=lambda item: (-abs(item[1]), item[0]))
    return [{"charge": name, "usd_per_month": usd} for name, usd in ordered if abs(usd) > 1e-9]


def charges_usd_per_month(results: Sequence[RunResult]) -> dict[str, float]:
    """Effective cost by charge, in the order of the bill."""
    used = [(charge, run) for run in results for charge in run.bill.charges if charge.charge_category == "Usage"]
    sums: dict[str, float] = {}
    for name, (charge, run) in zip(labels([charge for charge, _ in used]), used, strict=True):
        sums[name] = sums.get(name, 0.0) + charge.effective_cost_usd / run.bill.months / len(results)
    return sums


def labels(charges: Sequence[Charge]) -> list[str]:
    """The charges of a plan in a few words each: `aws/p5.48xlarge covered by base`; with the price of an hour where it
    pays several prices for what is called alike, as those of two regions.
    """
    names, prices = list(map(_label, charges)), dict[str, set[str]]()
    paid = [_paid(charge) for charge in charges]
    for name, price in zip(names, paid, strict=True):
        prices.setdefault(name, set()).add(price)
    return [
        f"{name} at {price}/h" if price and len(prices[name] - {""}) > 1 else name
        for name, price in zip(names, paid, strict=True)
    ]


def _paid(charge: Charge) -> str:
    """Price of an hour on demand; empty for all else."""
    on_demand = charge.service == "compute" and charge.pricing_category == "Standard" and not charge.commitment
    if not on_demand or not charge.consumed_quantity:
        return ""
    return f"${charge.contracted_cost_usd / charge.consumed_quantity:.4g}"


def _label(charge: Charge) -> str:
    if charge.commitment_status == "Unused":
        return f"{charge.commitment}, unused"
    name = f"{charge.provider}/{charge.sku}"
    if charge.capacity_reservation_status:
        return f"{name} reserved and idle"
    if charge.commitment:
        return f"{name} covered by {charge.commitment}"
    if charge.service != "compute":
        return name
    return f"{name} {'spot' if charge.pricing_category == 'Dynamic' else 'on demand'}"


def unit_costs(plan: PlanSummary) -> Document:
    """USD per unit of work, all costs of the plan in it; None where there is no such work."""
    usd = plan.total_usd.mean
    requests, prompt, output = answered(plan)
    useful = 0.0 if plan.on_processors else plan.accelerator_hours * _share(plan, USEFUL)
    return {
        "usd_per_request": _per(usd, requests),
        "usd_per_million_output_tokens": _per(1e6 * usd, output),
        "usd_per_million_tokens": _per(1e6 * usd, output + prompt),
        "usd_per_useful_accelerator_hour": _per(usd, useful),
        "usd_per_completed_job": _per(usd, _mean(run.slo.jobs["completed"] for run in plan.trained)),
    }


class Answered(NamedTuple):
    """Requests that were answered, and their tokens; images have none."""

    requests: float
    prompt_tokens: float
    output_tokens: float


def answered(plan: PlanSummary) -> Answered:
    """Means over replications. Of a request that services of a plan answer one after the other, the last answer
    counts, since it replaces those before.
    """
    sent_on = [run.forwarded for service in plan.services for run in service.served if run.forwarded is not None]
    runs = max(len(plan.served), 1)
    return Answered(
        requests=_mean(run.requests["completed"] for run in plan.served) - sum(one.escalated for one in sent_on) / runs,
        prompt_tokens=_mean(0 if run.images else run.prompt_tokens for run in plan.served)
        - sum(one.replaced_prompt_tokens for one in sent_on) / runs,
        output_tokens=_mean(0 if run.images else run.output_tokens for run in plan.served)
        - sum(one.replaced_output_tokens for one in sent_on) / runs,
    )


def allocation(plan: PlanSummary) -> Document:
    """Allocation of the cost of a month: accelerators at work, each other state, unused commitments, disks, transfer;
    it adds up to the bill.
    """
    parts = month_by_part(plan)
    return {
        "allocated": fsum(usd for part, usd in parts.items() if part in WORKING),
        **{part: usd for part, usd in parts.items() if part not in WORKING},
    }


def month_by_part(plan: PlanSummary) -> dict[str, float]:
    """USD a month of each state of accelerators, then of unused commitments, disks, transfer and tokens of an API; they
    add up to the bill.
    """
    services = plan.a_month(lambda run: run.bill.by_category_usd())
    return {
        **plan.a_month(lambda run: run.bill.compute_by_state_usd),
        **{service: usd for service, usd in services.items() if service != "compute"},
    }


_ROUNDING = 1e-12
"""Relative; a smaller remainder counts as zero."""


def by_service(plan: PlanSummary) -> Document:
    """The bill of a month by service, and of the jobs where there are some; with unallocated nodes and
    unused commitments, it adds up to that of the plan.
    """
    services = {service.name: service.per_month_usd.mean for service in plan.services}
    unused = plan.by_state_usd.get("unused_commitment", 0.0) - fsum(
        service.by_state_usd.get("unused_commitment", 0.0) for service in plan.services
    )
    jobs = plan.mean(lambda run: run.jobs_usd)
    used = fsum((*(service.total_usd.mean for service in plan.services), jobs or 0.0, unused))
    idle = plan.total_usd.mean - used
    if abs(idle) <= _ROUNDING * plan.total_usd.mean:
        idle = 0.0
    return {
        "services": services,
        **({} if jobs is None else {"jobs": jobs / plan.months}),
        "idle": idle / plan.months,
        "unused_commitments": unused / plan.months,
    }


def _share(plan: PlanSummary, states: Sequence[str]) -> float:
    """Part of the accelerator time that was paid for use in which accelerators were in some states."""
    paid = {state: usd for state, usd in plan.by_state_usd.items() if state != "unused_commitment"}
    total = fsum(paid.values())
    return fsum(usd for state, usd in paid.items() if state in states) / total if total else 0.0


def energy_per_month(results: Sequence[RunResult]) -> Document | None:
    """Energy and carbon of a month; None where a fact is missing, which `unknown` names."""
    if any(run.energy is None for run in results):
        return None
    reports = [run.energy for run in results if run.energy is not None]
    months = [run.bill.months for run in results]
    monthly = {
        key: mean_of(
            None if (value := getattr(report, key)) is None else value / month
            for report, month in zip(reports, months, strict=True)
        )
        for key in ("kwh", "gco2e", "embodied_gco2e")
    }
    first = reports[0]
    return {
        "kwh_per_month": monthly["kwh"],
        "gco2e_per_month": monthly["gco2e"],
        **({"embodied_gco2e_per_month": monthly["embodied_gco2e"]} if monthly["embodied_gco2e"] is not None else {}),
        "working_share": mean_of(report.utilisation for report in reports),
        "pue": first.pue,
        "g_per_kwh": first.g_per_kwh,
        "unknown": list(first.unknown),
        "assumptions": [*first.assumptions, *_of_api(results)],
    }


def has_api_answers(results: Sequence[RunResult]) -> bool:
    """True if an API answers some of the requests, of any service, whose energy is not known."""
    served = [part.served for run in results for part in (run, *run.services) if part.served is not None]
    return any(part.overflowed for part in served)


def _of_api(results: Sequence[RunResult]) -> list[str]:
    """That the energy of an API is not in it, where one answers."""
    return ["the energy of what an API answers is not known, and not counted"] if has_api_answers(results) else []


def _per(usd: float, count: float) -> float | None:
    return usd / count if count else None


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return fsum(known) / len(known) if known else 0.0
