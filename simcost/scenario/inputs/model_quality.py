"""Models that the plans serve, with their quality by one benchmark."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from simcost.catalog import Catalog
from simcost.perf import ReplicaSpec
from simcost.perf.quality import ModelQuality, metrics, published_quality
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan


def model_qualities(loaded: LoadedScenario) -> dict[str, ModelQuality]:
    """The model of each plan that serves one, and its quality: as stated, else as published; where replicas differ, of
    those that answer worst.

    The benchmark is that of the scenario, of the plans that state one, or the one that the catalog knows of most plans.
    """
    serving = [plan for plan in loaded.scenario.plans if plan.replica is not None and loaded.scenario.model_of(plan)]
    metric = _metric(loaded, serving)
    return {plan.name: _quality(loaded, plan, metric) for plan in serving}


def _metric(loaded: LoadedScenario, plans: list[Plan]) -> str | None:
    if loaded.scenario.quality is not None:
        return loaded.scenario.quality.metric
    stated = [plan.quality.metric for plan in plans if plan.quality is not None]
    if stated:
        return stated[0]
    known = {
        metric: sum(_quality(loaded, plan, metric).value is not None for plan in plans)
        for metric in metrics(loaded.catalog)
    }
    best = max(known, key=lambda metric: known[metric], default=None)
    return best if best is not None and known[best] else None


def _quality(loaded: LoadedScenario, plan: Plan, metric: str | None) -> ModelQuality:
    catalog: Catalog = loaded.catalog
    model = catalog.model(loaded.scenario.model_of(plan) or "")
    if plan.quality is not None:
        stated = plan.quality
        return ModelQuality(model=model.name, metric=stated.metric, value=stated.value, source=stated.source)
    if metric is None:
        missing = "the catalog has no benchmark of it; state `quality` of the plan"
        return ModelQuality(model=model.name, metric=None, value=None, source=missing)
    found = {part: published_quality(catalog, model, replica, metric) for part, replica in _replicas(plan).items()}
    part = min(found, key=lambda part: -inf if (value := found[part].value) is None else value)
    of_part = f"{part}: " if len({quality.source for quality in found.values()}) > 1 else ""
    of_api = "" if plan.overflow is None else f"; answers of {plan.overflow.api} are not in it"
    return replace(found[part], source=f"{of_part}{found[part].source}{of_api}")


def _replicas(plan: Plan) -> dict[str, ReplicaSpec]:
    """Replicas that have a part in the answers of a plan: those of each pool, and of both sides of a hand-over."""
    names = [f"pool {pool.name}" for pool in plan.pools] or ["decode replicas"]
    found = {name: alone.replica for name, alone in zip(names, plan.by_pool(), strict=True)}
    if plan.disaggregation is not None:
        found["prefill replicas"] = plan.disaggregation.replica
    return {name: replica for name, replica in found.items() if replica is not None}
