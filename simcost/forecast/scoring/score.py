"""Score of a forecast: its errors, its levels, and the drivers of the error."""

from collections.abc import Sequence

import numpy as np

from simcost.errors import InputError
from simcost.forecast.document import iso
from simcost.forecast.scoring.issued import Issued
from simcost.forecast.scoring.series import Document, score_series
from simcost.tables.calendar import find_zone
from simcost.trace.series.series import Floats, Grid, Series


def score(forecasts: Sequence[Issued], actuals: Sequence[Series], *, timezone: str) -> Document:
    """Compare forecasts with actual values.

    Args:
        forecasts: as issued.
        actuals: series of the same names; a single one may have another name.
        timezone: whose days are meant.

    Returns:
        `series`: by name, see `score_series`; `findings`: series that could not be compared, and names that differ.

    Raises:
        InputError: nothing can be compared: no common series, steps or quantities that differ, or no common time.
    """
    pairs, findings = _pairs(forecasts, actuals)
    zone, scored = find_zone(timezone), {}
    apart: list[str] = []
    for one, series in pairs:
        actual = _aligned(one, series)
        if np.isfinite(actual).any():
            scored[one.name] = score_series(one, actual, zone)
        else:
            apart.append(
                f"{one.name}: forecast {_span(one.grid, len(one.mean))}, actuals {_span(series.grid, len(series))}"
            )
    if not scored:
        raise InputError(f"no step of the forecast has come yet: {'; '.join(apart[:5])}; give the actuals of that time")
    findings += [{"kind": "no-overlap", "message": text} for text in apart]
    return {"timezone": timezone, "series": scored, "findings": findings}


def _pairs(
    forecasts: Sequence[Issued], actuals: Sequence[Series]
) -> tuple[list[tuple[Issued, Series]], list[dict[str, str]]]:
    by_name = {series.name: series for series in actuals}
    if len(forecasts) == len(actuals) == 1 and forecasts[0].name not in by_name:
        message = f"{actuals[0].name} is taken for what came of {forecasts[0].name}, the only series of the forecast"
        return [(forecasts[0], actuals[0])], [{"kind": "name", "message": message}]
    pairs = [(forecast, by_name[forecast.name]) for forecast in forecasts if forecast.name in by_name]
    if not pairs:
        raise InputError(
            f"the forecast is of {_some([forecast.name for forecast in forecasts])}, the actuals are of "
            f"{_some(list(by_name))}; name the series of the actuals as in the forecast"
        )
    absent = [forecast.name for forecast in forecasts if forecast.name not in by_name]
    found = [{"kind": "no-actuals", "message": f"no actuals of {_some(absent)}"}] if absent else []
    return pairs, found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _aligned(issued: Issued, series: Series) -> Floats:
    """The actuals on the steps of the forecast, NaN where there is none.

    Raises:
        InputError: their steps are of another length, or they count something else.
    """
    counted = {issued.quantity, series.quantity} - {"value"}
    if len(counted) > 1:
        raise InputError(
            f"series {issued.name}: {issued.quantity} were forecast, the actuals are {series.quantity}; "
            f"give actuals of the same, or pass --quantity {issued.quantity} if they are"
        )
    if series.grid.step_s != issued.grid.step_s:
        raise InputError(
            f"series {issued.name}: steps of {issued.grid.name} were forecast, the actuals have steps of "
            f"{series.grid.name}; read them with --freq {issued.grid.name}"
        )
    wanted, there = issued.grid.times(len(issued.mean)), series.grid.times(len(series))
    place = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    found: Floats = np.where(there[place] == wanted, series.values[place], np.nan)
    return found


def _span(grid: Grid, steps: int) -> str:
    first, end = iso(grid.times(steps + 1)[[0, -1]])
    return f"from {first} to {end}"
