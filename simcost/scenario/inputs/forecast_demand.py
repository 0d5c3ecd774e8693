"""Requests as they may come: each replication is one future of a forecast demand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from simcost.errors import InputError, did_you_mean
from simcost.forecast.document import picture, series_document
from simcost.forecast.events.apply import length_scale
from simcost.forecast.forecast import Forecast
from simcost.forecast.horizon_steps import steps_ahead
from simcost.forecast.hours import HOUR_S, DayShapes, hourly
from simcost.forecast.project import Projection, ProjectionOptions, look_ahead
from simcost.forecast.sample_paths import Paths, counted, weight
from simcost.forecast.scenario_reduction import Screening, screen
from simcost.rng import stream
from simcost.scenario.inputs.file_hashes import hashed, hashes
from simcost.scenario.schema.demand import Demand
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.storage.sample_paths import write_paths
from simcost.tables.paths import inside
from simcost.trace.series.from_traces import is_trace
from simcost.trace.series.reader import read_series
from simcost.trace.series.series import Floats, Series
from simcost.trace.synthesis.gaps import Bootstrap
from simcost.trace.synthesis.generator import drawn
from simcost.trace.synthesis.rates import ArrivalRates
from simcost.trace.workload.spec import Stream, traces
from simcost.units import SECONDS_PER_DAY, format_share

if TYPE_CHECKING:
    from simcost.trace.requests.batch import RequestBatch


DEMAND_FILES = ("demand.json", "paths.parquet")
"""Of a results folder: the demand that a chart shows, and all its sample paths."""


@dataclass(frozen=True, kw_only=True)
class ForecastDemand:
    """A forecast demand and the futures of it that are simulated."""

    demand: Demand
    outlook: Projection
    notes: tuple[str, ...]
    """Findings in the history."""
    paths: Paths
    """Sample paths, with user events; by the hour where the steps of the forecast are days."""
    screening: Screening
    asked: int
    """Futures that were to be simulated; no more can be than sample paths were drawn."""
    streams: tuple[Stream, ...]
    folder: Path
    seed: int
    inputs: dict[str, str]
    """SHA-256 of the history and of each trace by its name in the scenario."""

    @classmethod
    def of(cls, loaded: LoadedScenario, demand: Demand, seed: int, futures: int) -> Self:
        """Forecast the demand of a scenario and choose the futures to simulate.

        Raises:
            InputError: a history that cannot be read or forecast.
        """
        series, notes = history_of(demand, loaded.folder)
        shapes = day_shapes(demand, series, loaded.folder)
        ahead = demand.forecast
        streams = _streams(demand, loaded.folder)
        asked = ProjectionOptions(
            seed=seed,
            zone=demand.timezone,
            model=ahead.model,
            paths=ahead.paths,
            width=ahead.width,
            growth=ahead.growth,
        )
        [outlook] = look_ahead(
            [series], lambda one: steps_ahead(one, ahead.horizon, demand.timezone), asked, events=demand.events
        )
        paths = outlook.futures if shapes is None else hourly(outlook.futures, shapes, demand.timezone, seed)
        read = [demand.history, *filter(None, [demand.hours]), *(name for one in streams for name in traces(one))]
        return cls(
            demand=demand,
            outlook=outlook,
            notes=tuple(notes),
            paths=paths,
            screening=screen(paths.values, futures, seed),
            asked=futures,
            streams=streams,
            folder=loaded.folder,
            seed=seed,
            inputs=hashes(loaded.folder, read),
        )

    @property
    def horizon_s(self) -> float:
        """Length of the forecast in seconds."""
        return float(self.futures.shape[1] * self._step_s)

    @property
    def starts_utc_s(self) -> float:
        """End of the history, at which the run begins, in seconds since 1970."""
        return float(self.paths.grid.start_s)

    @property
    def futures(self) -> Floats:
        """Expected requests per step, shape (paths, steps)."""
        return self.paths.values

    @cached_property
    def length_scale(self) -> tuple[Floats, Floats]:
        """Factors on the tokens of prompts and of outputs in each step."""
        return length_scale(
            self.demand.events,
            grid=self.paths.grid,
            steps=self.futures.shape[1],
            zone=self.demand.timezone,
            series=self.paths.series,
        )

    def batches(self, replication: int) -> Iterator[RequestBatch]:
        """The requests of a future, the same at every call."""
        return drawn(
            self.streams,
            ArrivalRates(step_s=float(self._step_s), expected=self._path(replication)),
            folder=self.folder,
            seed=self.seed,
            index=replication,
            length_scale=self.length_scale,
        )

    def shuffled(self, seed: int) -> Self:
        """The same futures in random order, for a demand that meets futures of others, which are independent of its."""
        chosen = stream(seed, "futures").permutation(self.screening.chosen)
        return replace(self, screening=replace(self.screening, chosen=tuple(chosen.tolist())))

    def expected(self) -> float:
        """About how many requests arrive within the horizon."""
        return float(self.futures.sum(axis=1).mean())

    def peaks(self, replications: int) -> list[float]:
        """Expected requests of the busiest step of each of the first futures."""
        return [float(self._path(replication).max()) for replication in range(replications)]

    def identity(self, replication: int) -> Any:
        """All that the requests of a future depend on, as plain data."""
        scales = b"".join(one.tobytes() for one in self.length_scale)
        return {
            "path": sha256(self._path(replication).tobytes() + scales).hexdigest(),
            "requests": [hashed(asdict(stream), self.inputs) for stream in self.streams],
            "seed": self.seed,
            "replication": replication,
        }

    def caveats(self, replications: int) -> list[str]:
        """Caveats on the requests of the result."""
        screening = self.screening
        made = self.outlook.forecast
        told = [*self.notes, *_repairs(made), *(finding["message"] for finding in made.findings)]
        lines = [f"{self.demand.history}: {note.rstrip('.')}." for note in told]
        if self.asked > screening.of:
            lines.append(
                f"Screening: of the {self.asked:,} futures to simulate only {screening.of:,} were drawn, and each is "
                "simulated once; raise demand.forecast.paths for more."
            )
        if replications < screening.of:
            lines.append(
                f"Screening: {replications} of {screening.of} futures are simulated, each standing for "
                f"{screening.of / replications:.3g}. Their P10 to P90 of the total demand lie within "
                f"{format_share(screening.total_error)} of those of all, of the busiest step within "
                f"{format_share(screening.peak_error)}."
            )
        return lines

    def document(self) -> dict[str, Any]:
        """The forecast as `simcost forecast` shows it, and which future each replication is."""
        made = self.outlook.forecast
        return {
            "name": made.series.name,
            "file": self.demand.history,
            **series_document(made, self.outlook.stated, timezone=self.demand.timezone),
            "screening": asdict(self.screening),
        }

    @property
    def _step_s(self) -> int:
        return self.paths.grid.step_s

    def _path(self, replication: int) -> Floats:
        path: Floats = self.futures[self.screening.chosen[replication]]
        return path


def _repairs(made: Forecast) -> list[str]:
    """Steps of the history that cleaning changed before the fit, by rule."""
    steps = Counter[str]()
    for edit in made.edits:
        steps[edit.rule] += edit.last - edit.first
    if not steps:
        return []
    rules = ", ".join(f"{count:,} ({rule})" for rule, count in steps.items())
    return [f"steps that cleaning changed before the fit: {rules}; `simcost forecast` lists them"]


def history_of(demand: Demand, folder: Path) -> tuple[Series, list[str]]:
    """The series that is forecast, scaled, in requests per step; and the findings in it.

    Raises:
        InputError: there is none, or it counts something else.
    """
    path = inside(folder, demand.history)
    only = () if demand.series is None else (demand.series,)
    read, notes = read_series(path, freq=demand.forecast.freq, timezone=demand.timezone, only=only)
    known = [one.name for one in read]
    if demand.series is None and len(read) > 1:
        raise InputError(f"{path}: has {len(read)} series; name one in demand.series: {', '.join(known[:5])}")
    found = next((one for one in read if demand.series in (None, one.name)), None)
    if found is None:
        near = did_you_mean(str(demand.series), known) or f"; there are {', '.join(known[:5])}"
        raise InputError(f"{path}: no series {demand.series!r}{near}")
    if found.grid.step_s == 0 or found.grid.step_s > SECONDS_PER_DAY:
        raise InputError(f"{path}: steps of {found.grid.name} are too long to draw requests in; give days or shorter")
    word = counted(found.quantity, found.grid)
    if word is None or ("request" not in word and word != "value"):
        raise InputError(f"{path}: series {found.name!r} counts {found.quantity}; requests are needed")
    scale = demand.scale * weight(found.quantity, found.grid, len(found))
    told = [note["message"] for note in notes if note["series"] in ("", found.name)]
    return replace(found, quantity="requests", values=found.values * scale), told


def day_shapes(demand: Demand, series: Series, folder: Path) -> DayShapes | None:
    """Shapes of the days of a history in steps of a day; None of one in shorter steps, which has its own.

    Raises:
        InputError: nothing says what a day looks like, or the history says it already.
    """
    given = demand.hours is not None or demand.daily is not None
    if series.grid.step_s < SECONDS_PER_DAY:
        if given:
            raise InputError(
                f"{demand.history}: has steps of {series.grid.name}, which say what a day looks like; leave out "
                f"demand.{'daily' if demand.hours is None else 'hours'}"
            )
        return None
    if demand.daily is not None:
        return DayShapes.stated(demand.daily)
    if demand.hours is None:
        raise InputError(
            f"{demand.history}: has steps of a day, and fleets are paid by the hour; say what a day looks like: "
            "demand.hours: a trace or a series of hours, as traces/mine.parquet, or demand.daily: 24 relative rates"
        )
    return DayShapes.of(_of_hours(inside(folder, demand.hours), demand.timezone), demand.timezone)


def _of_hours(path: Path, timezone: str) -> Series:
    """The only series of a file, in steps of an hour.

    Raises:
        InputError: it has several, or longer steps.
    """
    read, _ = read_series(path, timezone=timezone)
    if len(read) > 1:
        raise InputError(f"{path}: has {len(read)} series; demand.hours takes a file of one")
    if not 0 < read[0].grid.step_s <= HOUR_S:
        raise InputError(f"{path}: has steps of {read[0].grid.name}; demand.hours takes hours or less")
    [result], _ = read_series(path, freq="1h", timezone=timezone)
    return result


def _streams(demand: Demand, folder: Path) -> tuple[Stream, ...]:
    """Streams of requests: as stated, or as those of the history.

    Raises:
        InputError: nothing is stated, and the history is not a trace.
    """
    if demand.requests:
        return demand.requests
    if not is_trace(inside(folder, demand.history)):
        raise InputError(
            f"{demand.history} counts requests but has none: say in demand.requests what they look like, e.g. "
            "{gaps: {kind: bootstrap, trace: traces/mine.parquet}}"
        )
    return (Stream(gaps=Bootstrap(trace=demand.history)),)


def write_demand(forecast_demand: ForecastDemand, folder: Path) -> list[str]:
    """Write the demand that a chart shows and all its sample paths into a results folder; their names."""
    outlook = forecast_demand.outlook
    drawn = picture(outlook.forecast, outlook.stated, timezone=forecast_demand.demand.timezone)
    picture_file, paths_file = DEMAND_FILES
    (folder / picture_file).write_text(json.dumps(drawn, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    write_paths(folder / paths_file, [forecast_demand.paths], {"seed": forecast_demand.seed})
    return list(DEMAND_FILES)
