"""A folder of Parquet tables and a JSON file that seals them: all of it is as it was written, or it is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import RunError
from simcost.scenario.folders import sha256_of

VERSION = 2


def seal(folder: Path, tables: Mapping[str, pa.Table], said: dict[str, Any], *further: str) -> None:
    """Write tables and, last, `ledger.json` with what is said and the SHA-256 of all files, `further` ones included."""
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    names = [*(f"{name}.parquet" for name in tables), *further]
    files = {name: sha256_of(folder / name) for name in names}
    text = json.dumps({"version": VERSION, "files": files, **said}, indent=2, default=_plain, allow_nan=False)
    draft = folder / ".ledger.json"
    draft.write_text(text, encoding="utf-8")
    draft.replace(folder / "ledger.json")


@contextmanager
def whole(folder: Path) -> Iterator[dict[str, Any]]:
    """What the seal of a folder says, its files unchanged; errors within are those of a damaged folder.

    Raises:
        RunError: there is no seal, or a file is missing, cut short or changed.
    """
    try:
        said = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
        changed = [name for name, digest in said["files"].items() if sha256_of(folder / name) != digest]
        if changed or said["version"] != VERSION:
            raise RunError(_damaged(folder, f"{', '.join(changed) or 'its version'} does not fit"))
        yield said
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
        raise RunError(_damaged(folder, str(error))) from error


def read_table(folder: Path, name: str) -> pa.Table:
    """A table of a sealed folder."""
    return pq.ParquetFile(folder / f"{name}.parquet").read()


def _plain(value: Any) -> Any:
    """Numbers of numpy as numbers."""
    return value.item()


def _damaged(folder: Path, why: str) -> str:
    return f"{folder}: no whole run is stored here ({why}); run again"
