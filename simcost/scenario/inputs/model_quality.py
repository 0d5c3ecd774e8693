"""Models that the plans serve, with their quality by one benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from simcost.catalog import Catalog
from simcost.perf import ReplicaSpec
from simcost.perf.quality import ModelQuality, metrics, published_quality
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices
from simcost.scenario.schema.scenario import Plan
from simcost.scenario.schema.services import Forwarding


def model_qualities(loaded: LoadedScenario) -> dict[str, ModelQuality]:
    """The model of each plan that serves one, and its quality: as stated, else as published; where replicas differ, of
    those that answer worst.

    The benchmark is that of the scenario, of the plans that state one, or the one that the catalog knows of most plans.
    """
    serving = [plan for plan in loaded.scenario.plans if plan.replica is not None and loaded.scenario.model_of(plan)]
    metric = _metric(loaded, serving)
    return {plan.name: _quality(loaded, plan, metric) for plan in serving}


def is_good_enough(loaded: LoadedScenario, plan: Plan) -> bool:
    """True if the model of a plan has the quality that a scenario asks for, where it asks for any."""
    return not lacking_quality(loaded, plan)


def lacking_quality(loaded: LoadedScenario, plan: Plan) -> str:
    """Reason why the model of a plan has not the quality that a scenario asks for; empty where it has."""
    asked = loaded.scenario.quality
    if asked is None or asked.at_least is None:
        return ""
    alone = replace(loaded, scenario=replace(loaded.scenario, plans=(plan,)))
    return next(filter(None, (quality.lacks(asked.at_least) for quality in model_qualities(alone).values())), "")


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
    part = _worst(found)
    of_part = f"{part}: " if len({quality.source for quality in found.values()}) > 1 else ""
    api = None if plan.overflow is None else plan.overflow.api
    of_api = "" if api is None else f"; answers of {api} are not in it"
    return replace(found[part], source=f"{of_part}{found[part].source}{of_api}", without_api=api)


def service_qualities(loaded: LoadedServices) -> dict[str, dict[str, ModelQuality]]:
    """Models of the services of plans and their quality, by plan and service, as `final_qualities` judges them."""
    found: dict[str, dict[str, ModelQuality]] = {}
    for name, service in loaded.services.items():
        for plan, quality in model_qualities(service).items():
            found.setdefault(plan, {})[name] = quality
    return {plan: final_qualities(loaded, plan, own) for plan, own in found.items()}


def final_qualities(loaded: LoadedServices, plan: str, own: Mapping[str, ModelQuality]) -> dict[str, ModelQuality]:
    """Quality of the final answers of the services of a plan, by name.

    A service that sends requests on has the lowest score of all services that give its clients their answers: of which
    requests the better ones are, nothing is known. One that escalates all has none of its own answers in it. What is
    stated of such a service is that of its final answers.

    Args:
        loaded: the services.
        plan: name of the plan.
        own: quality of the model of each service, by name.
    """
    rules = {name: rule for (of, name), rule in loaded.forwarding.items() if of == plan}
    stated = {
        name
        for name, service in loaded.services.items()
        if any(one.name == plan and one.quality is not None for one in service.scenario.plans)
    }
    return {name: _final(name, own, {key: rule for key, rule in rules.items() if key not in stated}) for name in own}


def _final(name: str, own: Mapping[str, ModelQuality], rules: Mapping[str, Forwarding]) -> ModelQuality:
    """Quality of the final answers of a service; `rules`: of those that send requests on and state none."""
    quality, rule = own[name], rules.get(name)
    others = {to: _final(to, own, rules) for to in (rule.targets() if rule is not None else ()) if to in own}
    if rule is None or not others:
        return quality
    answering = others if rule.cascade is not None and rule.cascade.escalate == 1 else {name: quality, **others}
    comparable = {one: _by(quality.metric, found) for one, found in answering.items()}
    worst = _worst(comparable)
    of_all = f", the worst of {' and '.join(answering)}" if len(answering) > 1 else ""
    source = f"answers of {worst}{of_all}: {comparable[worst].source}"
    return replace(quality, value=comparable[worst].value, source=source)


def _by(metric: str | None, quality: ModelQuality) -> ModelQuality:
    """A quality by a benchmark: not known where it is by another one."""
    if quality.metric == metric:
        return quality
    return replace(quality, metric=metric, value=None, source=f"its score is by {quality.metric}, not by {metric}")


def _worst(found: Mapping[str, ModelQuality]) -> str:
    """Name of the lowest score; one that is not known is lower than all others."""
    return min(found, key=lambda name: -inf if (value := found[name].value) is None else value)


def _replicas(plan: Plan) -> dict[str, ReplicaSpec]:
    """Replicas that have a part in the answers of a plan: those of each pool, and of both sides of a hand-over."""
    names = [f"pool {pool.name}" for pool in plan.pools] or ["decode replicas"]
    found = {name: alone.replica for name, alone in zip(names, plan.by_pool(), strict=True)}
    if plan.disaggregation is not None:
        found["prefill replicas"] = plan.disaggregation.replica
    return {name: replica for name, replica in found.items() if replica is not None}
