"""Sections of a review, as parts: its own, and those of the result in their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simcost.present.format import amount, attained, count, exact, seconds, share, share_change, usd, usd_margin
from simcost.present.parts import Part, Table, fact, fact_name
from simcost.slo.targets import FUTURES
from simcost.studies.review.condensed import condensed, limits_of_services, shortened, terms_by_group
from simcost.studies.review.money_view import allocation, charges, commitments, unit_price
from simcost.studies.review.result import Review, WrittenReview
from simcost.studies.review.wording import NOT_SIMULATED, chosen_plan, measure, name_of, target
from simcost.units import HOURS_PER_YEAR, SECONDS_PER_HOUR

_REASONS = 3
"""Drivers that the decision shows."""
_TARGETS = 40
"""Targets that are shown; of more, as of many tenants, those that are missed come first."""
_DROPPED = ""
KEY_FIGURES, OTHERS = "Key figures", "Further results"
PLACES = {
    "Plans compared": ("Plans compared", "Services", "Requests between", "Pools", "Bill of the next", "Over "),
    "Demand": ("Demand", "The demand"),
    "Service level": (
        "Service level",
        "Targets missed",
        "Latency",
        "Requests without",
        "Retries",
        "By priority",
        "By tenant",
        "Prefix",
        "Jobs",
        "Waiting",
    ),
    "Capacity": (
        "Paid and needed",
        "Prefill and decode",
        "Adapters loaded",
        "How the fleets",
        "Against a perfect",
        "Demand and fleet",
        "Fleet",
        "GPU time",
        "GPUs over time",
        "Where the GPU time",
    ),
    "Money": (
        "Cost by service",
        "Differences from",
        "Charge by charge",
        "What drives",
        "Unit costs",
    ),
    "Cost against service": (
        "Cost against",
        "Where the money",
        "Cost over the futures",
        "What not knowing",
    ),
    "Risks": ("Findings",),
    "Assumptions": ("Quality of the models",),
    _DROPPED: ("Assumptions",),
}
"""Section of each part of a result, by the beginning of its title; what is not here is a further result.
The review groups the assumptions itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the review."""

    title: str
    parts: Sequence[Part]
    folded: bool = True
    """True if a summary shows it on demand."""


def parts(review: WrittenReview) -> list[Part]:
    """The recommendation, for a terminal."""
    return [Part(title="Review", titled=False, said=[review.recommendation, review.slo, review.decision])]


def sections(review: Review, run: Sequence[Part]) -> list[Section]:
    """All sections with something in them.

    Args:
        review: the review.
        run: parts of the result, as `simcost run` shows them.
    """
    placed = _placed(condensed(run, review.document))
    whole = [
        Section(title="Decision", parts=[_decision(review), to_sign(review)], folded=False),
        Section(title=KEY_FIGURES, parts=[_figures(review)], folded=False),
        Section(title="Plans compared", parts=[*placed["Plans compared"], _terms(review)], folded=False),
        Section(title="Alternatives rejected", parts=[Part(said=review.rejected)], folded=False),
        Section(title="Cost and service", parts=placed["Cost against service"]),
        Section(title="Demand", parts=[_demand(review), *placed["Demand"]]),
        Section(title="Service level", parts=[*_targets(review), *placed["Service level"]]),
        Section(title="Capacity", parts=_without_copy(placed["Capacity"])),
        Section(
            title="Money",
            parts=[allocation(review), charges(review), commitments(review), *_beyond(placed["Money"], review)],
        ),
        Section(title="Sensitivity", parts=[_flips(review)]),
        Section(title=OTHERS, parts=placed[OTHERS]),
        Section(title="Risks, and what was not simulated", parts=[*_risks(review), *placed["Risks"]], folded=False),
        Section(title="Assumptions", parts=[*_assumptions(review), *placed["Assumptions"]]),
        Section(title="Reproduce", parts=[_reproduce(review)]),
    ]
    filled = [replace(one, parts=[part for part in one.parts if _has_content(part)]) for one in whole]
    return [section for section in filled if section.parts]


def _placed(run: Sequence[Part]) -> dict[str, list[Part]]:
    """Parts of the result by section."""
    result: dict[str, list[Part]] = {section: [] for section in (*PLACES, OTHERS)}
    for part in run:
        result[_place(part.title)].append(part)
    return result


def _place(title: str) -> str:
    """The section whose beginning of a title fits best."""
    fits = [(len(start), name) for name, starts in PLACES.items() for start in starts if title.startswith(start)]
    return max(fits)[1] if fits else OTHERS


def _without_copy(capacity: Sequence[Part]) -> list[Part]:
    """Without the chart of the fleets where that of demand and fleets shows them, too."""
    shown = {part.title for part in capacity if part.chart}
    return [part for part in capacity if not (part.title == "Fleet" and "Demand and fleet" in shown)]


def _beyond(money: Sequence[Part], review: Review) -> list[Part]:
    """Without the drivers where the decision shows all of them."""
    all_shown = len(review.document["drivers"]) <= _REASONS
    return [part for part in money if not (all_shown and part.title.startswith("What drives"))]


def _has_content(part: Part) -> bool:
    return bool(part.rows or part.said or part.chart)


def _decision(review: Review) -> Part:
    """Badge, verdict, reasons, and what is asked for."""
    drivers = review.document["drivers"]
    said = [
        f"{review.badge}.",
        review.document["verdict"],
        *drivers[:_REASONS],
        f"Decision asked for: {review.decision}",
    ]
    return Part(title="Decision", said=said, titled=False)


def to_sign(review: Review) -> Part:
    """Each amount that a plan needs signed, with its term."""
    rows = [
        {
            "Plan": plan["name"],
            "Commitment": one["name"],
            "Due at the start": usd(one["upfront_usd"]),
            "Due a month": usd(one["per_month_usd"]),
            "In all": usd(one["total_usd"]),
            "Term": _term(one["term_h"]),
        }
        for plan in review.document["plans"]
        for one in plan.get("obligations", ())
    ]
    return Part(title="Amounts to sign for, used or not", rows=rows, left=2)


def _term(term_h: float | None) -> str:
    """Length of a term, in years where it is some."""
    if term_h is None:
        return "no end stated"
    years = round(term_h / HOURS_PER_YEAR, 2)
    if years < 1:
        return seconds(term_h * SECONDS_PER_HOUR)
    return "1 year" if years == 1 else f"{exact(years)} years"


def _figures(review: Review) -> Part:
    rows = [{"Figure": name, "Value": value, "Basis": basis} for name, value, basis in _figure_rows(review)]
    return Part(title=KEY_FIGURES, rows=rows, left=3)


def _figure_rows(review: Review) -> Iterator[tuple[str, str, str]]:
    """The figures of the chosen plan that it has."""
    plan = chosen_plan(review.document)
    interval = plan["intervals"]["per_month_usd"]
    level = f"mean, {exact(100 * interval['level'])} % interval" if interval else "no interval yet: one replication"
    cost = usd_margin(plan["cost_usd"]["per_month"], interval["margin"] if interval else None)
    if interval and cost == usd(plan["cost_usd"]["per_month"]):
        level = "mean, almost the same in all replications"
    yield "Cost per month", cost, "deterministic replay" if review.document["deterministic"] else level
    change = next((row for row in review.document["differences"] if row["plan"] == review.chosen), None)
    if change is not None and change["share"] is not None:
        yield "Change", share_change(change["share"]), f"against {change['against']}, the baseline"
    slo = plan["slo"]
    if slo["attainment"] is not None:
        services = plan.get("services")
        each = " in a future, mean over all of them" if "futures" in review.document else ""
        basis = f"of {len(services)} services" if services else f"target {target(slo)}{each}"
        yield "Requests within SLO", attained(slo["attainment"], slo.get("target")), basis
    if "wait_s" in plan:
        yield "P95 wait of jobs", seconds(plan["wait_s"]["p95"]), f"{count(plan['gpus'])} GPUs"
    if review.peak_replicas is not None:
        yield "Replicas at most", count(review.peak_replicas), _basis_of_peak(review, plan)
    yield from _unit_rows(plan)


def _basis_of_peak(review: Review, plan: Any) -> str:
    """The utilisation, which is of all replications, and of which the peak is."""
    used = f"utilisation {share(plan['utilisation'])}"
    runs = review.document["replications"]
    return used if runs == 1 else f"in the first of {runs} replications; {used} on average"


def _unit_rows(plan: Any) -> Iterator[tuple[str, str, str]]:
    costs, energy = plan["unit_costs"], plan["energy"] or {}
    if costs["usd_per_million_output_tokens"] is not None:
        yield "$/1M output tokens", usd(costs["usd_per_million_output_tokens"]), "all costs of the plan in it"
    if costs["usd_per_completed_job"] is not None:
        yield "$/job", usd(costs["usd_per_completed_job"]), "all costs of the plan in it"
    if energy.get("gco2e_per_month") is not None:
        of_api = plan.get("overflow", {}).get("requests")
        basis = "location-based, use alone" + ("; without that of the API" if of_api else "")
        yield "CO2e per month", f"{count(energy['gco2e_per_month'] / 1000)} kg", basis


def _terms(review: Review) -> Part:
    grouped = terms_by_group(review.terms, [plan["name"] for plan in review.document["plans"]])
    parted = any(group for _, group, _ in grouped)
    rows = [
        {
            "Plan": plan,
            **({"Part": group} if parted else {}),
            "Hardware": term.hardware,
            "Instance": term.offer,
            "Region": term.region,
            "Terms": term.terms,
            "Scaling": term.scaling,
            "$/h": unit_price(term.usd_per_h),
        }
        for plan, group, term in grouped
    ]
    said = ["Plans are as written: none was sized here."]
    return Part(title="Plans in detail", rows=rows, said=said, left=6 + parted)


def _demand(review: Review) -> Part:
    demand, jobs = review.demand, chosen_plan(review.document).get("jobs")
    if demand is None:
        return Part(title="Jobs", rows=[{"Jobs submitted": count(jobs["submitted"])}] if jobs else [], left=0)
    rows = [
        {
            "Requests": count(demand.requests),
            "Requests/s": amount(demand.per_s),
            **(
                {f"Busiest {seconds(demand.window_s)}, requests/s": amount(demand.busiest_per_s)}
                if demand.busiest_per_s is not None
                else {}
            ),
            "Output tokens per answer": amount(demand.output_tokens_per_request),
        }
    ]
    return Part(title="Requests, first replication", rows=rows, left=0)


def _targets(review: Review) -> list[Part]:
    """Each target of the SLO, as each plan keeps it; attainment of services stands in their own table."""
    limits = limits_of_services(review.document)
    found = [_checked(review, of_services=bool(limits))]
    if limits:
        found.insert(0, Part(title="What is asked of each service", rows=limits, left=2))
    return found


def _checked(review: Review, *, of_services: bool) -> Part:
    """Each target beside what was measured."""
    judged = [one for plan in review.document["plans"] for one in _judged(plan)]
    rows = [
        {
            "Plan": f"{service}: {plan}" if service else plan,
            "Target": name_of(check),
            "Asked for": measure(check, "target"),
            "Measured": measure(check, "measured"),
            "SLO": "met" if check["met"] else "missed",
        }
        for service, plan, slo in judged
        for check in slo["checks"]
        if not (of_services and check["name"] == "attainment")
    ]
    if len(rows) > _TARGETS:
        rows.sort(key=lambda row: row["SLO"] == "met")
    said = [
        f"A request is within the SLO where it keeps all of: {text}."
        for text in dict.fromkeys(_limits(slo) for _, _, slo in judged)
        if text and not of_services
    ]
    futures = dict.fromkeys(_of_a_future(slo, of_services=of_services) for _, _, slo in judged)
    said += [f"A future is met where it keeps: {text}." for text in futures if text]
    return shortened(Part(title="Targets", rows=rows, said=said, left=2, most=_TARGETS))


def _of_a_future(slo: Any, *, of_services: bool) -> str:
    """Targets that each future is judged by; empty where no future is."""
    if all(check["name"] != FUTURES for check in slo["checks"]):
        return ""
    asked = [{"name": name, "target": value} for name, value in slo["targets"].items()]
    kept = [one for one in asked if not (of_services and one["name"] == "attainment")]
    return ", ".join(f"{name_of(one)} {measure(one, 'target')}" for one in kept)


def _judged(plan: Any) -> list[tuple[str, str, Any]]:
    """Service, plan and SLO: of each service, and of the plan, which has the targets of its jobs."""
    if "services" not in plan:
        return [("", plan["name"], plan["slo"])]
    of_services = [(service["name"], plan["name"], service["slo"]) for service in plan["services"]]
    return [*of_services, ("", plan["name"], plan["slo"])]


def _limits(slo: Any) -> str:
    kept = {name: limit for name, limit in slo["limits"].items() if limit is not None}
    return ", ".join(f"{name[:-2].upper()} {seconds(limit)}" for name, limit in kept.items())


def _flips(review: Review) -> Part:
    """Prices at which the decision changes, and what was not studied."""
    rows: Table = [
        {
            "Price": flip.offer,
            "Today": unit_price(flip.now_usd, flip.unit),
            "Flips at": unit_price(flip.at_usd, flip.unit),
            "Change": share_change(flip.at_usd / flip.now_usd - 1),
            "Then the cheapest": flip.plan,
        }
        for flip in review.flips
    ]
    stable = "No price of an instance on demand, up to ten times that of today, changes which plan is the cheapest."
    said = [stable] if review.flips_known and not rows and len(review.document["plans"]) > 1 else []
    return Part(
        title="Prices on demand at which another plan is the cheapest",
        rows=rows,
        said=[*said, _not_studied(review)],
    )


def _not_studied(review: Review) -> str:
    """Influences that were not studied, and the command that studies them."""
    if not review.factors:
        return "Not studied here: more or fewer jobs, and other numbers of GPUs, which simcost train size tries."
    what = {"demand": "more or less demand", "engine": "slower or faster engines"}
    file = review.command.removeprefix("simcost run ")
    varied = " ".join(f"--vary {factor}=0.8..1.25" for factor in review.factors)
    unknown = ", ".join(what[factor] for factor in review.factors)
    return f"Not studied here: {unknown}. To study them: simcost sensitivity {file} {varied}"


def _risks(review: Review) -> list[Part]:
    return [
        Part(title="Risks", said=review.risks),
        Part(title=NOT_SIMULATED, said=review.assumptions.get(NOT_SIMULATED, ())),
    ]


def _assumptions(review: Review) -> list[Part]:
    return [Part(title=name, said=texts) for name, texts in review.assumptions.items() if name != NOT_SIMULATED]


def _reproduce(review: Review) -> Part:
    origin = dict(review.document["provenance"])
    inputs = origin.pop("inputs")
    origin.pop("prices", None)
    facts = [("Command", review.command), *((fact_name(name), fact(value)) for name, value in origin.items())]
    rows = [{"What": name, "Value": value} for name, value in facts]
    return Part(
        title="Provenance", rows=[*rows, *({"What": file, "Value": f"sha256 {one}"} for file, one in inputs.items())]
    )
