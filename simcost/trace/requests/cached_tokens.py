"""Tokens of prompts that a service read from its cache, where a log counts them within other cells."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.json_objects import Rows, at_path

COLUMN = "cached_tokens"
_OF_SPENDS = (
    "additional_usage_values.cache_read_input_tokens",
    "additional_usage_values.prompt_tokens_details.cached_tokens",
    "usage_object.cache_read_input_tokens",
    "usage_object.prompt_tokens_details.cached_tokens",
)
"""Places in the `metadata` of a spend log of LiteLLM; a provider fills one of them, and may leave 0 in another."""


def spend_row(value: Mapping[str, Any]) -> Rows:
    """A spend log of LiteLLM with the cached tokens that its metadata, an object or JSON text, counts."""
    found = _of_metadata(value.get("metadata"))
    return [("", value if found is None else {**value, COLUMN: found})]


def of_usage(details: Mapping[str, Any]) -> int | None:
    """Sum of the usage types of Langfuse that are input read from a cache; None = there are none.

    >>> of_usage({"input": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output": 7})
    90
    """
    counts = [
        count
        for name, count in details.items()
        if "cache" in name and "input" in name and not any(word in name for word in ("creation", "write"))
    ]
    known = [count for count in counts if type(count) is int or (isinstance(count, str) and count.isdecimal())]
    return sum(map(int, known)) if known else None


def counts_of(column: pa.Array) -> pa.Array:
    """The column; where its cells are the metadata of spend logs, as objects or text, the cached tokens in them."""
    kind = column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if pa.types.is_nested(kind) or (text and pc.any(pc.match_substring_regex(column, r"^\s*\{")).as_py()):
        return pa.array([_of_metadata(cell) for cell in column.to_pylist()], pa.int64())
    return column


def _of_metadata(metadata: Any) -> int | None:
    """The cached tokens; None where nothing counts them."""
    if isinstance(metadata, list):  # a map of Parquet, whose pairs are tuples
        metadata = dict(pair for pair in metadata if isinstance(pair, tuple))
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError:
            return None
    found = (at_path(metadata, place) for place in _OF_SPENDS)
    return max((count for count in found if type(count) is int), default=None)
