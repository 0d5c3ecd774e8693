"""`simcost doctor`: what a machine needs to run simcost, checked."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile

import simcost
from simcost import __version__

LEAST_DISK_GB = 1.0
"""Free space that a results folder of some hundred runs may take."""
LEAST_MEMORY_GB = 2.0
OLD_DAYS = 180
"""Age from which facts of the catalog count as old."""
_LIBRARIES = ("numpy", "numba", "pyarrow", "scipy", "simpy", "statsmodels", "pydantic", "altair", "streamlit")
_GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentCheck:
    """One thing that was looked at."""

    name: str
    value: str
    ok: bool
    remedy: str = ""
    """Remedy; empty where nothing is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentReport:
    """Result of `simcost doctor`."""

    verdict: str
    ok: bool
    simcost_version: str
    checks: tuple[EnvironmentCheck, ...]


def examine(folder: Path, today: date | None = None) -> EnvironmentReport:
    """Check versions, folders, memory and the age of the catalog.

    Args:
        folder: where results would be written.
        today: None = the day by the clock.
    """
    checks = (*_versions(), *_folders(folder), *_machine(), _catalog(today or datetime.now(UTC).date()))
    wrong = [check.name for check in checks if not check.ok]
    verdict = f"Look at: {', '.join(wrong)}." if wrong else "Everything that simcost needs is there."
    return EnvironmentReport(verdict=verdict, ok=not wrong, simcost_version=__version__, checks=checks)


def _versions() -> Iterator[EnvironmentCheck]:
    python = platform.python_version()
    yield EnvironmentCheck(
        name="Python",
        value=python,
        ok=sys.version_info >= (3, 11),
        remedy="" if sys.version_info >= (3, 11) else "install Python 3.11 or newer",
    )
    for name in _LIBRARIES:
        try:
            yield EnvironmentCheck(name=name, value=version(name), ok=True)
        except PackageNotFoundError:
            yield EnvironmentCheck(name=name, value="missing", ok=False, remedy="install simcost again")


def _folders(folder: Path) -> Iterator[EnvironmentCheck]:
    yield _written("results folder", [folder], "choose another with --out")
    yield _written("cache of compiled code", _cache_folders(), "set NUMBA_CACHE_DIR to a folder that can be written")
    free_gb = shutil.disk_usage(_there(folder)).free / _GB
    enough = free_gb >= LEAST_DISK_GB
    remedy = "" if enough else f"free {LEAST_DISK_GB:g} GB, or choose another --out"
    yield EnvironmentCheck(name="free disk", value=f"{free_gb:.1f} GB", ok=enough, remedy=remedy)


def _cache_folders() -> list[Path]:
    """Folders in which numba keeps compiled code, in the order in which it tries them."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return [Path(chosen)] if chosen else [Path(simcost.__file__).parent / "sim", Path("~/.cache").expanduser()]


def _written(name: str, folders: Sequence[Path], remedy: str) -> EnvironmentCheck:
    """Check that files can be written to one of the folders, or to the nearest one above it that exists."""
    refused = ""
    for folder in folders:
        try:
            with TemporaryFile(dir=_there(folder)):
                return EnvironmentCheck(name=name, value=str(folder), ok=True)
        except OSError as error:
            refused = f"{folder}: {error.strerror}"
    return EnvironmentCheck(name=name, value=refused, ok=False, remedy=remedy)


def _there(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())


def _machine() -> Iterator[EnvironmentCheck]:
    yield EnvironmentCheck(name="cores", value=str(os.cpu_count() or 1), ok=True)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GB
        enough = memory_gb >= LEAST_MEMORY_GB
        remedy = "" if enough else f"give it {LEAST_MEMORY_GB:g} GB, or run with --jobs 1"
        yield EnvironmentCheck(name="memory", value=f"{memory_gb:.1f} GB", ok=enough, remedy=remedy)


def _catalog(today: date) -> EnvironmentCheck:
    from simcost.catalog import load_catalog

    newest = load_catalog().as_of
    days = (today - date.fromisoformat(newest)).days
    remedy = "" if days <= OLD_DAYS else "import today's prices: `simcost prices import --help`"
    return EnvironmentCheck(name="newest fact of the catalog", value=newest, ok=days <= OLD_DAYS, remedy=remedy)
