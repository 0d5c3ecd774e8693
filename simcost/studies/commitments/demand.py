"""Demand by the clock-hour in futures that are equally likely: paths of a forecast, or pieces of a history."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from simcost.billing.metering import Floats, Line, Metered, UsageIntervals
from simcost.billing.settlement import sustained_multiples, sustained_percent
from simcost.errors import InputError
from simcost.forecast.sample_paths import Paths
from simcost.trace.series.resample import is_rate
from simcost.units import SECONDS_PER_HOUR, format_seconds, plural

WEEK_H, DAY_H = 168, 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommitmentDemand:
    """Unit-hours that will be needed."""

    lines: tuple[Line, ...]
    hours: Floats
    """Shape (futures, hours, lines)."""
    source: str
    """Description of the futures."""
    history: Literal["", "weeks", "days"] = ""
    """Pieces of which a history consists; empty for a forecast."""
    multiples: Floats | None = None
    """Shape of the hours: price on demand as a multiple of that of the line, where GCP's sustained-use discounts apply
    to all that is not committed; None = 1.
    """
    notes: tuple[str, ...] = ()
    """Sentences on what the futures leave out."""

    @property
    def usd(self) -> Floats:
        """(futures, hours, lines) Price of an hour on demand."""
        prices = np.array([line.contracted_usd for line in self.lines], np.float64)
        return np.broadcast_to(prices, self.hours.shape) if self.multiples is None else prices * self.multiples

    @property
    def pooled_usd(self) -> Floats:
        """[future x hour, line] The same."""
        return self.usd.reshape(-1, len(self.lines))

    @property
    def futures(self) -> int:
        """Number of units."""
        return int(self.hours.shape[0])

    @property
    def span_h(self) -> int:
        """Hours that stand behind the futures: of all pieces of a history, or how far a forecast reaches."""
        hours = int(self.hours.shape[1])
        return hours * self.futures if self.history else hours

    @property
    def distinct(self) -> int:
        """Number of futures that differ."""
        return len(np.unique(np.round(self.hours, 9), axis=0))

    @property
    def pooled(self) -> Floats:
        """[future x hour, line]."""
        return self.hours.reshape(-1, self.hours.shape[2])

    def account(self, hours: Floats | None = None) -> Metered:
        """Hours, all of them by default, as one account without a calendar."""
        rows = self.pooled if hours is None else hours
        none = np.empty(0)
        return Metered(
            start_s=None,
            length_h=np.ones(len(rows)),
            lines=self.lines,
            hours=rows,
            varying_usd=None,
            runs=UsageIntervals(start_s=none, end_s=none, line=none.astype(np.int64), units=none),
        )

    def last(self, futures: int) -> "CommitmentDemand":
        """The last futures alone."""
        multiples = None if self.multiples is None else self.multiples[-futures:]
        return replace(self, hours=self.hours[-futures:], multiples=multiples)

    def scaled(self, factor: float) -> "CommitmentDemand":
        """So many times as much."""
        return replace(self, hours=self.hours * factor)


def from_history(account: Metered, *, sustained: bool = False) -> CommitmentDemand:
    """A history is one future, cut into weeks, or days where there are fewer than four weeks; a rest at its begin is
    left out, so that every piece has each hour of the week, or day, once; `sustained`: with GCP's sustained-use
    discounts. Reserved capacity that was idle is no demand: it can be given back.

    Raises:
        InputError: less than two days.
    """
    count = len(account.length_h)
    standard = [i for i, line in enumerate(account.lines) if line.pricing == "standard" and not line.reserved_idle]
    piece = WEEK_H if count >= 4 * WEEK_H else DAY_H
    pieces = count // piece
    if pieces < 2:
        raise InputError(
            f"the usage covers {plural(count, 'hour')}; a commitment needs at least two days of it, better eight "
            "weeks, or the sample paths of a forecast"
        )
    what: Literal["weeks", "days"] = "weeks" if piece == WEEK_H else "days"
    lines = tuple(account.lines[i] for i in standard)
    rest = count - pieces * piece
    hours = account.hours[rest:, standard].reshape(pieces, piece, len(standard))
    demand = CommitmentDemand(
        lines=lines,
        hours=hours,
        source=f"{pieces} {what} of history",
        history=what,
        notes=tuple(_before(rest, what)),
    )
    return _sustained(demand) if sustained else demand


def from_paths(
    paths: Sequence[Paths], lines: Mapping[str, Line], per_instance: float, *, sustained: bool = False
) -> CommitmentDemand:
    """The sample paths of a forecast as instances that run.

    Args:
        paths: one for each line, with the same futures.
        lines: what each series is of, by its name.
        per_instance: how much of the series' quantity an instance does in an hour, or of a rate how much of it an
            instance takes; 1 = it counts instances.
        sustained: with GCP's sustained-use discounts, in equal parts of each future of about a month.

    Raises:
        InputError: series of different lengths, or steps that no clock-hour divides.
    """
    shapes = {path.values.shape for path in paths} | {(path.grid.step_s,) for path in paths}
    if len(shapes) > 2:
        raise InputError("the series of the paths differ in their futures, steps or length; forecast them together")
    step_s = paths[0].grid.step_s
    if step_s <= 0 or step_s % 3600:
        raise InputError(f"paths with steps of {step_s} s cannot be settled by the hour; forecast with --freq 1h")
    each = step_s // 3600
    in_hour = [path.values if is_rate(path.quantity) else path.values / each for path in paths]
    values = np.stack(in_hour, axis=2) / per_instance
    hours = np.repeat(np.ceil(values - 1e-9) if per_instance != 1.0 else values, each, axis=1)
    demand = CommitmentDemand(
        lines=tuple(lines[path.series] for path in paths),
        hours=hours,
        source=f"{len(values)} futures of a forecast",
        notes=(*_left_out(each, hours.shape[1]), *_shifted(paths)),
    )
    return _sustained(demand) if sustained else demand


def _sustained(demand: CommitmentDemand) -> CommitmentDemand:
    """The demand with GCP's sustained-use discounts: equal parts of its history, or of each future of a forecast, that
    are about a month each stand for one.
    """
    if all(sustained_percent(line) is None for line in demand.lines):
        return demand
    parts = [demand.pooled] if demand.history else list(demand.hours)
    ranked = [sustained_multiples(demand.account(part), part, by_rank=True) for part in parts]
    return replace(demand, multiples=np.stack(ranked).reshape(demand.hours.shape))


def _before(rest_h: int, pieces: str) -> Iterator[str]:
    """A sentence on the begin of a history that is in no whole piece of it."""
    if rest_h:
        span = format_seconds(rest_h * SECONDS_PER_HOUR)
        yield f"The first {span} of the usage are left out, so that the history has whole {pieces}."


def _shifted(paths: Sequence[Paths]) -> Iterator[str]:
    """Sentences on series that begin at another time than the first."""
    for path in paths[1:]:
        apart_s = path.grid.start_s - paths[0].grid.start_s
        if apart_s:
            when = f"{format_seconds(abs(apart_s))} {'after' if apart_s > 0 else 'before'}"
            yield (
                f"The paths of {path.series} begin {when} those of {paths[0].series}; here both begin at once, and "
                "their hours of the day come so much apart: forecast them of histories that end at the same time."
            )


def _left_out(step_h: int, reach_h: int) -> Iterator[str]:
    """Sentences on steps longer than an hour, and on a part of a day."""
    if step_h > 1:
        yield (
            f"The paths have steps of {step_h} h, over which demand is taken as even: hours with less in which a "
            "commitment is not used are not seen, so that it saves less than shown; forecast with --freq 1h."
        )
    if reach_h < DAY_H:
        yield (
            f"The paths reach {reach_h} h, and a commitment is paid day and night: it may save far less than shown; "
            "forecast a day at least, better a month."
        )
    elif reach_h % DAY_H:
        yield f"The paths reach {reach_h} h, which are not whole days: some hours of the day count more than others."
