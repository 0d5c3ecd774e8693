"""Targets that decide nothing: times of jobs as long as the run, and errors that the attainment does not allow."""

from __future__ import annotations

from simcost.scenario.schema.scenario import Scenario
from simcost.units import format_seconds

_ROUNDING = 1e-9


def unmissable_targets(scenario: Scenario) -> list[str]:
    """A sentence for each target that no plan can miss, or misses without missing another one too."""
    return [*_as_long_as_the_run(scenario), *_beyond_the_attainment(scenario)]


def _beyond_the_attainment(scenario: Scenario) -> list[str]:
    """A sentence where more errors are allowed than misses: a request without an answer is one of these."""
    slo, allowed = scenario.slo, 1 - scenario.loosest_slo().attainment
    if slo.errors is None or slo.errors <= allowed + _ROUNDING:
        return []
    least, most = f"{100 * (1 - allowed):.6g} %", f"{100 * allowed:.6g} %"
    told = (
        f"slo.errors of {100 * slo.errors:.6g} % decides nothing: a request that is rejected or times out is not good, "
        f"and slo.attainment of {least} (99 % unless stated) allows {most} of these; write e.g. "
        f"`attainment: {100 * (1 - slo.errors):.6g}%`."
    )
    return [told]


def _as_long_as_the_run(scenario: Scenario) -> list[str]:
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
