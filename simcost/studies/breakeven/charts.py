"""Cost against demand: fleets and APIs on logarithmic axes."""

from typing import Any

from simcost.present.chart_style import DASHES, INK, Document, Rows, finish, inline
from simcost.present.charts import band_and_line


def cost_curves(document: Document) -> Any:
    """Fleets as solid lines with a point at each simulated demand and the range over replications, APIs dashed;
    a ring and its interval where costs cross.
    """
    import altair as alt

    options = [one["name"] for kind in ("plans", "apis") for one in document["demands"][0][kind]]
    fleets = len(document["demands"][0]["plans"])
    x = alt.X(
        "requests_per_s:Q",
        title="Demand (requests per second)",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~g", grid=False, tickCount=8),
    )
    y = {
        "title": "USD per month",
        "scale": alt.Scale(type="log"),
        "axis": alt.Axis(format="$,~s", values=[10.0**power for power in range(-3, 12)]),
    }
    rows = sorted(_rows(document), key=lambda row: options.index(row["name"]))
    dashed = {name: DASHES[1 + i % 3] for i, name in enumerate(options) if i >= fleets}
    crossings = _crossings(document, x, alt.Y("mid:Q", **y))
    chart = band_and_line(rows, x=x, y=y, dashed=dashed, columns=2, over=crossings)
    note = (
        "Solid: the least fleet that meets the SLO, band: its range over runs. Dashed: APIs. Rings: break-even, range."
    )
    return finish(chart.properties(height=340), "Cost per month against demand", note)


def _crossings(document: Document, x: Any, y: Any) -> list[Any]:
    """A ring at each break-even, and a line over its interval."""
    import altair as alt

    first, last = (document["demands"][place]["requests_per_s"] for place in (0, -1))
    rows = [
        {
            "requests_per_s": at["mean"],
            "mid": one["usd_per_month"],
            "pair": f"{one['plan']} against {one['api']}",
            "lo": max(at["lo"] or at["mean"], first),
            "hi": min(at["hi"] or at["mean"], last),
        }
        for one in document["break_even"]
        if (at := one["requests_per_s"]) is not None and first <= at["mean"] <= last
    ]
    if not rows:
        return []
    base = alt.Chart(inline(rows)).encode(y=y)
    return [
        base.mark_rule(color=INK, strokeWidth=1.5, opacity=0.7).encode(x="lo:Q", x2="hi:Q"),
        base.mark_point(color=INK, size=140, strokeWidth=1.5, fill="white", fillOpacity=0.6, opacity=1).encode(
            x=x,
            tooltip=[
                "pair:N",
                alt.Tooltip("requests_per_s:Q", format=".3g"),
                alt.Tooltip("mid:Q", format="$,.0f"),
            ],
        ),
    ]


def _rows(document: Document) -> Rows:
    """Fleets that meet the SLO, with their range over the runs, and APIs."""
    return [
        {
            "name": option["name"],
            "requests_per_s": demand["requests_per_s"],
            "lo": option["usd_per_month"].get("least"),
            "mid": option["usd_per_month"]["mean"],
            "hi": option["usd_per_month"].get("most"),
        }
        for demand in [*document["demands"], *document["between"]]
        for option in [*(plan for plan in demand["plans"] if plan["met"]), *demand["apis"]]
    ]
