"""From a scenario of several services to one question for each: seeds of their own, runs of one length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from simcost.catalog import Catalog
from simcost.rng import stream
from simcost.scenario.inputs.recorded_demand import horizon_of
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario, settle
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedServices:
    """A scenario of several services, settled."""

    loaded: LoadedServices
    seed: int
    """Of the scenario; each service has one of its own."""
    questions: Mapping[str, ResolvedScenario]
    """By service."""

    @property
    def first(self) -> ResolvedScenario:
        """The first service, for what is the same in all."""
        return next(iter(self.questions.values()))

    @property
    def catalog(self) -> Catalog:
        """Facts of all services."""
        return self.loaded.first.catalog

    def sharing_plans(self) -> dict[str, dict[str, ResolvedPlan]]:
        """By plan and service, of services on nodes that they share."""
        found: dict[str, dict[str, ResolvedPlan]] = {}
        for name, question in self.questions.items():
            for plan in question.plans:
                if (plan.plan.name, name) in self.loaded.sharing:
                    found.setdefault(plan.plan.name, {})[name] = plan
        return found


def settle_services(loaded: LoadedServices, *, seed: int | None, seeds: int | None) -> ResolvedServices:
    """The services with their seeds and requests, all of one length: that of the longest recorded workload.

    Raises:
        TraceError: a trace that cannot be read.
        InputError: a trace without a length.
    """
    seed = loaded.first.scenario.seed if seed is None else seed
    horizon_s = max(_length_s(one) for one in loaded.services.values())
    questions = {
        name: settle(
            replace(one, scenario=replace(one.scenario, horizon=horizon_s)),
            seed=service_seed(seed, name, alone=len(loaded.services) == 1),
            seeds=seeds,
        )
        for name, one in loaded.services.items()
    }
    return ResolvedServices(loaded=loaded, seed=seed, questions=questions)


def _length_s(loaded: LoadedScenario) -> float:
    return loaded.scenario.horizon or horizon_of(loaded.scenario, loaded.folder)


def service_seed(seed: int, name: str, *, alone: bool = False) -> int:
    """Seed of a service: a scenario of its own with this seed gives the same numbers.

    It depends on the name alone, so that services are independent of each other, of their order and of what is added;
    a service alone has the seed of its scenario.
    """
    return seed if alone else int(stream(seed, "service", name).integers(2**31))
