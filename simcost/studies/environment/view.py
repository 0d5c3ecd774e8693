"""The machine that simcost runs on, as parts."""

from simcost.present.parts import Part
from simcost.studies.environment.study import EnvironmentReport


def parts(result: EnvironmentReport) -> list[Part]:
    """Parts below the verdict, on every screen."""
    rows = [
        {"checked": check.name, "found": check.value, "": "ok" if check.ok else "!", "what to do": check.remedy}
        for check in result.checks
    ]
    return [Part(title="Checks", titled=False, rows=rows, left=4, whole=True)]
