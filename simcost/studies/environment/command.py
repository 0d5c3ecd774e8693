"""`simcost doctor`: is everything there that simcost needs?"""

from pathlib import Path
from typing import Any

from simcost.errors import GateError
from simcost.studies.options import Arguments, show, verb


def add(verbs: Any) -> None:
    """The verb `doctor`."""
    doctor = verb(verbs, "doctor", _doctor, "check versions, folders, memory and the age of the catalog")
    doctor.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("results"),
        metavar="DIR",
        help="folder of results (default: results)",
    )


def _doctor(arguments: Arguments) -> None:
    from simcost.studies.environment.study import examine

    result = examine(arguments.folder)
    show(arguments, result, "environment.view")
    if not result.ok:
        raise GateError("; ".join(f"{check.name}: {check.remedy}" for check in result.checks if not check.ok))
