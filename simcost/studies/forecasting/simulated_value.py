"""Worth of forecasts by simulation: each orders the replicas of a plan, with the headroom that the SLO takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, fsum
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from simcost import __version__
from simcost.compare.results import RunResult
from simcost.errors import InputError
from simcost.forecast.project import ProjectionOptions
from simcost.forecast.sample_paths import Paths
from simcost.forecast.scenario_reduction import screen
from simcost.plan.autoscaling import Predictive
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.control import order_lead_s
from simcost.scenario.inputs.forecast_demand import ForecastDemand
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import ResolvedScenario
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scaling import FollowForecast
from simcost.scenario.schema.scenario import Plan
from simcost.studies.forecasting.study import Document
from simcost.studies.forecasting.value import (
    PATHS,
    PREDICTORS,
    day_steps,
    earlier_days,
    in_hindsight,
    judged_days,
    predictions,
    rates_of,
    verdict,
)
from simcost.trace.series.series import Floats

LEAST_HEADROOM, MOST_HEADROOM = 0.25, 8.0
HALVINGS = 6
"""Of the search for the headroom, by its logarithm: to about 3 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    """A plan whose replicas are ordered by predictions, under the recorded demand."""

    runs: Simulations
    plan: Plan
    scaling: FollowForecast
    steps: int
    """Of the demand."""
    step_s: int
    lead_s: float

    def run(self, predictor: str, rates: Floats, headroom: float) -> RunResult:
        """Result of the plan when a predictor orders with a headroom."""
        name = f"{predictor} x {headroom:g}"
        policy = Predictive(
            demand=tuple(np.round(rates * headroom, 9).tolist()),
            step_length=float(self.step_s),
            per_replica=self.scaling.per_replica,
            lead=self.lead_s,
            min=self.scaling.min,
            max=self.scaling.max,
            interval=self.scaling.interval,
        )
        self.runs.add(replace(self.plan, name=name, scaling=policy))
        self.runs([(name, 0)])
        return self.runs.results[name, 0]


def value_of_scenario(
    path: Path,
    *,
    plan: str | None = None,
    days: int | None = None,
    every_s: float = 3600.0,
    seed: int | None = None,
    progress: Callable[[float, str], None] = lambda _share, _what: None,
) -> Document:
    """Cost of a plan by predictor over the last days of a recorded demand, each with the least headroom that meets
    the SLO.

    Args:
        path: a scenario whose demand has a history in steps below a day, and a plan with a scaling of kind forecast.
        plan: name of the plan; None = the first that follows a forecast.
        days: judged, at the end of the history; None = half of it, at most 14.
        every_s: time from a forecast to the next.
        seed: of the sample paths and of the requests; None = the scenario's.
        progress: called with the share done and what is at hand.

    Raises:
        InputError: a scenario without such a demand or plan, or a history that is too short.
    """
    loaded = load(path)
    if not isinstance(loaded, LoadedScenario) or loaded.scenario.demand is None:
        raise InputError(f"{path}: has no demand; give its history under demand, with what requests look like")
    seed = loaded.scenario.seed if seed is None else seed
    chosen, scaling = _plan(loaded, plan)
    source = ForecastDemand.of(loaded, loaded.scenario.demand, seed, 1)
    history = rates_of(source.outlook.forecast.series)
    step_s, lead_s = history.grid.step_s, order_lead_s(scaling, chosen, loaded)
    judged = judged_days(history, days, lead_s)
    earlier = earlier_days(history, judged, lead_s)
    late = 1 + ceil((lead_s + scaling.interval) / step_s)

    def forecasting(share: float, what: str) -> None:
        progress(share / 2, what)

    demand = loaded.scenario.demand
    asked = ProjectionOptions(
        seed=seed, zone=demand.timezone, model=demand.forecast.model, paths=PATHS, width=demand.forecast.width
    )
    rates = predictions(history, judged + earlier, late, every_s, asked, forecasting)
    before = earlier * day_steps(history)
    found = _simulated(loaded, source, (chosen, scaling), rates, before, progress)
    best = found[-1]["usd_per_month"]
    rows = [row | {"above_perfect_usd": row["usd_per_month"] - best} for row in found]
    misses = 1 - loaded.scenario.slo.attainment
    return {
        "verdict": verdict(rows, misses, judged, earlier),
        "series": history.name,
        "plan": chosen.name,
        "days": judged,
        "earlier_days": earlier,
        "step": history.grid.name,
        "misses_allowed": misses,
        "predictors": rows,
        "findings": [*({"kind": "history", "message": note} for note in source.notes), *in_hindsight(earlier)],
        "provenance": {"simcost_version": __version__, "seed": seed, "inputs": source.inputs},
    }


def _simulated(
    loaded: LoadedScenario,
    source: ForecastDemand,
    followed: tuple[Plan, FollowForecast],
    rates: Mapping[str, Floats],
    before: int,
    progress: Callable[[float, str], None],
) -> list[Document]:
    """A row for each predictor, given its rates; the first `before` steps of them choose a headroom for the others."""
    plan, scaling = followed
    step_s, lead_s = source.outlook.forecast.series.grid.step_s, order_lead_s(scaling, plan, loaded)
    with TemporaryDirectory() as folder, workers_of(Path(folder), jobs=1) as workers:

        def fleet(steps: int, until: int) -> _Fleet:
            recorded = _recorded(source, steps, until)
            question = ResolvedScenario(loaded=loaded, seed=source.seed, seeds=1, source=recorded)
            runs = Simulations(question, recorded, Path(folder) / str(until), workers, lambda _: None)
            return _Fleet(runs=runs, plan=plan, scaling=scaling, steps=steps, step_s=step_s, lead_s=lead_s)

        judged = len(next(iter(rates.values()))) - before
        last, first = fleet(judged, 0), fleet(before, judged) if before else None
        found = []
        for number, (predictor, expected) in enumerate(rates.items()):
            progress(0.5 + number / len(PREDICTORS) / 2, predictor)
            found.append(_judged(last, predictor, expected[before:]) | _with_earlier(first, last, predictor, expected))
    return found


def _plan(loaded: LoadedScenario, name: str | None) -> tuple[Plan, FollowForecast]:
    """The plan to judge, and how it follows a forecast.

    Raises:
        InputError: no plan does.
    """
    for plan in loaded.scenario.plans:
        if name in (None, plan.name) and isinstance(plan.scaling, FollowForecast):
            return plan, plan.scaling
    which = "no plan" if name is None else f"no plan {name!r}"
    raise InputError(
        f"{loaded.path}: {which} with a scaling of kind forecast; give one, as scaling: "
        "{kind: forecast, per_replica: 3, max: 10}"
    )


def _recorded(source: ForecastDemand, steps: int, until: int) -> ForecastDemand:
    """The demand with recorded steps as the only future: so many, up to so many before the end."""
    series = source.outlook.forecast.series
    first = len(series) - until - steps
    came = series.values[None, first : len(series) - until]
    grid = replace(series.grid, start_s=series.grid.start_s + first * series.grid.step_s)
    paths = Paths(series=series.name, quantity=series.quantity, grid=grid, values=came)
    return replace(source, paths=paths, screening=screen(came, 1, source.seed))


def _judged(fleet: _Fleet, name: str, rates: Floats) -> Document:
    """The cheapest run that meets the SLO; with the most headroom, where none does."""
    plain = fleet.run(name, rates, 1.0)
    headroom, best = _least(fleet, name, rates, plain)
    return {
        "name": name,
        "headroom": headroom,
        "met": best.met,
        "missed": 1 - (best.attainment or 0.0),
        "missed_without_headroom": 1 - (plain.attainment or 0.0),
        "replica_hours": fsum(best.served.replica_hours.values()) if best.served else 0.0,
        "usd_per_month": best.bill.per_month_usd,
    }


def _least(fleet: _Fleet, name: str, rates: Floats, plain: RunResult) -> tuple[float, RunResult]:
    """The least headroom that meets the SLO, and its run; the most, where none does. `plain` is that without any."""
    low, high = (LEAST_HEADROOM, 1.0) if plain.met else (1.0, MOST_HEADROOM)
    best = plain if plain.met else fleet.run(name, rates, high)
    for _ in range(HALVINGS if best.met else 0):
        middle = float(np.sqrt(low * high))
        tried = fleet.run(name, rates, middle)
        if tried.met:
            high, best = middle, tried
        else:
            low = middle
    return high, best


def _with_earlier(earlier: _Fleet | None, fleet: _Fleet, name: str, rates: Floats) -> Document:
    """The run with the headroom of the steps before those judged; None without such steps."""
    if earlier is None:
        headroom, missed, usd = None, None, None
    else:
        steps = earlier.steps
        headroom, _ = _least(earlier, name, rates[:steps], earlier.run(name, rates[:steps], 1.0))
        known = fleet.run(name, rates[steps:], headroom)
        missed, usd = 1 - (known.attainment or 0.0), known.bill.per_month_usd
    return {
        "earlier_headroom": headroom,
        "missed_with_earlier_headroom": missed,
        "usd_per_month_with_earlier_headroom": usd,
    }
