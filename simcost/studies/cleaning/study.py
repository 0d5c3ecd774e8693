"""`simcost clean`: stored runs of other engines or of long ago, and what killed processes left unfinished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import time

from simcost.errors import InputError
from simcost.outputs import is_draft, is_forgotten
from simcost.scenario.storage.engine_version import engine_version
from simcost.scenario.storage.folders import DESCRIPTION, SAID, SUMS
from simcost.scenario.sweeps.dataset import OTHERS, RUNS, engines_of
from simcost.units import format_bytes, format_count

_DEPTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Something that is removed."""

    path: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """Result of `simcost clean`."""

    verdict: str
    dry: bool
    freed_bytes: int
    removals: tuple[Removal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanOptions:
    """Conditions of what may go, besides drafts of killed processes."""

    stale: bool = False
    """Runs, and rows that sweeps keep apart, that other code has made."""
    older_than_s: float | None = None
    """Stored runs that were written longer ago; a sweep's rows are its result, and stay."""
    dry: bool = False


def found(folder: Path, options: CleanOptions) -> CleanUp:
    """The removals from the results in a folder.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; name one of results")
    removals = tuple(
        Removal(path=str(path), bytes=_size(path), reason=reason)
        for result in _results(folder, _DEPTH)
        for path, reason in _removable(result, options)
    )
    freed = sum(removal.bytes for removal in removals)
    what = f"{format_count(len(removals))} files and folders, {format_bytes(freed)}"
    verdict = f"{'To be removed' if options.dry else 'Removed'}: {what}." if removals else "Nothing to remove."
    return CleanUp(verdict=verdict, dry=options.dry, freed_bytes=freed, removals=removals)


def remove(removals: tuple[Removal, ...]) -> None:
    """Remove files and folders, never what a link names."""
    for removal in removals:
        path = Path(removal.path)
        if path.is_symlink():
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _results(folder: Path, depth: int) -> Iterator[Path]:
    """The folders that simcost wrote, in a folder and itself; links are not followed."""
    if _is_result(folder):
        yield folder
    elif depth:
        for one in sorted(folder.iterdir()):
            if one.is_dir() and not one.is_symlink():
                yield from _results(one, depth - 1)


def _is_result(folder: Path) -> bool:
    """True of a finished run, a sweep, and a folder of stored runs alone, as `simcost optimize` leaves it."""
    if (folder / SUMS).is_file() and (folder / "result.json").is_file():
        return True
    if (folder / DESCRIPTION).is_file():
        return _says_format(folder / DESCRIPTION)
    return any((path / SUMS).is_file() for path in _entries(folder / RUNS) if path.is_dir())


def _says_format(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).get("format"))
    except (OSError, ValueError, AttributeError):
        return False


def _entries(folder: Path) -> list[Path]:
    """Entries of a folder, without links; none where there is none."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if not path.is_symlink()]


def _removable(result: Path, options: CleanOptions) -> Iterator[tuple[Path, str]]:
    """Removable parts of one results folder, each with its reason."""
    for path in (*_entries(result), *_entries(result / RUNS), *_entries(result / OTHERS)):
        if is_draft(path):
            if is_forgotten(path):
                yield path, "unfinished: its process was killed"
        elif path.parent in (result / RUNS, result / OTHERS):
            reason = _reason(path, options)
            if reason:
                yield path, reason


def _reason(path: Path, options: CleanOptions) -> str:
    """Reason why a stored run, or rows that a sweep keeps apart, may go; empty = they may not."""
    run = path.is_dir() and (path / SUMS).is_file() and (path / SAID).is_file()
    apart = path.suffix == ".parquet" and path.parent.name == OTHERS
    if not run and not apart:  # all other rows are the result of a sweep
        return ""
    engines = _engines(path, run=run)
    if engines is None:
        return ""
    if options.stale and engine_version() not in engines:
        return f"made by engine {', '.join(sorted(engines)) or 'unknown'}"
    if run and options.older_than_s is not None and _age_s(path / SAID) > options.older_than_s:
        return "older than asked for"
    return ""


def _engines(path: Path, *, run: bool) -> set[str] | None:
    """The engines that made a run or a part; None of what simcost did not write."""
    try:
        if run:
            return {str(json.loads((path / SAID).read_text(encoding="utf-8"))["engine_version"])}
        return engines_of(path)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _age_s(path: Path) -> float:
    return time() - path.lstat().st_mtime


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if not path.is_dir():
        return path.lstat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_symlink() or file.is_file())
