"""One measurement of an engine that plans take though they differ in what it depends on."""

from __future__ import annotations

from simcost.scenario.checks.latency_tables import SOURCE
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan

LAYOUT = ("precision", "kv_precision", "tp", "pp", "dp", "ep")
"""Fields of a replica that its step times and its KV cache depend on, besides model and accelerator."""


def shared_measurements(loaded: LoadedScenario) -> list[str]:
    """A sentence for each step time or KV cache that plans of another model, precision or parallelism have in common,
    as where it is stated in `defaults`.
    """
    plans = [alone for whole in loaded.scenario.plans for alone in whole.by_pool() if alone.replica is not None]
    return [
        f"The same `{field}` is that of {', '.join(dict.fromkeys(plan.name for plan in alike))}, which differ in "
        f"{differing}: a measurement holds for one of them. Measure each, or write `{field}: null` where it was not."
        for field in ("step", "kv_tokens")
        for alike in _alike(plans, field)
        if (differing := _differing(alike, loaded))
    ]


def _alike(plans: list[Plan], field: str) -> list[list[Plan]]:
    """Plans by the value of a field and the accelerator, where they have one; tables of batches left out."""
    found = dict[object, list[Plan]]()
    for plan in plans:
        value = getattr(plan.replica, field)
        if value is not None and plan.replica is not None and not getattr(value, "source", "").startswith(SOURCE):
            found.setdefault((value, plan.replica.accelerator), []).append(plan)
    return list(found.values())


def _differing(plans: list[Plan], loaded: LoadedScenario) -> str:
    """Differences of the plans, of all that a measurement depends on: `tp (1, 2)`."""
    models = [loaded.catalog.model(name) for plan in plans if (name := loaded.scenario.model_of(plan))]
    values = {"model": [model.shape or model.name for model in models]}
    values |= {name: [getattr(plan.replica, name) for plan in plans] for name in LAYOUT}
    each = {name: list(dict.fromkeys(map(str, found))) for name, found in values.items()}
    return ", ".join(f"{name} ({', '.join(found)})" for name, found in each.items() if len(found) > 1)
