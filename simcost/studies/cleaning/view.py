"""Removals from results folders, as parts."""

from simcost.present.format import size
from simcost.present.parts import Part
from simcost.studies.cleaning.study import CleanUp


def parts(result: CleanUp) -> list[Part]:
    """Parts below the verdict, on every screen."""
    rows = [
        {"path": removal.path, "reason": removal.reason, "size": size(removal.bytes)} for removal in result.removals
    ]
    return [Part(title="Removed", titled=False, rows=rows, left=2, most=20)]
