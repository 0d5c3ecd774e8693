"""Medians over the steps that share a phase of the season, without the missing ones."""

import numpy as np

from simcost.trace.series.series import Floats


def by_phase(values: Floats, period: int) -> Floats:
    """The values as one row per season and one column per phase, filled up with NaN."""
    rows = -(-len(values) // period)
    found = np.full(rows * period, np.nan)
    found[: len(values)] = values
    return found.reshape(rows, period)


def median_of_columns(table: Floats) -> Floats:
    """The median of the finite values of each column; NaN where a column has none."""
    ordered = np.sort(table, axis=0)  # NaN come last
    count = np.sum(np.isfinite(table), axis=0)
    columns = np.arange(table.shape[1])
    middle = (ordered[np.maximum(count - 1, 0) // 2, columns] + ordered[count // 2 % len(table), columns]) / 2
    found: Floats = np.where(count > 0, middle, np.nan)
    return found


def profile_median(values: Floats, period: int) -> Floats:
    """The median of each phase; the median of all where a phase has no finite value (0 where none has)."""
    medians = median_of_columns(by_phase(values, period))
    finite = values[np.isfinite(values)]
    overall = float(np.median(finite)) if len(finite) else 0.0
    found: Floats = np.where(np.isfinite(medians), medians, overall)
    return found
