"""GCP's sustained-use discounts: automatic, by month, for what no other discount covers.

Source: Google Cloud documentation, sustained use discounts.
"""

import numpy as np

from simcost.billing.commitment.bound import Floats
from simcost.billing.metering import Line
from simcost.units import HOURS_PER_MONTH

QUARTERS = {30: (1.0, 0.8, 0.6, 0.4), 20: (1.0, 0.8678, 0.733, 0.6)}
"""Price of each quarter of a month's use, by the discount of a full month in per cent."""
_SUSTAINED_GPUS = frozenset({"t4", "v100", "p100", "v100-16gb", "v100-32gb"})


def sustained_percent(line: Line) -> int | None:
    """The sustained-use table of a line: 30 or 20 % off for a full month; None = none (H100, A100, L4, TPUs)."""
    if line.provider != "gcp" or line.pricing == "spot":
        return None
    if line.accelerator:
        return 30 if line.accelerator in _SUSTAINED_GPUS else None
    family = line.sku.partition("-")[0]
    return {"n1": 30, "m1": 30, "n2": 20, "n2d": 20, "c2": 20}.get(family)


def sustained_use(hours: Floats, month: Floats, month_h: Floats, percent: int) -> Floats:
    """[hour] What the hours that no commitment covers cost, as multiples of the on-demand price.

    Usage of a month is combined into as few machines as could have run it: the k-th hour of a machine in the month
    falls into the quarter k / hours of the month. With hours sorted from the fullest down, all machines pass
    through the ranks together.

    Args:
        hours: [hour] unit-hours without other discounts.
        month: [hour] number of the month.
        month_h: [hour] hours of that month.
        percent: 30 or 20.
    """
    factor = np.ones_like(hours)
    for one in np.unique(month):
        rows = np.flatnonzero((month == one) & (hours > 0))
        ranked = rows[np.argsort(-hours[rows], kind="stable")]
        length = float(month_h[rows[0]]) if len(rows) else HOURS_PER_MONTH
        edge = np.minimum(np.arange(len(ranked) + 1) / length, 1.0)
        factor[ranked] = np.diff(_paid(edge, percent)) * length
    return hours * factor


def _paid(share: Floats, percent: int) -> Floats:
    """Integral of the quarter prices up to a share of the month."""
    knots = np.concatenate([[0.0], np.cumsum(QUARTERS[percent])]) / 4
    found: Floats = np.interp(share, np.linspace(0, 1, 5), knots)
    return found
