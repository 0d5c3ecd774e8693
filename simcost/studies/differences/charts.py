"""Chart of a bridge between two costs: a pure function from the document to an Altair chart."""

from typing import Any

from simcost.present.chart_style import OKABE_ITO, WIDTH, Document, finish, inline

CENT = 0.005
"""USD: effects of less are rounding and not shown."""
_SHADES = {"cost": OKABE_ITO[6], "more": OKABE_ITO[1], "less": OKABE_ITO[2]}


def bridge(document: Document) -> Any:
    """Bars from each sum to the next."""
    import altair as alt

    before, after = document["before"], document["after"]
    unit = "USD a month" if document["basis"].startswith("month") else "USD"
    rows, level = [_row(before["name"], 0.0, before["usd"], "cost")], before["usd"]
    for effect in document["effects"]:
        if abs(effect["usd"]) >= CENT:
            rows.append(_row(effect["effect"], level, level + effect["usd"], "more" if effect["usd"] > 0 else "less"))
            level += effect["usd"]
    rows.append(_row(after["name"], 0.0, after["usd"], "cost"))
    order = [row["cost"] for row in rows]
    colour = alt.Color("part:N", title=None, scale=alt.Scale(domain=list(_SHADES), range=list(_SHADES.values())))
    chart = (
        alt.Chart(inline(rows), width=WIDTH)
        .mark_bar()
        .encode(
            y=alt.Y("cost:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)),
            x=alt.X("lo:Q", title=unit),
            x2=alt.X2("hi:Q"),
            color=colour,
            tooltip=[alt.Tooltip("cost:N"), alt.Tooltip("hi:Q", format="$,.2f")],
        )
    )
    return finish(chart, f"From one cost to the other, {unit}")


def _row(name: str, lo: float, hi: float, part: str) -> dict[str, Any]:
    return {"cost": name, "lo": lo, "hi": hi, "part": part}
