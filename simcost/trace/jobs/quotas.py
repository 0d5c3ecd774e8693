"""Small tables that belong to a log of jobs: quotas of queues, and shares of accounts and users."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from simcost.errors import Fault, FaultsError, TraceError
from simcost.tables.cells import as_text, real_numbers
from simcost.tables.table import LogTable, header, read_table

_MOST = 10_000_000
_PATH = "path"
Quota = tuple[int, int | None, int | None]
"""GPUs: nominal, borrowing limit, lending limit; None = no limit."""


def read_quotas(path: Path) -> dict[str, Quota]:
    """Quotas by queue, from CSV or Parquet with `queue,nominal` and, where known, `borrowing_limit,lending_limit`.

    Raises:
        FaultsError: cells that are missing or no whole numbers from 0; queues named twice.
        TraceError: a file that cannot be read, or lacks columns.
    """
    names, columns = _read(path, "queue", ("nominal",), ("borrowing_limit", "lending_limit"), whole=True)
    rows = zip(*(columns[name] for name in ("nominal", "borrowing_limit", "lending_limit")), strict=True)
    return {
        name: (int(nominal or 0), *(None if one is None else int(one) for one in limits))  # type: ignore[misc]
        for name, (nominal, *limits) in zip(names, rows, strict=True)
    }


def read_shares(path: Path) -> dict[str, float]:
    """Shares among siblings by path (`physics`, `physics/alice`), from CSV or Parquet with `path,shares`.

    Raises:
        FaultsError: cells that are missing or no numbers above 0; paths named twice, or with an empty name.
        TraceError: a file that cannot be read, or lacks columns.
    """
    names, columns = _read(path, _PATH, ("shares",), (), whole=False)
    return {name: float(share or 0) for name, share in zip(names, columns["shares"], strict=True)}


def _read(
    path: Path, key: str, needed: tuple[str, ...], also: tuple[str, ...], *, whole: bool
) -> tuple[list[str], Mapping[str, list[float | None]]]:
    """Names, and the columns of numbers; None where a cell of `also` is empty."""
    what = f"table of {','.join((key, *needed))}{''.join(f'[,{name}]' for name in also)}"
    container, present = header(path, what)
    lacking = [name for name in (key, *needed) if name not in present]
    if lacking:
        raise TraceError(f"{path}: no column {', '.join(lacking)}; give a {what}")
    wanted = {name: name for name in (key, *needed, *also) if name in present}
    table = read_table(path, container, lambda _: wanted, what)
    faults = [Fault(file=str(path), path=place, message=reason) for place, reason in table.malformed]
    names = _names(table, key, path, faults)
    columns = {
        name: _numbers(table, name, path, faults, whole=whole, needed=name in needed) for name in (*needed, *also)
    }
    if faults:
        raise FaultsError(faults[:10])
    return names, columns


def _names(table: LogTable, key: str, path: Path, faults: list[Fault]) -> list[str]:
    """Texts that stand once."""
    if not len(table):
        raise TraceError(f"{path}: no rows")
    texts = [text or "" for text in as_text(table.columns[key]).to_pylist()]
    for i, text in enumerate(texts):
        if not text.strip() or text in texts[:i]:
            wrong = f"{text!r} is there twice" if text.strip() else "the cell is empty"
            faults.append(Fault(file=str(path), path=table.place(i), message=f"{key}: {wrong}"))
        elif key == _PATH and not all(part.strip() for part in text.split("/")):
            wrong = f"{text!r} has an empty name; write e.g. physics, or physics/alice"
            faults.append(Fault(file=str(path), path=table.place(i), message=f"{key}: {wrong}"))
    return texts


def _numbers(
    table: LogTable, name: str, path: Path, faults: list[Fault], *, whole: bool, needed: bool
) -> list[float | None]:
    if name not in table.columns:
        return [None] * len(table)
    values, ok = real_numbers(table.columns[name])
    empty = np.array([cell in (None, "") for cell in as_text(table.columns[name]).to_pylist()])
    good = ok & (values >= 0) & (values <= _MOST) & (values == np.floor(values) if whole else values > 0)
    for i in np.flatnonzero(~good & (needed | ~empty)):
        wanted = "whole number from 0" if whole else "number above 0"
        cell = table.columns[name][int(i)].as_py()
        faults.append(Fault(file=str(path), path=table.place(int(i)), message=f"{name}: {cell!r} is not a {wanted}"))
    return [None if empty[i] else float(values[i]) for i in range(len(table))]
