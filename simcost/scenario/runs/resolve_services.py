"""From a scenario of several services to one question for each: seeds of their own, runs of one length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from simcost.catalog import Catalog
from simcost.errors import InputError
from simcost.rng import stream
from simcost.scenario.inputs.forecast_demand import ForecastDemand
from simcost.scenario.inputs.recorded_demand import horizon_of
from simcost.scenario.runs.resolve import FUTURES, ResolvedPlan, ResolvedScenario, settle
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices
from simcost.scenario.schema.services import Forwarding
from simcost.units import format_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedServices:
    """A scenario of several services, settled."""

    loaded: LoadedServices
    seed: int
    """Of the scenario; each service has one of its own."""
    questions: Mapping[str, ResolvedScenario]
    """By service."""
    jobs: ResolvedScenario | None = None
    """The jobs; None = there are none."""
    some: tuple[int, ...] | None = None
    """Replications that are asked for; None = all."""

    @property
    def replications(self) -> Sequence[int]:
        """Numbers of the replications that are asked for."""
        return range(self.first.seeds) if self.some is None else self.some

    @property
    def first(self) -> ResolvedScenario:
        """The first service, for what is the same in all."""
        return next(iter(self.questions.values()))

    def slower(self, factors: Mapping[str, float]) -> ResolvedServices:
        """The same with the steps of each service longer by its factor."""
        questions = {name: replace(question, engine=factors[name]) for name, question in self.questions.items()}
        return replace(self, questions=questions)

    @property
    def catalog(self) -> Catalog:
        """Facts of all services."""
        return self.loaded.first.catalog

    @property
    def demands(self) -> dict[str, ForecastDemand]:
        """Demands that are forecast, by service."""
        sources = {name: question.source for name, question in self.questions.items()}
        return {name: source for name, source in sources.items() if isinstance(source, ForecastDemand)}

    def beside_jobs(self, plan: str) -> dict[str, ResolvedPlan]:
        """By service, the plan of those on a fleet that jobs share."""
        found = {
            name: {one.plan.name: one for one in question.plans}[plan] for name, question in self.questions.items()
        }
        return {name: one for name, one in found.items() if isinstance(one.plan.training, OnShared)}

    def forwarding(self, plan: str) -> dict[str, Forwarding]:
        """By service, what it sends on to others in a plan; none of those whose share is 0."""
        return {name: one for (of, name), one in self.loaded.forwarding.items() if of == plan and one.targets()}

    def sharing_plans(self) -> dict[str, dict[str, ResolvedPlan]]:
        """By plan and service, of services on nodes that they share."""
        found: dict[str, dict[str, ResolvedPlan]] = {}
        for name, question in self.questions.items():
            for plan in question.plans:
                if (plan.plan.name, name) in self.loaded.sharing:
                    found.setdefault(plan.plan.name, {})[name] = plan
        return found


def settle_services(loaded: LoadedServices, *, seed: int | None, seeds: int | None) -> ResolvedServices:
    """The services with their seeds and requests, all of one length: that of the longest recorded workload, or of the
    demands. Futures of different demands are independent: from the second demand on, they come in random order.

    Raises:
        TraceError: a trace that cannot be read.
        InputError: a trace without a length, a history that cannot be forecast, or demands of different lengths.
    """
    seed = loaded.first.scenario.seed if seed is None else seed
    alone = len(loaded.services) == 1
    own_seeds = {name: service_seed(seed, name, alone=alone) for name in loaded.services}
    count = _replications(loaded, seeds)
    demands = {
        name: settle(service, seed=own_seeds[name], seeds=count)
        for name, service in loaded.services.items()
        if service.scenario.demand is not None
    }
    horizon_s = _horizon_s(loaded, demands)
    questions = {
        name: demands[name]
        if name in demands
        else settle(_of_length(service, horizon_s), seed=own_seeds[name], seeds=count or seeds)
        for name, service in loaded.services.items()
    }
    for name in [*demands][1:]:
        source = questions[name].source
        if isinstance(source, ForecastDemand):
            questions[name] = replace(questions[name], source=source.shuffled(own_seeds[name]))
    jobs = None
    if loaded.jobs is not None:
        loaded_jobs, count = _of_length(loaded.jobs, horizon_s), next(iter(questions.values())).seeds
        jobs = settle(loaded_jobs, seed=seed, seeds=count, beside_requests=True)
    return ResolvedServices(loaded=loaded, seed=seed, questions=questions, jobs=jobs)


def of_one_length(loaded: LoadedServices) -> dict[str, LoadedScenario]:
    """The services without a demand, all as long as the longest."""
    horizon_s = _horizon_s(loaded, {})
    return {name: _of_length(service, horizon_s) for name, service in loaded.services.items()}


def _replications(loaded: LoadedServices, seeds: int | None) -> int | None:
    """Futures that are simulated, as many of each demand; None where nothing is forecast."""
    paths = [
        demand.forecast.paths for service in loaded.services.values() if (demand := service.scenario.demand) is not None
    ]
    return min(seeds or loaded.first.scenario.seeds or FUTURES, *paths) if paths else None


def _of_length(loaded: LoadedScenario, horizon_s: float) -> LoadedScenario:
    return replace(loaded, scenario=replace(loaded.scenario, horizon=horizon_s))


def _horizon_s(loaded: LoadedServices, demands: Mapping[str, ResolvedScenario]) -> float:
    """Length of the run."""
    if not demands:
        return max(_length_s(service) for service in loaded.services.values())
    lengths = {name: demand.horizon_s or 0.0 for name, demand in demands.items()}
    first, horizon_s = next(iter(lengths.items()))
    for name, length_s in lengths.items():
        if length_s != horizon_s:
            raise InputError(
                f"services {first!r} and {name!r} are forecast for {format_seconds(horizon_s)} and "
                f"{format_seconds(length_s)}, whole steps of their histories; give both the same forecast.freq, or a "
                "horizon that is a multiple of both steps"
            )
    return horizon_s


def _length_s(loaded: LoadedScenario) -> float:
    return loaded.scenario.horizon or horizon_of(loaded.scenario, loaded.folder)


def service_seed(seed: int, name: str, *, alone: bool = False) -> int:
    """Seed of a service: a scenario of its own with this seed gives the same numbers.

    It depends on the name alone, so that services are independent of each other, of their order and of what is added;
    a service alone has the seed of its scenario.
    """
    return seed if alone else int(stream(seed, "service", name).integers(2**31))
