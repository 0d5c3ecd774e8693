"""Charts of an estimate: memory of a GPU, costs by part, time and money against the number of GPUs, training methods.

Pure functions from the document of `simcost train estimate` to Altair charts.
"""

from collections.abc import Mapping
from typing import Any

from simcost.present.chart_style import INK, OKABE_ITO, WIDTH, Rows, cycled, finish, inline
from simcost.present.charts import ZERO, band_and_line, groups, rule, stacked_bars
from simcost.units import GIB, SECONDS_PER_DAY, SECONDS_PER_HOUR

Document = Mapping[str, Any]
WAYS = {"on_demand": "on demand", "spot": "spot", "owned": "owned"}
PARTS = {
    "useful_compute": ("useful compute", OKABE_ITO[0]),
    "failures_and_checkpoints": ("failures", OKABE_ITO[1]),
    "storage": ("storage", OKABE_ITO[2]),
    "egress": ("egress", OKABE_ITO[4]),
}
HELD = ("weights", "gradients", "optimizer", "gathered", "activations", "logits", "overhead")
ROW = 34
LARGE = 10_000
"""From here on axes count in thousands."""


def memory(document: Document) -> Any:
    """Memory of each GPU, part by part, against its limit."""
    sizes = document["memory_bytes"]
    shades = dict(zip(HELD, cycled(OKABE_ITO, len(HELD)), strict=True))
    rows = [{"group": "each GPU", "part": name, "value": sizes[name] / GIB} for name in HELD if sizes[name]]
    usable = rule(sizes["usable"] / GIB, "x", "usable", align="right", dx=-4, at=8)
    return finish(
        stacked_bars(rows, shades, title="GiB", step=40, columns=7, over=[usable]), "Memory of each GPU (GiB)"
    )


def costs(document: Document) -> Any:
    """Each way of buying by part, with the range of its total."""
    paid = document["cost_usd"]
    rows = [
        {"group": WAYS[way], "part": said, "value": cost[part]["mid"]}
        for way, cost in paid.items()
        for part, (said, _) in PARTS.items()
        if cost[part]
    ]
    ends = _ends({WAYS[way]: cost["total"] for way, cost in paid.items()})
    chart = stacked_bars(rows, dict(PARTS.values()), title="USD", step=ROW, over=[ends])
    return finish(chart, "What the run costs (USD)", "Line: the low and the high end of the total.")


def _ends(totals: Mapping[str, Document]) -> Any:
    """A line from the low to the high end of each total."""
    import altair as alt

    rows = [{"group": name, "low": total["low"], "high": total["high"]} for name, total in totals.items()]
    return alt.Chart(inline(rows)).mark_rule(color=INK, strokeWidth=1.5).encode(x="low:Q", x2="high:Q", y=groups(rows))


def counts(document: Document) -> Any:
    """Time and money against the number of GPUs, with their ranges, the target and the choice."""
    import altair as alt

    longest = max(point["time_s"]["high"] for point in document["points"])
    unit, unit_s = ("days", SECONDS_PER_DAY) if longest > 3 * SECONDS_PER_DAY else ("hours", SECONDS_PER_HOUR)
    way, due = document["way"], document["deadline_s"]
    times = [_of(point, point["time_s"], unit_s, document) for point in document["points"]]
    panels = [_panel(times, f"time ({unit})", None if due is None else due / unit_s)]
    if way is not None:
        money = [_of(point, point["cost_usd"][way], 1.0, document) for point in document["points"]]
        panels.append(_panel(money, f"cost {WAYS[way]} (USD)", document["budget_usd"]))
    chart = alt.hconcat(*panels, spacing=40)
    return finish(
        chart,
        "Time and money against the number of GPUs",
        "Band: low to high. Ring: the choice. Dashed: the target.",
    )


def _of(point: Document, values: Document, unit: float, document: Document) -> dict[str, Any]:
    ends = {"lo": values["low"] / unit, "mid": values["mid"] / unit, "hi": values["high"] / unit}
    return {"name": "run", "gpus": point["gpus"], **ends, "chosen": point["gpus"] == document["chosen_gpus"]}


def _panel(rows: Rows, title: str, limit: float | None) -> Any:
    import altair as alt

    x = alt.X(
        "gpus:Q",
        title="GPUs",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~s", grid=False, tickCount=6),
    )
    kind = "log" if max(row["hi"] for row in rows) > 4 * min(row["lo"] for row in rows) else "linear"
    small = max(row["hi"] for row in rows) < LARGE
    y = {
        "title": title,
        "scale": alt.Scale(type=kind, zero=kind == "linear", nice=True),
        "axis": alt.Axis(format="~g" if small else "~s", tickCount=6, labelExpr=ZERO),
    }
    target = [] if limit is None else [rule(limit, "y")]
    return band_and_line(rows, x=x, y=y, over=target).properties(width=WIDTH // 2 - 40, height=240)


def methods(document: Document) -> Any:
    """Cost of each method to train and, where that is asked, to serve."""
    rows = [
        {"group": row["method"], "part": part, "value": usd}
        for row in document["methods"]
        for part, usd in (("training", _paid(row)["mid"] if _paid(row) else None), ("serving", row["serving_usd"]))
        if usd is not None
    ]
    known = {row["method"]: row["total_usd"] or _paid(row) for row in document["methods"]}
    ends = _ends({method: usd for method, usd in known.items() if usd})
    shades = {"training": OKABE_ITO[0], "serving": OKABE_ITO[1]}
    chart = stacked_bars(rows, shades, title="USD on demand; the line: low to high", step=ROW, over=[ends])
    return finish(chart, "What each way costs (USD on demand)")


def _paid(row: Document) -> Any:
    """Cost of training on demand; None where it has no price."""
    return (row["cost_usd"] or {}).get("on_demand")
