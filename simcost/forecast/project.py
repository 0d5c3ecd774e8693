"""From histories to projections: by the clock of the users, reconciled, with user events applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcost.errors import InputError
from simcost.forecast import findings
from simcost.forecast.cleaning import RULES, Edit, Rule
from simcost.forecast.document import outcome
from simcost.forecast.events.apply import Base, EventEffect, Stated, apply_all, masked
from simcost.forecast.events.findings import matches
from simcost.forecast.events.schema import Event, Growth
from simcost.forecast.forecast import Forecast, forecast
from simcost.forecast.hierarchy import Coherent, Reconciliation, aggregate, parents_of, reconcile
from simcost.forecast.models.base import ForecastModel
from simcost.forecast.models.registry import model_named
from simcost.forecast.names import GrowthMode, ModelName
from simcost.forecast.outages import Bools
from simcost.forecast.sample_paths import Paths, counted, month_starts, weight
from simcost.forecast.season import season_of
from simcost.tables.calendar import MONTH
from simcost.tables.cells import Ints
from simcost.trace.series.local_time import from_local, local_numbers, local_steps, local_values
from simcost.trace.series.resample import coarsen
from simcost.trace.series.series import Floats, Grid, Series
from simcost.units import MEAN_MONTH_S, plural

TWO_YEARS_S = 24 * MEAN_MONTH_S
HISTORIES_AHEAD = 3
"""Times its history that measured growth is carried on for, or two years if that is longer."""
MOST_VALUES = 200_000_000
"""Of all sample paths together: 1.6 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionOptions:
    """Options of a projection; the same for all series."""

    seed: int
    zone: str = "UTC"
    """Time zone whose clock and calendar the seasons follow."""
    model: ModelName = "auto"
    levels: tuple[int, ...] = (80, 95)
    """In per cent."""
    paths: int = 400
    width: float = 1.0
    adapt_days: int = 0
    rules: tuple[Rule, ...] = RULES
    """Of cleaning; missing values are filled in any case."""
    growth: GrowthMode | None = None
    """Growth in the forecasts; None = measured, but stated for series whose growth an event states."""
    reconciliation: Reconciliation | None = None
    """Reconciliation of series with names like `tenant/model`, so that they add up; None = each is independent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Projection of one series."""

    forecast: Forecast
    """On the steps of UTC, before anything is stated."""
    stated: Stated | None
    """With user events; None where there are none."""

    @property
    def futures(self) -> Paths:
        """The sample paths, with user events."""
        made = self.forecast
        _, _, paths = outcome(made, self.stated)
        return Paths(series=made.series.name, quantity=made.series.quantity, grid=made.grid, values=paths)

    def by_month(self, zone: str) -> Projection:
        """The same in calendar months, path by path: counts and rates of counts are added up, other rates averaged."""
        made, fine = self.forecast, self.forecast.series
        starts, months, _ = month_starts(made.grid, len(made.mean), zone)
        lengths = np.diff(starts, append=len(made.mean)).tolist()
        factor = np.array([weight(fine.quantity, made.grid, steps) for steps in lengths])
        quantity = counted(fine.quantity, made.grid)
        each = 1.0 if quantity is None else weight(fine.quantity, fine.grid, 1)

        def summed(steps: Floats) -> Floats:
            added: Floats = np.add.reduceat(steps, starts, axis=-1) * factor
            return added

        def past(values: Floats) -> Series:
            plain = replace(fine, quantity=quantity or fine.quantity, values=values * each, regressors=None)
            return coarsen(plain, MONTH, zone)[0]

        coarse = replace(
            made,
            series=past(fine.values),
            grid=Grid(start_s=int(np.datetime64(months[0], "s").astype(np.int64)), step_s=MONTH),
            mean=summed(made.mean),
            paths=summed(made.paths),
            edits=(),
            cleaned=past(made.cleaned).values,
            growth=made.growth and replace(made.growth, adds=summed(made.growth.adds)),
        )
        return Projection(
            forecast=replace(coarse, levels=coarse.bands(coarse.paths)),
            stated=self.stated
            and replace(
                self.stated,
                mean=summed(self.stated.mean),
                paths=summed(self.stated.paths),
                parts=tuple(replace(part, effect=summed(part.effect)) for part in self.stated.parts),
            ),
        )


def look_ahead(
    histories: Sequence[Series],
    horizon: Callable[[Series], int],
    asked: ProjectionOptions,
    *,
    events: Sequence[Event] = (),
    progress: Callable[[float, str], None] = lambda _share, _what: None,
) -> list[Projection]:
    """Forecast series.

    Events act on the series themselves; where series are made to add up, their parents are the sums of what
    came of them, and no event names a parent.

    Args:
        histories: at least one.
        horizon: steps ahead of a series.
        asked: how.
        events: user events, in their order.
        progress: called with the share done and the series at hand.

    Returns:
        One outlook per series, in their order; then those of the parents.

    Raises:
        InputError: a history that cannot be forecast, series that do not add up, or more futures than fit into
            memory.
    """
    parents = aggregate(list(histories)) if asked.reconciliation else []
    every = [*histories, *parents]
    steps = [horizon(series) for series in every]
    if asked.paths * sum(steps) > MOST_VALUES:
        raise InputError(
            f"{asked.paths:,} paths of {sum(steps):,} steps in {plural(len(every), 'forecast')} are too many to hold; "
            f"give at most {MOST_VALUES // sum(steps):,} paths, or a shorter horizon"
        )
    made: list[Forecast] = []
    growth = _growth([series.name for series in histories], asked, events)
    for place, series in enumerate(every):
        progress(place / len(every), series.name)
        made.append(_forecast(series, steps[place], asked, events, growth[series.name]))
    if asked.reconciliation:
        if asked.reconciliation == "top-down":
            _check_shared_growth(made, histories, events)
        made = _coherent(made, histories, asked)
    return _with_events(made, len(histories), events, asked)


def _forecast(
    series: Series, horizon: int, asked: ProjectionOptions, events: Sequence[Event], growth: GrowthMode
) -> Forecast:
    """The forecast by the clock of the zone, back on the steps of UTC."""
    after, steps = series.grid.after(len(series)), len(series)
    grid, values = local_values(series.grid, series.values, asked.zone)
    model: ForecastModel | str = "auto" if asked.model == "auto" else model_named(asked.model)
    local = replace(series, grid=grid, values=values, regressors=_local_regressors(series, asked.zone))
    back = _on_local(masked(events, series, asked.zone), series, asked.zone)
    found = forecast(
        local,
        local_steps(after, horizon, asked.zone),
        model=model,  # type: ignore[arg-type]
        levels=asked.levels,
        paths=asked.paths,
        seed=asked.seed,
        rules=asked.rules,
        masked=back if back.any() else None,
        width=asked.width,
        adapt_days=asked.adapt_days,
        growth=growth,
    )
    if growth == "measured" and found.growth is not None:
        _check_growth(series, horizon)
    number = local_numbers(series.grid, steps, asked.zone)

    def ahead(local: Floats) -> Floats:
        return from_local(local, after, horizon, asked.zone)

    return replace(
        found,
        series=series,
        grid=after,
        mean=ahead(found.mean),
        paths=ahead(found.paths),
        levels={level: (ahead(lo), ahead(hi)) for level, (lo, hi) in found.levels.items()},
        edits=tuple(_on_utc(edit, number) for edit in found.edits),
        cleaned=found.cleaned[number],
        growth=found.growth and replace(found.growth, adds=ahead(found.growth.adds)),
    )


def _growth(names: Sequence[str], asked: ProjectionOptions, events: Sequence[Event]) -> dict[str, GrowthMode]:
    """Growth in the forecast of each series, and of each sum: of what was measured and what is stated never both; of a
    sum it is stated where it is of all its parts.

    Raises:
        InputError: both, or what is stated without any.
    """
    found: dict[str, GrowthMode] = {}
    for name in names:
        stated = [event.name for event in events if isinstance(event, Growth) and matches(event, name)]
        if asked.growth == "measured" and stated:
            raise InputError(
                f"series {name!r}: event {stated[0]!r} states growth, and --growth measured would count the growth of "
                "the history too; leave one of them out"
            )
        if asked.growth == "stated" and not stated:
            raise InputError(
                f"series {name!r}: --growth stated, but no event of kind growth names it; state one with --events, or "
                "pass --growth none"
            )
        found[name] = asked.growth or ("stated" if stated else "measured")
    for parent, parts in (parents_of(names) if asked.reconciliation else {}).items():
        is_stated = all(found[part] == "stated" for part in parts)
        found[parent] = asked.growth or ("stated" if is_stated else "measured")
    return found


def _check_growth(series: Series, horizon: int) -> None:
    """Refuse to carry measured growth on for years that no history shows.

    Raises:
        InputError: a horizon above two years and above three times the history.
    """
    step_s = series.grid.step_s or MEAN_MONTH_S
    most_s = max(TWO_YEARS_S, HISTORIES_AHEAD * len(series) * step_s)
    if horizon * step_s > most_s + step_s:
        raise InputError(
            f"series {series.name!r}: a horizon of {plural(horizon, 'step')} of {series.grid.name} on a history of "
            f"{len(series):,}: measured growth is carried on for two years, or three times the history, at most, "
            f"{plural(int(most_s / step_s), 'step')} here; give a shorter horizon, state growth as an event, or ask "
            "for growth none"
        )


def _on_utc(edit: Edit, number: Ints) -> Edit:
    """An edit of local steps, given the local step of each step of UTC."""
    first, last = np.searchsorted(number, edit.first), np.searchsorted(number, edit.last - 1, "right")
    return replace(edit, first=int(first), last=int(last))


def _local_regressors(series: Series, zone: str) -> Floats | None:
    """Known influences by the wall clock."""
    if series.regressors is None:
        return None
    return np.stack([local_values(series.grid, column, zone)[1] for column in series.regressors.T], axis=1)


def _on_local(steps: Bools, series: Series, zone: str) -> Bools:
    """Steps of UTC on those of the wall clock."""
    local: Bools = np.nan_to_num(local_values(series.grid, steps.astype(np.float64), zone)[1]) > 0
    return local


def _check_shared_growth(made: Sequence[Forecast], leaves: Sequence[Series], events: Sequence[Event]) -> None:
    """Refuse to share out a sum with its measured growth among series of which an event states growth.

    Raises:
        InputError: some series would have both.
    """
    names = [leaf.name for leaf in leaves]
    stated = [
        (event.name, name) for event in events if isinstance(event, Growth) for name in names if matches(event, name)
    ]
    grown = [
        forecast.series.name
        for forecast in made
        if forecast.series.name not in names and forecast.growth is not None and forecast.growth.kept
    ]
    if stated and grown:
        event, name = stated[0]
        raise InputError(
            f"event {event!r} states growth of {name!r}, and top-down shares out the forecast of {grown[-1]!r} with "
            "the growth of its history, which would count twice; state growth of all series, reconcile bottom-up, or "
            "pass --growth none"
        )


def _coherent(made: Sequence[Forecast], leaves: Sequence[Series], asked: ProjectionOptions) -> list[Forecast]:
    """The forecasts with means and paths that add up."""
    coherent = reconcile(
        {forecast.series.name: forecast for forecast in made},
        asked.reconciliation or "bottom-up",
        histories={series.name: series.values for series in leaves},
        season=season_of(leaves[0].grid),
    )
    names = [leaf.name for leaf in leaves]
    return [
        _added_up(forecast, coherent[forecast.series.name], asked, leaf=forecast.series.name in names)
        for forecast in made
    ]


def _added_up(forecast: Forecast, sums: Coherent, asked: ProjectionOptions, *, leaf: bool) -> Forecast:
    """A forecast with the mean and paths that add up with those of others; its own, where nothing changes. Growth that
    was measured for its own is not in it any more.
    """
    if sums.paths is forecast.paths:
        return forecast
    factor = weight(forecast.series.quantity, forecast.grid, len(sums.mean))
    parent = not leaf or asked.reconciliation == "bottom-up"
    notes = [note for note in forecast.findings if note["kind"] != "skewed"]
    notes.append(findings.of_sums(str(asked.reconciliation), parent=parent))
    notes += findings.of_total(sums.mean, sums.paths, factor) if len(sums.paths) else ()
    return replace(
        forecast,
        mean=sums.mean,
        paths=sums.paths,
        levels=forecast.bands(sums.paths),
        growth=None,
        findings=tuple(notes),
    )


def _with_events(
    made: Sequence[Forecast], leaves: int, events: Sequence[Event], asked: ProjectionOptions
) -> list[Projection]:
    """Events on the leaves, and on their parents what comes of them."""
    if not events:
        return [Projection(forecast=forecast, stated=None) for forecast in made]
    bases = [Base(history=forecast.series, point=forecast.mean, paths=forecast.paths) for forecast in made[:leaves]]
    stated = apply_all(events, bases, zone=asked.zone, seed=asked.seed)
    if len(made) > leaves:
        stated |= _of_parents(stated)
    return [Projection(forecast=forecast, stated=stated[forecast.series.name]) for forecast in made]


def _of_parents(stated: dict[str, Stated]) -> dict[str, Stated]:
    """The sums of what came of the children; their variances, which are not independent, stay whole."""
    known = dict(stated)
    for parent, children in parents_of(stated).items():
        below = [known[child] for child in children]
        parts = {
            (part.name, part.kind): np.zeros_like(part.effect)
            for child_outcome in below
            for part in child_outcome.parts
        }
        for child_outcome in below:
            for part in child_outcome.parts:
                parts[part.name, part.kind] = parts[part.name, part.kind] + part.effect
        known[parent] = Stated(
            mean=np.sum([child_outcome.mean for child_outcome in below], axis=0),
            paths=np.sum([child_outcome.paths for child_outcome in below], axis=0),
            parts=tuple(
                EventEffect(name=name, kind=kind, effect=effect, variance_share=None)
                for (name, kind), effect in parts.items()
            ),
            base_variance_share=None,
            findings=(),
        )
    return {name: parent for name, parent in known.items() if name not in stated}
