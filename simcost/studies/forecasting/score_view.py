"""Score of a forecast, in the terminal."""

from collections.abc import Iterator
from textwrap import fill
from typing import Any

from simcost.forecast.scoring.series import amount
from simcost.present.chart_style import Document
from simcost.present.text_table import table
from simcost.units import format_share

WIDTH = 100
_PARTS = {"level": "level", "day_to_day": "day to day", "hour_of_day": "hour of day", "rest": "rest"}


def text(document: Document) -> str:
    """Layout of the document of `simcost forecast score`: the verdicts first, then the tables."""
    series = document["series"]
    blocks = [line for found in series.values() for line in (*map(_folded, found["sentences"]), "")]
    blocks += [_errors(series), "", _drivers(series)]
    for name, found in series.items():
        blocks += _worst(name, found)
    blocks += [_folded(f"note: {finding['message']}") for finding in document["findings"]]
    return "\n".join(blocks)


def _folded(line: str) -> str:
    return fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _errors(series: Document) -> str:
    levels = list(next(iter(series.values()))["coverage"])
    rows = [
        [
            name,
            f"{found['steps']:,}",
            _number(found["mase"]),
            _share(found["wape"]),
            _share(found["bias"]),
            *(_inside(found["coverage"][level]) for level in levels),
        ]
        for name, found in series.items()
    ]
    return table(["series", "steps", "MASE", "WAPE", "bias", *(f"in {level} %" for level in levels)], rows)


def _inside(told: Document) -> str:
    """Steps, then totals of days, inside a level."""
    days = f" (days {100 * told['day_totals']:.0f} %)" if told["day_totals"] is not None else ""
    return f"{100 * told['steps']:.0f} %{days}"


def _drivers(series: Document) -> str:
    rows = [[name, *(f"{100 * found['drivers'][key]:.0f} %" for key in _PARTS)] for name, found in series.items()]
    return table(["squared error from", *_PARTS.values()], rows)


def _worst(name: str, found: Document) -> Iterator[str]:
    if found["worst"]:
        rows = [
            [
                worst["date"],
                amount(worst["actual"]),
                amount(worst["forecast"]),
                f"{100 * worst['error_share']:.0f} %",
                ", ".join(worst["events"]) or "-",
            ]
            for worst in found["worst"]
        ]
        yield from ("", table([f"{name}: worst", "came", "forecast", "of the error", "stated"], rows))


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.3g}"


def _share(value: Any) -> str:
    return "-" if value is None else format_share(value)
