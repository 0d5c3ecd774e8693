"""`simcost forecast`, its `score` and its `value`: demand forecasts, their accuracy, their worth in dollars."""

from pathlib import Path
from typing import Any, get_args

from simcost.forecast.names import GrowthMode, ModelName
from simcost.progress import Progress
from simcost.studies.argument_types import positive, quantity, seconds, usd_per_h
from simcost.studies.options import Arguments, columns, output, seed, show, verb

SCORE = "forecast score"
"""A verb of two words: `forecast` alone takes a file."""
VALUE = "forecast value"


def add(verbs: Any) -> None:
    """The verbs `forecast`, `forecast score` and `forecast value`."""
    _add_forecast(verbs)
    score = verb(verbs, SCORE, _score, "accuracy of a forecast, and the drivers of its error")
    score.add_argument("file", type=Path, metavar="FORECAST", help="file written by `simcost forecast -o`")
    score.add_argument("actuals", type=Path, metavar="ACTUALS", help="actual values: a series or a trace")
    _add_reading(score)
    _add_value(verbs)


def _add_value(verbs: Any) -> None:
    worth = verb(verbs, VALUE, _value, "predictors judged in dollars: a fleet ordered by each, at equal misses")
    worth.add_argument(
        "file",
        type=Path,
        help="recorded demand: a series or a trace, in steps below a day; or a scenario (.yaml) with such a demand and "
        "a plan that follows a forecast, which is simulated",
    )
    worth.add_argument("--per-replica", type=_rate, metavar="RATE", help="of a series: demand a replica takes, as 2/s")
    worth.add_argument("--price", type=usd_per_h, metavar="USD", help="of a series: of a replica, e.g. $2.10/h")
    worth.add_argument("--lead", type=seconds, metavar="TIME", help="of a series: from order to ready (default 5min)")
    worth.add_argument("--misses", type=_share, metavar="P", help="of a series: share that may be missed (default 1%%)")
    worth.add_argument("--plan", metavar="NAME", help="of a scenario (default: the first that follows a forecast)")
    worth.add_argument("--every", type=seconds, default=3600.0, metavar="TIME", help="forecast again (default 1h)")
    worth.add_argument("--days", type=positive, metavar="N", help="judged (default: half of the history, at most 14)")
    worth.add_argument("--series", action="append", default=[], metavar="NAME", help="of the file")
    seed(worth)
    _add_reading(worth)


def _add_forecast(verbs: Any) -> None:
    ahead = verb(verbs, "forecast", _forecast, "demand to come, from a series or a trace, with its uncertainty")
    ahead.add_argument(
        "file",
        type=Path,
        help="a series (CSV or Parquet: timestamp,value), a stored trace of requests or jobs, or a folder of ServeGen "
        "clients",
    )
    ahead.add_argument(
        "--horizon",
        type=seconds,
        metavar="TIME",
        help="how far ahead, e.g. 28d or 12mo (default: by the history)",
    )
    _add_reading(ahead)
    ahead.add_argument("--series", action="append", default=[], metavar="NAME", help="only this series; repeatable")
    ahead.add_argument(
        "--model",
        choices=get_args(ModelName),
        default="auto",
        metavar="M",
        help=f"auto or one of {', '.join(get_args(ModelName)[1:])}",
    )
    ahead.add_argument(
        "--levels",
        type=_levels,
        default=(80, 95),
        metavar="P,P",
        help="of the bands, in per cent (default 80,95)",
    )
    ahead.add_argument(
        "--growth",
        choices=get_args(GrowthMode),
        help="over weeks and more: as measured and damped, none, or as events state it (default: stated where they do)",
    )
    ahead.add_argument("--paths", type=positive, default=400, metavar="N", help="sample paths (default 400)")
    ahead.add_argument("--width", type=float, default=1.0, metavar="X", help="widen or narrow the futures (default 1)")
    ahead.add_argument(
        "--adapt",
        type=positive,
        metavar="DAYS",
        help="rescale the bands by their coverage over the last days",
    )
    ahead.add_argument(
        "--events", type=Path, metavar="YAML", help="events that you know of: growth, launches, holidays, ..."
    )
    ahead.add_argument(
        "--unit-cost",
        type=_usd,
        metavar="USD",
        help="price of one of what is counted, e.g. $0.002 a request, or $0.60/1M of tokens: adds the bill with its "
        "P10 and P90",
    )
    ahead.add_argument("--regressors", type=_names, default=(), metavar="A,B", help="columns known for the future too")
    ahead.add_argument("--reconcile", choices=("bottom-up", "top-down"), help="make names like tenant/model add up")
    ahead.add_argument("--raw", action="store_true", help="clean nothing but missing values")
    seed(ahead, of_scenario=False)
    output(ahead, "-o", "--output", help="write the forecast (.parquet, to be scored later; or .csv)")
    output(ahead, "--paths-out", metavar="PARQUET", help="write the sample paths")
    output(ahead, "--html", metavar="FILE", help="write a page with the fan charts")


def _add_reading(parser: Any) -> None:
    """Add the options that say how a file of series is read."""
    parser.add_argument("--freq", metavar="STEP", help="step, e.g. 15min, 1h, 1d, 1w, 1mo (default: the data's)")
    parser.add_argument(
        "--timezone", default=None, metavar="ZONE", help="time zone of clock and calendar, e.g. Europe/Berlin"
    )
    parser.add_argument("--by", type=_names, default=(), metavar="A,B", help="columns that name a series")
    parser.add_argument(
        "--quantity",
        metavar="Q",
        help="of a trace: requests, prompt_tokens or output_tokens; of jobs: jobs, gpus or gpu_hours",
    )
    parser.add_argument(
        "--time-format",
        metavar="PATTERN",
        help="of the times of a table, as of strptime: '%%d.%%m.%%Y %%H:%%M' (default: found out, and told)",
    )
    columns(parser)


def _forecast(arguments: Arguments) -> None:
    from simcost.forecast.cleaning import RULES
    from simcost.forecast.project import ProjectionOptions
    from simcost.present.parts import write_page
    from simcost.studies.forecasting.study import forecast_file, pictures
    from simcost.studies.forecasting.view import DRAWN, parts

    asked = ProjectionOptions(
        seed=1 if arguments.seed is None else arguments.seed,
        model=arguments.model,
        levels=arguments.levels,
        paths=arguments.paths,
        width=arguments.width,
        adapt_days=arguments.adapt or 0,
        growth=arguments.growth,
        rules=() if arguments.raw else RULES,
        reconciliation=arguments.reconcile,
    )
    with Progress("forecast", quiet=arguments.quiet) as progress:
        document, outlooks = forecast_file(
            arguments.file,
            asked,
            horizon_s=arguments.horizon,
            reading=_reading(arguments, regressors=arguments.regressors, only=tuple(arguments.series)),
            events=arguments.events,
            out=arguments.output,
            paths_out=arguments.paths_out,
            page=arguments.html,
            unit_usd=arguments.unit_cost,
            progress=progress,
        )
        if arguments.html:
            drawn = pictures(document, outlooks[:DRAWN])
            write_page(arguments.html, arguments.title, document, parts(document, drawn))
    show(arguments, document, "forecasting.view")


def _score(arguments: Arguments) -> None:
    from simcost.studies.forecasting.study import score_file

    show(
        arguments,
        score_file(arguments.file, arguments.actuals, reading=_reading(arguments)),
        "forecasting.score_view",
    )


def _value(arguments: Arguments) -> None:
    simulated = arguments.file.suffix in (".yaml", ".yml")
    _check_value(arguments, simulated=simulated)
    with Progress(VALUE, quiet=arguments.quiet) as progress:
        shared = {
            "days": arguments.days,
            "progress": progress,
        }
        document = _of_scenario(arguments, shared) if simulated else _of_series(arguments, shared)
    show(arguments, document, "forecasting.value_view")


SERIES_ONLY = (
    "per_replica",
    "price",
    "lead",
    "misses",
    "freq",
    "timezone",
    "by",
    "quantity",
    "time_format",
    "map",
    "series",
)
"""Options of a series that a scenario says by itself."""


def _check_value(arguments: Arguments, *, simulated: bool) -> None:
    """Check that a scenario is given no option of a series, and a series those that it needs.

    Raises:
        InputError: otherwise.
    """
    from simcost.errors import InputError

    given = [f"--{name.replace('_', '-')}" for name in SERIES_ONLY if getattr(arguments, name) not in (None, [], ())]
    if simulated and given:
        raise InputError(f"{arguments.file}: a scenario says by itself what {', '.join(given)} would; leave it out")
    if not simulated and (arguments.per_replica is None or arguments.price is None):
        raise InputError(
            f"{arguments.file}: a series needs --per-replica (as 2/s) and --price (as $2.10/h); or give a scenario"
        )
    if not simulated and arguments.plan is not None:
        raise InputError(f"{arguments.file}: a series has no plans; leave out --plan")


def _of_scenario(arguments: Arguments, shared: dict[str, Any]) -> dict[str, Any]:
    from simcost.studies.forecasting.simulated_value import value_of_scenario

    return value_of_scenario(
        arguments.file, plan=arguments.plan, every_s=arguments.every, seed=arguments.seed, **shared
    )


def _of_series(arguments: Arguments, shared: dict[str, Any]) -> dict[str, Any]:
    from simcost.studies.forecasting.value import OrderedFleet, value_file

    fleet = OrderedFleet(
        per_replica=arguments.per_replica,
        price_usd_per_h=arguments.price,
        lead_s=300.0 if arguments.lead is None else arguments.lead,
        misses=0.01 if arguments.misses is None else arguments.misses,
        every_s=arguments.every,
    )
    reading = _reading(arguments, only=tuple(arguments.series))
    return value_file(
        arguments.file, fleet, reading=reading, seed=1 if arguments.seed is None else arguments.seed, **shared
    )


def _reading(arguments: Arguments, **more: tuple[str, ...]) -> Any:
    from simcost.studies.forecasting.study import SeriesOptions

    return SeriesOptions(
        freq=arguments.freq,
        timezone=arguments.timezone,
        by=arguments.by,
        quantity=arguments.quantity,
        mapping=dict(arguments.map),
        time_format=arguments.time_format,
        **more,
    )


def _usd(text: str) -> float:
    from simcost.units import USD_EACH

    return quantity(USD_EACH)(text)


def _rate(text: str) -> float:
    from argparse import ArgumentTypeError

    from simcost.units import PER_S

    rate = quantity(PER_S)(text)
    if rate == 0:
        raise ArgumentTypeError(f"{text!r} is not above 0; write e.g. 2/s")
    return rate


def _share(text: str) -> float:
    from argparse import ArgumentTypeError

    from simcost.units import SHARE

    share = quantity(SHARE)(text)
    if share >= 1:
        raise ArgumentTypeError(f"{text!r} is not below all of the demand; write e.g. 1%")
    return share


def _levels(text: str) -> tuple[int, ...]:
    from argparse import ArgumentTypeError

    parts = text.split(",")
    if not all(part.strip().isdecimal() and 0 < int(part) < 100 for part in parts):
        raise ArgumentTypeError(f"{text!r} is not a list of levels; write percentages from 1 to 99, e.g. 80,95")
    return tuple(sorted({int(part) for part in parts}))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
