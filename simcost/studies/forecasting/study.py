"""Studies of `simcost forecast` and `simcost forecast score`: from series and event files to documents and files."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import MinLen

from simcost import __version__
from simcost.errors import Fault, FaultsError, InputError, did_you_mean
from simcost.forecast.document import forecast_document, outcome, picture
from simcost.forecast.events.findings import Finding, check_event
from simcost.forecast.events.schema import Event
from simcost.forecast.hierarchy import TOTAL
from simcost.forecast.horizon_steps import steps_ahead
from simcost.forecast.project import Projection, ProjectionOptions, look_ahead
from simcost.forecast.sample_paths import spreads, weight
from simcost.forecast.scoring.issued import issued
from simcost.forecast.scoring.score import score
from simcost.outputs import check_outputs
from simcost.present.forecast_wording import headline
from simcost.scenario.files.faults import fault_at, repeated_names
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.files.parts import load_with_places
from simcost.scenario.storage.sample_paths import write_paths
from simcost.studies.forecasting.forecast_file import check_names, read_forecast, write_forecast
from simcost.tables.calendar import MONTH, find_zone
from simcost.tables.digests import sha256_of
from simcost.tables.object_stores import source_name
from simcost.trace.series.reader import is_counted, read_series
from simcost.trace.series.resample import coarsen
from simcost.trace.series.series import Floats, Series
from simcost.trace.series.totals import KIND as TOTAL_OF_OTHERS
from simcost.units import MEAN_MONTH_S, ByKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsFile:
    """User events of the future; this class is the schema of its file."""

    timezone: str | None = None
    """Of times without an offset, of days and of weekdays, such as `Europe/Berlin`; None = that of the forecast."""
    events: Annotated[tuple[Annotated[Event, ByKind()], ...], MinLen(1)]
    """Growth, promotions, holidays, launches, churn, migrations and changes of length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedEvents:
    """Events with their places."""

    events: tuple[Event, ...]
    timezone: str | None
    places: Mapping[str, Fault]
    """By name of the event: a fault at its place, without a message."""

    def check(self, histories: Sequence[Series]) -> None:
        """Check that the events suit the series of a forecast.

        Raises:
            FaultsError: some do not; each with its place.
        """
        faults = []
        for event in self.events:
            try:
                check_event(event, histories)
            except InputError as error:
                faults.append(_moved(self.places[event.name], str(error)))
        if faults:
            raise FaultsError(faults)

    def located(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, with the place of the event before the message where they are about one."""
        return [
            finding | {"message": str(_moved(self.places[finding["event"]], finding["message"]))}
            if finding.get("event") in self.places
            else finding
            for finding in findings
        ]


def load_events(path: Path) -> StatedEvents:
    """Read a file of events.

    Raises:
        FaultsError: all faults of the file, each with its place.
    """
    stated, root = load_with_places(path, EventsFile, _own_faults)
    nodes = _nodes(root)
    places = {event.name: fault_at(node, "", str(path)) for event, node in zip(stated.events, nodes, strict=True)}
    return StatedEvents(events=stated.events, timezone=stated.timezone, places=places)


def _own_faults(root: YamlNode, file: str) -> list[Fault]:
    """Faults that the schema cannot tell: an unknown time zone, a name that appears twice."""
    faults = []
    zone = root.get("timezone")
    if zone is not None and isinstance(zone.value, str):
        try:
            find_zone(zone.value)
        except InputError as error:
            faults.append(fault_at(zone, str(error), file))
    return [*faults, *repeated_names(_nodes(root), file, "event")]


def _nodes(root: YamlNode) -> list[YamlNode]:
    events = root.get("events")
    return events.value if events is not None and isinstance(events.value, list) else []


def _moved(place: Fault, message: str) -> Fault:
    return Fault(file=place.file, line=place.line, column=place.column, message=message)


Document = dict[str, Any]
_MONTHS = 12
"""Horizon by months, unless another is asked for."""
_OF_STEPS = ("quantity", "rate", "step", "timestamps", "mean", "levels", "peak", "days", "stated")
"""Keys of a series that are by month where the forecast is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesOptions:
    """Options of reading a file of series; see `read_series`."""

    freq: str | None = None
    """Step; None = that of the file."""
    timezone: str | None = None
    """Time zone of clock and calendar; None = that of the events or of the forecast scored, else UTC. Of actuals
    only that of times without an offset: the days of a forecast are those it was issued with."""
    by: tuple[str, ...] = ()
    """Columns that name a series."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Our columns -> those of the file."""
    quantity: str | None = None
    """Quantity that is counted."""
    regressors: tuple[str, ...] = ()
    """Columns known for the future too."""
    time_format: str | None = None
    """Pattern of the times of a table; None = it is found out."""
    only: tuple[str, ...] = ()
    """Names of the series wanted; none = all."""

    def series(self, path: Path, zone: str) -> tuple[list[Series], list[Document]]:
        """The series wanted, in the order of the file, and the findings in it.

        Raises:
            InputError: a file that cannot be read, a series that it does not have, or nothing to forecast in it.
        """
        found, notes = read_series(
            path,
            freq=self.freq,
            by=self.by,
            mapping=self.mapping,
            timezone=zone,
            quantity=self.quantity,
            regressors=self.regressors,
            time_format=self.time_format,
            only=self.only,
        )
        known = [one.name for one in found]
        for name in self.only:
            if name not in known:
                near = did_you_mean(name, known) or f"; there are {', '.join(known[:5])}"
                raise InputError(f"{path}: no series {name!r}{near}")
        found = [one for one in found if not self.only or one.name in self.only]
        if not found:
            raise InputError(f"{path}: no series with a value in it; nothing can be forecast")
        return found, notes


def forecast_file(
    path: Path,
    asked: ProjectionOptions,
    *,
    horizon_s: float | None = None,
    reading: SeriesOptions = SeriesOptions(),
    events: Path | None = None,
    out: Path | None = None,
    paths_out: Path | None = None,
    page: Path | None = None,
    unit_usd: float | None = None,
    progress: Callable[[float, str], None] = lambda _share, _what: None,
) -> tuple[Document, list[Projection]]:
    """Forecast the series of a file.

    Args:
        path: series or trace.
        asked: how to look ahead, in whose zone unless `reading` or the events say.
        horizon_s: how far ahead; None = as far as the history bears, see `steps_ahead`.
        reading: how the file is read.
        events: YAML of user events.
        out: Parquet of the forecast, to be scored later, or .csv of its rows.
        paths_out: Parquet of the sample paths.
        page: what the caller will write; checked here, before anything is done.
        unit_usd: price of one of what is counted, for the bill of the horizon.
        progress: called with the share done and the series at hand.

    Returns:
        The document of `simcost forecast`, and the outlooks it tells of.

    Raises:
        InputError: anything that cannot be read, forecast or written.
    """
    check_outputs(filter(None, (out, paths_out, page)), filter(None, (path, events)))
    check_names(out, paths_out)
    stated = load_events(events) if events else StatedEvents(events=(), timezone=None, places={})
    asked = replace(asked, zone=_zone(reading.timezone, stated.timezone, asked.zone, events))
    series, notes, monthly = _read(path, reading, asked.zone)
    stated.check(series)
    if monthly and horizon_s is None:
        horizon_s = _MONTHS * MEAN_MONTH_S
    fine = look_ahead(
        series, lambda one: steps_ahead(one, horizon_s, asked.zone), asked, events=stated.events, progress=progress
    )
    outlooks = [outlook.by_month(asked.zone) for outlook in fine] if monthly else fine
    inputs = {source_name(file): sha256_of(file) for file in (path, events) if file is not None}
    document, *by_month = [
        forecast_document(
            [(outlook.forecast, outlook.stated) for outlook in shown],
            file=source_name(path),
            seed=asked.seed,
            timezone=asked.zone,
        )
        for shown in ([fine, outlooks] if monthly else [fine])
    ]
    for months in by_month:
        document |= {key: months[key] for key in ("freq", "horizon_steps")}
        for name, entry in document["series"].items():
            entry |= {key: months["series"][name][key] for key in _OF_STEPS}
    _tell(document["series"], notes, stated)
    for entry in document["series"].values():
        entry["bill_usd"] = _bill(entry, unit_usd)
    totals = {note["series"] for note in notes if note["kind"] == TOTAL_OF_OTHERS}
    document["bill_usd"] = _bill_of_all(fine, unit_usd, {TOTAL, *totals})
    document["provenance"] = _provenance(asked.seed, inputs)
    rows = outlooks if out is not None and out.suffix == ".csv" else fine
    document["files"] = _write(rows, outlooks, asked.zone, document["provenance"], out, paths_out)
    return {"verdict": headline(document), **document}, outlooks


def _read(path: Path, reading: SeriesOptions, zone: str) -> tuple[list[Series], list[Document], bool]:
    """The series, the findings in them, and True if they are days whose forecast is to be shown by months: of days or
    shorter steps, months are sums of forecast days. Series of months are forecast as they are.
    """
    if reading.freq == "1mo":
        with suppress(InputError):  # of weeks or months
            series, notes = replace(reading, freq="1d").series(path, zone)
            for one in series:
                coarsen(one, MONTH, zone)
            return series, notes, True
    return *reading.series(path, zone), False


def _zone(given: str | None, stated: str | None, usual: str, events: Path | None) -> str:
    """The time zone that is given or that the events state, else the usual one.

    Raises:
        InputError: they are two, of which the events would be laid at the times of the wrong one.
    """
    if None not in (given, stated) and given != stated:
        raise InputError(
            f"{events}: timezone {stated} is that of the events, and {given} was asked for: days and events have one "
            "clock; leave one of them out, or write times with their offset, as 2026-12-24T18:00+01:00"
        )
    return next(zone for zone in (given, stated, usual) if zone is not None)


def pictures(document: Mapping[str, Any], outlooks: Sequence[Projection]) -> list[dict[str, Any]]:
    """Pictures of some forecasts of a document."""
    return [picture(outlook.forecast, outlook.stated, timezone=document["timezone"]) for outlook in outlooks]


def score_file(path: Path, actuals: Path, *, reading: SeriesOptions = SeriesOptions()) -> Document:
    """Score of a forecast.

    Args:
        path: what `forecast_file` wrote to `out`.
        actuals: what came, series or trace.
        reading: how the actuals are read, on the steps and in the quantity of the forecast unless it says.

    Raises:
        InputError: anything that cannot be read, or has no time in common.
    """
    told = read_forecast(path)
    steps = {forecast.grid.name for forecast in told.forecasts}
    if len(steps) == 1 and reading.freq is None:
        reading = replace(reading, freq=next(iter(steps)))
    quantities = {forecast.quantity for forecast in told.forecasts}
    if len(quantities) == 1 and reading.quantity is None and is_counted(actuals):
        reading = replace(reading, quantity=next(iter(quantities)))
    zone = told.timezone if reading.timezone is None else reading.timezone
    series, notes = reading.series(actuals, zone)
    document = score(told.forecasts, series, timezone=told.timezone)
    document["findings"] += notes
    inputs = {source_name(file): sha256_of(file) for file in (path, actuals)}
    return {
        "forecast": source_name(path),
        "actuals": source_name(actuals),
        "issued": told.said,
        **document,
        "provenance": {"simcost_version": __version__, "inputs": inputs},
    }


def _bill(entry: Document, unit_usd: float | None) -> Document | None:
    """Bill of the total of the horizon at a price of one; None where there is no price.

    Raises:
        InputError: an average, which nothing can be paid for by the piece.
    """
    if unit_usd is None:
        return None
    total = entry["total"]
    if total["average"]:
        raise InputError(
            f"{entry['quantity']} does not add up over time, and has no bill by the piece; leave out --unit-cost, or "
            "forecast what is counted"
        )
    spread = {key: None if total[key] is None else total[key] * unit_usd for key in ("mean", "p10", "p50", "p90")}
    return {"unit": unit_usd, **spread}


def _bill_of_all(outlooks: Sequence[Projection], unit_usd: float | None, totals: Collection[str]) -> Document | None:
    """Bill of all series together, future by future; of series that add up to others those without parts, and none
    of the `totals`. None without a price, of one series, and of forecasts that are not of the same time.
    """
    names = [outlook.forecast.series.name for outlook in outlooks]
    leaves = [
        outlook
        for outlook, name in zip(outlooks, names, strict=True)
        if name not in totals and not any(other.startswith(f"{name}/") for other in names)
    ]
    if unit_usd is None or len(leaves) < 2 or len(set(map(_reach, leaves))) > 1:
        return None
    mean, futures = 0.0, list[Floats]()
    for outlook in leaves:
        series, grid = outlook.forecast.series, outlook.forecast.grid
        steps, _, paths = outcome(outlook.forecast, outlook.stated)
        factor = unit_usd * weight(series.quantity, grid, len(steps))
        mean += float(steps.sum()) * factor
        futures.append(paths.sum(axis=1) * factor)
    known = len({len(one) for one in futures}) == 1
    total = np.sum(futures, axis=0) if known else np.empty(0)
    [spread] = spreads(np.array([mean]), total[:, None])
    return {"unit": unit_usd, "series": len(leaves), **spread}


def _reach(outlook: Projection) -> tuple[int, int]:
    """Begin and end of a forecast, seconds since 1970."""
    first, end = outlook.forecast.grid.times(len(outlook.forecast.mean) + 1)[[0, -1]].astype(np.int64).tolist()
    return first, end


def _tell(series: Document, notes: Sequence[Document], stated: StatedEvents) -> None:
    """Put the findings of the reading into the document, and the lines of events into theirs."""
    for name, entry in series.items():
        read = [{"kind": note["kind"], "message": note["message"]} for note in notes if note["series"] in ("", name)]
        entry["findings"] = [*read, *stated.located(entry["findings"])]


def _provenance(seed: int, inputs: dict[str, str]) -> Document:
    return {
        "simcost_version": __version__,
        "seed": seed,
        "inputs": inputs,
        "python_version": platform.python_version(),
        "numpy_version": version("numpy"),
        "statsmodels_version": version("statsmodels"),
    }


def _write(
    rows: Sequence[Projection],
    outlooks: Sequence[Projection],
    zone: str,
    said: Document,
    out: Path | None,
    paths_out: Path | None,
) -> list[str]:
    """Write the files asked for; their names."""
    if out is not None:
        made = [issued(outlook.forecast, outlook.stated, find_zone(zone)) for outlook in rows]
        created = datetime.now(UTC).isoformat(timespec="seconds")
        write_forecast(out, made, timezone=zone, said=said | {"created": created})
    if paths_out is not None:
        write_paths(paths_out, [outlook.futures for outlook in outlooks], said)
    return [os.path.relpath(file) for file in (out, paths_out) if file is not None]
