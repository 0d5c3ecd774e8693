"""`simcost verify`: seals and laws of a results folder."""

from pathlib import Path
from typing import Any

from simcost.errors import GateError
from simcost.studies.options import Arguments, show, verb


def add(verbs: Any) -> None:
    """The verb `verify`."""
    checked = verb(verbs, "verify", _verify, "check the files of a results folder, and the laws of its stored runs")
    checked.add_argument("folder", type=Path, metavar="RUN", help="results folder of `simcost run`")


def _verify(arguments: Arguments) -> None:
    from simcost.studies.verification.study import verify

    result = verify(arguments.folder)
    show(arguments, result, "verification.view")
    if not result.ok:
        raise GateError(f"{arguments.folder}: is damaged")
