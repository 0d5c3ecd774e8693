"""The score of a forecast, as parts."""

from simcost.present.chart_style import Document
from simcost.present.format import NONE, amount, count, share
from simcost.present.parts import Part, Table, notes

_DRIVERS = {"level": "level", "day_to_day": "day to day", "hour_of_day": "hour of day", "rest": "rest"}


def parts(document: Document) -> list[Part]:
    """The verdict on each series, then the tables."""
    series = document["series"]
    return [
        *(Part(title=name, titled=False, said=found["sentences"]) for name, found in series.items()),
        Part(title="Errors", titled=False, rows=errors(series)),
        Part(title="Squared error by cause", titled=False, rows=drivers(series)),
        *(Part(title=f"{name}: worst", titled=False, rows=worst(name, found)) for name, found in series.items()),
        notes(document),
    ]


def errors(series: Document) -> Table:
    """One row per series: its errors, and how often steps and totals of days lay inside each level."""
    return [
        {
            "series": name,
            "steps": count(found["steps"]),
            "MASE": amount(found["mase"]),
            "WAPE": share(found["wape"]),
            "bias": share(found["bias"]),
            **{f"in {level} %": _inside(told) for level, told in found["coverage"].items()},
        }
        for name, found in series.items()
    ]


def _inside(told: Document) -> str:
    """Steps, then totals of days, inside a level."""
    return share(told["steps"]) + (f" (days {share(told['day_totals'])})" if told["day_totals"] is not None else "")


def drivers(series: Document) -> Table:
    """One row per series: what its squared error is made of."""
    return [
        {"squared error from": name, **{title: share(found["drivers"][key]) for key, title in _DRIVERS.items()}}
        for name, found in series.items()
    ]


def worst(name: str, found: Document) -> Table:
    """The days with the largest errors."""
    return [
        {
            f"{name}: worst": day["date"],
            "came": amount(day["actual"]),
            "forecast": amount(day["forecast"]),
            "of the error": share(day["error_share"]),
            "stated": ", ".join(day["events"]) or NONE,
        }
        for day in found["worst"]
    ]
