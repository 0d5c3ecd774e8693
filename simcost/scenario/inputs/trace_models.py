"""Models and adapters that recorded requests name, against those that the plans serve."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from simcost.errors import CatalogError, did_you_mean
from simcost.tables.paths import inside
from simcost.trace.workload.spec import AdapterColumn, RecordedWorkload

if TYPE_CHECKING:
    from simcost.catalog import Catalog
    from simcost.scenario.schema.scenario import Scenario

_SHOWN = 3
_TUNED = {"meta", "instruct", "it", "chat", "hf"}
_PARTS = re.compile(r"\d+(?:\.\d+)?b?|[a-z]+")


def other_models(scenario: Scenario, folder: Path) -> list[str]:
    """One sentence for each recorded workload and served model whose requests name another one.

    Raises:
        TraceError: a trace that cannot be read.
    """
    recorded = [one for one in scenario.workload if isinstance(one, RecordedWorkload)]
    paths = dict.fromkeys(one.path for one in recorded if not _are_adapters(one))
    if not paths:
        return []
    from simcost.trace.requests.store import open_trace

    served = dict.fromkeys(name for plan in scenario.plans if (name := scenario.model_of(plan)))
    logged = {path: open_trace(inside(folder, path)).models for path in paths}
    notes = [_note(path, model, models) for path, models in logged.items() for model in served]
    return [note for note in notes if note]


def adapter_notes(scenario: Scenario, folder: Path) -> list[str]:
    """Sentences on traces whose requests name adapters that their workloads do not take, or probably did not mean.

    Raises:
        TraceError: a trace that cannot be read.
    """
    return [*_unused_adapters(scenario, folder), *_mistaken_adapters(scenario, folder)]


def _mistaken_adapters(scenario: Scenario, folder: Path) -> Iterator[str]:
    """One sentence for names in `without` that no request has, and for models that are taken for adapters."""
    served = dict.fromkeys(name for plan in scenario.plans if (name := scenario.model_of(plan)))
    for workload in scenario.workload:
        asked = workload.adapters if isinstance(workload, RecordedWorkload) else None
        if not isinstance(workload, RecordedWorkload) or not isinstance(asked, AdapterColumn):
            continue
        from simcost.trace.workload.columns import column_values

        names = [name for name in column_values(inside(folder, workload.path), asked.column) if name is not None]
        for unknown in (name for name in asked.without if name not in names):
            end = did_you_mean(unknown, names) or "."
            yield f"{workload.path}: no request asks for {unknown!r}, which `without` of its adapters names{end}"
        for name in names:
            if name not in asked.without and any(_is_base(model, name) for model in served):
                yield (
                    f"{workload.path}: {name!r} is taken for an adapter; if it is the model itself, write it in "
                    "`without` of its adapters."
                )


def _unused_adapters(scenario: Scenario, folder: Path) -> list[str]:
    """One sentence for each trace whose requests name adapters that its workload does not take."""
    recorded = [one for one in scenario.workload if isinstance(one, RecordedWorkload)]
    paths = dict.fromkeys(one.path for one in recorded if one.adapters is None)
    if not paths:
        return []
    from simcost.trace.requests.store import open_trace

    return [
        f"{path}: its requests name adapters, and are served as if they asked for none; "
        "`adapters: {kind: column, base: MODEL}` of the workload takes them."
        for path in paths
        if "adapter" in open_trace(inside(folder, path)).columns
    ]


def logged_model(trace: Path, catalog: Catalog) -> str | None:
    """The model of the catalog that most requests of a stored trace name; None where they name none that is known.

    Raises:
        TraceError: a trace that cannot be read.
    """
    from simcost.trace.requests.store import open_trace

    for name in open_trace(trace).models:
        with suppress(CatalogError):
            return catalog.model(name).name
    return None


def is_same_model(model: str, name: str) -> bool:
    """True if a log's name for a model has all parts of the catalog's: openai/Llama-3.1-8B-Instruct of llama-3.1-8b."""
    return set(_PARTS.findall(model.lower())) <= set(_PARTS.findall(name.lower()))


def _is_base(model: str, name: str) -> bool:
    """True if a log's name for a model is that of the catalog, but for its provider and its tuning."""
    return set(_PARTS.findall(name.rpartition("/")[2].lower())) - _TUNED == set(_PARTS.findall(model.lower()))


def _are_adapters(workload: RecordedWorkload) -> bool:
    """True if the models that its requests name are adapters of one."""
    return isinstance(workload.adapters, AdapterColumn) and workload.adapters.column == "model"


def _note(path: str, model: str, models: dict[str, int]) -> str:
    others = {name: count for name, count in models.items() if not is_same_model(model, name)}
    if not others:
        return ""
    names = ", ".join(f"{name} ({count:,})" for name, count in list(others.items())[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return (
        f"{path}: {sum(others.values()):,} of {sum(models.values()):,} requests that name a model name another than "
        f"{model}: {names}{more}. They are served as if they were for {model}; `simcost trace import --where "
        "model=NAME` takes those of one model."
    )
