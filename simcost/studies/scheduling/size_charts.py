"""Charts of sizing: waiting against size and money, and mixes of reserved GPUs and spot.

Pure functions from the document of `simcost train size` to Altair charts.
"""

from typing import Any

from simcost.present.chart_style import (
    DASHES,
    INK,
    OKABE_ITO,
    SHAPES,
    TARGET,
    WIDTH,
    Document,
    Rows,
    finish,
    inline,
)

HOUR_S, MINUTE_S = 3600.0, 60.0
TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
_ZERO = "datum.value === 0 ? '0' : datum.label"


def curves(document: Document) -> Any:
    """The wait of each policy against the number of GPUs, with the target and the smallest cluster of each."""
    import altair as alt

    target = document["target"]
    unit, unit_s = ("h", HOUR_S) if target["wait_s"] >= HOUR_S else ("min", MINUTE_S)
    priced = document["policies"][0]["usd_per_month"] is not None
    rows: Rows = [
        {
            "policy": one["policy"],
            "gpus": point["gpus"],
            "usd": point["usd_per_month"],
            "wait": round(point["wait_s"]["target"] / unit_s, 4),
            "chosen": point["gpus"] == one["gpus"],
            "use": round(100 * point["utilisation"], 1),
        }
        for one in document["policies"]
        for point in one["curve"]
    ]
    names = [one["policy"] for one in document["policies"]]
    percentile = f"P{100 * target['percentile']:g}"
    x = (
        alt.X("usd:Q", title="USD a month", axis=alt.Axis(format="~s", tickCount=7), scale=alt.Scale(zero=False))
        if priced
        else alt.X("gpus:Q", title="GPUs", axis=alt.Axis(format="~s", tickCount=7), scale=alt.Scale(zero=False))
    )
    longest = max(row["wait"] for row in rows)
    ticks = [0, *(tick for tick in TICKS if tick <= longest)]
    y = alt.Y(
        "wait:Q",
        title=f"{percentile} of the wait ({unit})",
        scale=alt.Scale(type="symlog", constant=1),
        axis=alt.Axis(format=",d", values=ticks),
    )
    colour = alt.Color("policy:N", title=None, scale=_scale(names, OKABE_ITO), legend=alt.Legend(columns=4))
    tooltip = ["policy:N", "gpus:Q", *(["usd:Q"] if priced else []), "wait:Q", "use:Q"]
    base = alt.Chart(inline(rows)).encode(x=x, y=y, color=colour)
    limit = alt.Chart(inline([{"wait": target["wait_s"] / unit_s}]))
    layers = [
        base.mark_line(strokeWidth=2).encode(
            strokeDash=alt.StrokeDash("policy:N", scale=_scale(names, DASHES), title=None)
        ),
        base.mark_point(filled=True, size=45).encode(
            shape=alt.Shape("policy:N", scale=_scale(names, SHAPES), title=None), tooltip=tooltip
        ),
        base.transform_filter("datum.chosen").mark_point(size=260, strokeWidth=2, shape="circle"),
        limit.mark_rule(color=TARGET, strokeDash=[4, 3]).encode(y="wait:Q"),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH, height=300)
    what = "money" if priced else "size"
    return finish(chart, f"Waiting against {what}", "Dashed: the target. Ring: the smallest cluster that keeps it.")


def mixes(mix: Document) -> Any:
    """Cost of each mix that meets the target, reserved and spot apart."""
    import altair as alt

    kept = [row for row in mix["mixes"] if row["spot_gpus"] is not None]
    names = [_name(row) for row in kept]
    rows: Rows = []
    for name, row in zip(names, kept, strict=True):
        parts = {"reserved": row["reserved_usd_per_month"], "spot": row["spot_usd_per_month"]}
        rows += [
            {"mix": name, "part": part, "usd": round(usd, 2), "best": row == mix["best"]} for part, usd in parts.items()
        ]
    colour = alt.Color("part:N", title=None, scale=_scale(["reserved", "spot"], (OKABE_ITO[0], OKABE_ITO[2])))
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(height=18)
        .encode(
            x=alt.X("usd:Q", title="USD a month", axis=alt.Axis(format="~s", tickCount=6, labelExpr=_ZERO)),
            y=alt.Y("mix:N", title=None, sort=names, axis=alt.Axis(domain=False, ticks=False, labelLimit=260)),
            color=colour,
            tooltip=["mix:N", "part:N", alt.Tooltip("usd:Q", format=",.0f")],
        )
    )
    label = alt.Chart(inline([{"mix": _name(mix["best"]), "usd": mix["best"]["usd_per_month"], "said": "cheapest"}]))
    text = label.mark_text(align="left", dx=6, color=INK).encode(x="usd:Q", y=alt.Y("mix:N", sort=names), text="said:N")
    chart = alt.layer(bars, text).properties(width=WIDTH - 100, height=alt.Step(30))
    return finish(chart, "Mixes that keep the target (USD a month)", f"Spot as on {mix['trace']}.")


def _name(row: Document) -> str:
    return f"{row['base_gpus']:,} reserved, up to {row['spot_gpus']:,} spot"


def _scale(domain: Any, cycle: Any) -> Any:
    import altair as alt

    keys = list(domain)
    return alt.Scale(domain=keys, range=[cycle[i % len(cycle)] for i in range(len(keys))])
