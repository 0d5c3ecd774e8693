"""Small tables that belong to a log of jobs: quotas of queues, and shares of accounts and users."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.typed import TypedTable, read_declared

_MOST = 10_000_000
Quota = tuple[int, int | None, int | None]
"""GPUs: nominal, borrowing limit, lending limit; None = no limit."""
QUOTAS = DeclaredTable(
    what="table of queue,nominal[,borrowing_limit][,lending_limit]",
    columns=(
        Column(name="queue", required=True, filled=True, unique=True),
        Column(name="nominal", kind="whole", low=0, high=_MOST, required=True, filled=True),
        Column(name="borrowing_limit", kind="whole", low=0, high=_MOST),
        Column(name="lending_limit", kind="whole", low=0, high=_MOST),
    ),
    missing="give a table of queue,nominal[,borrowing_limit][,lending_limit]",
)
SHARES = DeclaredTable(
    what="table of path,shares",
    columns=(
        Column(name="path", required=True, filled=True, unique=True),
        Column(name="shares", kind="number", low=0, above=True, high=_MOST, required=True, filled=True),
    ),
    missing="give a table of path,shares",
)


def read_quotas(path: Path) -> dict[str, Quota]:
    """Quotas by queue, from CSV or Parquet with `queue,nominal` and, where known, `borrowing_limit,lending_limit`.

    Raises:
        FaultsError: cells that are missing or no whole numbers from 0; queues named twice.
        TraceError: a file that cannot be read, or lacks columns.
    """
    table = read_declared(path, QUOTAS)
    columns = (_limits(table, name) for name in ("nominal", "borrowing_limit", "lending_limit"))
    return {
        queue: (nominal or 0, borrowing, lending)
        for queue, nominal, borrowing, lending in zip(table.texts("queue"), *columns, strict=True)
    }


def _limits(table: TypedTable, name: str) -> Iterator[int | None]:
    """Whole numbers; None where there is none."""
    if name not in table:
        return iter([None] * len(table))
    cells = zip(table.wholes[name].tolist(), table.missing[name].tolist(), strict=True)
    return (None if empty else value for value, empty in cells)


def read_shares(path: Path) -> dict[str, float]:
    """Shares among siblings by path (`physics`, `physics/alice`), from CSV or Parquet with `path,shares`.

    Raises:
        FaultsError: cells that are missing or no numbers above 0; paths named twice, or with an empty name.
        TraceError: a file that cannot be read, or lacks columns.
    """
    table = read_declared(path, SHARES, check=_named)
    return dict(zip(table.texts("path"), table.numbers["shares"].tolist(), strict=True))


def _named(table: TypedTable) -> None:
    nameless = np.array([not all(part.strip() for part in path.split("/")) for path in table.texts("path")])
    table.note(
        "path", nameless[table.codes["path"]] & ~table.missing["path"], "has an empty name; write e.g. physics/alice"
    )
