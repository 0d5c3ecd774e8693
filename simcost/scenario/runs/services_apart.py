"""Services whose costs do not depend on each other, each as a scenario of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from simcost.billing import OnDemand
from simcost.scenario.inputs.changes import plans_of
from simcost.scenario.runs.resolve_services import of_one_length, service_seed
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario, LoadedServices
from simcost.scenario.schema.scenario import Plan

APART = (
    "Each service is billed alone, with free and cheaper volumes of its own: on one bill, as that of `simcost run`, "
    "they share these, and transfer and disks cost somewhat more or less."
)


def is_whole(loaded: AnyScenario, plans: Collection[str]) -> bool:
    """True if some plans are judged by simulations of the whole alone: their parts are not apart, they have several
    pools, or clients wait, so that no capacity is known without a simulation.
    """
    services = [one.scenario for one in (loaded.services.values() if isinstance(loaded, LoadedServices) else [loaded])]
    pools = any(plan.pools for one in services for plan in one.plans if plan.name in plans)
    return pools or not are_apart(loaded, plans) or any(one.closed_workload() is not None for one in services)


def are_apart(loaded: AnyScenario, plans: Collection[str]) -> bool:
    """True if each service of some plans, or the requests alone, may be asked about without the others: the
    services share neither nodes nor commitments, do not send requests on and have no common forecast, and the scenario
    has no jobs.
    """
    if isinstance(loaded, LoadedScenario):
        return loaded.scenario.jobs is None
    forecast = any(service.scenario.demand is not None for service in loaded.services.values())
    joined = any(plan in plans for plan, _ in (*loaded.sharing, *loaded.forwarding))
    committed = any(plan.name in plans and commits(plan) for plan, _ in plans_of(loaded))
    return loaded.jobs is None and not (forecast or joined or committed)


def services_apart(loaded: LoadedServices, seed: int | None) -> dict[str, tuple[LoadedScenario, int]]:
    """The services by name, with the seed that gives the same numbers as `simcost run` of all.

    Args:
        loaded: services that are apart.
        seed: None = as the scenario says.
    """
    seed = loaded.first.scenario.seed if seed is None else seed
    alone = len(loaded.services) == 1
    return {name: (one, service_seed(seed, name, alone=alone)) for name, one in of_one_length(loaded).items()}


def assumptions_apart(each: Mapping[str, Sequence[str]]) -> list[str]:
    """Assumptions of answers about services that are apart, with the services that they hold for where these are not
    all.

    Args:
        each: assumptions by service.
    """
    sentences: dict[str, list[str]] = {}
    for name, texts in each.items():
        for text in texts:
            sentences.setdefault(text, []).append(name)
    held = (text if len(names) == len(each) else f"{', '.join(names)}: {text}" for text, names in sentences.items())
    return [APART, *held]


def commits(plan: Plan) -> bool:
    """True if some purchase of a plan of one pool has commitments, which cover all nodes of the whole plan."""
    side = None if plan.disaggregation is None else plan.disaggregation.buy
    buys = (plan.buy, *plan.or_buy, side, plan.training_buy)
    return any(isinstance(buy, OnDemand) and bool(buy.commitments) for buy in buys)
