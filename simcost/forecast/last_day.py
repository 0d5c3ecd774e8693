"""Change of level on the last day of a history in steps below a day: too young to be told from a day like no other."""

import math
from collections.abc import Iterator

import numpy as np

from simcost.forecast.cleaning import History
from simcost.units import plural

WEEK = 7
LEAST = math.log(1.35)
"""Change from week to week, by its logarithm, that is worth a word."""
BEYOND = 3.0
"""Times the largest change of all days before that it must be."""


def of_last_day(history: History) -> Iterator[dict[str, str]]:
    """A finding where the last day is much farther from the same day of the week before than any day was, of a history
    of 15 days or more.
    """
    day, days = history.season.short, len(history) // history.season.short
    if history.season.long != WEEK * day or days <= 2 * WEEK:
        return
    sums = history.actual(len(history) - days * day, len(history)).reshape(days, day).sum(axis=1)
    known = np.isfinite(sums) & (sums > 0)
    logs = np.log(np.where(known, sums, np.nan))
    *before, last = (logs[WEEK:] - logs[:-WEEK]).tolist()
    told = [abs(change) for change in before if math.isfinite(change)]
    if len(told) < WEEK or not abs(last) > max(LEAST, BEYOND * max(told)):  # NaN where it is not known
        return
    yield {
        "kind": "last_day",
        "message": f"the last {plural(day, 'step')} have {math.exp(last):.3g} times what came a week before, and no "
        "day before differed by a third of that: one day does not tell whether it lasts, and the forecast may be of "
        "neither level; if it does, state it as launch or churn; if it is an error, leave its rows out",
    }
