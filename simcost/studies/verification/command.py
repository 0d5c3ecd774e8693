"""`simcost verify`: seals and laws of results, sweeps and stored runs."""

from pathlib import Path
from typing import Any

from simcost.errors import GateError
from simcost.studies.options import Arguments, show, verb


def add(verbs: Any) -> None:
    """The verb `verify`."""
    checked = verb(verbs, "verify", _verify, "check the files of results and sweeps, and the laws of stored runs")
    checked.add_argument(
        "folder", type=Path, metavar="RUN", help="folder of `simcost run` or `simcost sweep`, or one of several"
    )


def _verify(arguments: Arguments) -> None:
    from simcost.studies.verification.study import verify

    result = verify(arguments.folder)
    show(arguments, result, "verification.view")
    if not result.ok:
        raise GateError(f"{arguments.folder}: is damaged")
