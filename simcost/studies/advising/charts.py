"""Chart of an advice: savings with their intervals, a pure function from the result to an Altair chart."""

from typing import Any

from simcost.present.chart_style import OKABE_ITO, WIDTH, finish, inline
from simcost.studies.advising.result import Advice, AdvisedAction, TriedKind

_ADDED, _ALONE, _COSTS = "saves also after those above it", "saves alone only", "costs more"
_COLOURS = {_ADDED: OKABE_ITO[2], _ALONE: OKABE_ITO[4], _COSTS: OKABE_ITO[1]}


def savings(advice: Advice) -> Any:
    """A bar for each action, what it saves alone, and a line for its interval."""
    import altair as alt

    rows = [
        {
            "action": f"{i}. {of_service(action)}",
            "usd": action.saving_usd_per_month.mean,
            "lo": action.saving_usd_per_month.lo,
            "hi": action.saving_usd_per_month.hi,
            "taken": _class(action),
        }
        for i, action in enumerate(advice.actions, 1)
    ]
    order = [row["action"] for row in rows]
    drawn = [name for name in _COLOURS if any(row["taken"] == name for row in rows)]
    colour = alt.Color(
        "taken:N",
        title=None,
        scale=alt.Scale(domain=drawn, range=[_COLOURS[name] for name in drawn]),
    )
    base = alt.Chart(inline(rows), width=WIDTH).encode(y=alt.Y("action:N", sort=order, title=None))
    bars = base.mark_bar(opacity=0.85).encode(
        x=alt.X("usd:Q", title="USD per month"),
        color=colour,
        tooltip=[alt.Tooltip("action:N"), alt.Tooltip("usd:Q", format="$,.0f")],
    )
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("lo:Q"), x2=alt.X2("hi:Q"))
    return finish(bars + spans, "Savings a month, each action alone", "Lines: intervals on fresh seeds.")


def _class(action: AdvisedAction) -> str:
    """Class of the colour: a plan that misses its SLO may also be mended by an action that costs more."""
    if action.saving_usd_per_month.mean < 0:
        return _COSTS
    return _ALONE if action.then_usd_per_month is None else _ADDED


def of_service(one: AdvisedAction | TriedKind) -> str:
    """The kind of an action, with its service where there are several."""
    return one.kind if one.service is None else f"{one.service}: {one.kind}"
