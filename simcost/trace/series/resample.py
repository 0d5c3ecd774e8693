"""A series on coarser steps: counts are added up, rates averaged; days, weeks and months go by the wall clock."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simcost.errors import InputError
from simcost.tables.calendar import DAY_S, MONTH
from simcost.tables.cells import Ints
from simcost.trace.series.local_time import offsets
from simcost.trace.series.series import Floats, Grid, Series
from simcost.units import plural

_RATE = re.compile(
    r"_per_|(^|_)(mean|average|share|ratio|rate|percent|duty|utili[sz]ation|concurrency|replicas|in_flight|"
    r"active|busy|idle|running|pending|queued|waiting)(_|$)"
)
_LONGEST_MONTH_S = 31 * DAY_S


def is_rate(quantity: str) -> bool:
    """True if a quantity is averaged over time rather than added up, by its name.

    >>> [is_rate(name) for name in ("requests", "requests_per_second", "gpu_utilisation", "gpu_hours")]
    [False, True, True, False]
    """
    return _RATE.search(quantity.lower()) is not None


@dataclass(frozen=True, slots=True)
class _Cover:
    """Coarse step of each fine step, from the first whole coarse step on."""

    place: Ints
    """One per fine step of the series (and of its known future); negative before the first whole one."""
    expected: Ints
    """Fine steps of each coarse step, whether recorded or not."""
    grid: Grid


def coarsen(series: Series, step_s: int, zone: str) -> tuple[Series, list[dict[str, Any]]]:
    """The series on steps of `step_s`, and findings that say how.

    A coarse step of which at least half was recorded is scaled up to the whole; with less it is NaN. Steps at
    the ends that the series does not cover whole are left out. Regressors are averaged. Steps below a day
    begin at whole multiples in UTC, days at 00:00 in `zone`, weeks (and several days) on the first whole day
    of the series, months on the first of the month.

    Raises:
        InputError: finer than the series, not whole steps of it, or longer than all of it.
    """
    fine_s = series.grid.step_s
    if step_s == fine_s:
        return series, []
    _check(series, step_s)
    rows = len(series) if series.regressors is None else len(series.regressors)
    cover = _cover(series.grid, step_s, rows, zone)
    whole = _whole(cover, len(series))
    name = Grid(start_s=0, step_s=step_s).name
    if whole == 0:
        raise InputError(
            f"{series.name}: {len(series)} steps of {series.grid.name} cover no whole step of "
            f"{name}; give a shorter --freq"
        )
    values, scaled = _values(series, cover, whole)
    regressors = None if series.regressors is None else _means(series.regressors, cover, _whole(cover, rows))
    coarse = replace(series, grid=cover.grid, values=values, regressors=regressors)
    inside = int(((cover.place[: len(series)] >= 0) & (cover.place[: len(series)] < whole)).sum())
    return coarse, _findings(series, name, len(series) - inside, scaled)


def _check(series: Series, step_s: int) -> None:
    """Raise InputError unless coarse steps consist of whole fine ones."""
    fine_s, fine, wanted = series.grid.step_s, series.grid.name, Grid(start_s=0, step_s=step_s).name
    if fine_s == MONTH or 0 < step_s < fine_s:
        raise InputError(
            f"{series.name}: its steps are {fine}; they cannot be split into {wanted}; pass --freq {fine} or coarser"
        )
    if (step_s or DAY_S) % fine_s:
        raise InputError(
            f"{series.name}: steps of {wanted} are not made of whole steps of {fine}; "
            f"pass --freq {fine} or a multiple of it"
        )


def _cover(grid: Grid, step_s: int, rows: int, zone: str) -> _Cover:
    """The coarse steps around the series, found from the fine steps of a stretch that is longer on both ends."""
    margin = (max(step_s, _LONGEST_MONTH_S) + DAY_S) // grid.step_s
    utc_s = grid.start_s + np.arange(-margin, rows + margin) * grid.step_s
    if 0 < step_s < DAY_S:
        index = utc_s // step_s
    else:
        local_s = utc_s if grid.dates else offsets(zone, utc_s).local(utc_s)
        index = local_s // DAY_S
    if step_s == MONTH:
        index = index.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    first = _next(index, margin)
    start_s = first * min(step_s, DAY_S) if step_s else _month_start_s(first)
    if step_s > DAY_S:
        index = (index - first) // (step_s // DAY_S)
        first = 0
    expected = np.bincount(index[index >= first] - first)
    return _Cover(index[margin : margin + rows] - first, expected, Grid(start_s=start_s, step_s=step_s))


def _next(index: Ints, at: int) -> int:
    """The first coarse step that begins at a fine step or after it."""
    return int(index[at]) + int(index[at] == index[at - 1])


def _month_start_s(month: int) -> int:
    return int(np.datetime64(month, "M").astype("datetime64[s]").astype(np.int64))


def _whole(cover: _Cover, rows: int) -> int:
    """Number of coarse steps that lie wholly in the first `rows` fine steps."""
    place = cover.place[:rows]
    given = np.bincount(place[place >= 0], minlength=1)
    return int((given == cover.expected[: len(given)]).sum())


def _values(series: Series, cover: _Cover, whole: int) -> tuple[Floats, int]:
    """The coarse values, and how many of them were scaled up from a part."""
    seen = np.isfinite(series.values) & (cover.place[: len(series)] >= 0)
    place = cover.place[: len(series)][seen]
    recorded = np.bincount(place, minlength=whole)[:whole]
    total = np.bincount(place, weights=series.values[seen], minlength=whole)[:whole]
    expected = cover.expected[:whole]
    enough = 2 * recorded >= expected
    mean = np.divide(total, recorded, out=np.full(whole, np.nan), where=enough)
    exact = recorded == expected
    values = mean if is_rate(series.quantity) else np.where(exact, total, mean * expected)
    return values, int((enough & ~exact).sum())


def _means(regressors: Floats, cover: _Cover, whole: int) -> Floats:
    inside = (cover.place >= 0) & (cover.place < whole)
    place = cover.place[inside]
    sums = [np.bincount(place, weights=column[inside], minlength=whole) for column in regressors.T]
    return np.stack(sums, axis=1) / cover.expected[:whole, None]


def _findings(series: Series, name: str, left_out: int, scaled: int) -> list[dict[str, Any]]:
    how = "averaged, as a rate is" if is_rate(series.quantity) else "added up, as a count is"
    fine = series.grid.name
    texts = {
        "frequency": (1, f"{series.quantity} in steps of {fine} was {how}, to steps of {name}"),
        "partial_step": (
            left_out,
            f"{plural(left_out, 'step')} of {fine} at the ends, no whole {name}: left out",
        ),
        "scaled": (
            scaled,
            f"{plural(scaled, 'step')} of {name}, recorded for half or more: scaled up to the whole",
        ),
    }
    return [finding(kind, series.name, count, text) for kind, (count, text) in texts.items() if count]


def finding(kind: str, series: str, count: int, message: str) -> dict[str, Any]:
    """Finding for the reader of the forecast; `series` is empty for the whole file."""
    return {"kind": kind, "series": series, "count": count, "message": message}
