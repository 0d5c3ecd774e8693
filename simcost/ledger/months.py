"""Months of simulated time, which has no calendar: equal parts of a run, each about as long as a month of 730 h."""

from collections.abc import Sequence
from math import fsum

import numpy as np
import numpy.typing as npt

from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

Floats = npt.NDArray[np.float64]


def month_edges_h(span_h: float) -> Floats:
    """Starts of the months of a run on whole hours, and its end, in hours; a run of less than a month and a half is
    one month.

    >>> month_edges_h(2184.0).tolist(), month_edges_h(744.5).tolist()
    ([0.0, 728.0, 1456.0, 2184.0], [0.0, 744.5])
    """
    count = max(round(span_h / HOURS_PER_MONTH), 1)
    edges: Floats = np.append(np.round(np.arange(count) * span_h / count), span_h)
    return edges


def has_months(horizon_s: float) -> bool:
    """True where a run has several months.

    >>> has_months(31 * 86400.0), has_months(91 * 86400.0)
    (False, True)
    """
    return len(month_edges_h(horizon_s / SECONDS_PER_HOUR)) > 2


def shares_together(parts: Sequence[tuple[float, tuple[float, ...]]]) -> tuple[float, ...]:
    """Shares of a whole in each month, of parts of so much each with shares of their own; empty where those of a part
    that is not 0 are not known.

    >>> shares_together([(3.0, (0.5, 0.5)), (1.0, (0.0, 1.0)), (0.0, ())])
    (0.375, 0.625)
    """
    known = [(amount, shares) for amount, shares in parts if amount > 0]
    if not known or len({len(shares) for _, shares in known}) > 1:
        return ()
    whole = fsum(amount for amount, _ in known)
    by_month = zip(*([amount * share for share in shares] for amount, shares in known), strict=True)
    return tuple(fsum(month) / whole for month in by_month)


def hours_by_month(start_h: Floats, end_h: Floats, edges_h: Floats) -> Floats:
    """[interval, month] Hours of each interval that lie in each month.

    >>> hours_by_month(np.array([700.0]), np.array([1500.0]), month_edges_h(2184.0)).tolist()
    [[28.0, 728.0, 44.0]]
    """
    within = np.minimum(end_h[:, None], edges_h[1:]) - np.maximum(start_h[:, None], edges_h[:-1])
    result: Floats = np.clip(within, 0.0, None)
    return result
