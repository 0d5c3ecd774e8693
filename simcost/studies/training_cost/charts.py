"""Charts of an estimate: memory of a GPU, costs by part, time and money against the number of GPUs, training methods.

Pure functions from results of `simcost train estimate` to Altair charts.
"""

from collections.abc import Mapping
from typing import Any

from simcost.documents import values
from simcost.present.bar_charts import groups, stacked_bars
from simcost.present.chart_style import INK, OKABE_ITO, WIDTH, Rows, cycled, finish, inline
from simcost.present.charts import ZERO, band_and_line, rule
from simcost.studies.training_cost.inputs import ValueRange
from simcost.studies.training_cost.result import (
    GpuCount,
    GpuCounts,
    MethodComparison,
    TrainedMethod,
    TrainingEstimate,
    UnfitMethod,
)
from simcost.units import GIB, SECONDS_PER_DAY, SECONDS_PER_HOUR

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


def memory(result: TrainingEstimate) -> Any:
    """Memory of each GPU, part by part, against its limit."""
    sizes = values(result.memory_bytes)
    shades = dict(zip(HELD, cycled(OKABE_ITO, len(HELD)), strict=True))
    rows = [{"group": "each GPU", "part": name, "value": sizes[name] / GIB} for name in HELD if sizes[name]]
    usable = rule(sizes["usable"] / GIB, "x", "usable", align="right", dx=-4, at=8)
    return finish(stacked_bars(rows, shades, title="GiB", step=40, columns=7, over=usable), "Memory of each GPU (GiB)")


def costs(result: TrainingEstimate) -> Any:
    """Each way of buying by part, with the range of its total."""
    paid = result.cost_usd
    rows = [
        {"group": WAYS[way], "part": said, "value": found.mid}
        for way, cost in paid.items()
        for part, (said, _) in PARTS.items()
        if (found := values(cost)[part]) is not None
    ]
    ends = _ends({WAYS[way]: cost.total for way, cost in paid.items()})
    chart = stacked_bars(rows, dict(PARTS.values()), title="USD", step=ROW, over=[ends])
    return finish(chart, "What the run costs (USD)", "Line: the low and the high end of the total.")


def _ends(totals: Mapping[str, ValueRange]) -> Any:
    """A line from the low to the high end of each total."""
    import altair as alt

    rows = [{"group": name, "low": total.low, "high": total.high} for name, total in totals.items()]
    return (
        alt.Chart(inline(rows))
        .mark_rule(color=INK, strokeWidth=1.5)
        .encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"), y=groups(rows))
    )


def counts(result: GpuCounts) -> Any:
    """Time and money against the number of GPUs, with their ranges, the target and the choice."""
    import altair as alt

    way, due = result.way, result.deadline_s
    longest = max(point.time_by(way).high for point in result.points)
    unit, unit_s = ("days", SECONDS_PER_DAY) if longest > 3 * SECONDS_PER_DAY else ("hours", SECONDS_PER_HOUR)
    times = [_of(point, point.time_by(way), unit_s, result) for point in result.points]
    panels = [_panel(times, f"time ({unit})", None if due is None else due / unit_s)]
    if way is not None:
        money = [_of(point, point.cost_usd[way], 1.0, result) for point in result.points]
        panels.append(_panel(money, f"cost {WAYS[way]} (USD)", result.budget_usd))
    chart = alt.hconcat(*panels, spacing=40)
    return finish(
        chart,
        "Time and money against the number of GPUs",
        "Band: low to high. Ring: the choice. Dashed: the target.",
    )


def _of(point: GpuCount, found: ValueRange, unit: float, result: GpuCounts) -> dict[str, Any]:
    ends = {"lo": found.low / unit, "mid": found.mid / unit, "hi": found.high / unit}
    return {"name": "run", "gpus": point.gpus, **ends, "chosen": point.gpus == result.chosen_gpus}


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
    target = [] if limit is None else rule(limit, "y")
    return band_and_line(rows, x=x, y=y, over=target).properties(width=WIDTH // 2 - 40, height=240)


def methods(result: MethodComparison) -> Any:
    """Cost of each method to train and, where that is asked, to serve."""
    paid = {row.method: _paid(row) for row in result.methods}
    rows = [
        {"group": row.method, "part": part, "value": usd}
        for row in result.methods
        for part, usd in (("training", _mid(paid[row.method])), ("serving", row.serving_usd))
        if usd is not None
    ]
    known = {row.method: row.total_usd or paid[row.method] for row in result.methods}
    ends = _ends({method: usd for method, usd in known.items() if usd})
    shades = {"training": OKABE_ITO[0], "serving": OKABE_ITO[1]}
    chart = stacked_bars(rows, shades, title="USD on demand; the line: low to high", step=ROW, over=[ends])
    return finish(chart, "What each way costs (USD on demand)")


def _paid(row: TrainedMethod | UnfitMethod) -> ValueRange | None:
    """Cost of training on demand; None where it has no price."""
    return row.cost_usd.get("on_demand") if row.fits else None


def _mid(found: ValueRange | None) -> float | None:
    return None if found is None else found.mid
