"""Services whose costs do not depend on each other, each as a scenario of its own."""

from __future__ import annotations

from collections.abc import Collection

from simcost.errors import InputError
from simcost.scenario.runs.resolve_services import of_one_length, service_seed
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices
from simcost.scenario.schema.scenario import Plan

APART = "Each service is billed alone: what they pay less on one bill, as for volumes, is not counted."


def are_apart(loaded: LoadedScenario | LoadedServices, plans: Collection[str]) -> bool:
    """True if each service of the plans, or the requests alone, may be asked about without the others: they share no
    nodes, send no requests on, have no forecast in common, and there are no jobs.
    """
    if isinstance(loaded, LoadedScenario):
        return loaded.scenario.jobs is None
    forecast = any(one.scenario.demand is not None for one in loaded.services.values())
    joined = any(plan in plans for plan, _ in (*loaded.sharing, *loaded.forwarding))
    return loaded.jobs is None and not forecast and not joined


def services_apart(
    loaded: LoadedServices, verb: str, plans: Collection[str], seed: int | None
) -> dict[str, tuple[LoadedScenario, int]]:
    """The services on nodes of their own, by name, with the seed that gives the same numbers as `simcost run` of all.

    Args:
        loaded: the services.
        verb: `optimize` or `advise`, for messages.
        plans: those which are asked about.
        seed: None = as the scenario says.

    Raises:
        InputError: costs of the services depend on each other in one of the plans.
    """
    _check_apart(loaded, verb, plans)
    seed = loaded.first.scenario.seed if seed is None else seed
    alone = len(loaded.services) == 1
    return {name: (one, service_seed(seed, name, alone=alone)) for name, one in of_one_length(loaded).items()}


def _check_apart(loaded: LoadedServices, verb: str, plans: Collection[str]) -> None:
    """Raise InputError where the services share nodes, commitments or futures."""
    if loaded.jobs is not None:
        raise InputError(
            f"{loaded.path}: {verb} takes no jobs beside services; take `jobs` out, then compare the plan found with "
            "the jobs by `simcost run`"
        )
    if any(service.scenario.demand is not None for service in loaded.services.values()):
        raise InputError(
            f"{loaded.path}: services with a demand meet their SLOs together in each future, so that {verb} cannot ask "
            "about one without the others; ask about each in a scenario of its own"
        )
    if names := _named(loaded.sharing, plans):
        raise InputError(
            f"{loaded.path}: {names} share nodes, so that {verb} cannot ask about one without the others; give each a "
            "`buy` of its own in its part of the plans, or ask about one service in a scenario of its own"
        )
    if names := _named(loaded.forwarding, plans):
        raise InputError(
            f"{loaded.path}: {names} send requests on to other services, so that {verb} cannot ask about one without "
            "the others; take `cascade` and `fallback` out, then compare the plans found with them by `simcost run`"
        )
    for name, one in loaded.services.items():
        if any(_has_commitments(plan) for plan in one.scenario.plans if plan.name in plans):
            raise InputError(
                f"{loaded.path}: the plans of {name!r} have commitments, which services share; {verb} without them, "
                "then let `simcost commit` choose them for the usage of the result"
            )


def _named(found: Collection[tuple[str, str]], plans: Collection[str]) -> str:
    """Names of services by plan and service, in these plans."""
    return ", ".join(dict.fromkeys(service for plan, service in found if plan in plans))


def _has_commitments(plan: Plan) -> bool:
    return any(getattr(pool.buy, "commitments", ()) for pool in plan.by_pool())
