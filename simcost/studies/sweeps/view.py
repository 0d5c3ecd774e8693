"""Result of a sweep, as parts."""

from simcost.present.parts import Part
from simcost.present.plan_rows import MAIN, main_columns, plan_rows
from simcost.present.reasons import reason_rows
from simcost.studies.sweeps import charts
from simcost.studies.sweeps.study import SweepResult
from simcost.units import how_many


def parts(result: SweepResult) -> list[Part]:
    """Parts below the verdict, on every screen."""
    excluded = reason_rows((one.count, one.reason) for one in result.excluded)
    drawn = [Part(title="Cost by field", chart=lambda: charts.cells(result))] if result.cells else []
    columns = main_columns(("plan", "base", *result.fields, *MAIN), result.fields)
    have = how_many(result.failed, "plan has", "plans have")
    said = [f"{have} runs that could not go on: their rows say why, in column error."]
    apart = (
        f"{how_many(result.others, 'row', 'rows')} in others/ of other values, seeds or scenarios: in no table, and "
        "used again when a sweep into this folder has their plans."
    )
    return [
        Part(title="Plans", titled=False, rows=plan_rows(result.top, columns), whole="plan" in columns),
        *drawn,
        Part(title="Left out", rows=excluded, left=0, whole=True),
        Part(title="Failed", said=said if result.failed else ()),
        Part(title="Kept apart", said=[apart] if result.others else ()),
    ]
