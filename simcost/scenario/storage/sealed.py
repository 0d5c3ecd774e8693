"""A folder of Parquet tables, what is said with them, and the sums of all: it is as it was written, or not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from logging import getLogger
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import RunError
from simcost.scenario.storage.engine_version import engine_version
from simcost.scenario.storage.folders import check_sums, write_sums

VERSION = 3
SAID = "ledger.json"
T = TypeVar("T")
_LOG = getLogger(__name__)


class OtherEngineError(RunError):
    """A run that other code has made."""


def seal(folder: Path, tables: Mapping[str, pa.Table], said: dict[str, Any]) -> None:
    """Write tables, what is said with them, and last the SHA-256 of these and all other files of the folder."""
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    head = {"version": VERSION, "engine_version": engine_version()}
    text = json.dumps({**head, **said}, indent=2, default=_plain, allow_nan=False)
    (folder / SAID).write_text(text, encoding="utf-8")
    write_sums(folder)


@contextmanager
def whole(folder: Path) -> Iterator[dict[str, Any]]:
    """What a sealed folder says, its files unchanged; errors within are those of a damaged folder.

    Raises:
        OtherEngineError: it is whole, and made by other code.
        RunError: there is no seal, a file is missing, cut short, changed or one too many, or the numbers contradict
            each other.
    """
    try:
        check_sums(folder, nothing_else=True)
        said = json.loads((folder / SAID).read_text(encoding="utf-8"))
        if said["version"] != VERSION:
            raise RunError(_damaged(folder, "its version is another"))
        if (made_by := said["engine_version"]) != engine_version():
            raise OtherEngineError(
                f"{folder}: made by engine {made_by}, this is {engine_version()}; run again"
            )
        yield said
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
        raise RunError(_damaged(folder, str(error))) from error


def reused(folder: Path, load: Callable[[Path], T]) -> T | None:
    """A stored run; None where there is none, or none to be used, which is logged."""
    if not folder.exists():
        return None
    try:
        return load(folder)
    except OtherEngineError:
        _log_other_engine(folder.parent)
    except RunError as error:
        _LOG.warning("%s", error)
    return None


def read_table(folder: Path, name: str) -> pa.Table:
    """A table of a sealed folder."""
    return pq.ParquetFile(folder / f"{name}.parquet").read()


@cache
def _log_other_engine(runs: Path) -> None:
    """Once for all runs of a folder."""
    _LOG.warning("%s: the engine has changed since these runs were stored; they are simulated again", runs)


def _plain(value: Any) -> Any:
    """Numbers of numpy as numbers."""
    return value.item()


def _damaged(folder: Path, why: str) -> str:
    return f"{folder}: no whole run is stored here ({why}); it is simulated again"
