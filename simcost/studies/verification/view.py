"""Verification of a results folder, as parts."""

from simcost.present.parts import Part
from simcost.studies.verification.study import Verification


def parts(result: Verification) -> list[Part]:
    """Parts below the verdict, on every screen."""
    rows = [{"folder": fault.folder, "fault": fault.message} for fault in result.faults]
    return [Part(title="Faults", titled=False, rows=rows, left=2, whole=True)]
