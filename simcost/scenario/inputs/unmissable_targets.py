"""Targets on times of jobs that none can miss, since no job is seen for as long as that."""

from __future__ import annotations

from simcost.scenario.schema.scenario import Scenario
from simcost.units import format_seconds


def unmissable_targets(scenario: Scenario) -> list[str]:
    """A sentence for each target on waits and completions of jobs that is as long as the run, or longer."""
    demand = scenario.demand
    horizon_s = scenario.horizon if demand is None else demand.forecast.horizon
    if scenario.jobs is None or horizon_s is None:
        return []
    return [
        f"No job misses slo.{name}.{level} of {format_seconds(limit_s)} in a run of {format_seconds(horizon_s)}: one "
        "that has not started or ended counts until the end of the run; give a longer horizon, or none."
        for name, limits in (("wait", scenario.slo.wait), ("jct", scenario.slo.jct))
        for level, limit_s in limits.items()
        if limit_s >= horizon_s
    ]
