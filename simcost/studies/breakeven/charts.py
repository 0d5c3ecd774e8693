"""Cost against demand: fleets and APIs on logarithmic axes."""

from typing import Any

from simcost.present.chart_style import DASHES, INK, OKABE_ITO, SHAPES, WIDTH, Document, Rows, finish, inline


def cost_curves(document: Document) -> Any:
    """Fleets as solid lines with a point at each simulated demand and the range over replications, APIs dashed;
    a ring and its interval where costs cross.
    """
    import altair as alt

    options = [
        *(plan["name"] for plan in document["demands"][0]["plans"]),
        *(a["name"] for a in document["apis"]),
    ]
    fleets = len(document["demands"][0]["plans"])
    colour = alt.Color(
        "option:N",
        title=None,
        sort=options,
        legend=alt.Legend(columns=2, labelLimit=330),
        scale=alt.Scale(domain=options, range=_cycled(OKABE_ITO, len(options))),
    )
    dashes = [DASHES[0] if i < fleets else DASHES[1 + i % 3] for i in range(len(options))]
    dash = alt.StrokeDash("option:N", title=None, legend=None, scale=alt.Scale(domain=options, range=dashes))
    x = alt.X(
        "requests_per_s:Q",
        title="Demand (requests per second)",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~g", grid=False, tickCount=8),
    )
    decades = [10.0**power for power in range(-3, 12)]
    y = alt.Y(
        "usd:Q",
        title="USD per month",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(format="$,~s", values=decades),
    )
    base = alt.Chart(inline(_rows(document))).encode(x=x)
    lines = base.mark_line(strokeWidth=2).encode(y=y, color=colour, strokeDash=dash)
    marks = (
        base.transform_filter("datum.fleet")
        .mark_point(filled=True, size=55, opacity=1)
        .encode(
            y=y,
            color=colour,
            shape=alt.Shape(
                "option:N", legend=None, scale=alt.Scale(domain=options, range=_cycled(SHAPES, len(options)))
            ),
            tooltip=[
                "option:N",
                alt.Tooltip("requests_per_s:Q", format=".3g"),
                alt.Tooltip("usd:Q", format="$,.0f"),
                "replicas:N",
            ],
        )
    )
    spread = base.transform_filter("datum.fleet").mark_rule(strokeWidth=1.5).encode(y="lo:Q", y2="hi:Q", color=colour)
    chart = alt.layer(lines, spread, marks, *_crossings(document, x, y)).properties(width=WIDTH, height=340)
    note = "Solid: the least fleet that meets the SLO, its range over runs. Dashed: APIs. Rings: break-even, range."
    return finish(chart, "Cost per month against demand", note)


def _crossings(document: Document, x: Any, y: Any) -> list[Any]:
    """A ring at each break-even, and a line over its interval."""
    import altair as alt

    first, last = (document["demands"][place]["requests_per_s"] for place in (0, -1))
    rows = [
        {
            "requests_per_s": at["mean"],
            "usd": one["usd_per_month"],
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
                alt.Tooltip("usd:Q", format="$,.0f"),
            ],
        ),
    ]


def _rows(document: Document) -> Rows:
    rows: Rows = []
    for demand in [*document["demands"], *document["between"]]:
        for plan in demand["plans"]:
            if plan["met"]:
                rows.append(_row(demand, plan, f"{plan['replicas']['lo']} to {plan['replicas']['hi']}"))
        rows += [_row(demand, api, "") for api in demand["apis"]]
    return rows


def _row(demand: Document, option: Document, replicas: str) -> dict[str, Any]:
    usd = option["usd_per_month"]
    return {
        "option": option["name"],
        "requests_per_s": demand["requests_per_s"],
        "usd": usd["mean"],
        "lo": usd.get("least"),
        "hi": usd.get("most"),
        "fleet": bool(replicas),
        "replicas": replicas,
    }


def _cycled(values: Any, count: int) -> list[Any]:
    return [values[i % len(values)] for i in range(count)]
