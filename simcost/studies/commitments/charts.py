"""Cost against commitment: a pure function from the result of `simcost commit` to an Altair chart."""

from typing import Any

from simcost.present.chart_style import OKABE_ITO, finish
from simcost.present.charts import band_and_line, rule
from simcost.studies.commitments.result import CommitmentAdvice

_SHOWN = len(OKABE_ITO)


def curves(advice: CommitmentAdvice) -> Any:
    """Monthly cost of each option alone as more of it is bought, the band over nine of ten futures, and how much of it
    the mix has.
    """
    import altair as alt

    names = list(advice.curves)[:_SHOWN]
    most = _last_of_interest(advice)
    rows = [
        {
            "name": name,
            "committed": point.committed_usd_per_h,
            "lo": point.p5_usd_per_month,
            "mid": point.usd_per_month,
            "hi": point.p95_usd_per_month,
        }
        for name in names
        for point in advice.curves[name]
        if point.committed_usd_per_h <= most
    ]
    bought = {one.name: one.committed_usd_per_h for one in advice.recommended if one.committed_usd_per_h}
    mix = [
        layer
        for name, usd in bought.items()
        if name in names
        for layer in rule(usd, "x", ink=OKABE_ITO[names.index(name)])
    ]
    x = alt.X("committed:Q", title="Committed (USD per hour)", axis=alt.Axis(format="$,~s"))
    y = {"title": "USD per month", "scale": alt.Scale(zero=False), "axis": alt.Axis(format="$,~s")}
    chart = band_and_line(rows, x=x, y=y, points=False, over=mix)
    return finish(chart, "Cost against commitment", "Each option alone; bands: nine of ten futures; dashed: in the mix")


def _last_of_interest(advice: CommitmentAdvice) -> float:
    """Commitment (USD per hour) up to which curves are drawn: a third beyond those that pay. What lies further costs
    ever more, and would leave no room for the valley.
    """
    paying = [
        point.committed_usd_per_h
        for points in advice.curves.values()
        for point in points
        if point.usd_per_month <= points[0].usd_per_month
    ]
    bought = [one.committed_usd_per_h for one in advice.recommended]
    step = max(points[1].committed_usd_per_h for points in advice.curves.values() if len(points) > 1)
    return max(4 / 3 * max(paying + bought), 4 * step)
