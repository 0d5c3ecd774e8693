"""`simcost verify`: the seals and laws of results and sweeps, and of the runs stored with them, checked again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from simcost.errors import InputError, RunError
from simcost.scenario.storage.folders import DESCRIPTION, SUMS, OtherEngineError, check_sums, made_of, reason
from simcost.scenario.storage.ledgers import load_job_ledger, load_ledger, load_shared_ledger
from simcost.scenario.storage.results import changed_inputs
from simcost.scenario.sweeps.dataset import (
    RUNS,
    damaged_parts,
    missing_runs,
    read_dataset,
    read_description,
)
from simcost.units import plural

_RESULT = "result.json"
_WRITTEN = (_RESULT, SUMS, "scenario.yaml", "report.html", "tables")
"""Parts of a finished result."""
_DEPTH = 4
"""Folders below one another in which results are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFault:
    """Something in a folder that is not as it was written."""

    folder: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Result of `simcost verify`."""

    verdict: str
    ok: bool
    results: int
    """Results of `simcost run`."""
    sweeps: int
    rows: int
    """Of these sweeps."""
    missing: int
    """Runs that these sweeps have still to make."""
    runs: int
    """Runs that are stored."""
    of_another_engine: int
    """Of these, whole ones that other code has made: a run of the scenario would simulate them again."""
    faults: tuple[FolderFault, ...]
    changed_inputs: tuple[str, ...]
    """Files that a result was made of, seen from here, which have changed since."""


@dataclass(slots=True)
class _Found:
    """Parts of the folders that were looked at so far."""

    top: Path
    results: int = 0
    sweeps: int = 0
    rows: int = 0
    missing: int = 0
    runs: int = 0
    others: int = 0
    faults: list[FolderFault] = field(default_factory=list)
    changed: dict[str, None] = field(default_factory=dict)

    def fault(self, folder: Path, message: str) -> None:
        self.faults.append(FolderFault(folder=str(folder.relative_to(self.top)), message=message))


def verify(folder: Path) -> Verification:
    """Check the sums of a results folder or a sweep, and the sums and laws of each stored run, or of all in a folder.

    Raises:
        InputError: there are none.
    """
    found, folders = _Found(folder), list(_folders(folder, _DEPTH))
    if not folders:
        what = "holds no results" if folder.is_dir() else "is not a folder"
        raise InputError(f"{folder}: {what}; name that of `simcost run` or `simcost sweep`, or one that holds several")
    for one in folders:
        if (one / DESCRIPTION).is_file():
            _check_sweep(one, found)
            continue
        _check_result(one, found)
        _check_answers(one, found)
        for run in _runs(one):
            _check_run(run, found)
    return Verification(
        verdict=_verdict(found),
        ok=not found.faults,
        results=found.results,
        sweeps=found.sweeps,
        rows=found.rows,
        missing=found.missing,
        runs=found.runs,
        of_another_engine=found.others,
        faults=tuple(found.faults),
        changed_inputs=tuple(found.changed),
    )


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """Folders of results, sweeps and stored runs in a folder, itself first; links are not followed."""
    if not folder.is_dir():
        return
    if any((folder / name).is_file() for name in (_RESULT, DESCRIPTION)) or any(_runs(folder)):
        yield folder
    elif depth:
        for one in sorted(folder.iterdir()):
            if one.is_dir() and not one.is_symlink() and not one.name.startswith("."):
                yield from _folders(one, depth - 1)


def _runs(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / RUNS).glob("*") if path.is_dir() and not path.name.startswith("."))


def _check_run(run: Path, found: _Found) -> None:
    found.runs += 1
    try:
        _load(run)
    except OtherEngineError:
        found.others += 1
    except RunError as error:
        found.fault(run, str(error).removeprefix(f"{run}: "))


def _load(run: Path) -> None:
    """Load a run of requests, of nodes that services share, or of jobs, which checks its sums and its laws."""
    try:
        load_ledger(run)
    except OtherEngineError:
        raise
    except RunError:
        with suppress(RunError):
            load_shared_ledger(run, {})
            return
        load_job_ledger(run)


def _check_result(folder: Path, found: _Found) -> None:
    """The result and its tables; searches, and runs that were interrupted, have stored runs alone."""
    if not any((folder / name).exists() for name in _WRITTEN):
        return
    found.results += 1
    if not (folder / _RESULT).is_file():
        found.fault(folder, "has no result.json: the run has not ended; run the scenario again")
        return
    try:
        if (folder / SUMS).is_file():
            check_sums(folder)
        else:
            found.fault(
                folder,
                "has no SHA256SUMS: its files may be changed, or not all of them be there; run the scenario again",
            )
        document = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
        if (report := folder / "report.html").is_file() and made_of(report) is None:
            found.fault(folder, "report.html does not fit; `simcost run` draws it again")
        found.changed |= dict.fromkeys(changed_inputs(document["provenance"]["inputs"]))
    except (OSError, ValueError, LookupError, TypeError) as error:
        found.fault(folder, f"{reason(error)}; run the scenario again")


def _check_answers(folder: Path, found: _Found) -> None:
    """Stored answers of searches."""
    for answer in sorted(path for path in (folder / "answers").glob("*") if path.is_dir() and path.name[0] != "."):
        try:
            check_sums(answer, nothing_else=True)
        except (OSError, ValueError) as error:
            found.fault(answer, f"{reason(error)}; the search is made again")


def _check_sweep(folder: Path, found: _Found) -> None:
    """The rows of a sweep: its files are named by their bytes."""
    found.sweeps += 1
    for path in damaged_parts(folder):
        found.fault(path, "is not as it was written; sweep again")
    try:
        description = read_description(folder)
        rows = len(read_dataset(folder / RUNS)[0])
        found.rows += rows
        found.missing += missing_runs(description, rows)
        if description["finished"] and rows != description["runs"]:
            found.fault(folder, f"has {plural(rows, 'row')} of {plural(description['runs'], 'run')}; sweep again")
        found.changed |= dict.fromkeys(changed_inputs(description["provenance"]["inputs"]))
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
        found.fault(folder, f"its rows cannot be read ({reason(error)}); sweep again")


def _verdict(found: _Found) -> str:
    made = f", {found.others} of them by another version of the engine" if found.others else ""
    changed = f" Changed since: {', '.join(found.changed)}." if found.changed else ""
    if found.faults:
        are = "is" if len(found.faults) == 1 else "are"
        stored = f"stored runs: {found.runs}{made}"
        return f"{found.top}: {len(found.faults)} of its parts {are} not as written ({stored}).{changed}"
    left = f" ({plural(found.missing, 'run')} still to be made; sweep again)" if found.missing else ""
    sweeps = f", {plural(found.rows, 'row')} of {plural(found.sweeps, 'sweep')}{left}" if found.sweeps else ""
    none = "" if found.results or found.sweeps else " It holds no result of `simcost run`."
    return f"{found.top}: all files are as they were written{sweeps}{_laws(found)}.{none}{changed}"


def _laws(found: _Found) -> str:
    """Words on the laws of the stored runs: this code checks them of the runs that it would use."""
    kept = found.runs - found.others
    keep = "keeps its" if kept == 1 else "keep their"
    laws = f", and {plural(kept, 'stored run')} {keep} laws" if kept or not (found.others or found.sweeps) else ""
    if not found.others:
        return laws
    made = "it" if found.others == 1 else "them"
    unchecked = f"the laws of {plural(found.others, 'stored run')} were not checked"
    return f"{laws}; {unchecked}: another version of the engine made {made}"
