"""Wording of a forecast: numbers, steps and sentences."""

import re

from simcost.forecast.sample_paths import spelled
from simcost.present.chart_style import Document
from simcost.present.format import amount, count, usd
from simcost.units import plural

_UNITS = {
    "s": (1, "second"),
    "min": (60, "minute"),
    "h": (3600, "hour"),
    "d": (86400, "day"),
    "w": (604800, "week"),
}


_FEW_EDITS = 5
"""Edits of one kind, at most, that have a sentence each."""
LEAST_EACH = 1e-4
"""Price of one in USD, below which that of a million is shown, as tokens have it."""
_STEPS = re.compile(r"^[\d,]+ steps? ")


def unit(entry: Document, step: str) -> str:
    """The unit of a step: `requests per hour`."""
    return (
        spelled(entry["quantity"]) if entry["rate"] else f"{spelled(entry['quantity'])} per {step_word(step)}".strip()
    )


def bar_unit(entry: Document, *, by_day: bool) -> str:
    """The unit of a bar, which is a day or a step: `per hour`, `requests per second`, `in the mean of a day`."""
    if by_day:
        return "in the mean of a day" if entry["total"]["average"] else "per day"
    return spelled(entry["quantity"]) if entry["rate"] else f"per {step_word(entry['step'])}"


def span(steps: int, step: str) -> str:
    """Duration of some steps.

    >>> span(672, "1h"), span(3, "1mo"), span(36, "1h"), span(6, "10min"), span(13, "1w")
    ('28 days', '3 months', '36 hours', '1 hour', '13 weeks')
    """
    match = re.fullmatch(r"(\d+)(s|min|h|d|w|mo)", step)
    number, unit = (int(match[1]) * steps, match[2]) if match else (steps, "")
    if unit not in _UNITS:
        return plural(number, "month" if unit else "step")
    length_s = number * _UNITS[unit][0]
    for factor, word in reversed(_UNITS.values()):
        if length_s % factor == 0 and (word != "week" or unit == "w"):
            return plural(length_s // factor, word)
    return plural(length_s, "second")


def step_word(step: str) -> str:
    """A step as the unit of a rate: `1h` as `hour`, `15min` as `15 minutes`."""
    return span(1, step).removeprefix("1 ")


def seasons(step: str) -> str:
    """Seasons whose totals a backtest compares.

    >>> seasons("1h"), seasons("1d"), seasons("1mo")
    ('days', 'weeks', 'years')
    """
    return {"1d": "weeks", "1w": "years", "1mo": "years"}.get(step, "days")


def moment(entry: Document, timestamp: str) -> str:
    """`2024-05-12T08:00:00Z` as `2024-05-12 08:00 UTC`; where steps are days or longer, the date."""
    if entry["history"]["step"].endswith(("d", "w", "mo")):
        return timestamp[:10]
    return timestamp.removesuffix("Z").removesuffix(":00").replace("T", " ") + " UTC"


def horizon(entry: Document) -> str:
    """Length of the horizon: in months where they are whole and three or more."""
    months = entry["months"]
    if len(months) > 2 and not any(month["partial"] for month in months):
        return plural(len(months), "month")
    steps = sum(month["steps"] for month in months) or len(entry["mean"])
    return span(steps, entry["history"]["step"])


def verdict(name: str, entry: Document) -> str:
    """One sentence: how much to expect in total and at the peak, and how far to trust it."""
    step, total, peak = entry["step"], entry["total"], entry["peak"]
    what = f"{amount(middle(total))} {spelled(total['quantity'])}".strip()
    over = "on average over" if total["average"] else "in"
    ahead = horizon(entry).removeprefix("1 ")
    return (
        f"{name}: {what} {over} the next {ahead}"
        f"{_likely(total, ', 80 % between {} and {}')}; "
        f"peak {step_word(step)} {amount(middle(peak))}{_rate(entry)}{_likely(peak, ' (80 %: {} to {})')}"
    )


def middle(spread: Document) -> float:
    """The mean of the paths; their median where a few paths carry the mean out of the middle 80 %."""
    mean, lo, median, hi = (spread[key] for key in ("mean", "p10", "p50", "p90"))
    found: float = mean if lo is None or lo <= mean <= hi else median
    return found


def _rate(entry: Document) -> str:
    """The unit of a step where it is neither that of the total nor so many per step."""
    word = spelled(entry["quantity"])
    known = word == spelled(entry["total"]["quantity"]) or word.endswith(f" per {step_word(entry['history']['step'])}")
    return "" if known else f" {word}"


def _likely(spread: Document, how: str) -> str:
    """The middle 80 % in words; nothing where no paths tell."""
    return "" if spread["p10"] is None else how.format(amount(spread["p10"]), amount(spread["p90"]))


def headline(document: Document) -> str:
    """One sentence: the verdict on the only series, or what the series are of."""
    if len(document["series"]) == 1:
        return verdict(*next(iter(document["series"].items())))
    series = list(document["series"].values())
    spans = {horizon(entry) for entry in series}
    ahead = f"the next {next(iter(spans))}" if len(spans) == 1 else "horizons of their own"
    what = sorted({spelled(entry["quantity"]) for entry in series} - {""})
    told = ", ".join(what) or "demand"
    together = document.get("bill_usd")
    cost = "" if together is None else f"; bill of {together['series']} together: {bill(together)}"
    apart = len(spans) > 1 or len({entry["timestamps"][0] for entry in series}) > 1
    if together is None and apart and any(entry.get("bill_usd") for entry in series):
        cost = "; no bill of all together, for their forecasts are not of the same time"
    return f"{told[0].upper()}{told[1:]} in {ahead}: {len(series)} series{cost}"


def bill(found: Document) -> str:
    """A bill at the price of one, with its range."""
    likely = f", 80 % between {usd(found['p10'])} and {usd(found['p90'])}" if found["p10"] is not None else ""
    price = found["unit"]
    each = f"{usd(1e6 * price)} a million" if 0 < price < LEAST_EACH else f"{usd(price)} each"
    return f"{usd(middle(found))} at {each}{likely}"


def basis(entry: Document) -> str:
    """The model and the history it saw."""
    past = entry["history"]
    holes = ((past["missing"], "missing"), (past["zeros"], "zero"))
    told = ", ".join(f"{count(steps)} {word}" for steps, word in holes if steps)
    return (
        f"model {entry['model']}, from {plural(past['steps'], 'step')} of {past['step']}, "
        f"{moment(entry, past['start'])} to {moment(entry, past['end'])}" + (f" ({told})" if told else "")
    )


def against_naive(entry: Document) -> str:
    """Accuracy of the model in the backtest; empty where there was none."""
    found = entry["backtest"]
    if found is None or found["relative_mase"] is None:
        return ""
    ahead, ratio = span(found["horizon_steps"], entry["history"]["step"]), found["relative_mase"]
    times = "the same error as" if ratio == 1 else f"{amount(ratio)} times the error of"
    return (
        f"backtest: {times} repeating the last season (seasonal naive), "
        f"over {plural(found['origins'], 'origin')}, {ahead} ahead"
    )


def cleaning(entry: Document) -> list[str]:
    """Changes of the history, an edit a sentence; those of one kind in one sentence where they are many."""
    kinds: dict[tuple[str, str], list[Document]] = {}
    for edit in entry["cleaning"]:
        kinds.setdefault((edit["rule"], _STEPS.sub("", edit["message"])), []).append(edit)
    told = []
    for (_, message), alike in kinds.items():
        if len(alike) > _FEW_EDITS:
            told.append(_edited(entry, alike[0], alike[-1], f", in {len(alike)} places steps {message}"))
        else:
            told += [_edited(entry, edit, edit, f": {edit['message']}") for edit in alike]
    return told


def _edited(entry: Document, first: Document, last: Document, what: str) -> str:
    return f"{moment(entry, first['from'])} to {moment(entry, last['to'])}{what}"


def findings(entry: Document) -> list[str]:
    """Warnings."""
    return [finding["message"] for finding in entry["findings"]]
