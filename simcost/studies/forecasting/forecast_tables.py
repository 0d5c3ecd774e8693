"""The tables of a forecast as texts for people, shared by the terminal, the HTML page and the app."""

from collections.abc import Callable

from simcost.present.chart_style import Document
from simcost.present.forecast_wording import moment, step_word
from simcost.present.format import amount, signed
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
    ends = {f"{level} % {end}": entry["levels"][level][key]
            for level in list(entry["levels"])[:1] for end, key in (("from", "lo"), ("to", "hi"))}  # fmt: skip
    columns = {"mean": entry["mean"], **ends}
    return [
        {step_word(entry["history"]["step"]): moment(entry, time)}
        | {name: amount(values[i]) for name, values in columns.items()}
        for i, time in enumerate(entry["timestamps"])
    ]


def stated(entry: Document) -> Table:
    """What is stated: what each part brings over the horizon, and whose uncertainty it is."""
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
    """The chosen model beside its rivals."""
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
    """How often what came lay inside the levels."""
    return [
        {
            "level": f"{level} %",
            **{
                f"of {what}": _text(kept[what], format_share) for what in ("steps", "days", "totals", "peaks")
            },
        }
        for level, kept in (entry["backtest"] or {"coverage": {}})["coverage"].items()
    ]


def _text(value: float | None, show: Callable[[float], str]) -> str:
    """A value for people; an en dash where nothing tells."""
    return _NONE if value is None else show(value)
