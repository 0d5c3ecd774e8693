"""Comparison as the JSON document of `simcost run`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import inf
from typing import Any

from simcost.billing import Charge
from simcost.billing.bill import Obligation
from simcost.billing.price_list import price_list, price_sentences
from simcost.compare.comparison import Comparison, Difference
from simcost.compare.confidence import ConfidenceInterval
from simcost.compare.drivers import CostDrivers, drivers
from simcost.compare.findings import findings, quiet_end
from simcost.compare.futures import LEAST_FUTURES, futures
from simcost.compare.job_groups import by_group
from simcost.compare.plan_levels import job_sentences, jobs, requests, service_levels
from simcost.compare.results import PlanSummary, RunResult
from simcost.compare.slo_risk import keeps_spot
from simcost.compare.tenants import by_tenant
from simcost.compare.unit_costs import answered, by_service, charge_changes, money, month_by_part
from simcost.compare.unlike_lengths import costs_of_whole_runs
from simcost.compare.verdict import missed_targets, percent, undecided, verdict
from simcost.ledger.months import has_months
from simcost.perf.quality import QualityTarget
from simcost.units import HOURS_PER_MONTH, format_seconds

Document = dict[str, Any]


def document(
    comparison: Comparison,
    provenance: Mapping[str, Any],
    files: Sequence[str],
    *,
    budget_usd: float | None = None,
) -> Document:
    """The document; numbers are means over replications, None where there is none to give, never NaN.

    `requests` and `jobs` are counts of the first replication, so that they add up as integers. `cost_usd` of a
    difference is that of the whole run, as `cost_usd.total` of a plan is.
    """
    driven = drivers(comparison)
    uncertain = {} if comparison.risk is None else {"futures": asdict(futures(comparison, budget_usd))}
    best, results = comparison.best, comparison.baseline.results
    prices = price_list(charge for plan in comparison.plans for charge in _charges(plan.results))
    return {
        "scenario": comparison.scenario,
        "currency": "USD",
        "model": comparison.model,
        "quality": None if comparison.quality is None else asdict(comparison.quality),
        "verdict": verdict(comparison),
        "baseline": comparison.baseline.name,
        "best": best.name if best else None,
        "closest": comparison.ranked[0].name,
        "replications": len(results),
        "deterministic": comparison.exact,
        "requests_of_replication": results[0].replication,
        "plans": [
            plan_document(plan) | _quality(plan, comparison.quality) | _services(plan, comparison.quality)
            for plan in comparison.plans
        ],
        "differences": [
            _difference(change) | {"charges": charge_changes(plan, comparison.baseline)}
            for change, plan in zip(
                comparison.differences,
                (p for p in comparison.plans if p is not comparison.baseline),
                strict=True,
            )
        ],
        "drivers": _drivers(comparison, driven),
        "decomposition": _decomposition(driven) if driven else None,
        **uncertain,
        "findings": [*quiet_end(comparison.plans), *findings(comparison.plans)],
        "assumptions": [
            *_assumptions(comparison),
            *price_sentences(prices, provenance.get("catalog_date", "")),
        ],
        "provenance": {**provenance, "prices": prices},
        "files": list(files),
    }


def _drivers(comparison: Comparison, driven: CostDrivers | None) -> list[str]:
    """Drivers of the difference in cost, and their effect on jobs."""
    if driven is None:
        return []
    named = {plan.name: plan for plan in comparison.plans}
    return [*driven.sentences(), *job_sentences(named[driven.plan], named[driven.against])]


def plan_document(plan: PlanSummary) -> Document:
    """A plan as the document of `simcost run` has it."""
    first = plan.results[0]
    tokens = answered(plan).output_tokens
    return {
        "name": plan.name,
        "cost_usd": {
            "total": plan.total_usd.mean,
            "per_month": plan.per_month_usd.mean,
            "by_category": plan.by_category_usd,
            "by_state": plan.by_state_usd,
            "per_month_by_part": month_by_part(plan),
            "per_million_output_tokens": 1e6 * plan.total_usd.mean / tokens if tokens else None,
            "billed": plan.mean(lambda run: run.bill.billed_usd),
            "list": plan.mean(lambda run: run.bill.list_usd),
        },
        **money(plan),
        "obligations": obligations(plan.results),
        "intervals": {
            "total_usd": known_interval(plan.total_usd, 0),
            "per_month_usd": known_interval(plan.per_month_usd, 0),
            "attainment": known_interval(plan.attainment, 0, 1),
            **({"wait_p95_s": known_interval(plan.wait_p95_s, 0)} if plan.trained else {}),
        },
        "slo": {
            "met": plan.met,
            "met_share": plan.met_share,
            "attainment": plan.attainment.mean if plan.attainment else None,
            "checks": [asdict(check) for check in plan.checks],
            "targets": {check.name: check.target for check in first.checks},
            "missed": missed_targets(plan),
            **({"undecided": undecided(plan)} if plan.trained else {}),
            **({"without_interruptions": True} if keeps_spot(plan.results) else {}),
            **service_levels(plan.served),
        },
        **requests(plan),
        **by_tenant(plan),
        **jobs(plan),
        **by_group(plan),
        "node_hours": plan.mean(lambda run: run.node_hours),
        "accelerator_hours": plan.accelerator_hours,
        **({"on_processors": True} if plan.on_processors else {}),
        "utilisation": plan.mean(lambda run: run.utilisation),
        "horizon_s": plan.mean(lambda run: run.bill.horizon_s),
        "prices": _prices(plan.results),
    }


def obligations(results: Sequence[RunResult]) -> list[Document]:
    """Amounts to sign for: the largest of each over the replications, as those with more nodes buy more."""
    largest: dict[int, Obligation] = {}
    for run in results:
        for i, one in enumerate(run.bill.obligations):
            known = largest.setdefault(i, one)
            if (one.upfront_usd, one.recurring_usd_per_h) > (known.upfront_usd, known.recurring_usd_per_h):
                largest[i] = one
    return [
        asdict(one) | {"per_month_usd": one.recurring_usd_per_h * HOURS_PER_MONTH, "total_usd": one.total_usd}
        for one in largest.values()
    ]


def _services(plan: PlanSummary, asked: QualityTarget | None) -> Document:
    """The services of a plan, each as a plan, and the bill by service; empty where it has none."""
    if not plan.services:
        return {}
    return {
        "services": [plan_document(service) | _quality(service, asked) for service in plan.services],
        "allocation_by_service_usd_per_month": by_service(plan),
    }


def _quality(plan: PlanSummary, asked: QualityTarget | None) -> Document:
    """The model of a plan and its quality; `met` is None where no least one is asked for."""
    if plan.quality is None:
        return {"model": None, "quality": None}
    gated = asked is not None and asked.at_least is not None
    score = asdict(plan.quality)
    return {"model": score.pop("model"), "quality": score | {"met": plan.good_enough if gated else None}}


def known_interval(interval: ConfidenceInterval | None, least: float = -inf, most: float = inf) -> Document | None:
    """An interval, where there are replications to make one."""
    return None if interval is None or interval.lo is None else _clipped(interval, least, most)


def _clipped(interval: ConfidenceInterval, least: float, most: float) -> Document:
    """An interval within the values that there are: Student's t does not know that a share ends at 0 and 1."""
    bounds = {"lo": interval.lo, "hi": interval.hi}
    known = {name: min(max(bound, least), most) for name, bound in bounds.items() if bound is not None}
    return interval.document() | known


def _charges(results: Sequence[RunResult]) -> list[Charge]:
    """The charges of the first replication, and of each further one those of what none before it bought."""
    found: list[Charge] = []
    bought: set[tuple[str, str, str, str]] = set()
    for run in results:
        found += [charge for charge in run.bill.charges if _bought(charge) not in bought]
        bought |= set(map(_bought, run.bill.charges))
    return found


def _bought(charge: Charge) -> tuple[str, str, str, str]:
    return charge.provider, charge.sku, charge.region, charge.pricing_category


def _prices(results: Sequence[RunResult]) -> list[Document]:
    """Price of each unit, with its source."""
    return [
        {
            "service": charge.service,
            "provider": charge.provider,
            "sku": charge.sku,
            "region": charge.region,
            "usd": charge.effective_cost_usd / charge.consumed_quantity if charge.consumed_quantity else None,
            "unit": charge.consumed_unit,
            "as_of": charge.price_as_of,
            "quality": charge.price_quality,
            "source": charge.price_source,
        }
        for charge in _charges(results)
        if charge.charge_category == "Usage" and charge.commitment_status != "Unused"
    ]


def _difference(change: Difference) -> Document:
    return {
        "plan": change.plan,
        "against": change.against,
        "cost_usd": change.total_usd.document(),
        "per_month_usd": change.per_month_usd.document(),
        "share": change.share,
        "noise_explains": None if change.judgement.significant is None else not change.judgement.significant,
        "relation": change.judgement.relation,
        "adjusted": {
            "p": change.judgement.p,
            "adjusted_p": change.judgement.adjusted_p,
            "comparisons": change.judgement.comparisons,
            "per_month_usd": change.judgement.interval.document(),
        },
        "attainment": _clipped(change.attainment, -1, 1) if change.attainment else None,
        **({"wait_p95_s": change.wait_p95_s.document()} if change.wait_p95_s else {}),
    }


def _decomposition(driven: CostDrivers) -> Document:
    def pair(values: tuple[float, float]) -> Document:
        return {"plan": values[0], "against": values[1]}

    return {
        "plan": driven.plan,
        "against": driven.against,
        "per_month_usd": driven.effects_usd,
        **(
            {
                "usd_per_accelerator_hour": pair(driven.usd_per_accelerator_hour),
                "accelerator_hours_per_month": pair(driven.accelerator_hours),
            }
            if driven.usd_per_accelerator_hour is not None and driven.accelerator_hours is not None
            else {}
        ),
        "by_state_per_month_usd": {state: pair(values) for state, values in driven.by_state_usd.items()},
    }


def _assumptions(comparison: Comparison) -> list[str]:
    """Assumptions behind the numbers."""
    runs = [run for plan in comparison.plans for run in plan.results]
    lines = [*_time(comparison, [run.bill.horizon_s for run in runs]), _replications(comparison)]
    error = max((run.served.slo.metrics_error for run in runs if run.served), default=0.0)
    if error:
        lines.append(f"Percentiles are read from histograms, within {100 * error:.2g} %.")
    weak = {
        f"{c.provider}/{c.sku}" for plan in comparison.plans for c in _charges(plan.results) if c.price_quality == "C"
    }
    if weak:
        lines.append(f"Second-hand or unverified prices: {', '.join(sorted(weak))}.")
    return [*lines, *_notes_of_bills(comparison.plans)]


def _notes_of_bills(plans: Sequence[PlanSummary]) -> list[str]:
    """Each note once, with the plans it holds for unless it is of all."""
    holds: dict[str, list[str]] = {}
    for plan in plans:
        for note in dict.fromkeys(note for run in plan.results for note in run.bill.notes):
            holds.setdefault(note, []).append(plan.name)
    return [f"{note}." if len(held) == len(plans) else f"{', '.join(held)}: {note}." for note, held in holds.items()]


def _time(comparison: Comparison, lengths_s: Sequence[float]) -> list[str]:
    """Scaling of costs to a month."""
    shortest, longest = map(format_seconds, (min(lengths_s), max(lengths_s)))
    length = shortest if shortest == longest else f"{shortest} to {longest}"
    rate = "each equal part of about a month" if has_months(max(lengths_s)) else "a month at this rate"
    tiers = f", storage and egress tiers apply to {rate}" if comparison.baseline.served else ""
    return [
        f"A month is {HOURS_PER_MONTH:g} h; costs a month scale the run of {length}{tiers}.",
        "Nodes still running at the end are billed to the end, without rounding or minimum.",
        *costs_of_whole_runs(comparison.plans),
    ]


def _replications(comparison: Comparison) -> str:
    count = len(comparison.baseline.results)
    if comparison.exact:
        return "Deterministic replay: nothing in it is random, so results are exact and intervals have no width."
    if comparison.risk is not None:
        few = (
            f" P10 and P90 of {count} futures are the lowest and the highest of them, and lie too near to each other; "
            f"raise `seeds` to {LEAST_FUTURES} or more."
        )
        return (
            f"{count} futures of the demand, the same for every plan; a plan meets the SLO when all but "
            f"{percent(comparison.risk)} of them do. Costs are means over them, intervals {100 * comparison.level:g} % "
            f"Student t.{few if 1 < count < LEAST_FUTURES else ''}"
        )
    if count > 1:
        same = "arrivals" if comparison.baseline.served else "jobs"
        return (
            f"Means over {count} replications with the same {same} for every plan; intervals are "
            f"{100 * comparison.level:g} % Student t."
        )
    return "One replication: no interval can be given, and differences may be noise."
