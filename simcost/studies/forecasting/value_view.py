"""Worth of forecasts in dollars, as parts."""

from simcost.present.chart_style import Document
from simcost.present.format import amount, share, usd
from simcost.present.parts import Part, notes
from simcost.units import plural

EXPLAINED = (
    "Headroom: the factor on what is predicted with which no more is missed than allowed, chosen in hindsight; missed "
    "as is: without it. Replicas are ordered in time for each step and paid from the order on; bursts within a step "
    "are not seen."
)
SIMULATED = (
    "Headroom: the least factor on what is predicted with which the plan meets its SLO, chosen in hindsight; missed as "
    "is: without it. Each run simulates the recorded demand, request by request; the predictor alone orders, as early "
    "as a start takes."
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
            **(_earlier(row) if document["earlier_days"] else {}),
        }
        for row in document["predictors"]
    ]
    return [Part(title="Predictors", titled=False, rows=rows, said=_said(document)), notes(document)]


def _earlier(row: Document) -> dict[str, str]:
    """Share that is missed with the headroom of the days before."""
    return {"missed ahead": share(row["missed_with_earlier_headroom"])}


def _said(document: Document) -> list[str]:
    late = ", ".join(row["name"] for row in document["predictors"] if not row["met"])
    simulated, earlier = "plan" in document, document["earlier_days"]
    never = (
        "With no headroom that was tried the plan met its SLO by"
        if simulated
        else "Whatever the headroom, more is missed by"
    )
    ahead = f"Missed ahead: with the headroom of the {plural(earlier, 'day')} before, as it would be chosen in time."
    return [
        SIMULATED if simulated else EXPLAINED,
        *([ahead] if earlier else []),
        *([f"{never}: {late}."] if late else []),
    ]
