"""Charts of request latency: attainment by hour, and the distribution of latencies."""

from math import floor
from typing import Any

from simcost.present.chart_style import ROWS, WIDTH, Document, Rows, finish, first, names, time_axis, time_unit
from simcost.present.charts import decades, distribution, heat, parts_colour, rule
from simcost.present.format import seconds, share

METRICS = {"ttft_s": "TTFT", "tpot_s": "TPOT", "e2e_s": "E2E"}
HEAT = {
    "met": "#A9CCE8",
    "missed by up to 1 point": "#FDD49E",
    "missed by up to 10 points": "#F08A34",
    "missed by more": "#9C3D00",
    "no requests": "#DDDDDD",
}
MANY = 8
"""Rows from which on they are lower."""


def slo_heat(document: Document, hours: Any) -> Any:
    """Attainment of each plan in each window of time, in classes around the target; misses carry their number."""
    import altair as alt

    targets = sorted(set(_targets(document).values()))
    judged = f"Target {share(targets[0])}" if len(targets) == 1 else "Each against its own target"
    unit, _, span = time_unit(document)
    rows, step_s = _windows(document, hours)
    wide = len(rows) > 24 * len(document["plans"])
    classes = [name for name in HEAT if any(row["class"] == name for row in rows)]
    x = alt.X(
        "start:Q",
        title=f"{unit} from the start",
        axis=time_axis(unit, span),
        scale=alt.Scale(domain=[0, span], nice=False),
    )
    y = alt.Y("plan:N", title=None, sort=names(document), axis=alt.Axis(domain=False, ticks=False))
    shown = [
        alt.Tooltip("plan:N"),
        alt.Tooltip("start:Q", title=f"start ({unit})"),
        alt.Tooltip("percent:Q", title="attainment (%)"),
        alt.Tooltip("arrived:Q"),
    ]
    shade = parts_colour("class", {name: HEAT[name] for name in classes}, legend=alt.Legend(columns=5))
    chart = heat(
        rows,
        x=x,
        y=y,
        shade=shade,
        tooltip=shown,
        step=30 if len(document["plans"]) <= MANY else 20,
        labelled=not wide,
        stroke="white",
        strokeWidth=0 if wide else 1,
    )
    return finish(
        chart,
        f"Attainment {_period(hours, step_s)} (% of requests within all limits)",
        f"{judged}. {first(document)}",
    )


def _period(hours: Any, step_s: float) -> str:
    """Period of a cell."""
    window_s = _window_s(hours, step_s)
    each = "hour" if window_s == 3600 else seconds(window_s)
    return f"in every {each}" if step_s <= window_s else f"in the worst {each} of every {seconds(step_s)}"


def _window_s(hours: Any, otherwise: float) -> float:
    """Length of the windows: the step from one to the next."""
    starts = sorted(set(hours["start_s"].to_pylist()))
    return float(starts[1] - starts[0]) if len(starts) > 1 else otherwise


def _windows(document: Document, hours: Any) -> tuple[Rows, float]:
    """One cell per plan and stretch of time, its worst window; and the length of a stretch in seconds."""
    _, unit_s, span = time_unit(document)
    table = hours.select(["plan", "start_s", "arrived", "attainment"]).to_pylist()
    plans = len(document["plans"])
    step_s = _window_s(hours, span * unit_s) * -(-len(table) // (ROWS // plans * plans))
    worst: dict[tuple[str, int], dict[str, Any]] = {}
    for row in table:
        key = (row["plan"], int(row["start_s"] // step_s))
        if key not in worst or _rank(row) < _rank(worst[key]):
            worst[key] = row
    targets, step = _targets(document), step_s / unit_s
    return [
        {"start": start, "end": end, "middle": (start + end) / 2, **_cell(plan, row, targets[plan])}
        for (plan, i), row in worst.items()
        for start, end in [(i * step, min((i + 1) * step, span))]
    ], step_s


def _targets(document: Document) -> dict[str, float]:
    """Attainment asked for, by plan."""
    return {plan["name"]: plan["slo"]["target"] for plan in document["plans"]}


def _rank(row: dict[str, Any]) -> float:
    return 2.0 if _blank(row) else float(row["attainment"])


def _blank(row: dict[str, Any]) -> bool:
    return row["attainment"] is None or row["attainment"] != row["attainment"]


def _cell(plan: str, row: dict[str, Any], target: float) -> dict[str, Any]:
    percent = None if _blank(row) else floor(1000 * row["attainment"] + 1e-9) / 10
    kind = _class(row, target)
    label = "" if kind in ("met", "no requests") else share((percent or 0.0) / 100).removesuffix(" %")
    return {
        "plan": plan,
        "label": label,
        "percent": percent,
        "arrived": row["arrived"],
        "class": kind,
        "ink": "white" if kind == "missed by more" else "#222222",
    }


def _class(row: dict[str, Any], target: float) -> str:
    if _blank(row):
        return "no requests"
    gap = target - row["attainment"]
    limits = ((0.0, "met"), (0.01, "missed by up to 1 point"), (0.1, "missed by up to 10 points"))
    return next((name for limit, name in limits if gap <= limit), "missed by more")


def has_latencies(latency: Any) -> bool:
    """True if any request was completed, so that there is something to draw."""
    return any(value is not None and value > 0 for value in latency["value_s"].to_pylist())


def latency_cdf(document: Document, latency: Any) -> Any:
    """Share of completed requests that were at least this fast, per metric, with the limit."""
    import altair as alt

    rows = [row for row in latency.to_pylist() if row["value_s"] and row["value_s"] > 0]
    limit = ROWS // (len(METRICS) * len(document["plans"]))
    curves = {
        metric: [
            point
            for plan in names(document)
            for point in _spread([row for row in rows if (row["metric"], row["plan"]) == (metric, plan)], limit)
        ]
        for metric in METRICS
    }
    panels = [_cdf(document, points, metric) for metric, points in curves.items() if points]
    chart = alt.hconcat(*panels, spacing=20)
    return finish(chart, "Latency (seconds, log scale): share of requests at least this fast (%)", first(document))


def _spread(rows: Rows, limit: int) -> Rows:
    """At most `limit` rows, evenly chosen, the first and the last among them."""
    step = max((len(rows) - 1) / max(limit - 1, 1), 1.0)
    return [rows[round(i * step)] for i in range(min(len(rows), limit))]


def _cdf(document: Document, rows: Rows, metric: str) -> Any:
    import altair as alt

    limit = document["plans"][0]["slo"]["limits"].get(metric)
    values = [row["value_s"] for row in rows] + ([limit] if limit else [])
    x = alt.X(
        "value_s:Q",
        title=f"{METRICS[metric]} (s)",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~g", values=decades(min(values), max(values)), grid=False),
    )
    goal = [] if limit is None else rule(limit, "x", f"limit {seconds(limit)}", baseline="bottom")
    return distribution(document, rows, x=x, over=goal, width=(WIDTH - 40) // 3)
