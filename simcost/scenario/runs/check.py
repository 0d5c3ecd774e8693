"""Check of a scenario without running it, its variations included."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from simcost.errors import Fault, FaultsError, InputError, TraceError
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.checks.routing_checks import door_of
from simcost.scenario.files.faults import fault_at
from simcost.scenario.inputs.conversation_notes import shorter_turns
from simcost.scenario.inputs.gateway_notes import gateway_notes
from simcost.scenario.inputs.other_calibrations import other_calibrations
from simcost.scenario.inputs.shared_measurements import shared_measurements
from simcost.scenario.inputs.tokens_in_batches import tokens_in_batches
from simcost.scenario.inputs.trace_models import adapter_notes, other_models
from simcost.scenario.inputs.unmissable_targets import unmissable_targets
from simcost.scenario.inputs.unusual_measurements import few_cached_tokens, unusual_measurements
from simcost.scenario.inputs.unusual_prices import paid_beyond_scaling, repeated_commitments, unusual_prices
from simcost.scenario.inputs.unusual_scores import unusual_scores
from simcost.scenario.inputs.unusual_units import unusual_limits, unusual_units
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario
from simcost.scenario.schema.scaling import FromManifest
from simcost.scenario.schema.scenario import Plan


def check(path: Path, data_folder: Path | None = None) -> dict[str, Any]:
    """The document of `simcost check`: `faults[]` with file, line, column, path, message; and `notes[]`, which are
    sentences about what is not a fault.
    """
    notes: list[str] = []
    try:
        loaded = load_with_services(path, data_folder)
        for service in [loaded] if isinstance(loaded, LoadedScenario) else loaded.services.values():
            if service.scenario.vary:
                from simcost.scenario.inputs.variations import variations

                variations(service)
        if isinstance(loaded, LoadedScenario) and loaded.scenario.sweep is not None:
            from simcost.scenario.sweeps.space import check_sweep

            check_sweep(loaded)
    except FaultsError as error:
        return {"faults": [asdict(fault) for fault in error.faults], "notes": notes}
    faults = _start_faults(loaded)
    pools = [loaded] if isinstance(loaded, LoadedScenario) else [*loaded.services.values()]
    if not isinstance(loaded, LoadedScenario) and loaded.jobs is not None:
        pools.append(loaded.jobs)
    notes = list(dict.fromkeys(note for pool in pools for note in _unusual(pool)))
    with suppress(TraceError):  # of a trace that cannot be read only the run speaks
        notes += [note for pool in pools for note in other_models(pool.scenario, pool.folder)]
        notes += [note for pool in pools for note in adapter_notes(pool.scenario, pool.folder)]
        notes += [note for pool in pools for note in shorter_turns(pool.scenario, pool.folder)]
        notes += [note for pool in pools for note in tokens_in_batches(pool.scenario, pool.folder)]
    return {"faults": [asdict(fault) for fault in faults], "notes": notes}


def _start_faults(loaded: AnyScenario) -> Sequence[Fault]:
    """Faults that stop a run before its first simulation: settles the scenario as a run does."""
    from simcost.scenario.runs.resolve import check_startable, settle
    from simcost.scenario.runs.resolve_services import settle_services

    try:
        if isinstance(loaded, LoadedScenario):
            check_startable(settle(loaded, seed=None, seeds=None))
            return ()
        for question in settle_services(loaded, seed=None, seeds=None).questions.values():
            check_startable(question)
    except FaultsError as error:
        return error.faults
    except (InputError, OSError, ValueError) as error:
        return [fault_at(loaded.root, str(error), str(loaded.path))]
    return ()


def _unusual(loaded: LoadedScenario) -> Iterator[str]:
    """Values of plans that are mostly in another unit, each with its plans unless it is of all; and targets that
    nothing can miss.
    """
    plans = loaded.scenario.plans
    holds: dict[str, list[str]] = {}
    for plan in plans:
        for note in dict.fromkeys(_of_plan(plan, loaded)):
            holds.setdefault(note, []).append(plan.name)
    yield from (note if len(held) == len(plans) else f"{', '.join(held)}: {note}" for note, held in holds.items())
    yield from shared_measurements(loaded)
    yield from unmissable_targets(loaded.scenario)
    yield from unusual_limits(loaded)
    yield from unusual_scores(loaded)


def _of_plan(plan: Plan, loaded: LoadedScenario) -> Iterator[str]:
    """Values of a plan, pool by pool, and limits of its gateway where no manifest may have others."""
    catalog = loaded.catalog
    if not isinstance(plan.router, FromManifest) and not isinstance(plan.scaling, FromManifest):
        yield from gateway_notes(plan, plan.router, door_of(plan, ())[0])
    for pool in plan.by_pool():
        served = loaded.scenario.model_of(pool)
        if served is not None:
            yield from unusual_measurements(pool, catalog.model(served), catalog)
            yield from few_cached_tokens(pool, catalog.model(served), catalog)
            yield from other_calibrations(pool, catalog.model(served), loaded)
        yield from unusual_units(pool)
        yield from unusual_prices(pool, catalog)
        yield from repeated_commitments(pool)
        yield from paid_beyond_scaling(pool)
