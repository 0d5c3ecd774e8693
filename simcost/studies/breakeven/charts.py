"""Cost against demand: fleets and APIs on logarithmic axes."""

from typing import Any

from simcost.present.chart_style import DASHES, INK, Rows, finish, inline
from simcost.present.charts import band_and_line
from simcost.studies.breakeven.result import BreakEvenResult


def cost_curves(result: BreakEvenResult) -> Any:
    """Fleets as solid lines with a point at each simulated demand and the range over replications, APIs dashed;
    a ring and its interval where costs cross.
    """
    import altair as alt

    options = [plan.name for plan in result.demands[0].plans] + [api.name for api in result.demands[0].apis]
    fleets = len(result.demands[0].plans)
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
    rows = sorted(_rows(result), key=lambda row: options.index(row["name"]))
    dashed = {name: DASHES[1 + i % 3] for i, name in enumerate(options) if i >= fleets}
    crossings = _crossings(result, x, alt.Y("mid:Q", **y))
    chart = band_and_line(rows, x=x, y=y, dashed=dashed, columns=2, over=crossings)
    note = (
        "Solid: the least fleet that meets the SLO, band: its range over runs. Dashed: APIs. Rings: break-even, range."
    )
    return finish(chart.properties(height=340), "Cost per month against demand", note)


def _crossings(result: BreakEvenResult, x: Any, y: Any) -> list[Any]:
    """A ring at each break-even, and a line over its interval."""
    import altair as alt

    first, last = (result.demands[place].requests_per_s for place in (0, -1))
    rows = [
        {
            "requests_per_s": at.mean,
            "mid": one.usd_per_month,
            "pair": f"{one.plan} against {one.api}",
            "lo": max(at.lo or at.mean, first),
            "hi": min(at.hi or at.mean, last),
        }
        for one in result.break_even
        if (at := one.requests_per_s) is not None and first <= at.mean <= last
    ]
    if not rows:
        return []
    base = alt.Chart(inline(rows)).encode(y=y)
    return [
        base.mark_rule(color=INK, strokeWidth=1.5, opacity=0.7).encode(x=alt.X("lo:Q"), x2=alt.X2("hi:Q")),
        base.mark_point(color=INK, size=140, strokeWidth=1.5, fill="white", fillOpacity=0.6, opacity=1).encode(
            x=x,
            tooltip=[
                alt.Tooltip("pair:N"),
                alt.Tooltip("requests_per_s:Q", format=".3g"),
                alt.Tooltip("mid:Q", format="$,.0f"),
            ],
        ),
    ]


def _rows(result: BreakEvenResult) -> Rows:
    """Fleets that meet the SLO, with their range over the runs, and APIs."""
    demands = [*result.demands, *result.between]
    costs = [(demand, fleet.name, fleet.usd_per_month) for demand in demands for fleet in demand.met]
    costs += [(demand, api.name, api.usd_per_month) for demand in demands for api in demand.apis]
    return [
        {"name": name, "requests_per_s": demand.requests_per_s, "lo": usd.least, "mid": usd.mean, "hi": usd.most}
        for demand, name, usd in costs
    ]
