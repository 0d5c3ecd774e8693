"""A forecast, as parts: on the terminal, its page and in the explorer."""

from collections.abc import Sequence
from dataclasses import replace

from simcost.present import forecast_charts, forecast_wording
from simcost.present.chart_style import Document
from simcost.present.format import NONE, amount, share, share_change, signed
from simcost.present.parts import Part, Table
from simcost.units import plural

DRAWN = 20
"""Series with a chart; the others are rows of a table."""
MANY = 5
"""More series than this are one table in the terminal."""
SCORES = (
    "MASE: mean absolute error over that of repeating the season before, in the history. WAPE: sum of the absolute "
    "errors over the sum of demand. Pinball: error of the deciles of the paths, before the error of the level widens "
    "them, in units of the series. Of all, less is better."
)
COVERAGE = (
    "Coverage is how often, in the backtest, what came lay inside a level. A bill follows the totals, a fleet the "
    "peaks. With few origins these shares are coarse."
)
GROWTH = (
    "Goes on: the share of it in the point forecast, less where it is doubtful; it halves in 3 years. What is stated "
    "comes in its place, never on top."
)
STATED = (
    "Adds in total: to the point forecast, with all ranges at their medians. The total above is the mean of the paths, "
    "which is larger where ranges reach farther up than down."
)
NAIVE = "against naive: error over that of repeating the last season, in the backtest; below 1 is better"
_DAYS = 31
_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 100


def parts(document: Document, pictures: Sequence[Document] = ()) -> list[Part]:
    """Parts below the verdict, on every screen.

    Args:
        document: of `simcost forecast`.
        pictures: of its first series, by `simcost.forecast.document.picture`.
    """
    series, drawn = document["series"], {picture["name"]: picture for picture in pictures}
    many = len(series) > MANY
    source = f"From {document['file']}; {document['paths']} sample paths; days of {document['timezone']}."
    return [
        *([several(document)] if len(series) > 1 else []),
        *(part for name in series if name in drawn or not many for part in of_series(document, name, drawn.get(name))),
        Part(title="Source", said=[source], detail=True),
    ]


def several(document: Document) -> Part:
    """One row per series, and how many have something to be wary of."""
    entries = document["series"].values()
    wary = sum(bool(entry["findings"] or entry["cleaning"]) for entry in entries)
    said = [NAIVE, *([f"{wary} of them with findings or cleaning; details: --json"] if wary else [])]
    return Part(title="Series", rows=overview(document), said=said, detail=len(entries) <= MANY)


def overview(document: Document) -> Table:
    """One row per series: total (of rates the mean) and peak of the horizon, the model, its error in the backtest."""
    averages = {entry["total"]["average"] for entry in document["series"].values()}
    total = "total or mean" if len(averages) > 1 else "mean" if averages == {True} else "total"
    return [
        {
            "series": name,
            total: amount(forecast_wording.middle(entry["total"])),
            "80 % between": _range(entry["total"]),
            "peak": amount(forecast_wording.middle(entry["peak"])),
            "model": entry["model"],
            "against naive": amount(entry["backtest"] and entry["backtest"]["relative_mase"]),
        }
        for name, entry in document["series"].items()
    ]


def _range(spread: Document) -> str:
    return NONE if spread["p10"] is None else f"{amount(spread['p10'])} to {amount(spread['p90'])}"


def of_series(document: Document, name: str, picture: Document | None) -> list[Part]:
    """Questions of a reader about a series, in their order."""
    entry, alone = document["series"][name], len(document["series"]) == 1
    detail, of = len(document["series"]) > MANY, "" if alone else f"{name}: "
    said = [*([] if alone else [forecast_wording.verdict(name, entry)]), *bill(entry), forecast_wording.basis(entry)]
    naive = [line for line in [forecast_wording.against_naive(entry)] if line]
    fan = (lambda: forecast_charts.fan(picture)) if picture else None
    effects = (lambda: forecast_charts.parts(picture)) if picture and picture["parts"] else None
    scores, inside, zone = backtest(entry), coverage(entry), document["timezone"]
    shown = [
        Part(title=f"Forecast of {name}", titled=False, said=said, chart=fan, sketch=sketch(entry)),
        Part(title=f"Stated for {name}", chart=effects),
        Part(title=f"{of}Growth", titled=False, rows=growth(entry), said=[GROWTH] if growth(entry) else []),
        Part(title=f"{of}Stated", titled=False, rows=stated(entry), said=[STATED] if stated(entry) else []),
        Part(title=f"{of}Backtest", titled=False, rows=scores, said=[*naive, *([SCORES] if scores else [])]),
        Part(title=f"{of}Coverage", titled=False, rows=inside, said=[COVERAGE] if inside else []),
        Part(title=f"{of}Cleaning", said=forecast_wording.cleaning(entry)),
        Part(title=f"{of}Findings", said=forecast_wording.findings(entry)),
    ]
    by_month = months(entry)
    course = Part(
        title=f"{of}{'Month by month' if by_month else 'Day by day' if entry['days'] else 'Step by step'}",
        titled=False,
        rows=by_month or days(entry) or steps(entry),
        said=[f"{'months' if by_month else 'days'} of {zone}"] if entry["days"] and zone != "UTC" else [],
        most=_DAYS,
        bar="mean",
        closed=True,
        detail=not alone,
    )
    shown.insert(2, course)
    return [replace(part, detail=True) for part in shown] if detail else shown


def sketch(entry: Document) -> str:
    """The mean in one line: a block per day of long horizons, else per step; where they share one, the largest."""
    by_day = len(entry["days"]) > 7
    values = [day["mean"] for day in entry["days"]] if by_day else entry["mean"]
    each = -(-len(values) // _WIDTH)
    shown = [max(values[i : i + each]) for i in range(0, len(values), each)]
    top = max(shown)
    blocks = "".join(_BLOCKS[max(0, min(7, int(8 * value / top)))] if top > 0 else _BLOCKS[0] for value in shown)
    start = forecast_wording.moment(entry, entry["timestamps"][0])
    return f"{blocks}\nfrom {start}, up to {amount(top)} {forecast_wording.bar_unit(entry, by_day=by_day)}"


def months(entry: Document) -> Table:
    """The months of a horizon of more days than are shown one by one, or as asked for; empty otherwise."""
    of_days = len(entry["days"]) or (len(entry["mean"]) if entry["step"] == "1d" else 0)
    if of_days <= _DAYS and entry["step"] != "1mo":
        return []
    step = entry["history"]["step"]
    return [
        {
            "month": month["month"] + (f", {forecast_wording.span(month['steps'], step)}" if month["partial"] else ""),
            "P10": amount(month["p10"]),
            "mean": amount(month["mean"]),
            "P90": amount(month["p90"]),
        }
        for month in entry["months"]
    ]


def days(entry: Document) -> Table:
    """The days of the horizon, where steps are shorter than a day."""
    usual = max((day["steps"] for day in entry["days"]), default=0)
    return [
        {
            "day": day["date"] + (f", {plural(day['steps'], 'step')}" if 2 * day["steps"] < usual else ""),
            "P10": amount(day["p10"]),
            "mean": amount(day["mean"]),
            "P90": amount(day["p90"]),
        }
        for day in entry["days"]
    ]


def steps(entry: Document) -> Table:
    """The steps of the horizon, with their narrowest level."""
    ends = {
        f"{level} % {end}": entry["levels"][level][key]
        for level in list(entry["levels"])[:1]
        for end, key in (("from", "lo"), ("to", "hi"))
    }
    columns = {"mean": entry["mean"], **ends}
    return [
        {forecast_wording.step_word(entry["history"]["step"]): forecast_wording.moment(entry, time)}
        | {name: amount(values[i]) for name, values in columns.items()}
        for i, time in enumerate(entry["timestamps"])
    ]


def bill(entry: Document) -> list[str]:
    """The bill of the horizon, where one of what is counted has a price."""
    found = entry.get("bill_usd")
    return [] if found is None else [f"bill: {forecast_wording.bill(found)}"]


def growth(entry: Document) -> Table:
    """Growth that the history shows, and what of it is in the forecast; nothing where the model does not tell."""
    found = entry.get("growth")
    if found is None:
        return []
    return [
        {
            "measured growth a month": share_change(found["per_month"] - 1),
            "80 % between": f"{share_change(found['lo'] - 1)} and {share_change(found['hi'] - 1)}",
            "goes on": share(found["kept"]),
            "adds in total": signed(found["total"]),
        }
    ]


def stated(entry: Document) -> Table:
    """Stated parts: the contribution of each over the horizon, and the source of its uncertainty."""
    return [
        {
            "stated": part["name"],
            "kind": part["kind"],
            "adds in total": amount(part["total"]) if part["kind"] == "base" else signed(part["total"]),
            "share of the variance": share(part["variance_share"]),
        }
        for part in entry["stated"]
    ]


def backtest(entry: Document) -> Table:
    """The chosen model and its rivals."""
    return [
        {
            "model": score["model"],
            "MASE": amount(score["mase"]),
            "WAPE": share(score["wape"]),
            "bias": share_change(score["bias"]),
            "pinball": amount(score["pinball"]),
        }
        for score in (entry["backtest"] or {"scores": []})["scores"]
    ]


def coverage(entry: Document) -> Table:
    """Shares of the actual values inside the levels; `days` are seasons, and shown as what they are."""
    seasons = forecast_wording.seasons(entry["history"]["step"])
    columns = {"of steps": "steps", f"of {seasons}": "days", "of totals": "totals", "of peaks": "peaks"}
    return [
        {"level": f"{level} %", **{column: share(kept[what]) for column, what in columns.items()}}
        for level, kept in (entry["backtest"] or {"coverage": {}})["coverage"].items()
    ]
