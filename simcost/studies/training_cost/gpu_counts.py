"""Time and money of a run against its number of GPUs, and the number to choose for a deadline or a budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simcost.catalog import Catalog
from simcost.errors import DoesNotFitError, InputError
from simcost.perf.training.memory import MOST_GPUS, smallest_gpus
from simcost.present.format import amount, seconds, usd
from simcost.studies.training_cost.estimate import WAYS, estimate
from simcost.studies.training_cost.inputs import TrainingSetup, ValueRange
from simcost.studies.training_cost.result import GpuCount, GpuCounts, LeftOutCount, TrainingEstimate
from simcost.studies.training_cost.wording import PURCHASE_OPTIONS, range_of

MOST_POINTS = 64
NEAR = 0.01
"""Costs that differ by less are about the same: fewer GPUs are chosen."""
ROUNDING = 1e-9
"""Costs that differ by less are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTarget:
    """Limits of the run; the `high` ends of its ranges are compared with them. None = no matter."""

    deadline_s: float | None = None
    budget_usd: float | None = None
    way: str | None = None
    """Purchase option that the target holds for; None = the first that has a price."""


def choose_count(catalog: Catalog, run: TrainingSetup, target: TrainingTarget, counts: Sequence[int] = ()) -> GpuCounts:
    """Estimate a run over several numbers of GPUs, and choose one.

    Args:
        catalog: the facts.
        run: whose number of GPUs is replaced.
        target: deadline and budget.
        counts: numbers of GPUs to look at; none = from the smallest that fits, each about 1.4 times the last one,
            until the run gets no faster or 64 times are enough, and those around the deadline.

    Raises:
        InputError, CatalogError: as `estimate`; no number of GPUs fits.
    """
    if target.way not in (None, *WAYS):
        raise InputError(f"no way of buying {target.way!r}; there are {', '.join(WAYS)}")
    tried, left_out = _given(catalog, run, counts) if counts else _searched(catalog, run, target)
    if not tried:
        raise InputError("; ".join(f"{one.gpus} GPUs: {one.reason}" for one in left_out))
    points = tuple(_point(found, target) for _, found in sorted(tried.items()))
    chosen = _chosen(points, target)
    gpus = None if chosen is None else chosen.gpus
    return GpuCounts(
        verdict=_verdict(run, points, chosen, target),
        deadline_s=target.deadline_s,
        budget_usd=target.budget_usd,
        way=_way(points[0], target),
        points=points,
        chosen_gpus=gpus,
        estimate=None if gpus is None else tried[gpus],
        left_out=tuple(left_out),
        prices=tried[points[0].gpus if gpus is None else gpus].prices,
        notes=(*_notes(run, target), *_warned(points, chosen)),
    )


def _with(run: TrainingSetup, gpus: int) -> TrainingSetup:
    return replace(run, layout=replace(run.layout, gpus=gpus, shards=None))


def _given(
    catalog: Catalog, run: TrainingSetup, counts: Sequence[int]
) -> tuple[dict[int, TrainingEstimate], list[LeftOutCount]]:
    """The counts asked for; those that cannot be are left out, with the reason."""
    tried: dict[int, TrainingEstimate] = {}
    left_out: list[LeftOutCount] = []
    for gpus in sorted(set(counts)):
        try:
            tried[gpus] = estimate(catalog, _with(run, gpus))
        except (DoesNotFitError, InputError) as error:
            left_out.append(LeftOutCount(gpus=gpus, reason=str(error)))
    return tried, left_out


def _searched(
    catalog: Catalog, run: TrainingSetup, target: TrainingTarget
) -> tuple[dict[int, TrainingEstimate], list[LeftOutCount]]:
    """From the smallest count up, and by bisection around the deadline."""
    unit = _unit(run)
    smallest = smallest_gpus(run.model, run.accelerator, run.method, run.layout)
    if smallest is None:
        estimate(catalog, run)  # says what is missing
        raise InputError(f"no number of GPUs holds {run.model.name} in this layout; cut it further with tp or pp")
    tried: dict[int, TrainingEstimate] = {}
    blocks = -(-smallest // unit)
    first, best_s = blocks, float("inf")
    while len(tried) < MOST_POINTS and blocks * unit <= MOST_GPUS:
        try:
            found = estimate(catalog, _with(run, blocks * unit))
        except InputError:
            if tried:
                break  # so many GPUs fail too often for the run to end
            raise
        tried[blocks * unit] = found
        taken_s = _time_of(found, target).high
        slower, best_s = taken_s >= best_s, min(best_s, taken_s)
        if slower or (blocks >= 64 * first and _seen_enough(found, target)):
            break
        blocks = max(blocks + 1, round(blocks * 2**0.5))
    if target.deadline_s is not None:
        _bisect(catalog, run, target, target.deadline_s, unit, tried)
    return tried, []


def _seen_enough(found: TrainingEstimate, target: TrainingTarget) -> bool:
    """True if more GPUs tell nothing new: the deadline is kept, or else the money is spent."""
    if target.deadline_s is not None:
        return _time_of(found, target).high <= target.deadline_s
    if target.budget_usd is None:
        return True
    return _usd(_point(found, target), target) > target.budget_usd


def _time_of(found: TrainingEstimate, target: TrainingTarget) -> ValueRange:
    """Time under the way of buying whose money counts: interruptions make it longer on spot."""
    way = target.way or next(iter(found.cost_usd), None)
    return found.time_s if way is None or way not in found.cost_usd else found.cost_usd[way].time_s


def _unit(run: TrainingSetup) -> int:
    """GPUs are added by whole nodes, and by whole replicas."""
    replica, node = run.layout.tp * run.layout.pp, run.failures.gpus_per_node
    return replica if replica % node == 0 else node if node % replica == 0 else replica * node


def _bisect(
    catalog: Catalog,
    run: TrainingSetup,
    target: TrainingTarget,
    deadline_s: float,
    unit: int,
    tried: dict[int, TrainingEstimate],
) -> None:
    """Add the smallest count that keeps the deadline for sure, and the largest below it."""
    keeps = [gpus for gpus, found in sorted(tried.items()) if _time_of(found, target).high <= deadline_s]
    below = [gpus for gpus in tried if keeps and gpus < keeps[0]]
    if not below:
        return
    low, high = max(below) // unit, keeps[0] // unit
    while high - low > 1:
        middle = (low + high) // 2
        tried[middle * unit] = found = estimate(catalog, _with(run, middle * unit))
        low, high = (low, middle) if _time_of(found, target).high <= deadline_s else (middle, high)


def _point(found: TrainingEstimate, target: TrainingTarget) -> GpuCount:
    point = GpuCount(
        gpus=found.layout.gpus,
        time_s=found.time_s,
        gpu_hours=found.gpu_hours,
        way_time_s={way: cost.time_s for way, cost in found.cost_usd.items()},
        cost_usd={way: cost.total for way, cost in found.cost_usd.items()},
        ettr=found.ettr.mid * found.time_s.mid / _time_of(found, target).mid,
        mfu=found.mfu.mid,
        energy_kwh=found.energy_kwh,
        not_priced=found.not_priced,
        warnings=found.warnings,
        keeps=False,
    )
    return replace(point, keeps=_keeps(point, target))


def _way(point: GpuCount, target: TrainingTarget) -> str | None:
    """The way of buying whose money counts."""
    if target.way is not None:
        if target.way not in point.cost_usd:
            reasons = {gap.way: gap.reason for gap in point.not_priced}
            raise InputError(f"{PURCHASE_OPTIONS[target.way]} has no price: {reasons[target.way]}")
        return target.way
    way = next(iter(point.cost_usd), None)
    if way is None and target.budget_usd is not None:
        raise InputError("a budget needs a price: give one per GPU and hour, or an offer of the catalog")
    return way


def _keeps(point: GpuCount, target: TrainingTarget) -> bool:
    way = _way(point, target)
    late = target.deadline_s is not None and point.time_by(way).high > target.deadline_s
    dear = target.budget_usd is not None and way is not None and point.cost_usd[way].high > target.budget_usd
    return not (late or dear)


def _chosen(points: Sequence[GpuCount], target: TrainingTarget) -> GpuCount | None:
    """With a deadline the fewest GPUs that cost about the least, else the fastest; without a target none."""
    keeping = [point for point in points if point.keeps]
    if not keeping or (target.deadline_s is None and target.budget_usd is None):
        return None
    if target.deadline_s is None:
        return min(keeping, key=lambda point: point.time_by(_way(point, target)).mid)
    least = min(_usd(point, target) for point in keeping)
    return next(point for point in keeping if _usd(point, target) <= least * (1 + NEAR))


def _verdict(run: TrainingSetup, points: Sequence[GpuCount], chosen: GpuCount | None, target: TrainingTarget) -> str:
    what = f"{run.model.name}, {run.method.kind}, {amount(run.tokens)} tokens on {run.accelerator.name}"
    goals = [f"within {seconds(target.deadline_s)}"] if target.deadline_s is not None else []
    goals += [f"for at most {usd(target.budget_usd)}"] if target.budget_usd is not None else []
    if chosen is not None:
        kept = " and ".join(goals)
        end = "1 GPU ends" if chosen.gpus == 1 else f"{chosen.gpus:,} GPUs end"
        return f"{what}: {end} {kept} even at the high end: {_said(chosen, target)}."
    if not goals:
        few, many = points[0], points[-1]
        takes = f"{what}: {_gpus(few)} {_said(few, target)}"
        return f"{takes}." if many is few else f"{takes}; {many.gpus:,} take {_said(many, target)}."
    fastest = min(points, key=lambda point: point.time_by(_way(point, target)).high)
    least = min(_usd(point, target) for point in points)
    cheapest = next(point for point in points if _usd(point, target) <= least * (1 + ROUNDING))
    none = f"{what}: no number of GPUs tried ends {' and '.join(goals)} at the high end; the fastest"
    if cheapest is fastest:
        return f"{none} and cheapest, {fastest.gpus:,}, takes {_said(fastest, target)}."
    return (
        f"{none}, {fastest.gpus:,}, takes {_said(fastest, target)}, the cheapest, {cheapest.gpus:,}, "
        f"{_said(cheapest, target)}."
    )


def _gpus(point: GpuCount) -> str:
    """`8 GPUs take`, `1 GPU takes`."""
    return "1 GPU takes" if point.gpus == 1 else f"{point.gpus:,} GPUs take"


def _notes(run: TrainingSetup, target: TrainingTarget) -> list[str]:
    notes = ["a target is kept if the high end of the range keeps it"] if target != TrainingTarget() else []
    if run.measured:
        notes.append("the speed you measured is taken at every number of GPUs; on more of them it is lower")
    return notes


def _warned(points: Sequence[GpuCount], chosen: GpuCount | None) -> list[str]:
    """The numbers of GPUs that come with a warning; that of the chosen one is shown with it."""
    counts = [f"{point.gpus:,}" for point in points if point.warnings and point is not chosen]
    first = next((point.warnings[0] for point in points if point.warnings and point is not chosen), "")
    return [f"warning, {', '.join(counts)} GPUs: {first}"] if counts else []


def _usd(point: GpuCount, target: TrainingTarget) -> float:
    way = _way(point, target)
    return 0.0 if way is None else point.cost_usd[way].high


def _said(point: GpuCount, target: TrainingTarget) -> str:
    way = _way(point, target)
    time = range_of(point.time_by(way), seconds)
    return time if way is None else f"{time}, {range_of(point.cost_usd[way], usd)} {PURCHASE_OPTIONS[way]}"
