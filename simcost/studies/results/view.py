"""Rows of results, as parts."""

from simcost.present.parts import Part
from simcost.present.plan_rows import plan_rows
from simcost.studies.results import charts
from simcost.studies.results.study import ResultList


def parts(result: ResultList) -> list[Part]:
    """Parts below the verdict, on every screen."""
    left = sum(name in ("folder", "plan", "base") for name in result.shown)
    rows = plan_rows(result.rows[: result.listed], result.shown)
    drawn = (
        [Part(title="Cost and service", chart=lambda: charts.cost_and_service(result))] if charts.points(result) else []
    )
    return [Part(title="Rows", titled=False, rows=rows, left=max(left, 1), whole="plan" in result.shown), *drawn]
