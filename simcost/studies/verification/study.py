"""`simcost verify`: the seals and laws of a results folder, and of the runs stored in it, checked again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from simcost.errors import InputError, RunError
from simcost.scenario.storage.folders import SUMS, OtherEngineError, check_sums, made_of
from simcost.scenario.storage.ledgers import load_job_ledger, load_ledger, load_shared_ledger

_RESULT = "result.json"
_OF_JOBS = "jobs"
"""Key of the metadata of a run of jobs."""


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
    runs: int
    """Runs that are stored."""
    of_another_engine: int
    """Of these, whole ones that other code has made: a run of the scenario would simulate them again."""
    faults: tuple[FolderFault, ...]


def verify(folder: Path) -> Verification:
    """Check the sums of a results folder, and the sums and laws of each stored run.

    Raises:
        InputError: it is not a results folder.
    """
    runs = sorted(path for path in (folder / "runs").glob("*") if path.is_dir() and not path.name.startswith("."))
    if not (folder / _RESULT).is_file() and not runs:
        raise InputError(f"{folder}: is not a results folder; `simcost run FILE.yaml --out {folder}` writes one")
    faults, others = list(_result_faults(folder)), 0
    for run in runs:
        try:
            _load(run)
        except OtherEngineError:
            others += 1
        except RunError as error:
            message = str(error).removeprefix(f"{run}: ")
            faults.append(FolderFault(folder=str(run.relative_to(folder)), message=message))
    return Verification(
        verdict=_verdict(folder, len(runs), others, faults),
        ok=not faults,
        runs=len(runs),
        of_another_engine=others,
        faults=tuple(faults),
    )


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


def _result_faults(folder: Path) -> Iterator[FolderFault]:
    """Faults of the result and its tables."""
    if not (folder / _RESULT).is_file():
        yield FolderFault(folder=".", message="has no result.json: the run has not ended; run the scenario again")
        return
    try:
        if (folder / SUMS).is_file():
            check_sums(folder)
        else:
            yield FolderFault(folder=".", message="has no SHA256SUMS: it was written by an older simcost")
        json.loads((folder / _RESULT).read_text(encoding="utf-8"))
        if (report := folder / "report.html").is_file() and made_of(report) is None:
            yield FolderFault(folder=".", message="report.html does not fit; `simcost run` draws it again")
    except (OSError, ValueError) as error:
        yield FolderFault(folder=".", message=f"{error}; run the scenario again")


def _verdict(folder: Path, runs: int, others: int, faults: list[FolderFault]) -> str:
    made = f", {others} of them by another version of the engine" if others else ""
    if faults:
        are = "is" if len(faults) == 1 else "are"
        return f"{folder}: {len(faults)} of its parts {are} not as written (stored runs: {runs}{made})."
    return f"{folder}: all files are as they were written, and {runs} stored runs keep their laws{made}."
