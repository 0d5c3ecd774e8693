"""Charts of a spot study: savings by policy and trace, and one run.

Pure functions from the result of `simcost train spot` to Altair charts.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from simcost.documents import values
from simcost.present.chart_style import INK, OKABE_ITO, TARGET, WIDTH, Rows, finish, inline
from simcost.present.format import count, printable
from simcost.studies.spot.result import PolicyRow, SpotStudy

STATES = {"on demand": OKABE_ITO[0], "spot": OKABE_ITO[2], "idle": "#D9D9D9"}
ROW = 30
TRACES = 24
"""In a chart, at most."""


def savings(result: SpotStudy) -> Any:
    """Per policy the saving over all starts: P10 to P90, P25 to P75, median; late policies are named so."""
    import altair as alt

    rows = [_spread(row) for row in result.policies if row.saving is not None]
    order = [row["policy"] for row in rows]
    y = alt.Y("policy:N", title=None, sort=order, axis=alt.Axis(domain=False, ticks=False))
    base = alt.Chart(inline(rows)).encode(y=y)
    x = {"title": "Saving against on demand (%)", "axis": alt.Axis(format="d", tickCount=8)}
    colour = alt.Color(
        "deadline:N", title=None, scale=alt.Scale(domain=list(_DEADLINE), range=list(_DEADLINE.values()))
    )
    shown = [alt.Tooltip(f"{name}:Q", format=".1f") for name in ("p10", "p25", "p50", "p75", "p90", "mean")]
    layers = [
        alt.Chart(inline([{"zero": 0}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=alt.X("zero:Q")),
        base.mark_bar(height=6, opacity=0.45).encode(
            x=alt.X("p10:Q", **x), x2=alt.X2("p90:Q"), color=colour, tooltip=[alt.Tooltip("policy:N"), *shown]
        ),
        base.mark_bar(height=14).encode(
            x=alt.X("p25:Q"), x2=alt.X2("p75:Q"), color=colour, tooltip=[alt.Tooltip("policy:N"), *shown]
        ),
        base.mark_tick(color="white", thickness=2, height=14).encode(x=alt.X("p50:Q")),
        base.mark_point(fill=INK, stroke="white", strokeWidth=1, opacity=1, size=50).encode(x=alt.X("mean:Q")),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH, height=alt.Step(ROW))
    said = "Bar: half of the runs; line: eight of ten; notch: median; dot: mean. Left of 0 spot costs more."
    return finish(chart, f"What spot saves over {count(result.starts)} starts", said)


_DEADLINE = {"always in time": OKABE_ITO[0], "sometimes late": OKABE_ITO[1]}


def _spread(row: PolicyRow) -> dict[str, Any]:
    spread = {name: round(100 * value, 2) for name, value in values(row.saving_spread).items()}
    late = "always in time" if row.deadline_met == 1 else "sometimes late"
    return {"policy": row.policy, "deadline": late, **spread}


def short_names(names: Sequence[str]) -> dict[str, str]:
    """The names of the traces without the folders that all share.

    >>> short_names(["a/b/x", "a/b/y"])
    {'a/b/x': 'x', 'a/b/y': 'y'}
    """
    folders = [name.split("/")[:-1] for name in names if "/" in name]
    same = takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False))
    start = sum(len(level[0]) + 1 for level in same) if len(names) > 1 else 0
    return {name: printable(name[start:] if "/" in name else name) for name in names}


def _names(result: SpotStudy) -> dict[str, str]:
    return short_names([row.trace for row in result.traces])


def by_trace(result: SpotStudy) -> Any:
    """Mean saving of each policy on each trace."""
    import altair as alt

    names = dict(list(_names(result).items())[:TRACES])
    rows: Rows = [
        {"trace": names[row.trace], "policy": row.policy, "saving": round(100 * row.saving, 2)}
        for row in result.by_trace
        if row.trace in names and row.saving is not None and row.kind != "on-demand"
    ]
    order = list(dict.fromkeys(row["policy"] for row in rows))
    scale = {"domain": order, "range": [OKABE_ITO[i % len(OKABE_ITO)] for i in range(len(order))]}
    points = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, size=80, opacity=0.9)
        .encode(
            y=alt.Y("trace:N", title=None, sort=list(names.values()), axis=alt.Axis(labelLimit=340, grid=True)),
            x=alt.X("saving:Q", title="Mean saving against on demand (%)", axis=alt.Axis(format="d")),
            color=alt.Color("policy:N", title=None, scale=alt.Scale(**scale), legend=alt.Legend(columns=4)),
            shape=alt.Shape("policy:N", title=None, scale=alt.Scale(domain=order)),
            tooltip=[alt.Tooltip("trace:N"), alt.Tooltip("policy:N"), alt.Tooltip("saving:Q", format=".1f")],
        )
    )
    zero = alt.Chart(inline([{"zero": 0}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=alt.X("zero:Q"))
    chart = alt.layer(zero, points).properties(width=WIDTH - 200, height=alt.Step(24))
    more = len(result.traces) - len(names)
    return finish(chart, "What spot saves, trace by trace", f"{more} more traces are in the document." if more else "")


def courses(result: SpotStudy) -> Any:
    """The run in which the best policy costs the median, under each policy: when on demand, on spot, idle."""
    import altair as alt

    rows = [{"policy": course.policy, **values(part)} for course in result.courses for part in course.parts]
    rows = rows[:2000]
    order = [course.policy for course in result.courses]
    first = result.courses[0]
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(height=16)
        .encode(
            y=alt.Y("policy:N", title=None, sort=order, axis=alt.Axis(domain=False, ticks=False)),
            x=alt.X("from_h:Q", title="hours from the start", axis=alt.Axis(grid=False)),
            x2=alt.X2("to_h:Q"),
            color=alt.Color("state:N", title=None, scale=alt.Scale(domain=list(STATES), range=list(STATES.values()))),
            tooltip=[
                alt.Tooltip("policy:N"),
                alt.Tooltip("state:N"),
                alt.Tooltip("from_h:Q", format=".2f"),
                alt.Tooltip("to_h:Q", format=".2f"),
            ],
        )
    )
    due = alt.Chart(inline([{"due": result.deadline_h, "said": "deadline"}]))
    rule = due.mark_rule(color=TARGET, strokeDash=[4, 3]).encode(x=alt.X("due:Q"))
    label = due.mark_text(color=TARGET, align="right", dx=-4, y=-6).encode(x=alt.X("due:Q"), text=alt.Text("said:N"))
    chart = alt.layer(bars, rule, label).properties(width=WIDTH, height=alt.Step(ROW - 4))
    place = f"tick {count(first.start_tick)} of {_names(result)[first.trace]}"
    said = f"From {place}, where {result.best} costs the median of its runs."
    return finish(chart, "One run in the middle", said)
