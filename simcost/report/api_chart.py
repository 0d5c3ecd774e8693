"""Cost against demand: fleets and APIs on logarithmic axes."""

from typing import Any

from simcost.report.style import DASHES, INK, OKABE_ITO, SHAPES, WIDTH, Document, Rows, finish, inline


def cost_curves(document: Document) -> Any:
    """Fleets as solid lines with a point at each simulated demand and the range over replications, APIs dashed;
    a rule where the cheapest crossing is.
    """
    import altair as alt

    options = [
        *(plan["name"] for plan in document["demands"][0]["plans"]),
        *(a["name"] for a in document["apis"]),
    ]
    fleets = len(document["demands"][0]["plans"])
    colour = alt.Color("option:N", title=None, sort=options, legend=alt.Legend(columns=2, labelLimit=330),
                       scale=alt.Scale(domain=options, range=_cycled(OKABE_ITO, len(options))))  # fmt: skip
    dashes = [DASHES[0] if i < fleets else DASHES[1 + i % 3] for i in range(len(options))]
    dash = alt.StrokeDash("option:N", title=None, legend=None, scale=alt.Scale(domain=options, range=dashes))
    x = alt.X("requests_per_s:Q", title="Demand (requests per second)", scale=alt.Scale(type="log", nice=False),
              axis=alt.Axis(format="~g", grid=False, tickCount=8))  # fmt: skip
    decades = [10.0**power for power in range(-3, 12)]
    y = alt.Y("usd:Q", title="USD per month", scale=alt.Scale(type="log"),
              axis=alt.Axis(format="$,~s", values=decades))  # fmt: skip
    base = alt.Chart(inline(_rows(document))).encode(x=x)
    lines = base.mark_line(strokeWidth=2).encode(y=y, color=colour, strokeDash=dash)
    marks = base.transform_filter("datum.fleet").mark_point(filled=True, size=55, opacity=1).encode(
        y=y, color=colour, shape=alt.Shape("option:N", legend=None, scale=alt.Scale(
            domain=options, range=_cycled(SHAPES, len(options)))),
        tooltip=["option:N", alt.Tooltip("requests_per_s:Q", format=".3g"), alt.Tooltip("usd:Q", format="$,.0f"),
                 "replicas:N"])  # fmt: skip
    spread = (
        base.transform_filter("datum.fleet")
        .mark_rule(strokeWidth=1.5)
        .encode(y="lo:Q", y2="hi:Q", color=colour)
    )
    chart = alt.layer(*_crossings(document), lines, spread, marks).properties(width=WIDTH, height=340)
    note = "Solid: the least fleet that meets the SLO, its range over runs. Dashed: APIs. Bands: where costs cross."
    return finish(chart, "Cost per month against demand", note)


def _crossings(document: Document) -> list[Any]:
    """A rule at each break-even and a band over its interval."""
    import altair as alt

    found = [one["requests_per_s"] for one in document["break_even"] if one["requests_per_s"] is not None]
    if not found:
        return []
    rows = [
        {"at": one["mean"], "lo": one["lo"] or one["mean"], "hi": one["hi"] or one["mean"]} for one in found
    ]
    base = alt.Chart(inline(rows))
    return [
        base.mark_rect(opacity=0.10, color=INK).encode(x="lo:Q", x2="hi:Q"),
        base.mark_rule(color=INK, strokeWidth=1, strokeDash=[2, 3]).encode(x="at:Q"),
    ]


def _rows(document: Document) -> Rows:
    rows: Rows = []
    for demand in document["demands"]:
        for plan in demand["plans"]:
            if plan["met"]:
                rows.append(_row(demand, plan, f"{plan['replicas']['lo']} to {plan['replicas']['hi']}"))
        rows += [_row(demand, api, "") for api in demand["apis"]]
    return rows


def _row(demand: Document, option: Document, replicas: str) -> dict[str, Any]:
    usd = option["usd_per_month"]
    return {"option": option["name"], "requests_per_s": demand["requests_per_s"], "usd": usd["mean"],
            "lo": usd.get("least"), "hi": usd.get("most"),
            "fleet": bool(replicas), "replicas": replicas}  # fmt: skip


def _cycled(values: Any, count: int) -> list[Any]:
    return [values[i % len(values)] for i in range(count)]
