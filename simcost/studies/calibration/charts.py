"""Errors of a replay: a pure function from the finished document to an Altair chart."""

from __future__ import annotations

from typing import Any

from simcost.present.chart_style import OKABE_ITO, Document, finish, inline

_TITLES = {"holdout": "left out of the fit", "fit": "fitted", "catalog": "catalog alone"}
_STATISTICS = ("mean", "p50", "p90", "p95", "p99")


def errors(document: Document) -> Any:
    """Simulated over observed at the mean and the quantiles, a panel for each latency."""
    import altair as alt

    rows = [
        {"latency": name.upper(), "statistic": statistic, "error": value, "requests": title}
        for key, title in _TITLES.items()
        for name, each in document[key].items()
        for statistic, value in each.items()
        if value is not None
    ]
    colour = alt.Color(
        "requests:N", title=None, scale=alt.Scale(domain=list(_TITLES.values()), range=list(OKABE_ITO[:3]))
    )
    chart = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, size=70)
        .encode(
            x=alt.X("statistic:N", title=None, sort=list(_STATISTICS)),
            y=alt.Y("error:Q", title="Simulated / observed - 1", axis=alt.Axis(format="+%")),
            color=colour,
            column=alt.Column("latency:N", title=None, sort=["TTFT", "TPOT", "E2E"]),
        )
        .properties(width=180, height=220)
    )
    return finish(chart, "Replay against observation", "Relative error of each statistic of the latency")
