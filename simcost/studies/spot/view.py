"""A study of spot policies."""

from simcost.present.format import NONE, amount, between, exact, seconds, share, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.spot import charts
from simcost.studies.spot.result import PolicyRow, RunSpread, SpotStudy
from simcost.units import plural


def parts(result: SpotStudy) -> list[Part]:
    """Parts of the page and the explorer below the verdict."""
    return [
        Part(title="Policies", rows=policies(result), said=[*basis(result), note(result)], whole=True),
        notes(result),
        Part(title="Saving against on demand", chart=lambda: charts.savings(result)),
        *([Part(title="Saving by trace", chart=lambda: charts.by_trace(result))] if _several(result) else []),
        Part(title="One run", chart=lambda: charts.courses(result)),
        Part(title="Traces", rows=traces(result), whole=True),
    ]


def _several(result: SpotStudy) -> bool:
    return len(result.traces) > 1


def basis(result: SpotStudy) -> list[str]:
    """Question and prices."""
    spot = result.spot_usd_per_h
    price = "the price in effect" if spot is None else f"{usd(spot)}/h"
    work, due, changeover = exact(result.work_h), exact(result.deadline_h), seconds(result.changeover_h * 3600)
    nodes, starts = plural(result.gang, "node"), plural(result.starts, "start")
    return [
        f"{work} h of work on {nodes}, due {due} h after the start; a changeover takes {changeover} and is billed",
        f"A node costs {usd(result.od_usd_per_h)}/h on demand, {price} on spot; {starts}",
        *(result.assumptions or ()),
    ]


def policies(result: SpotStudy) -> Table:
    """One row a policy."""
    return [
        {
            "strategy": row.policy,
            "late": share(row.job_fail_rate),
            "mean finish": _hours(row.avg_finish_time_h),
            "node time": _vm_time(row, result.gang),
            "cost": usd(row.total_vm_cost_usd),
            "launches": amount(row.launches),
            "saving (P10 to P90)": _saving(row.saving_spread),
        }
        for row in result.policies
    ]


def note(result: SpotStudy) -> str:
    """Definitions of the columns."""
    return (
        "Late: ended after the deadline. Node time: node-hours billed, on demand + spot. Saving: against the "
        f"work alone at the on-demand price, {usd(result.on_demand_usd)}; on-demand pays its changeover "
        "too."
    )


def _vm_time(row: PolicyRow, gang: int) -> str:
    return f"{amount(gang * row.billed_on_demand_h)} + {_hours(gang * row.billed_spot_h)}"


def _saving(spread: RunSpread) -> str:
    return between(share(spread.p10), share(spread.mean), share(spread.p90))


def _hours(value: float | None) -> str:
    return NONE if value is None else f"{amount(value)} h"


def traces(result: SpotStudy) -> Table:
    """One row a trace, with the saving of the best policy there."""
    best = result.best
    names = charts.short_names([row.trace for row in result.traces])
    rows = {row.trace: row.saving_spread for row in result.by_trace if row.policy == best}
    return [
        {
            "trace": names[row.trace],
            "covers": _hours(row.span_h),
            "available": share(row.available),
            "spot, mean": f"{usd(row.mean_spot_usd_per_h)}/h",
            "up, median (mean)": _up(row.median_up_h, row.mean_up_h),
            "taken back": f"{amount(row.preemptions_per_day_up)} a day",
            f"saving of {best}": _saving(rows[row.trace]),
        }
        for row in result.traces
    ]


def _up(median_h: float | None, mean_h: float | None) -> str:
    return NONE if median_h is None else f"{_hours(median_h)} ({_hours(mean_h)})"
