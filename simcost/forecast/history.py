"""A recorded history as forecasting takes it: what is known up to an origin, and what came then."""

from dataclasses import dataclass

import numpy as np

from simcost.errors import InputError
from simcost.forecast import accuracy
from simcost.forecast.cleaning import RULES, Bools, Edit, Rule, clean
from simcost.forecast.models.base import Seen
from simcost.forecast.models.intermittent import MOSTLY_ZERO
from simcost.forecast.season import Season, season_of
from simcost.trace.series.series import Floats, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Recorded values and how to read them."""

    raw: Floats
    """From the first demand on, where the series is new."""
    idle: int = 0
    """Steps before that, which are left out."""
    season: Season
    rules: tuple[Rule, ...] = RULES
    masked: Bools | None = None
    regressors: Floats | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def seen(self, end: int) -> tuple[Seen, tuple[Edit, ...]]:
        """The first `end` steps, cleaned as if nothing later were known, and the edits made."""
        raw = self.raw[:end]
        masked = None if self.masked is None else self.masked[:end]
        values, edits = clean(raw, self.season, rules=self.rules, masked=masked)
        floor = not bool(np.any(raw < 0))
        return Seen(values=values, season=self.season, floor=floor, regressors=self.regressors), edits

    def actual(self, first: int, last: int) -> Floats:
        """What was recorded in these steps; NaN where nothing was, or where the user named an event."""
        raw = self.raw[first:last]
        return raw if self.masked is None else np.where(self.masked[first:last], np.nan, raw)

    def scale(self, end: int) -> float | None:
        """The denominator of MASE of the first `end` steps."""
        return accuracy.scale(self.raw[:end], self.season.short)


def history_of(series: Series, rules: tuple[Rule, ...], masked: Bools | None) -> History:
    """The history of a series.

    Raises:
        InputError: nothing was recorded (outside the mask), values that are not finite, or a mask of another
            length.
    """
    if not np.isfinite(series.values).any():
        raise InputError(
            f"series {series.name!r}: no recorded value in {len(series)} steps; nothing to forecast"
        )
    if np.isinf(series.values).any():
        step = int(np.argmax(np.isinf(series.values)))
        raise InputError(
            f"series {series.name!r}: step {step} is infinite; leave it empty where it is unknown"
        )
    if masked is not None and len(masked) != len(series):
        raise InputError(f"series {series.name!r}: {len(masked)} steps of mask for {len(series)} of history")
    season = season_of(series.grid)
    idle = steps_before_demand(series.values, season)
    if masked is not None and not np.isfinite(series.values[idle:][~masked[idle:]]).any():
        raise InputError(
            f"series {series.name!r}: all that was recorded lies in stated events, and nothing is left to fit; "
            "leave out those that are the usual state"
        )
    return History(
        raw=series.values[idle:].astype(np.float64),
        idle=idle,
        season=season,
        rules=rules,
        masked=None if masked is None else masked[idle:],
        regressors=None if series.regressors is None else series.regressors[idle:],
    )


def steps_before_demand(values: Floats, season: Season) -> int:
    """Steps before the first demand of a new series: a season or more of nothing, then demand in most steps.

    They say when demand began, not how it goes on. Where most steps since are 0 too, it is rare, not new.
    """
    some = np.flatnonzero(np.nan_to_num(values) != 0)
    first = int(some[0]) if len(some) else 0
    new = first >= season.short and np.mean(values[first:] == 0) <= MOSTLY_ZERO
    return first if new else 0
