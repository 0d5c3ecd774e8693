"""`simcost sweep`: all plans of a sweep, simulated, and the cheapest that meets the SLO."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa

from simcost.billing.price_list import purchase_prices
from simcost.compare.significance import negligible_usd
from simcost.compare.verdict import kept_spot
from simcost.errors import FaultsError
from simcost.scenario.files.faults import fault_at
from simcost.scenario.inputs.model_quality import is_good_enough
from simcost.scenario.schema.demand import Demand
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.storage.folders import DESCRIPTION, alone
from simcost.scenario.sweeps.rows import by_plan, result_rows
from simcost.scenario.sweeps.space import SweepSpace, sweep_space
from simcost.scenario.sweeps.sweep import SweepOptions, check_sweep_folder, estimate, provenance, sweep
from simcost.units import format_count, format_seconds, format_usd, how_many, plural

UNASKED = 10_000
"""Runs that are started without a question."""
TOP = 10
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCount:
    """Combinations that are not plans, by reason."""

    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """Result of `simcost sweep`."""

    verdict: str
    question: str
    scenario: str
    fields: tuple[str, ...]
    """Paths of the swept fields."""
    plans: int
    runs: int
    new: int
    """Runs of this call; with `--dry-run`, those that it would make."""
    reused: int
    missing: int
    """Runs that are still to be made: `--limit` kept them."""
    others: int = 0
    """Rows of plans that the sweep does not have now; they are kept apart, and come back where it has them again."""
    not_good_enough: int = 0
    """Plans whose model is worse than asked for, or not known to be as good."""
    failed: int
    """Plans with a run that could not go on; its row has the reason."""
    expected_s: float | None
    """Expected time of the new runs, with `--dry-run`."""
    best: Row | None
    """The cheapest plan that meets the SLO in all its runs, or in as many futures as the `risk` of a demand asks, and
    whose model is as good as asked for; means over them.
    """
    top: tuple[Row, ...]
    """The cheapest plans, those first that meet the SLO as `best` does."""
    cells: tuple[Row, ...]
    """Of the first two fields: the least cost a month of a plan with each of their values."""
    excluded: tuple[PlanCount, ...]
    provenance: Mapping[str, Any]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """Options of a sweep."""

    seeds: int | None = None
    seed: int | None = None
    consent: bool = False
    """More than `UNASKED` runs were agreed to."""
    dry: bool = False
    """Nothing is simulated or written."""


def answer(loaded: LoadedScenario, folder: Path, settings: SweepSettings, options: SweepOptions) -> SweepResult:
    """Run a sweep, or say what it would take.

    Raises:
        FaultsError: a `sweep` that cannot be read, or one of more runs than were agreed to.
        InputError: the folder holds something else.
    """
    space = sweep_space(loaded, seed=settings.seed, seeds=settings.seeds)
    expected = estimate(space, folder)
    new = expected.runs - expected.known
    if settings.dry:
        time = expected.cpu_s / min(options.jobs, max(new, 1))
        return _result(space, (new, expected.known, 0), None, (), _would(space, new, expected.known, time), time)
    asked = new if options.limit is None else min(options.limit, new)
    if asked > UNASKED and not settings.consent:
        expected_s = asked / new * expected.cpu_s / options.jobs
        message = (
            f"makes {asked:,} runs, about {format_seconds(expected_s)}, which is more than {UNASKED:,}; pass --yes if "
            "you mean it, --limit to make some of them, or take fewer values"
        )
        raise FaultsError([fault_at(loaded.root.get("sweep") or loaded.root, message, str(loaded.path))])
    check_sweep_folder(folder)
    with alone(folder, "sweep"):
        done = sweep(space, folder, options)
        files = tuple(os.path.relpath(path) for path in (*done.files, folder / DESCRIPTION))
        plans = by_plan(result_rows(folder))
    found = _result(space, (done.new, done.reused, done.missing), plans, files, "", None)
    return replace(found, others=done.others)


def ranked(rows: Sequence[Row], demand: Demand | None, unproved: Collection[str] = ()) -> list[Row]:
    """Plans that meet the SLO first, then by cost; those that could not go on last. Of those that cost the same as the
    cheapest, the one that serves most requests well is the first.

    Args:
        rows: the plans.
        demand: a forecast one, with its `risk`.
        unproved: names of plans that have runs still to be made, or whose model is worse than asked for.
    """

    def place(row: Row) -> tuple[bool, bool, float]:
        usd = row["cost_usd_per_month"]
        return not _meets(row, demand, unproved), usd is None, usd or 0.0

    found = sorted(rows, key=place)
    first = same_cost(found, demand, unproved)
    return [*sorted(first, key=lambda row: -(row.get("attainment") or 0.0)), *found[len(first) :]]


def same_cost(rows: Sequence[Row], demand: Demand | None, unproved: Collection[str]) -> list[Row]:
    """Of ranked plans those at the top that meet the SLO and cost as much as the cheapest of them."""
    least = min((row["cost_usd_per_month"] for row in rows if _meets(row, demand, unproved)), default=0.0)
    most = least + negligible_usd(least)
    return list(takewhile(lambda row: _meets(row, demand, unproved) and row["cost_usd_per_month"] <= most, rows))


def _meets(row: Row, demand: Demand | None, unproved: Collection[str]) -> bool:
    """True if a plan meets the SLO in all its runs, or in all futures but the share `risk`, and is good enough."""
    risk = 0.0 if demand is None else row.get("demand.risk", demand.risk)
    return (
        row["plan"] not in unproved and row["met_share"] is not None and bool(row["met_share"] >= round(1 - risk, 12))
    )


def _not_good_enough(space: SweepSpace) -> set[str]:
    """Names of the plans whose model is worse than the scenario asks for, or not known to be as good."""
    known, poor = dict[tuple[str, str, str], bool](), set[str]()
    for one in space.plans:
        alike = one.alike, one.scenario_key, str(one.scenario.quality)
        if alike not in known:
            known[alike] = is_good_enough(replace(space.loaded, scenario=one.scenario), one.plan)
        if not known[alike]:
            poor.add(one.plan.name)
    return poor


def _result(
    space: SweepSpace,
    counts: tuple[int, int, int],
    plans: pa.Table | None,
    files: tuple[str, ...],
    verdict: str,
    expected_s: float | None,
) -> SweepResult:
    loaded = space.loaded
    there = plans is not None and "met_share" in plans.column_names
    demand = loaded.scenario.demand
    poor = _not_good_enough(space)
    found = plans.to_pylist() if there and plans is not None else []
    runs = {one.plan.name: one.seeds for one in space.plans}
    unproved = poor | {row["plan"] for row in found if row["runs"] < runs[row["plan"]]}
    rows = ranked(found, demand, unproved)
    best = next((row for row in rows[:1] if _meets(row, demand, unproved)), None)
    return SweepResult(
        verdict=verdict
        or _verdict(
            space,
            best,
            counts[2],
            len(poor),
            finished=sum(row["runs"] >= runs[row["plan"]] for row in found),
            alike=len(same_cost(rows, demand, unproved)),
        ),
        question=loaded.scenario.question,
        scenario=loaded.scenario.scenario,
        fields=space.fields,
        plans=len(space.plans),
        runs=space.runs,
        new=counts[0],
        reused=counts[1],
        missing=counts[2],
        not_good_enough=len(poor),
        failed=sum(1 for row in (plans.to_pylist() if plans is not None else []) if row.get("failed")),
        expected_s=expected_s,
        best=best,
        top=tuple(rows[:TOP]),
        cells=_cells(rows, space.fields, demand, unproved),
        excluded=tuple(PlanCount(count=n, reason=why) for why, n in space.excluded.most_common()),
        provenance=provenance(space) | {"prices": _prices_of(best, space)},
        files=files,
    )


def _prices_of(best: Row | None, space: SweepSpace) -> list[dict[str, Any]]:
    """Prices of the nodes of the best plan."""
    plans = [one.plan for one in space.plans if best is not None and one.plan.name == best["plan"]]
    return purchase_prices((way for plan in plans for way in (plan.buy, *plan.or_buy)), space.loaded.catalog)


def _cells(
    rows: Sequence[Row], fields: Sequence[str], demand: Demand | None, unproved: Collection[str]
) -> tuple[Row, ...]:
    """The cheapest plan for each pair of values of the first two fields; none of fields with too many."""
    if len(fields) < 2:
        return ()
    found: dict[tuple[Any, Any], Row] = {}
    for row in rows:  # those that meet the SLO come first, the cheapest of them before the others
        found.setdefault((row[fields[0]], row[fields[1]]), row)
    if len({x for x, _ in found}) > _CELLS or len({y for _, y in found}) > _CELLS:
        return ()
    return tuple(
        {"x": x, "y": y, "cost_usd_per_month": row["cost_usd_per_month"], "met": _meets(row, demand, unproved)}
        for (x, y), row in found.items()
    )


_CELLS = 24
"""Values of a field that a chart of cells shows."""


def _would(space: SweepSpace, new: int, known: int, time: float) -> str:
    there = f", {format_count(known)} of them already there" if known else ""
    runs = f"{plural(len(space.plans), 'plan')}, {plural(space.runs, 'run')}{there}"
    return f"{runs}: {format_count(new)} to make take about {format_seconds(time)}."


def _verdict(space: SweepSpace, best: Row | None, missing: int, poor: int, *, finished: int, alike: int) -> str:
    """The verdict of a sweep, of which so many plans have all their runs, and so many cost as much as the best."""
    left = f" Still to be made: {plural(missing, 'run')}; sweep again without --limit." if missing else ""
    if not space.plans and space.excluded:
        [(reason, _)] = space.excluded.most_common(1)
        return f"None of {plural(space.excluded.total(), 'combination')} is a plan: {reason}."
    plans = plural(len(space.plans), "plan")
    if missing:
        plans = f"the {plural(finished, 'plan')} ({format_count(len(space.plans))} in all) whose runs are all there"
    where = "in all its runs" if space.loaded.scenario.demand is None else "in as many futures as `risk` asks"
    if poor:
        where += " and is good enough"
        left = f" The models of {plural(poor, 'plan')} are worse than asked for, or not known to be as good.{left}"
    if best is None:
        return f"None of {plans} meets the SLO {where}.{left}"
    usd = format_usd(best["cost_usd_per_month"])
    spot = f" {kept_spot()}" if _keeps_spot(best) else ""
    serve = "serves" if alike == 2 else "serve"
    less = "" if best.get("attainment") is None else f", and {serve} no more requests well"
    same = f"; {how_many(alike - 1, 'other costs', 'others cost')} the same{less}" if alike > 1 else ""
    return f"Of {plans}, {best['plan']!r} is the cheapest that meets the SLO {where}: {usd} a month{same}.{spot}{left}"


def _keeps_spot(best: Row) -> bool:
    """True if a plan has spot nodes and no run of it has an interruption."""
    return bool(best["spot_node_h"]) and best["interruptions"] == 0
