"""GPU-hours of monitored hardware of several models, each at its price."""

from collections.abc import Iterator, Mapping, Sequence
from math import fsum
from pathlib import Path

from simcost.catalog.aliases import canonical
from simcost.documents import FindingDocument
from simcost.errors import InputError, did_you_mean
from simcost.studies.waste.result import SampledWaste, WasteByModel
from simcost.studies.waste.study import waste
from simcost.studies.waste.verdict import verdict_of_models
from simcost.tables.row_filter import NOT_TAKEN, Conditions
from simcost.trace.series.resample import finding
from simcost.trace.utilization.reader import UtilizationFile
from simcost.trace.utilization.samples import MODEL

_NONE: Mapping[str, str] = {}


def waste_by_model(
    path: Path,
    usd_per_h: Mapping[str, float],
    *,
    mapping: Mapping[str, str] = _NONE,
    where: Conditions = (),
    timezone: str = "UTC",
) -> WasteByModel:
    """GPU-hours by use of the GPUs of each model, as `waste` has them of each alone, and the sums.

    Args:
        path: samples with a column of the model of each GPU, see `simcost.trace.utilization.reader`.
        usd_per_h: price of one GPU by its model, as the file or the catalog calls it.
        mapping: our columns -> the file's, where it calls them otherwise.
        where: conditions on the rows that are taken.
        timezone: of the hours of the day, and of times that say none.

    Raises:
        InputError: a model without a price, or a price without a model; and as `waste`.
    """
    file = UtilizationFile(path, mapping=mapping, where=where)
    prices = _price_of_each(path, file.models, usd_per_h)
    others = [(name, value) for name, value in where if name != MODEL]  # values of one column are alternatives
    found = {
        model: waste(path, price_usd_per_h=usd, mapping=mapping, where=[*others, (MODEL, model)], timezone=timezone)
        for model, usd in prices.items()
    }
    return WasteByModel(
        file=str(path),
        capacity_gpu_hours=fsum(one.capacity_gpu_hours for one in found.values()),
        cost_usd=fsum(one.cost_usd for one in found.values()),
        models=found,
        findings=[*_without_model(file), *(said for model, one in found.items() for said in _findings(model, one))],
        verdict=verdict_of_models(found),
    )


def _findings(model: str, result: SampledWaste) -> Iterator[FindingDocument]:
    """Findings on the GPUs of a model, but that there are others."""
    for said in result.findings:
        if said["kind"] != NOT_TAKEN:
            yield {**said, "message": f"{model}: {said['message']}"}


def _without_model(file: UtilizationFile) -> list[FindingDocument]:
    if not file.unnamed:
        return []
    return [finding("no_model", "", 1, "rows that say no model of a GPU are left out, as no price is theirs")]


def _price_of_each(path: Path, models: Sequence[str], usd_per_h: Mapping[str, float]) -> dict[str, float]:
    """The price of each model of the file. Raises InputError for one without, and for prices of other models."""
    if not models:
        raise InputError(f"{path}: no column says the model of a GPU; give one price, or --map {MODEL}=COLUMN")
    named = {model: _named(model, usd_per_h) for model in models}
    if without := [model for model, name in named.items() if name is None]:
        raise InputError(f"{path}: no price of {', '.join(without)}; give --price '{without[0]}=USD'")
    if other := [name for name in usd_per_h if name not in named.values()]:
        near = did_you_mean(other[0], models)
        raise InputError(f"{path}: no GPU is a {other[0]}{near}; the file has {', '.join(models)}")
    return {model: usd_per_h[name] for model, name in named.items() if name is not None}


def _named(model: str, names: Mapping[str, float]) -> str | None:
    """The name under which a price of a model is given."""
    alike = (name for name in names if canonical(name) == canonical(model))
    return model if model in names else next(alike, None)
