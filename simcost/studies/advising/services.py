"""Advice on a plan of several services: on nodes of their own, what one saves changes nothing for the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import fsum
from pathlib import Path

from simcost.rng import confirmation_seed
from simcost.scenario.runs.services_apart import assumptions_apart, services_apart
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.studies.advising.changes import wording
from simcost.studies.advising.pool import advise_pool
from simcost.studies.advising.result import Advice, AdvisedAction, AdvisedService
from simcost.studies.advising.settings import AdviceSettings, Progress, chosen_plan
from simcost.studies.advising.verdict import verdict


def advise_services(loaded: LoadedServices, runs: Path, settings: AdviceSettings, progress: Progress) -> Advice:
    """Actions on the services of a plan.

    Raises:
        InputError: no such plan.
    """
    plan = chosen_plan(loaded.first, settings.plan)
    whole = loaded.first.scenario.seed if settings.seed is None else settings.seed
    services = services_apart(loaded, whole)
    fresh = {name: own for name, (_, own) in services_apart(loaded, confirmation_seed(whole)).items()}
    each: dict[str, Advice] = {}
    for i, (name, (scenario, seed)) in enumerate(services.items()):

        def tell(share: float, what: str, begun: int = i, service: str = name) -> None:
            progress((begun + share) / len(services), f"{service}: {what}")

        own = replace(settings, plan=plan, seed=seed, fresh_seed=fresh[name])
        each[name] = advise_pool(scenario, runs, own, tell)
    return _together(each, whole)


def _together(each: Mapping[str, Advice], seed: int) -> Advice:
    """One advice: those actions first that still save most, of each service in its order."""
    first = next(iter(each.values()))
    found = replace(
        first,
        usd_per_month=fsum(advice.usd_per_month for advice in each.values()),
        slo_met=all(advice.slo_met for advice in each.values()),
        good_enough=all(advice.good_enough for advice in each.values()),
        actions=tuple(_in_order(each)),
        total_saving_usd_per_month=fsum(advice.total_saving_usd_per_month for advice in each.values()),
        least_saving_usd_per_month=min(advice.least_saving_usd_per_month for advice in each.values()),
        services=tuple(_service(name, advice) for name, advice in each.items()),
        tried=tuple(replace(kind, service=name) for name, advice in each.items() for kind in advice.tried),
        cautions=tuple(f"{name}: {text}" for name, advice in each.items() for text in advice.cautions),
        simulated=sum(advice.simulated for advice in each.values()),
        assumptions=assumptions_apart({name: advice.assumptions for name, advice in each.items()}),
        provenance=_provenance(each, seed),
    )
    return replace(found, verdict=verdict(found))


def _of_service(name: str, advice: Advice) -> list[AdvisedAction]:
    """Actions whose paths are those of the plan of all services."""
    found = []
    for action in advice.actions:
        changes = tuple(replace(change, path=f"services.{name}.{change.path}") for change in action.changes)
        found.append(replace(action, service=name, changes=changes, action=f"{name}: {wording(action.changes)}"))
    return found


def _service(name: str, advice: Advice) -> AdvisedService:
    return AdvisedService(
        name=name,
        usd_per_month=advice.usd_per_month,
        slo_met=advice.slo_met,
        good_enough=advice.good_enough,
        total_saving_usd_per_month=advice.total_saving_usd_per_month,
    )


def _in_order(each: Mapping[str, Advice]) -> Iterator[AdvisedAction]:
    """Actions to take: of services that miss their SLO, then the largest of those that are next; then the others by
    what they save alone.
    """
    actions = {name: _of_service(name, advice) for name, advice in each.items()}
    taken = {
        name: [action for action in all_of if action.then_usd_per_month is not None] for name, all_of in actions.items()
    }
    while left := [name for name, ones in taken.items() if ones]:
        first = max(left, key=lambda name: (not each[name].eligible, taken[name][0].then_usd_per_month or 0.0))
        yield taken[first].pop(0)
    rest = [action for all_of in actions.values() for action in all_of if action.then_usd_per_month is None]
    yield from sorted(rest, key=lambda action: -action.saving_usd_per_month.mean)


def _provenance(each: Mapping[str, Advice], seed: int) -> dict[str, object]:
    """That of the first, with the inputs and the seeds of all."""
    origins = {name: advice.provenance for name, advice in each.items()}
    inputs = {path: digest for origin in origins.values() for path, digest in origin["inputs"].items()}
    prices = [row for origin in origins.values() for row in origin["prices"]]
    seeds = {
        f"service_{key}s": {name: origin[key] for name, origin in origins.items()}
        for key in ("seed", "search_seed", "confirmation_seed")
    }
    first = {key: value for key, value in next(iter(origins.values())).items() if not key.endswith("_seed")}
    of_all = {"seed": seed, "search_seed": seed, "confirmation_seed": confirmation_seed(seed)}
    return first | of_all | {"inputs": inputs, "prices": prices} | seeds
