"""Fleets and APIs at several demands: the least fleet of each plan that meets the SLO, found by simulation.

One fleet size after the other is simulated in each replication.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, fsum, sqrt
from pathlib import Path

from simcost.billing.owned import Owned
from simcost.errors import InputError, did_you_mean
from simcost.execution.options import EngineOptions
from simcost.execution.task import Tell
from simcost.execution.workers import Workers
from simcost.ledger.requests import Ledger
from simcost.scenario.inputs.demand_scale import scaled
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.bills import costs_of
from simcost.scenario.runs.contributions import served_side
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.provenance import is_kept_spot
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario, Source, settle
from simcost.scenario.runs.run_keys import run_key
from simcost.scenario.runs.serving_runs import ServingRun, serving_ledger
from simcost.scenario.runs.tasks import shared_by_runs
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.breakeven.crossing import Search
from simcost.studies.breakeven.prices import ApiOption, bills, in_scenario
from simcost.studies.breakeven.quality_gate import below_quality
from simcost.studies.breakeven.study import Api, Point, SmallestFleet, Study

Key = tuple[str, int]
"""Plan and replication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Options of the runs."""

    runs: Path
    """Folder in which ledgers are stored, and found again."""
    workers: Workers
    fresh: bool
    note: Callable[[], None]
    """Called now and then."""


@dataclass(frozen=True, slots=True)
class _Tried:
    met: bool
    fleet: SmallestFleet


@dataclass(frozen=True, slots=True, kw_only=True)
class TryFleet:
    """A fleet of one size, and whether it meets the SLO."""

    question: ResolvedScenario
    arrivals: Arrivals
    fresh: bool

    def check_inputs(self) -> None:
        """Check that traces are those of the command. Raises RunError."""
        self.arrivals.check_inputs()

    def __call__(self, run: ServingRun, tell: Tell) -> _Tried:
        """The fleet of a run."""
        ledger = serving_ledger(self.question, run, self.arrivals, tell, fresh=self.fresh)
        return _tried(self.question, run, ledger)


def least_fleets(
    question: ResolvedScenario, plans: tuple[str, ...], guesses: dict[Key, int], work: RunSettings
) -> dict[str, tuple[SmallestFleet | None, ...]]:
    """By plan and replication; None where no size that was tried meets the SLO.

    Args:
        question: with the demand to serve.
        plans: names of the plans to size.
        guesses: sizes to begin with.
        work: how runs are made.
    """
    arrivals = Arrivals(requests_of(question))
    resolved = {plan.plan.name: plan for plan in question.plans if plan.plan.name in plans}
    searches = {(name, i): Search(guesses[name, i]) for name in plans for i in range(question.seeds)}
    tried: dict[tuple[Key, int], _Tried] = {}

    task = TryFleet(question=shared_by_runs(question), arrivals=arrivals, fresh=work.fresh)
    while asked := {key: size for key, search in searches.items() if (size := search.size()) is not None}:
        runs = list(_runs(question, resolved, asked, work.runs))
        for (key, size), one in zip(asked.items(), work.workers.execute(runs, task, note=work.note), strict=True):
            tried[key, size] = one
            searches[key].tell(size, enough=one.met)
    return {
        name: tuple(
            None if (size := searches[name, i].enough) is None else tried[(name, i), size].fleet
            for i in range(question.seeds)
        )
        for name in plans
    }


def requests_of(question: ResolvedScenario) -> Source:
    """Source of the requests.

    Raises:
        InputError: there are none, they depend on the fleet, or they ask for images.
    """
    if question.source is None:
        raise InputError(f"{question.loaded.path}: has jobs alone, no requests that an API could answer")
    if question.loaded.scenario.closed_workload() is not None:
        raise InputError(
            f"{question.loaded.path}: its clients wait for answers, so that the demand depends on who answers; an API "
            "is compared at demands that are given: write a workload with a rate, or a recorded one"
        )
    if any(plan.pool.images for plan in question.plans):
        raise InputError(f"{question.loaded.path}: requests ask for images, and an API is paid per token here")
    return question.source


def _runs(
    question: ResolvedScenario, resolved: dict[str, ResolvedPlan], asked: dict[Key, int], folder: Path
) -> Iterator[ServingRun]:
    for (name, replication), size in asked.items():
        plan = resolved[name]
        if plan.prefill is not None:
            raise InputError(
                f"plan {name!r} has prefill and decode apart, and one number of replicas is looked for; name plans "
                "without disaggregation"
            )
        scaling = plan.pool.scaling.sized(size)
        grown = replace(plan, plan=replace(plan.plan, scaling=scaling), pool=replace(plan.pool, scaling=scaling))
        pool = grown.sampled(replication)
        key = run_key(question, pool, replication)
        yield ServingRun(pool=pool, replication=replication, folder=folder / key[:32], plans=[grown])


def _tried(question: ResolvedScenario, run: ServingRun, ledger: Ledger) -> _Tried:
    [plan] = run.plans
    side = served_side(question, plan, run.replication, ledger)
    if not side.bought:
        raise InputError(f"plan {plan.plan.name!r} shares its fleet with jobs; name plans that serve requests alone")
    service = side.served.slo
    hours = fsum(one.usage.node_hours() * one.usage.slots_per_node for one in side.bought)
    fleet = SmallestFleet(
        replicas=plan.pool.scaling.largest(),
        usd_per_month=costs_of(side.bought, question.loaded.catalog).per_month_usd,
        attainment=service.attainment,
        ttft_p95_s=service.metrics["ttft_s"]["p95"],
        tpot_p95_s=service.metrics["tpot_s"]["p95"],
        utilisation=side.busy_hours / hours if hours else 0.0,
    )
    return _Tried(service.met, fleet)


Progress = Callable[[float, str], None]
SCALES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
MOST_REQUESTS = 2_000_000
REFINED = 5
_FEW_REQUESTS = 100
"""Expected in a run, below which one may have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the study."""

    scales: tuple[float, ...] = SCALES
    """Demands relative to the scenario's, increasing."""
    plans: tuple[str, ...] = ()
    """Names of the plans; none = all of the scenario."""
    seeds: int | None = None
    seed: int | None = None
    jobs: int = 1
    engine: EngineOptions | None = None
    fresh: bool = False
    most_requests: float = MOST_REQUESTS
    """Demands whose runs would have more requests are left out."""
    refined: int = REFINED
    """Number of times that stretches in which it is not sure which is cheaper are halved by a further simulation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The study and its inputs."""

    study: Study
    question: ResolvedScenario
    """At the demand of the scenario."""
    left_out: tuple[tuple[float, float], ...]
    """Demands that were not simulated, and the requests their runs would have had; 0 = some run has none."""


def make_study(
    loaded: LoadedScenario, asked: Sequence[ApiOption], runs: Path, settings: Settings, progress: Progress
) -> Made:
    """Simulate the least fleets and price the APIs at each demand, and again where they cross.

    Raises:
        InputError: no such plan; or no demand that may be simulated.
        CatalogError: an API without a price.
    """
    loaded = owning_enough(loaded)
    plans = _plans(loaded, settings.plans)
    question = settle(loaded, seed=settings.seed, seeds=settings.seeds)
    expected = requests_of(question).expected()
    wanted = [scale for scale in settings.scales if scale * expected <= settings.most_requests]
    left_out = tuple((scale, scale * expected) for scale in settings.scales if scale not in wanted)
    empty = [scale for scale in wanted if scale * expected < _FEW_REQUESTS and _is_empty(loaded, scale, settings)]
    if empty and len(empty) == len(wanted):
        raise InputError(f"{loaded.path}: a run has no requests; lengthen the horizon, or name a larger --scale")
    wanted = [scale for scale in wanted if scale not in empty]
    left_out = (*((scale, 0.0) for scale in empty), *left_out)
    if not wanted:
        raise InputError(
            f"a run would have {min(scale for scale, _ in left_out) * expected:,.0f} requests, more than "
            f"{settings.most_requests:,.0f}; shorten the horizon, name a smaller --scale, or raise --most-requests"
        )
    apis = tuple(in_scenario(one, loaded, requests_of(question)) for one in asked)
    with workers_of(runs, jobs=settings.jobs, engine=settings.engine) as workers:
        made = _Points(loaded, plans, apis, runs, workers, settings, progress)
        for scale in wanted:
            made.add(scale, plans)
        study = made.study(question)
        for _ in range(settings.refined):
            for scale, doubted in _doubtful(study).items():
                made.add(scale, doubted)
            study = made.study(question)
    return Made(study=study, question=question, left_out=left_out)


def _is_empty(loaded: LoadedScenario, scale: float, settings: Settings) -> bool:
    """True if a replication has no requests at a demand, so that nothing has a unit cost or a service level."""
    question = settle(scaled(loaded, scale), seed=settings.seed, seeds=settings.seeds)
    source = requests_of(question)
    return any(not any(map(len, source.batches(replication))) for replication in range(question.seeds))


def owning_enough(loaded: LoadedScenario) -> LoadedScenario:
    """The scenario whose plans own as many nodes as a fleet needs, where they own any."""
    plans = [
        replace(plan, buy=replace(plan.buy, nodes=None)) if isinstance(plan.buy, Owned) else plan
        for plan in loaded.scenario.plans
    ]
    return replace(loaded, scenario=replace(loaded.scenario, plans=tuple(plans)))


class _Points:
    """The points made so far."""

    def __init__(
        self,
        loaded: LoadedScenario,
        plans: tuple[str, ...],
        apis: tuple[Api, ...],
        runs: Path,
        workers: Workers,
        settings: Settings,
        progress: Progress,
    ) -> None:
        self._workers = workers
        self._loaded, self._plans, self._apis = loaded, plans, apis
        self._runs, self._settings, self._progress = runs, settings, progress
        self._made: dict[float, Point] = {}

    def add(self, scale: float, plans: tuple[str, ...]) -> None:
        """Simulate some plans at one demand, and price it."""
        settings = self._settings
        question = settle(scaled(self._loaded, scale), seed=settings.seed, seeds=settings.seeds)
        done = len(self._made) / (len(settings.scales) + settings.refined)
        work = RunSettings(
            runs=self._runs,
            workers=self._workers,
            fresh=settings.fresh,
            note=lambda: self._progress(min(done, 0.99), f"fleets at x{scale:.3g}"),
        )
        fleets = least_fleets(question, plans, self._guesses(scale, question.seeds), work)
        priced = [bills(requests_of(question), self._apis, replication) for replication in range(question.seeds)]
        self._made[scale] = Point(scale=scale, fleets=fleets, bills=tuple(zip(*priced, strict=True)))

    def study(self, question: ResolvedScenario) -> Study:
        """All points in order of demand."""
        scenario = self._loaded.scenario
        plans = [plan for plan in scenario.plans if plan.name in self._plans]
        models = dict.fromkeys(name for plan in plans if (name := scenario.model_of(plan)))
        return Study(
            scenario=scenario.scenario,
            model=", ".join(models),
            plans=self._plans,
            apis=self._apis,
            points=tuple(self._made[scale] for scale in sorted(self._made)),
            level=scenario.level,
            horizon_s=requests_of(question).horizon_s,
            below_quality=below_quality(self._loaded, self._plans),
            kept_spot=tuple(one.name for one in scenario.plans if one.name in self._plans and is_kept_spot(one)),
        )

    def _guesses(self, scale: float, seeds: int) -> dict[Key, int]:
        """In proportion to the nearest demand that has a fleet, else to the plan's own."""
        plans = [plan for plan in self._loaded.scenario.plans if plan.name in self._plans]
        written = {plan.name: plan.scaling.largest() for plan in plans if plan.scaling is not None}
        near = sorted(self._made.values(), key=lambda point: abs(point.scale - scale) / point.scale)
        guesses = {}
        for name in self._plans:
            sized = [point for point in near if name in point.fleets]
            for replication in range(seeds):
                known = next((p for p in sized if p.fleets[name][replication] is not None), None)
                fleet = known.fleets[name][replication] if known else None
                per_demand = fleet.replicas / known.scale if fleet and known else written[name]
                guesses[name, replication] = max(1, ceil(per_demand * scale))
        return guesses


def _doubtful(study: Study) -> dict[float, tuple[str, ...]]:
    """The middles of the stretches in which a plan may cost more than an API, and the plans to size there."""
    found: dict[float, set[str]] = {}
    for plan in study.plans:
        for api in range(len(study.apis)):
            stretch = study.break_even(plan, api).doubtful
            if stretch is not None:
                found.setdefault(sqrt(stretch[0] * stretch[1]), set()).add(plan)
    return {scale: tuple(name for name in study.plans if name in found[scale]) for scale in sorted(found)}


def _plans(loaded: LoadedScenario, names: Sequence[str]) -> tuple[str, ...]:
    known = [plan.name for plan in loaded.scenario.plans]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; plans are {', '.join(known)}"
            raise InputError(f"no plan {name!r} in {loaded.path}{hint}")
    for plan in loaded.scenario.plans:
        if plan.overflow is not None and plan.name in (names or known):
            raise InputError(
                f"{loaded.path}: plan {plan.name!r} has an API answer its `overflow`, and would meet the SLO at any "
                "size; name plans without one by --plan, or compare sizes of this one by `simcost optimize`"
            )
    return tuple(names) or tuple(known)
