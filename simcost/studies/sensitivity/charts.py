"""Charts of sensitivity: pure functions from the document to an Altair chart."""

from typing import Any

from simcost.present.chart_style import OKABE_ITO, WIDTH, Document, finish, inline
from simcost.present.charts import rule
from simcost.present.format import amount


def tornado(document: Document) -> Any:
    """A bar for each parameter from its cost at the low end to that at the high end, and a line at the base."""
    import altair as alt

    base = document["base"]["usd_per_month"]
    rows = [
        {"path": one["path"], "end": name, "from": base, "to": one[f"{end}_usd"], "value": one[end]}
        for one in document["tornado"]
        for end, name in (("lo", "low"), ("hi", "high"))
    ]
    order = [one["path"] for one in document["tornado"]]
    colour = alt.Color("end:N", title=None, scale=alt.Scale(domain=["low", "high"], range=[OKABE_ITO[5], OKABE_ITO[1]]))
    bars = (
        alt.Chart(inline(rows), width=WIDTH)
        .mark_bar(opacity=0.85)
        .encode(
            y=alt.Y("path:N", sort=order, title=None),
            x=alt.X("from:Q", title="USD per month", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,~s")),
            x2=alt.X2("to:Q"),
            color=colour,
            tooltip=[alt.Tooltip("path:N"), alt.Tooltip("value:Q", format=".4g"), alt.Tooltip("to:Q", format="$,.0f")],
        )
    )
    chart = alt.layer(bars, *rule(base, "x"))
    return finish(
        chart, f"Cost a month of {document['plan']}", "One value at a time, low and high; dashed: all at their base."
    )


def two_way(grid: Document) -> Any:
    """The best plan at each combination of two values, as a map of colours; small dots mark what was simulated."""
    import altair as alt

    rows = [{**cell, "x": amount(cell["x"]), "y": amount(cell["y"])} for cell in grid["cells"]]
    xs, ys = ([amount(value) for value in sorted({cell[axis] for cell in grid["cells"]})] for axis in "xy")
    names = list(dict.fromkeys(cell["verdict"] for cell in grid["cells"]))
    base = alt.Chart(inline(rows), width=WIDTH, height=320).encode(
        x=alt.X("x:O", sort=xs, title=grid["x"], axis=alt.Axis(labelAngle=0)),
        y=alt.Y("y:O", sort=ys[::-1], title=grid["y"]),
    )
    colour = alt.Color("verdict:N", title=None, scale=alt.Scale(domain=names, range=list(OKABE_ITO)))
    tooltip = [alt.Tooltip("x:O", title=grid["x"]), alt.Tooltip("y:O", title=grid["y"]), alt.Tooltip("verdict:N")]
    cells = base.mark_rect(stroke="white").encode(color=colour, tooltip=tooltip)
    dots = base.transform_filter("datum.looked_at").mark_point(filled=True, size=8, color="black", opacity=0.6)
    return finish(alt.layer(cells, dots), "Best plan", "Dots: combinations that were simulated or billed.")


def variance(document: Document) -> Any:
    """Bars of the shares of the variance that each value causes alone, and together with others."""
    import altair as alt

    kinds = {"of_cost": f"cost of {document['plan']}", "of_difference": f"difference to {document['against']}"}
    rows = [
        {"path": one["path"], "of": name, "share": max(one[share], 0.0), "counted": counted}
        for key, name in kinds.items()
        if document[key]
        for one in document[key]["indices"]
        for share, counted in (("first_order", "alone"), ("total", "with others"))
    ]
    order = [one["path"] for one in document["of_cost"]["indices"]]
    colours = alt.Scale(domain=["alone", "with others"], range=[OKABE_ITO[5], OKABE_ITO[1]])
    return finish(
        alt.Chart(inline(rows), width=WIDTH)
        .mark_bar()
        .encode(
            y=alt.Y("path:N", sort=order, title=None),
            yOffset=alt.YOffset("counted:N", sort=["alone", "with others"]),
            x=alt.X(
                "share:Q", title="Share of the variance", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
            ),
            color=alt.Color("counted:N", title=None, scale=colours),
            row=alt.Row(
                "of:N", title=None, sort=list(kinds.values()), header=alt.Header(orient="top", labelAnchor="start")
            ),
            tooltip=[alt.Tooltip("path:N"), alt.Tooltip("counted:N"), alt.Tooltip("share:Q", format=".1%")],
        ),
        "Causes of the variance",
        "Sobol indices.",
    )
