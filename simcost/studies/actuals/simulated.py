"""Simulated cost to compare with actual cost: a FOCUS file, or a plan of a results folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from simcost.errors import InputError, did_you_mean
from simcost.scenario.storage.folders import check_result
from simcost.scenario.storage.results import plan_charges
from simcost.studies.actuals.comparison import Side, side_of_charges, side_of_file
from simcost.studies.actuals.result import Basis
from simcost.trace.focus.reader import read_focus

_HOUR_S = 3600.0


def simulated_side(path: Path, basis: Basis, *, plan: str | None = None, usd_per: Mapping[str, float]) -> Side:
    """The costs of a FOCUS file, or of a plan in a folder that `simcost run` wrote.

    Args:
        path: the file or the folder.
        basis: which cost.
        plan: of a folder; None = its only plan.
        usd_per: worth of the currencies of a file.

    Raises:
        InputError: neither of them, or no such plan.
    """
    if path.is_dir():
        return _of_folder(path, basis, plan)
    if plan is not None:
        raise InputError(f"{path}: a FOCUS file has no plans; leave out --plan, or give a folder of `simcost run`")
    return side_of_file(read_focus([path], usd_per=usd_per), basis)


def _of_folder(folder: Path, basis: Basis, plan: str | None) -> Side:
    try:
        check_result(folder)
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        names = [one["name"] for one in result["plans"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: no finished result ({error}); give a FOCUS file, or a folder that `simcost run --out` wrote"
        ) from None
    chosen = plan or (names[0] if len(names) == 1 else None)
    if chosen not in names:
        wrong = f"no plan {plan!r}{did_you_mean(plan, names)}" if plan else "it has several plans"
        raise InputError(f"{folder}: {wrong}; pass --plan with one of {', '.join(names)}")
    charges, length_s = plan_charges(folder, str(chosen))
    return side_of_charges(charges, basis, length_s / _HOUR_S)
