"""Forecast as text and tables for terminal, HTML page and explorer: at most 100 columns, the verdict first."""

from collections.abc import Callable, Iterator
from textwrap import wrap

from simcost.present import forecast_wording
from simcost.present.chart_style import Document
from simcost.present.forecast_wording import moment, step_word
from simcost.present.format import amount, printable, signed
from simcost.present.text_table import table
from simcost.units import format_share

Table = list[dict[str, str]]
_NONE = "\N{EN DASH}"


def overview(document: Document) -> Table:
    """One row per series: total (of rates the mean) and peak of the horizon, the model, its error in the backtest."""
    averages = {entry["total"]["average"] for entry in document["series"].values()}
    total = "total or mean" if len(averages) > 1 else "mean" if averages == {True} else "total"
    return [
        {
            "series": name,
            total: amount(entry["total"]["mean"]),
            "80 % between": _range(entry["total"]),
            "peak": amount(entry["peak"]["mean"]),
            "model": entry["model"],
            "against naive": _text(_relative(entry), "{:.3g}".format),
        }
        for name, entry in document["series"].items()
    ]


def _range(spread: Document) -> str:
    return _NONE if spread["p10"] is None else f"{amount(spread['p10'])} to {amount(spread['p90'])}"


def _relative(entry: Document) -> float | None:
    found = entry["backtest"]
    return found["relative_mase"] if found else None


def course(entry: Document) -> Table:
    """The days of the horizon; its steps where they are no shorter than a day."""
    return _days(entry) if entry["days"] else _steps(entry)


def _days(entry: Document) -> Table:
    usual = max(day["steps"] for day in entry["days"])
    return [
        {
            "day": day["date"] + (f", {day['steps']} steps" if 2 * day["steps"] < usual else ""),
            "P10": _text(day["p10"], amount),
            "mean": amount(day["mean"]),
            "P90": _text(day["p90"], amount),
        }
        for day in entry["days"]
    ]


def _steps(entry: Document) -> Table:
    ends = {
        f"{level} % {end}": entry["levels"][level][key]
        for level in list(entry["levels"])[:1]
        for end, key in (("from", "lo"), ("to", "hi"))
    }
    columns = {"mean": entry["mean"], **ends}
    return [
        {step_word(entry["history"]["step"]): moment(entry, time)}
        | {name: amount(values[i]) for name, values in columns.items()}
        for i, time in enumerate(entry["timestamps"])
    ]


def stated(entry: Document) -> Table:
    """Stated parts: the contribution of each over the horizon, and the source of its uncertainty."""
    return [
        {
            "stated": part["name"],
            "kind": part["kind"],
            "adds in total": amount(part["total"]) if part["kind"] == "base" else signed(part["total"]),
            "share of the variance": _text(part["variance_share"], format_share),
        }
        for part in entry["stated"]
    ]


def backtest(entry: Document) -> Table:
    """The chosen model and its rivals."""
    return [
        {
            "model": score["model"],
            "MASE": _text(score["mase"], "{:.3f}".format),
            "WAPE": _text(score["wape"], format_share),
            "bias": _text(score["bias"], lambda bias: f"{100 * bias:+.1f} %"),
            "pinball": _text(score["pinball"], amount),
        }
        for score in (entry["backtest"] or {"scores": []})["scores"]
    ]


def coverage(entry: Document) -> Table:
    """Shares of the actual values inside the levels."""
    return [
        {
            "level": f"{level} %",
            **{f"of {what}": _text(kept[what], format_share) for what in ("steps", "days", "totals", "peaks")},
        }
        for level, kept in (entry["backtest"] or {"coverage": {}})["coverage"].items()
    ]


def _text(value: float | None, show: Callable[[float], str]) -> str:
    """A value as text; an en dash where it is unknown."""
    return _NONE if value is None else show(value)


COLUMNS = 100
MANY = 5
"""More series than this make one table."""
_ROWS = 31
_BLOCKS = "▁▂▃▄▅▆▇█"
_BAR = 40


def text(document: Document) -> str:
    """Layout of the document of `simcost forecast`."""
    many = len(document["series"]) > MANY
    parts = [*(_overview(document) if many else _each(document)), _files(document)]
    return "\n\n".join(part for part in parts if part)


def _overview(document: Document) -> Iterator[str]:
    """One row a series, and its number of warnings."""
    series = document["series"]
    yield _folded(forecast_wording.overview(document))
    yield _table(overview(document))
    yield "against naive: error over that of repeating the last season, in the backtest; below 1 is better"
    wary = sum(bool(entry["findings"] or entry["cleaning"]) for entry in series.values())
    yield f"{wary} of them with findings or cleaning; details: --json" if wary else "details: --json"


def _each(document: Document) -> Iterator[str]:
    """For each series its verdict, course, user events, backtest, cleaning and findings."""
    for name, entry in document["series"].items():
        yield _folded(forecast_wording.verdict(name, entry))
        yield _folded(forecast_wording.basis(entry)) + "\n" + _bars(entry)
        if len(document["series"]) == 1:
            yield _course(entry, document["timezone"])
        yield _table(stated(entry))
        yield _folded(forecast_wording.against_naive(entry))
        yield _table(backtest(entry))
        yield _table(coverage(entry))
        lines = [f"cleaned: {line}" for line in forecast_wording.cleaning(entry)]
        lines += [f"note: {line}" for line in forecast_wording.findings(entry)]
        yield "\n".join(map(_folded, lines))


def _folded(line: str) -> str:
    """The line, broken where it is too long, but never before a per cent sign."""
    kept = printable(line).replace(" %", "\N{NO-BREAK SPACE}%")
    return "\n".join(wrap(kept, COLUMNS, subsequent_indent="  ")).replace("\N{NO-BREAK SPACE}%", " %")


def _bars(entry: Document) -> str:
    """The mean in one line: a bar per day of long horizons, else per step; where they share one, the largest."""
    days = entry["days"] if len(entry["days"]) > 7 else []
    values = [day["mean"] for day in days] or entry["mean"]
    each = -(-len(values) // COLUMNS)
    shown = [max(values[i : i + each]) for i in range(0, len(values), each)]
    top = max(shown)
    bars = "".join(_BLOCKS[max(0, min(7, int(8 * value / top)))] if top > 0 else _BLOCKS[0] for value in shown)
    start = forecast_wording.moment(entry, entry["timestamps"][0])
    return f"{bars}\nfrom {start}, up to {amount(top)} {forecast_wording.bar_unit(entry, by_day=bool(days))}"


def _course(entry: Document, timezone: str) -> str:
    """Days or steps of the horizon with bars."""
    rows = course(entry)
    values = [day["mean"] for day in entry["days"]] or entry["mean"]
    top = max(values)
    bars = [{"": f"{'#' * round(_BAR * max(value, 0) / top) if top > 0 else '':<{_BAR}}"} for value in values]
    more = f"\n... and {len(rows) - _ROWS} more; all: --json" if len(rows) > _ROWS else ""
    more += f"\ndays of {timezone}" if entry["days"] and timezone != "UTC" else ""
    return _table([row | bar for row, bar in zip(rows, bars, strict=True)][:_ROWS]) + more


def _table(rows: Table) -> str:
    """The rows, the first column cut to the room that the others leave."""
    if not rows:
        return ""
    head = list(rows[0])
    rest = sum(2 + max(len(row[name]) for row in (*rows, {n: n for n in head})) for name in head[1:])
    cells = [[_cut(row[head[0]], COLUMNS - rest), *map(row.get, head[1:])] for row in rows]
    return table(head, [[printable(cell or "") for cell in line] for line in cells])


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)] + "\N{HORIZONTAL ELLIPSIS}"


def _files(document: Document) -> str:
    return "\n".join(f"wrote {file}" for file in document.get("files", ()))
