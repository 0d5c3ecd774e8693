"""From a scenario to what is simulated: pools in numbers, one engine factor per replication, a key per run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from math import exp
from statistics import NormalDist

from simcost import __version__
from simcost.ledger import Limits
from simcost.perf import MemoryFit, fit_memory, step_time
from simcost.rng import stream
from simcost.scenario.foreseen import Foreseen
from simcost.scenario.given import Given
from simcost.scenario.load import LoadedScenario
from simcost.scenario.model import Plan
from simcost.sim.pool import Pool

COEFFICIENTS = ("a_s", "b_s_per_token", "c_s_per_sequence", "d_s_per_token", "q_s_per_pair")
REPLICATIONS, FUTURES = 5, 10
"""How many runs a plan gets unless the scenario says, of a given workload and of a forecast demand."""


Source = Given | Foreseen


@dataclass(frozen=True, kw_only=True)
class Question:
    """A scenario with all that its runs share, settled."""

    loaded: LoadedScenario
    seed: int
    seeds: int
    """Replications; with a forecast demand, the futures that are simulated."""
    source: Source
    """Where the requests come from."""

    @property
    def horizon_s(self) -> float:
        """Length of a run."""
        return self.source.horizon_s

    @cached_property
    def plans(self) -> tuple[ResolvedPlan, ...]:
        """The plans in numbers."""
        return tuple(_resolved(plan, self) for plan in self.loaded.scenario.plans)

    @property
    def limits(self) -> Limits:
        """What a request must keep to be good."""
        return self.loaded.scenario.slo.limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPlan:
    """A plan as the simulator takes it."""

    plan: Plan
    pool: Pool
    """With the step time of the model, no engine factor in it."""
    memory: MemoryFit
    sigma: float
    factors: tuple[float, ...]
    """On the step time, one for each replication."""

    def drawn(self, replication: int) -> Pool:
        """The pool with the engine factor of a replication."""
        step, factor = self.pool.step, self.factors[replication]
        scaled = {name: getattr(step, name) * factor for name in COEFFICIENTS}
        return replace(self.pool, step=replace(step, **scaled))


def settle(loaded: LoadedScenario, *, seed: int | None, seeds: int | None) -> Question:
    """The question with its seeds and its requests; a demand is forecast here.

    Raises:
        TraceError: a trace that cannot be read.
        InputError: a history that cannot be forecast, or a trace without a length.
    """
    scenario = loaded.scenario
    seed = scenario.seed if seed is None else seed
    seeds = seeds or scenario.seeds
    if scenario.demand is None:
        source: Source = Given.of(loaded, seed)
        return Question(loaded=loaded, seed=seed, seeds=seeds or REPLICATIONS, source=source)
    source = Foreseen.of(loaded, scenario.demand, seed, seeds or FUTURES)
    return Question(loaded=loaded, seed=seed, seeds=len(source.screening.chosen), source=source)


def engine_factors(sigma: float, seed: int, seeds: int, model: str, accelerator: str) -> tuple[float, ...]:
    """Factors on the step time, stratified: exp(sigma * z) with z the normal quantiles of (k + 1/2) / seeds.

    Their order is drawn per (model, accelerator), so that all plans on the same hardware share the luck. One
    replication has the factor 1.
    """
    order = stream(seed, "engine", model, accelerator).permutation(seeds)
    return tuple(exp(sigma * NormalDist().inv_cdf((int(k) + 0.5) / seeds)) for k in order)


def run_key(question: Question, pool: Pool, replication: int) -> str:
    """SHA-256 of all that a simulation depends on, and of nothing about money."""
    depends = {
        "simcost": __version__,
        "pool": asdict(pool) | {"step": [getattr(pool.step, name) for name in COEFFICIENTS]},
        "requests": question.source.identity(replication),
        "horizon_s": question.horizon_s,
        "limits": asdict(question.limits),
    }
    return sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _resolved(plan: Plan, question: Question) -> ResolvedPlan:
    loaded, catalog = question.loaded, question.loaded.catalog
    model = catalog.model(loaded.scenario.model)
    accelerator = catalog.accelerator(plan.replica.accelerator)
    offer = catalog.offer(plan.buy.offer, plan.buy.region)
    memory = fit_memory(model, accelerator, plan.replica, plan.batching.max_num_batched_tokens)
    step = step_time(catalog, model, accelerator, plan.replica)
    sigma = step.sigma if loaded.scenario.engine_sigma is None else loaded.scenario.engine_sigma
    pool = Pool(
        name=f"{model.name} on {accelerator.name}",
        step=step,
        kv_capacity_tokens=memory.kv_capacity_tokens,
        scaling=plan.scaling,
        batching=plan.batching,
        router=plan.router,
        admission=plan.admission,
        startup=plan.startup,
        weights_bytes=memory.weights_bytes,
        slots_per_node=offer.accelerators // plan.replica.tp,
        accelerators_per_replica=plan.replica.tp,
        response_bytes_per_token=plan.response_bytes_per_token,
    )
    factors = engine_factors(sigma, question.seed, question.seeds, model.name, accelerator.name)
    return ResolvedPlan(plan=plan, pool=pool, memory=memory, sigma=sigma, factors=factors)
