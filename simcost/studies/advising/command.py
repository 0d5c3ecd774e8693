"""`simcost advise`: right-sizing actions for a plan, each proven by simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.errors import InputError
from simcost.gates import Amount, Gate
from simcost.progress import Progress
from simcost.studies.argument_types import number, positive, usd_per_h
from simcost.studies.options import (
    Arguments,
    catalog_offer,
    columns,
    data,
    engine,
    engine_of,
    gated,
    output_folder,
    sample_rows,
    seed,
    study,
)
from simcost.units import format_usd

if TYPE_CHECKING:
    from simcost.scenario.schema.loaded_scenario import AnyScenario
    from simcost.studies.advising.result import Advice

GATES: Mapping[str, Amount] = {"slo": "", "saving": "USD"}


def add(verbs: Any, recorded: Callable[[Arguments], object]) -> None:
    """The verb `advise`; `recorded` answers for recorded utilisation."""

    def answer(arguments: Arguments) -> object:
        return _advise(arguments) if _is_scenario(arguments.file) else recorded(arguments)

    advise = study(verbs, "advise", answer, "advising.view", "right-size a plan: actions, each proven by simulation")
    advise.add_argument(
        "file", type=Path, metavar="FILE|DIR", help="scenario YAML, results of `simcost run`, or utilisation"
    )
    advise.add_argument("--plan", metavar="NAME", help="plan to change (default: the baseline)")
    advise.add_argument(
        "--spot-interruptions",
        type=_rate,
        metavar="RATE",
        help="per spot node and hour, e.g. 0.05; needed to try spot",
    )
    advise.add_argument("--price", type=usd_per_h, metavar="USD", help="of utilisation: per GPU and hour, e.g. $2.10/h")
    catalog_offer(advise, "or an offer of the catalog, whose price is shared by its GPUs")
    columns(advise)
    sample_rows(advise)
    output_folder(advise, "--out", help="folder that keeps the runs (default: results/SCENARIO, or RUN)")
    advise.add_argument("--seeds", type=positive, help="replications (default: as the scenario says, else 10)")
    engine(advise)
    gated(advise, GATES, broken)
    data(advise)
    seed(advise)


def _is_scenario(path: Path) -> bool:
    """True for YAML and results folders; tables are recorded utilisation."""
    return path.is_dir() or path.suffix.lower() not in (".csv", ".parquet", ".gz", ".txt")


def _rate(text: str) -> float:
    import argparse

    value = number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is below 0; write e.g. 0.05")
    return value


def _advise(arguments: Arguments) -> Advice:
    for option in ("price", "offer", "region", "catalog", "map", "where"):
        if getattr(arguments, option):
            raise InputError(
                f"--{option} is for recorded utilisation, a .csv or .parquet file; {arguments.file} is taken for a "
                "scenario or its results, which have prices of their own"
            )
    from simcost.studies.advising.settings import AdviceSettings
    from simcost.studies.advising.study import advise

    loaded, out = _scenario(arguments.file, arguments.data)
    settings = AdviceSettings(
        plan=arguments.plan,
        spot_per_node_h=arguments.spot_interruptions,
        seeds=arguments.seeds,
        seed=arguments.seed,
        jobs=arguments.jobs,
        engine=engine_of(arguments),
    )
    with Progress(loaded.first.scenario.scenario, quiet=arguments.quiet) as progress:
        return advise(loaded, (arguments.out or out) / "runs", settings, progress)


def _scenario(path: Path, folder: Path | None) -> tuple[AnyScenario, Path]:
    """The scenario of a file or of a results folder, and the folder that keeps its runs."""
    from simcost.scenario.checks.load import load_as_run, load_with_services

    if path.is_dir():
        return load_as_run(path, folder), path
    loaded = load_with_services(path, folder)
    return loaded, Path("results") / loaded.first.scenario.scenario


def broken(advice: Any, gate: Gate) -> str:
    """`slo` is broken where the plan misses its SLO, `saving=USD` where actions save more than that a month: one after
    another, or of recorded utilisation the largest.
    """
    if gate.name == "slo":
        late = ", ".join(service.name for service in getattr(advice, "services", ()) if not service.slo_met)
        return "" if advice.slo_met else f"SLO missed by {advice.plan}{f' ({late})' if late else ''}"
    largest = getattr(advice, "largest_saving_usd_per_month", None)
    usd = advice.total_saving_usd_per_month if largest is None else largest
    return f"{format_usd(usd)} a month can be saved, more than {format_usd(gate.amount)}" if usd > gate.amount else ""
