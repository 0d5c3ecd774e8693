"""Worth of forecasts in dollars, as parts."""

from simcost.present.chart_style import Document
from simcost.present.format import amount, share, usd
from simcost.present.parts import Part, notes

EXPLAINED = (
    "Headroom: the factor on what is predicted with which no more is missed than allowed; missed as is: without it. "
    "Replicas are ordered in time for each step and paid from the order on; bursts within a step are not seen."
)


def parts(document: Document) -> list[Part]:
    """One row per predictor, the cost at equal misses in the middle."""
    rows = [
        {
            "predictor": row["name"],
            "$/month": usd(row["usd_per_month"]),
            "above perfect": usd(row["above_perfect_usd"]),
            "headroom": amount(row["headroom"]),
            "missed": share(row["missed"]),
            "missed as is": share(row["missed_without_headroom"]),
            "replica-hours": amount(row["replica_hours"]),
        }
        for row in document["predictors"]
    ]
    return [Part(title="Predictors", titled=False, rows=rows, said=[EXPLAINED]), notes(document)]
