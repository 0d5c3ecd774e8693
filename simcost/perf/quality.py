"""Quality of a served model: published scores and the changes by its levers, or what the user measured."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from annotated_types import MinLen

from simcost.catalog import Catalog
from simcost.catalog.benchmark_scores import BenchmarkScore
from simcost.catalog.facts import Model
from simcost.perf.memory import weights_alone
from simcost.perf.replica import ReplicaSpec
from simcost.record import record

Metric = Annotated[str, MinLen(1)]


@record
class QualityTarget:
    """Benchmark by which plans are compared."""

    metric: Metric
    """As `quality.csv` of the catalog or the plans name it: `mmlu`."""
    at_least: float | None = None
    """Score below which a plan is not chosen, whatever it costs; one of unknown score is not chosen either. None = all
    are accepted."""


@record
class StatedQuality:
    """Quality of the model of a plan as the user measured it."""

    metric: Metric
    """Benchmark, the same for all plans."""
    value: float
    """Score; more is better."""
    source: Metric = "stated in the scenario"
    """Origin of the score: a name and a date."""


@record
class ModelQuality:
    """Model of a plan and its score by one benchmark."""

    model: str
    metric: str | None
    """None where the catalog knows no benchmark of any plan."""
    value: float | None
    """None where it is not known; never an assumption."""
    source: str
    """Sources of the score with their dates, or what is missing."""
    without_api: str | None = None
    """API that answers some of the requests, whose answers are not in the score."""

    def reaches(self, at_least: float | None) -> bool:
        """True if the score is enough; an unknown one is enough only where nothing is asked."""
        return at_least is None or (self.value is not None and self.value >= at_least)

    def lacks(self, at_least: float | None) -> str:
        """Reason why the score is not enough; empty where it is.

        >>> ModelQuality(model="small", metric="mmlu", value=49.3, source="a paper").lacks(60.0)
        'mmlu 49.3 of small is less than the 60 asked for'
        """
        if at_least is None or self.reaches(at_least):
            return ""
        if self.value is not None:
            return f"{self.metric} {self.value:g} of {self.model} is less than the {at_least:g} asked for"
        return self.source if self.model in self.source else f"{self.model}: {self.source}"


def published_quality(catalog: Catalog, model: Model, spec: ReplicaSpec, metric: str) -> ModelQuality:
    """The score of a model as a replica serves it.

    A score published of just this configuration, or that of the model with the published changes of its levers added
    up, as if these were independent.
    """
    rows = [row for row in catalog.facts.quality if row.model == model.name and row.metric == metric]
    try:
        value, source = _score(model, rows, spec, metric)
    except LookupError as error:
        return ModelQuality(model=model.name, metric=metric, value=None, source=str(error.args[0]))
    of_weights = _of_weights_alone(catalog, spec)
    return ModelQuality(model=model.name, metric=metric, value=value, source=f"{source}{of_weights}")


def _of_weights_alone(catalog: Catalog, spec: ReplicaSpec) -> str:
    """Words where products are of more bits than those that the score was published of."""
    if spec.on_cpu:
        return ""
    accelerator = catalog.accelerator(spec.accelerator)
    if not weights_alone(accelerator, spec.precision):
        return ""
    return f"; {accelerator.name} has the weights alone in {spec.precision}, which may lose less than published"


def _score(model: Model, rows: Sequence[BenchmarkScore], spec: ReplicaSpec, metric: str) -> tuple[float, str]:
    """Score and sources. Raises LookupError that says what is missing."""
    if spec.lora is not None:
        raise LookupError("no score of a model with its adapters is published; state `quality` of the plan")
    levers = dict(_levers(spec))
    scores = [row for row in rows if row.value is not None]
    for row in scores:
        if _of_score(row) == levers:
            return row.value or 0.0, f"{row.source}, {row.as_of}"
    bases = [row for row in scores if set(_of_score(row)) == {"precision"}]
    if not bases:
        raise LookupError(f"the catalog has no {metric} of {model.name}; state `quality` of the plan")
    base = min(bases, key=lambda row: row.precision != "bf16")
    total, sources = base.value or 0.0, [f"{base.value:g} in {base.precision} {_where(base)}"]
    for name, setting in levers.items():
        if _of_score(base).get(name) == setting:
            continue
        change = next((row for row in rows if row.delta is not None and getattr(row, name) == setting), None)
        if change is None:
            raise LookupError(
                f"the catalog has no {metric} of {model.name} with {name} {setting}; state `quality` of the plan"
            )
        total += change.delta or 0.0
        sources.append(f"{change.delta:+g} by {name} {setting} {_where(change)}")
    return round(total, 6), "; ".join(sources)


def _levers(spec: ReplicaSpec) -> Iterator[tuple[str, str]]:
    """Settings that change quality, by the columns of `quality.csv`."""
    yield "precision", spec.precision
    if spec.kv_precision != "bf16":
        yield "kv_precision", spec.kv_precision
    if spec.pruning is not None:
        yield "pruning", spec.pruning.label


def _of_score(row: BenchmarkScore) -> dict[str, str]:
    found = {"precision": row.precision, "kv_precision": row.kv_precision, "pruning": row.pruning}
    return {name: setting for name, setting in found.items() if setting and (name, setting) != ("kv_precision", "bf16")}


def _where(row: BenchmarkScore) -> str:
    return f"({row.source}, {row.as_of})"


def metrics(catalog: Catalog) -> list[str]:
    """Benchmarks that the catalog knows, in its order."""
    return list(dict.fromkeys(row.metric for row in catalog.facts.quality))
