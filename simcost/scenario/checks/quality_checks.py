"""Checks of the quality that a scenario asks for and its plans state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simcost.catalog import Catalog
from simcost.errors import Fault, did_you_mean
from simcost.perf.quality import metrics
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.schema.scenario import Plan


def quality_faults(root: YamlNode, plans: Sequence[Plan | None], catalog: Catalog, file: str) -> Iterator[Fault]:
    """An unknown benchmark, and plans that state different ones."""
    target = root.get("quality")
    asked = target.get("metric") if target is not None and is_given(target) else None
    stated = [plan.quality.metric for plan in plans if plan is not None and plan.quality is not None]
    metric = asked.value if asked is not None else next(iter(stated), None)
    if asked is not None and isinstance(metric, str) and metric not in (*stated, *metrics(catalog)):
        known = metrics(catalog)
        hint = did_you_mean(metric, known) or f"; known: {', '.join(known)};"
        yield fault_at(asked, f"the catalog has no score of {metric!r}{hint} or state `quality` of each plan", file)
    for node, plan in zip(items(root.get("plans")), plans, strict=True):
        place = node.get("quality")
        if place is not None and plan is not None and plan.quality is not None and plan.quality.metric != metric:
            message = f"is of {plan.quality.metric}, the plans are compared by {metric}; state that of all of them"
            yield fault_at(place, message, file)
