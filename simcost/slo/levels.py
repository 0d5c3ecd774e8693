"""Measured levels by their names, as results show them and checks compare them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simcost.ledger.percentiles import Floats


def ratio(part: float, whole: float) -> float | None:
    """A share; None of nothing."""
    return part / whole if whole > 0 else None


def metrics_of(mean: "Floats", percentiles: "Floats") -> dict[str, dict[str, float | None]]:
    """Latencies by metric and level, from [metric] and [metric, percentile]; None where no request has a value."""
    from simcost.ledger.percentiles import PERCENTILES
    from simcost.ledger.requests import METRICS

    return {
        metric: {"mean": _known(one)} | dict(zip(PERCENTILES, map(_known, values), strict=True))
        for metric, one, values in zip(METRICS, mean, percentiles, strict=True)
    }


def values_to_check(
    attainment: float | None, error_share: float | None, percentiles: "Floats"
) -> dict[str, float | None]:
    """Measured values that checks compare, by the name of the check."""
    from simcost.ledger.percentiles import PERCENTILES
    from simcost.ledger.requests import METRICS

    names = [f"{metric} {percentile}" for metric in METRICS for percentile in PERCENTILES]
    named = dict(zip(names, map(_known, percentiles.ravel()), strict=True))
    return {"attainment": attainment, "errors": error_share} | named


def _known(value: float) -> float | None:
    return None if value != value else float(value)  # NaN
