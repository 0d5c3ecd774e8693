"""Search over several services: on nodes of their own they cost least together where each of them costs least, unless
there is not enough of something for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import Any

from simcost.billing.commitment.base import HourlyPrice
from simcost.billing.commitment.offered import Offered
from simcost.compare.verdict import kept_spot
from simcost.rng import confirmation_seed
from simcost.scenario.files.sharing import OF_A_PLAN
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.services_apart import assumptions_apart, services_apart
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.studies.optimizing.budget import within_budget
from simcost.studies.optimizing.budget_of_services import most_attaining
from simcost.studies.optimizing.charts import listed
from simcost.studies.optimizing.frontier import Frontier
from simcost.studies.optimizing.joint_front import ScarceSupply, joint_front
from simcost.studies.optimizing.search import PlanSearch
from simcost.studies.optimizing.services_together import fit_together
from simcost.studies.optimizing.settings import Document, Progress, SearchSettings, slower_steps
from simcost.studies.optimizing.verdict import even_if_slower, left_by_confidence, over_budget, sure
from simcost.units import format_usd

_POINT = ("name", "usd_per_month", "attainment", "met")
"""Keys of a plan on the front that a budget is about."""
MOST = 4
"""Alternatives of a service that a verdict names."""


def search_services(loaded: LoadedServices, runs: Path, settings: SearchSettings, progress: Progress) -> Document:
    """The answer of each service, which are apart but for limits of the supply, and what they are together."""
    seed = loaded.first.scenario.seed if settings.seed is None else settings.seed
    services = services_apart(loaded, seed)
    fresh = {name: own for name, (_, own) in services_apart(loaded, confirmation_seed(seed)).items()}
    count = len(services)
    each, fronts = dict[str, Document](), dict[str, Frontier]()
    searches: dict[str, PlanSearch] = {}
    limits = settings.limits(loaded.first.catalog)
    with workers_of(runs, jobs=settings.jobs, engine=settings.engine) as workers:
        for i, (name, (scenario, own_seed)) in enumerate(services.items()):

            def tell(share: float, what: str, begun: int = i, service: str = name) -> None:
                progress((begun + share) / count, f"{service}: {what}")

            own = replace(settings, seed=own_seed, fresh_seed=fresh[name], budget_usd=None)
            found = PlanSearch.ended(scenario, runs, workers, own, tell)
            if limits or settings.budget_usd is not None:
                searches[name] = found
            else:
                each[name], fronts[name] = found.document(), found.frontier
        short = fit_together(searches, limits)
        inside = most_attaining(searches, limits, settings.budget_usd)
        for name, found in searches.items():
            each[name], fronts[name] = found.document(), found.frontier
    supply = ScarceSupply(most=limits.most, taken={name: found.taken for name, found in searches.items()})
    front = joint_front(fronts, loaded.first.scenario.level, settings.objectives, supply if limits else None)
    return _together(loaded, each, front, seed, settings, short, inside)


def _together(
    loaded: LoadedServices,
    each: Mapping[str, Document],
    front: Document,
    seed: int,
    settings: SearchSettings,
    short: Document | None,
    inside: Sequence[Document],
) -> Document:
    """The document: keys of one service with sums and bounds over all, and that of each service; no plan of all where
    they are short of something.
    """
    best = _best(each) if short is None and all(answer["best"] for answer in each.values()) else None
    bounds = [answer["bound_usd_per_month"] for answer in each.values()]
    bound = None if short is not None or None in bounds else fsum(bounds)
    excluded = Counter[str]()
    for answer in each.values():
        excluded.update({row["reason"]: row["count"] for row in answer["excluded"]})
    usd = best["cost_usd"]["per_month"] if best else 0.0
    document: Document = {
        "scenario": loaded.first.scenario.scenario,
        "best": best,
        "runner_up": _runner_up(each) if best else None,
        **front,
        "bound_usd_per_month": bound,
        "gap": None if bound is None or usd <= 0 else 1 - bound / usd,
        "confidence": _confidence(each) if best else None,
        **({} if short is None else {"short": short}),
        **({"commitments_over": _over(settings.offers, each)} if best and settings.offers else {}),
        **slower_steps(settings.step_factor),
        "simulated": sum(answer["simulated"] for answer in each.values()),
        "candidates": sum(answer["candidates"] for answer in each.values()),
        "excluded": [{"count": count, "reason": reason} for reason, count in excluded.most_common()],
        "services": [{"name": name, **answer} for name, answer in each.items()],
    }
    points = [*({key: point[key] for key in _POINT} for point in front["frontier"]), *inside]
    document = within_budget(document, settings.budget_usd, points)
    first = next(iter(each.values()))["provenance"]
    inputs = {path: digest for answer in each.values() for path, digest in answer["provenance"]["inputs"].items()}
    seeds = {name: answer["provenance"]["seed"] for name, answer in each.items()}
    of_all = {"seed": seed, "search_seed": seed, "confirmation_seed": confirmation_seed(seed)}
    return {
        "verdict": _verdict(document),
        **document,
        "assumptions": assumptions_apart({name: answer["assumptions"] for name, answer in each.items()}),
        "provenance": first | of_all | {"service_seeds": seeds, "inputs": inputs},
    }


def _over(offers: Sequence[Offered], each: Mapping[str, Document]) -> list[Document]:
    """Options of which the services, each searched alone, commit to more together than may be bought."""
    found = []
    for offer in offers:
        unit = "count" if isinstance(offer, HourlyPrice) else "commitment"
        held = [one for answer in each.values() for one in answer["commitments"]["bought"] if one["name"] == offer.name]
        taken, most = fsum(one.get(unit, 1) for one in held), getattr(offer, unit)
        if taken > most * (1 + 1e-9):
            found.append({"name": offer.name, "bought": taken, "offered": most})
    return found


def _confidence(each: Mapping[str, Document]) -> float | None:
    """That no service has a cheaper plan (Bonferroni); None where that of one is not known."""
    known = [answer["confidence"] for answer in each.values() if answer["confidence"] is not None]
    return max(1 - fsum(1 - one for one in known), 0.0) if len(known) == len(each) else None


def _best(each: Mapping[str, Document]) -> Document:
    """The plan of all services, and their costs together."""
    bests = {name: answer["best"] for name, answer in each.items()}
    parts = {
        name: {key: value for key, value in best["plan"].items() if key not in OF_A_PLAN}
        for name, best in bests.items()
    }
    costs = {key: fsum(best["cost_usd"][key] for best in bests.values()) for key in ("total", "per_month")}
    return {
        "name": "; ".join(f"{name}: {best['name']}" for name, best in bests.items()),
        "cost_usd": costs,
        "slo": {"met": True, "attainment": min(best["slo"]["attainment"] for best in bests.values())},
        "services": [{**best, "plan": best["name"], "name": name} for name, best in bests.items()],
        "plan": {"name": "optimised", "services": parts},
    }


def _runner_up(each: Mapping[str, Document]) -> Document | None:
    """The best plan with the runner-up of one service, where that costs least."""
    seconds = [(name, answer["runner_up"]) for name, answer in each.items() if answer["runner_up"]]
    if not seconds:
        return None
    name, second = min(seconds, key=lambda pair: pair[1]["difference"]["mean"])
    return {"name": f"{name}: {second['name']}", "service": name, "difference": second["difference"]}


def _verdict(document: Mapping[str, Any]) -> str:
    """Cost of all together, or the services for which no plan meets the SLO."""
    best, services = document["best"], document["services"]
    if best is None and (over := over_budget(document)):
        return over
    if best is None:
        missed = [f"{service['name']}: {service['verdict']}" for service in services if service["best"] is None]
        if (short := document.get("short")) is not None:
            missed = missed or ["No plans of the services are within the limits together."]
            missed += _short(short)
        return " ".join(missed)
    each = "; ".join(
        f"{service['name']}: {service['best']['name']}, {format_usd(service['best']['cost_usd']['per_month'])}"
        for service in services
    )
    total = best["cost_usd"]["per_month"]
    within = " within the limits" if any("within_others" in service for service in services) else ""
    text = (
        f"{len(services)} services cost least together{within} at {format_usd(total)} a month, each billed alone and "
        f"with its SLO met{even_if_slower(document)}: {each}."
    )
    kept = listed([one["name"] for one in services if one["best"]["slo"].get("without_interruptions")])
    return (
        text
        + "".join(_told_over(document.get("commitments_over", ())))
        + _bound(document)
        + (f" {kept_spot(kept)}" if kept else "")
    )


def _bound(document: Mapping[str, Any]) -> str:
    """A sentence: the least that plans of all services may cost; nothing where that is not known."""
    bound = document["bound_usd_per_month"]
    if bound is None:
        return ""
    if left_by_confidence(document):
        return (
            f" They cost least with {sure(document['confidence'])} confidence; even if all runs left out cost the "
            f"least possible, no plans that may meet the SLOs cost less than {format_usd(bound)}."
        )
    return f" No plan that may meet them costs less than {format_usd(bound)}."


def _told_over(over: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence on options of which there is not enough for all services."""
    if over:
        each = listed([f"{one['bought']:,.4g} of {one['name']}, of which {one['offered']:,.4g} may be" for one in over])
        yield (
            f" Each service commits as if it were alone: together they have bought {each}, so that they cost more than "
            "this."
        )


def _short(short: Mapping[str, Any]) -> Iterator[str]:
    """Sentences: what there is, and what each service takes at least."""
    yield f"There are {_counts(short['limits'])}."
    least = [
        f"{name} {' or '.join(_counts(taken) or 'nothing of it' for taken in every[:MOST])}"
        for name, every in short["least"].items()
    ]
    yield f"Plans that may meet the SLO take at least: {'; '.join(least)}."


def _counts(taken: Mapping[str, float]) -> str:
    return listed([f"{count:,.12g} x {name}" for name, count in taken.items()])
