"""Charts of sizing: waiting against size and money, and mixes of reserved GPUs and spot.

Pure functions from the result of `simcost train size` to Altair charts.
"""

from typing import Any

from simcost.present.bar_charts import groups, stacked_bars
from simcost.present.chart_style import DASHES, INK, OKABE_ITO, WIDTH, Rows, cycled, finish, inline
from simcost.present.charts import band_and_line, rule
from simcost.present.format import count, percentile
from simcost.studies.scheduling.sizing import MixResult, MixRow, SizingResult

HOUR_S, MINUTE_S = 3600.0, 60.0
TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)


def curves(result: SizingResult) -> Any:
    """The wait of each policy against the number of GPUs, with the target and the smallest cluster of each."""
    import altair as alt

    target = result.target
    unit, unit_s = ("h", HOUR_S) if target.wait_s >= HOUR_S else ("min", MINUTE_S)
    priced = result.policies[0].usd_per_month is not None
    rows: Rows = [
        {
            "name": policy.policy,
            "across": point.usd_per_month if priced else point.gpus,
            "mid": round(point.wait_s.target / unit_s, 4),
            "chosen": point.gpus == policy.gpus,
        }
        for policy in result.policies
        for point in policy.curve
    ]
    x = alt.X(
        "across:Q",
        title="USD a month" if priced else "GPUs",
        axis=alt.Axis(format="~s", tickCount=7),
        scale=alt.Scale(zero=False),
    )
    ticks = [0, *(tick for tick in TICKS if tick <= max(row["mid"] for row in rows))]
    y = {
        "title": f"{percentile(target.percentile)} of the wait ({unit})",
        "scale": alt.Scale(type="symlog", constant=1),
        "axis": alt.Axis(format=",d", values=ticks),
    }
    names = [policy.policy for policy in result.policies]
    dashed = dict(zip(names, cycled(DASHES, len(names)), strict=True))
    chart = band_and_line(rows, x=x, y=y, dashed=dashed, over=rule(target.wait_s / unit_s, "y"))
    what = "money" if priced else "size"
    return finish(chart, f"Waiting against {what}", "Dashed: the target. Ring: the smallest cluster that keeps it.")


def mixes(mix: MixResult) -> Any:
    """Cost of each mix that meets the target, reserved and spot apart."""
    import altair as alt

    kept = [row for row in mix.mixes if row.spot_gpus is not None]
    shades = {"reserved": OKABE_ITO[0], "spot": OKABE_ITO[2]}
    rows = [
        {"group": _name(row), "part": part, "value": round(usd, 2)}
        for row in kept
        for part, usd in (("reserved", row.reserved_usd_per_month), ("spot", row.spot_usd_per_month))
        if usd is not None
    ]
    best = {"group": _name(mix.best), "usd": mix.best.usd_per_month, "said": "cheapest"}
    label = alt.Chart(inline([best])).mark_text(align="left", dx=6, color=INK)
    text = label.encode(x=alt.X("usd:Q"), y=groups(rows), text=alt.Text("said:N"))
    chart = stacked_bars(rows, shades, title="USD a month", step=30, width=WIDTH - 100, over=[text])
    return finish(chart, "Mixes that keep the target (USD a month)", f"Spot as on {mix.trace}.")


def _name(row: MixRow) -> str:
    return f"{count(row.base_gpus)} reserved, up to {count(row.spot_gpus)} spot"
