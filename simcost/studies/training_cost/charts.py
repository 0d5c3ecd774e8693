"""Charts of an estimate: memory of a GPU, costs by part, time and money against the number of GPUs, training methods.

Pure functions from the document of `simcost train estimate` to Altair charts.
"""

from collections.abc import Mapping
from typing import Any

from simcost.present.chart_style import INK, OKABE_ITO, TARGET, WIDTH, Rows, finish, inline
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
_ZERO = "datum.value === 0 ? '0' : datum.label"
_ENDS = ("low", "mid", "high")


def memory(document: Document) -> Any:
    """Memory of each GPU, part by part, against its limit."""
    import altair as alt

    sizes = document["memory_bytes"]
    rows: Rows = [
        {"part": name, "gib": round(sizes[name] / GIB, 4), "order": i, "gpu": "each GPU"}
        for i, name in enumerate(HELD)
        if sizes[name]
    ]
    present = [row["part"] for row in rows]
    shades = [OKABE_ITO[HELD.index(name) % len(OKABE_ITO)] for name in present]
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("gib:Q", title="GiB", axis=alt.Axis(tickCount=8)),
            y=alt.Y("gpu:N", title=None, axis=alt.Axis(domain=False, ticks=False)),
            color=alt.Color(
                "part:N",
                title=None,
                sort=present,
                scale=alt.Scale(domain=present, range=shades),
                legend=alt.Legend(columns=7),
            ),
            order="order:Q",
            tooltip=["part:N", alt.Tooltip("gib:Q", format=".2f")],
        )
    )
    usable = alt.Chart(inline([{"usable": sizes["usable"] / GIB, "said": "usable"}]))
    rule = usable.mark_rule(color=TARGET, strokeDash=[4, 3]).encode(x="usable:Q")
    label = usable.mark_text(color=TARGET, align="right", dx=-4, dy=-24).encode(x="usable:Q", text="said:N")
    chart = alt.layer(bars, rule, label).properties(width=WIDTH, height=alt.Step(40))
    return finish(chart, "Memory of each GPU (GiB)")


def costs(document: Document) -> Any:
    """Each way of buying by part, with the range of its total."""
    import altair as alt

    paid = document["cost_usd"]
    rows: Rows = [
        {"way": WAYS[way], "part": said, "usd": round(cost[part]["mid"], 2), "order": i}
        for way, cost in paid.items()
        for i, (part, (said, _)) in enumerate(PARTS.items())
        if cost[part]
    ]
    totals: Rows = [{"way": WAYS[way], **cost["total"]} for way, cost in paid.items()]
    present = [said for said, _ in PARTS.values() if any(row["part"] == said for row in rows)]
    shades = [shade for said, shade in PARTS.values() if said in present]
    y = alt.Y("way:N", title=None, sort=[WAYS[way] for way in paid], axis=alt.Axis(domain=False, ticks=False))
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(height=18)
        .encode(
            x=alt.X("usd:Q", title="USD", axis=alt.Axis(format="~s", tickCount=6, labelExpr=_ZERO)),
            y=y,
            order="order:Q",
            color=alt.Color("part:N", title=None, sort=present, scale=alt.Scale(domain=present, range=shades)),
            tooltip=["way:N", "part:N", alt.Tooltip("usd:Q", format=",.2f")],
        )
    )
    ends = (
        alt.Chart(inline(totals))
        .mark_errorbar(ticks=True, color=INK)
        .encode(x=alt.X("low:Q", title="USD"), x2="high:Q", y=y)
    )
    chart = alt.layer(bars, ends).properties(width=WIDTH, height=alt.Step(ROW))
    return finish(chart, "What the run costs (USD)", "Whisker: the low and the high end of the total.")


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
    ends = {name: values[name] / unit for name in _ENDS}
    return {"gpus": point["gpus"], **ends, "chosen": point["gpus"] == document["chosen_gpus"]}


def _panel(rows: Rows, title: str, limit: float | None) -> Any:
    import altair as alt

    x = alt.X(
        "gpus:Q",
        title="GPUs",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~s", grid=False, tickCount=6),
    )
    kind = "log" if max(row["high"] for row in rows) > 4 * min(row["low"] for row in rows) else "linear"
    scale = alt.Scale(type=kind, zero=kind == "linear", nice=True)
    small = max(row["high"] for row in rows) < LARGE
    y = {
        "title": title,
        "scale": scale,
        "axis": alt.Axis(format="~g" if small else "~s", tickCount=6, labelExpr=_ZERO),
    }
    base = alt.Chart(inline(rows)).encode(x=x)
    layers = [
        base.mark_area(opacity=0.25, color=OKABE_ITO[0]).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_line(color=OKABE_ITO[0], point=True).encode(
            y="mid:Q", tooltip=["gpus:Q", *(alt.Tooltip(f"{end}:Q", format=",.4~g") for end in _ENDS)]
        ),
        base.transform_filter("datum.chosen").mark_point(size=260, color=INK, strokeWidth=2).encode(y="mid:Q"),
    ]
    if limit is not None:
        target = alt.Chart(inline([{"limit": limit}]))
        layers.append(target.mark_rule(color=TARGET, strokeDash=[4, 3]).encode(y="limit:Q"))
    return alt.layer(*layers).properties(width=WIDTH // 2 - 40, height=240)


def methods(document: Document) -> Any:
    """Cost of each method to train and, where that is asked, to serve."""
    import altair as alt

    rows: Rows = []
    for row in document["methods"]:
        paid = (row["cost_usd"] or {}).get("on_demand")
        if paid:
            rows.append({"method": row["method"], "what": "training", "usd": round(paid["mid"], 2), "order": 0})
        if row["serving_usd"] is not None:
            rows.append({"method": row["method"], "what": "serving", "usd": round(row["serving_usd"], 2), "order": 1})
    present = list(dict.fromkeys(row["what"] for row in sorted(rows, key=lambda row: row["order"])))
    order = [row["method"] for row in document["methods"]]
    y = alt.Y("method:N", title=None, sort=order, axis=alt.Axis(domain=False, ticks=False))
    axis = alt.Axis(format="~s", tickCount=6, labelExpr=_ZERO)
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(height=18)
        .encode(
            x=alt.X("usd:Q", title="USD on demand; the line: low to high", axis=axis),
            y=y,
            color=alt.Color(
                "what:N", title=None, scale=alt.Scale(domain=present, range=list(OKABE_ITO[: len(present)]))
            ),
            order="order:Q",
            tooltip=["method:N", "what:N", alt.Tooltip("usd:Q", format=",.2f")],
        )
    )
    ranges = alt.Chart(inline(_ranges(document))).mark_rule(color=INK).encode(x="low:Q", x2="high:Q", y=y)
    layers = alt.layer(bars, ranges).properties(width=WIDTH, height=alt.Step(ROW))
    return finish(layers, "What each way costs (USD on demand)")


def _ranges(document: Document) -> Rows:
    """Low and high of each way, with serving where that is asked."""
    whole = [
        (row["method"], row["total_usd"] or (row["cost_usd"] or {}).get("on_demand")) for row in document["methods"]
    ]
    return [{"method": method, "low": usd["low"], "high": usd["high"]} for method, usd in whole if usd]
