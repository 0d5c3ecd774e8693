"""Cost against commitment: a pure function from the document of `simcost commit` to an Altair chart."""

from typing import Any

from simcost.present.chart_style import OKABE_ITO, WIDTH, Document, finish, inline

_SHOWN = len(OKABE_ITO)


def curves(document: Document) -> Any:
    """Monthly cost of each option alone as more of it is bought, the band over nine of ten futures, and how much of it
    the mix has.
    """
    import altair as alt

    names = list(document["curves"])[:_SHOWN]
    rows = [{"option": name, **point} for name in names for point in document["curves"][name]]
    colour = alt.Color("option:N", title=None, scale=alt.Scale(domain=names, range=list(OKABE_ITO[: len(names)])))
    committed = alt.X("committed_usd_per_h:Q", title="Committed (USD per hour)", axis=alt.Axis(format="~s"))
    money = alt.Scale(zero=False)
    base = alt.Chart(inline(rows))
    band = base.mark_area(opacity=0.15).encode(
        x=committed,
        y=alt.Y("p5_usd_per_month:Q", title="USD per month", scale=money, axis=alt.Axis(format="~s")),
        y2="p95_usd_per_month:Q",
        color=colour,
    )
    line = base.mark_line(strokeWidth=2).encode(x=committed, y=alt.Y("usd_per_month:Q", scale=money), color=colour)
    chosen = [
        {"option": one["name"], "committed_usd_per_h": one["committed_usd_per_h"]}
        for one in document["recommended"]
        if one["committed_usd_per_h"] > 0 and one["name"] in names
    ]
    rule = alt.Chart(inline(chosen)).mark_rule(strokeDash=[4, 3]).encode(x="committed_usd_per_h:Q", color=colour)
    chart = (band + line + rule).properties(width=WIDTH, height=260)
    return finish(chart, "Cost against commitment", "Each option alone; bands: nine of ten futures; dashed: in the mix")
