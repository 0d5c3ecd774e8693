"""Chart of an advice: savings with their intervals, a pure function from the result to an Altair chart."""

from typing import Any

from simcost.present.chart_style import OKABE_ITO, WIDTH, finish, inline
from simcost.studies.advising.result import Advice, AdvisedAction, TriedKind

_ADDED, _ALONE = "saves also after those above it", "saves alone only"


def savings(advice: Advice) -> Any:
    """A bar for each action, what it saves alone, and a line for its interval."""
    import altair as alt

    rows = [
        {
            "action": f"{i}. {of_service(action)}",
            "usd": action.saving_usd_per_month.mean,
            "lo": action.saving_usd_per_month.lo,
            "hi": action.saving_usd_per_month.hi,
            "taken": _ADDED if action.then_usd_per_month is not None else _ALONE,
        }
        for i, action in enumerate(advice.actions, 1)
    ]
    order = [row["action"] for row in rows]
    colour = alt.Color(
        "taken:N",
        title=None,
        scale=alt.Scale(domain=[_ADDED, _ALONE], range=[OKABE_ITO[2], OKABE_ITO[4]]),
    )
    base = alt.Chart(inline(rows), width=WIDTH).encode(y=alt.Y("action:N", sort=order, title=None))
    bars = base.mark_bar(opacity=0.85).encode(
        x=alt.X("usd:Q", title="USD per month"),
        color=colour,
        tooltip=[alt.Tooltip("action:N"), alt.Tooltip("usd:Q", format="$,.0f")],
    )
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("lo:Q"), x2=alt.X2("hi:Q"))
    return finish(bars + spans, "Savings a month, each action alone", "Lines: intervals on fresh seeds.")


def of_service(one: AdvisedAction | TriedKind) -> str:
    """The kind of an action, with its service where there are several."""
    return one.kind if one.service is None else f"{one.service}: {one.kind}"
