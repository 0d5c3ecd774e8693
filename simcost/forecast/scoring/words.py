"""How a forecast turned out, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from simcost.forecast.sample_paths import spelled

_DRIVERS = {
    "level": "the level, which was {too} throughout",
    "day_to_day": "days that came higher or lower than forecast, beyond the level",
    "hour_of_day": "the shape of the day, furthest off at {time} ({too_then})",
    "rest": "single steps without a pattern",
}


def sentences(name: str, found: Mapping[str, Any], noise: bool | None) -> list[str]:
    """What to know first: how far off, whether that is noise, what drove it, where, and what stating helped."""
    return [_miss(name, found), *_band(found, noise), *_driver(found), *_worst(found), *_stated(found)]


def _miss(name: str, found: Mapping[str, Any]) -> str:
    total, whole = found["total"], found["steps"] + found["missing"] + found["to_come"]
    what = f"{amount(total['actual'])} {spelled(total['quantity'])}".strip()
    came = "came on average" if total["average"] else "came"
    said = f"{name}: {what} {came} in {found['steps']:,} of {whole:,} steps"
    if not total["actual"]:
        return f"{said}, {amount(total['forecast'])} were forecast"
    off = _off(total["forecast"] / total["actual"] - 1)
    said += (
        f"; the forecast of {amount(total['forecast'])} was {off}{'' if total['average'] else ' in total'}"
    )
    measures = [f"WAPE {100 * found['wape']:.1f} %"]
    if found["mase"] is not None:
        measures.insert(0, f"MASE {found['mase']:.3g}")
    return f"{said} ({', '.join(measures)})"


def _off(error: float) -> str:
    return f"{100 * abs(error):.1f} % {_too(error)}" if abs(error) >= 0.0005 else "right"


def _too(error: float) -> str:
    return "too high" if error > 0 else "too low"


def _band(found: Mapping[str, Any], noise: bool | None) -> Iterator[str]:
    if noise is None:
        return
    level = min(found["coverage"], key=int)
    told = found["coverage"][level]
    if found["total"]["levels"] is not None:
        ends = found["total"]["levels"][level]
        what = "average" if found["total"]["average"] else "total"
        said = f"the {what} lies {'inside' if ends['inside'] else 'outside'} its {level} % level, "
        said += f"{amount(ends['lo'])} to {amount(ends['hi'])}"
    elif told["days"]:
        said = (
            f"{100 * told['day_totals']:.0f} % of {told['days']} day totals lie inside their {level} % level"
        )
    else:
        said = f"{100 * told['steps']:.0f} % of the steps lie inside their {level} % level"
    yield f"{said}: {'noise explains the miss' if noise else 'more than noise'}"


def _driver(found: Mapping[str, Any]) -> Iterator[str]:
    shares = {name: found["drivers"][name] for name in _DRIVERS}
    main = max(shares, key=lambda name: shares[name])
    if shares[main]:
        words = _DRIVERS[main].format(
            too=_too(found["drivers"]["mean_error"]),
            time=found["drivers"]["worst_time"],
            too_then=_too(found["drivers"]["worst_time_error"]),
        )
        yield f"{100 * shares[main]:.0f} % of the squared error is {words}"


def _worst(found: Mapping[str, Any]) -> Iterator[str]:
    for worst in found["worst"][:1]:
        events = f"; stated for it: {', '.join(worst['events'])}" if worst["events"] else ""
        yield (
            f"worst: {worst['date']}, {amount(worst['actual'])} came, {amount(worst['forecast'])} were forecast, "
            f"{100 * worst['error_share']:.0f} % of the absolute error{events}"
        )


def _stated(found: Mapping[str, Any]) -> Iterator[str]:
    """Which statements made the forecast better or worse, where that shows in a tenth of a per cent."""
    for part in found["parts"]:
        without = part["wape_without"]
        if without is not None and abs(without - found["wape"]) >= 0.001:
            name = "anything stated" if part["name"] is None else repr(part["name"])
            if without < found["wape"]:
                yield f"without {name} the forecast would have been better: WAPE {100 * without:.1f} %"
            else:
                yield f"stating {name} helped: WAPE {100 * without:.1f} % without"


def amount(value: float) -> str:
    """A demand in four digits, without an exponent where that can be.

    >>> amount(8_886_155), amount(0.03512)
    ('8,886,000', '0.0351')
    """
    return f"{float(f'{value:.4g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"
