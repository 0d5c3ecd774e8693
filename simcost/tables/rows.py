"""Rows as a table of Arrow."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa


def table_of_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A table with every column that any row has, null where a row lacks it.

    `pa.Table.from_pylist` takes the columns of the first row alone.

    >>> table_of_rows([{"plan": "a"}, {"plan": "b", "spot_usd": 2.5}])["spot_usd"].to_pylist()
    [None, 2.5]
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})
