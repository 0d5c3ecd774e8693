"""Pictures of a cost file: what each day cost, and where what was paid differs from what was simulated.

Pure functions from documents to Altair charts; nothing is computed here but layout.
"""

from typing import Any

from simcost.report.style import WIDTH, Document, finish, inline

PARTS = {
    "on_demand": ("on demand", "#E69F00"), "committed": ("committed", "#0072B2"), "spot": ("spot", "#009E73"),
    "other": ("other usage", "#999999"), "unused": ("lost of commitments", "#D55E00"),
    "unused_capacity": ("lost of reservations", "#F6BD8B"), "purchase": ("purchases", "#CC79A7"),
    "tax": ("tax", "#C9C9C9"), "credit": ("credits", "#56B4E9"), "adjustment": ("adjustments", "#6E6E6E"),
}  # fmt: skip
"""What a day's cost was for: its name and colour."""
DAYS = 400


def days(document: Document) -> Any:
    """Effective cost of each day, stacked by what it was for; credits below zero."""
    import altair as alt

    shown = document["days"][-DAYS:]
    rows = [
        {"day": day["day"], "part": PARTS[name][0], "usd": round(usd, 4), "order": list(PARTS).index(name)}
        for day in shown for name, usd in day["effective_usd"].items() if usd
    ]  # fmt: skip
    present = {name: colour for name, colour in PARTS.values() if any(row["part"] == name for row in rows)}
    scale = alt.Scale(domain=list(present), range=list(present.values()))
    bars = alt.Chart(inline(rows)).mark_bar()
    chart = bars.encode(
        x=alt.X("day:T", timeUnit="utcyearmonthdate", title=None, axis=alt.Axis(grid=False, tickCount=8)),
        y=alt.Y("usd:Q", title="USD per day, effective", axis=alt.Axis(format="$~s", tickCount=6)),
        color=alt.Color("part:N", title=None, sort=list(present), scale=scale, legend=alt.Legend(columns=5)),
        order="order:Q", tooltip=["day:T", "part:N", alt.Tooltip("usd:Q", format="$,.2f")],
    ).properties(width=WIDTH, height=260)  # fmt: skip
    return finish(chart, "Effective cost by day (USD)")
