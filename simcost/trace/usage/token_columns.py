"""Tokens as providers count them in their exports.

OpenAI and Google, and those whose interfaces are like theirs, count cached tokens as a part of the prompt:
`prompt_tokens`, `promptTokenCount`, and `input_tokens` of OpenAI's usage export. Anthropic and Amazon Bedrock count as
`input_tokens` only what was neither read from a cache nor written to one. Sources: usage objects of the OpenAI, Gemini,
Anthropic and Bedrock Converse interfaces, 2026.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import as_text
from simcost.tables.table import LogTable, joined
from simcost.trace.usage.usage import PROMPT

UNCACHED, CACHE_READ, CACHE_WRITE, OUTPUT = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
)
WITHOUT_CACHED = ("anthropic", "aws")
"""Providers whose `input_tokens` leave out what was read from a cache or written to one."""
_OWN = ("input_tokens", "inputtokens")
"""Counted as the provider does."""
_DECLARED = {
    "uncached_input_tokens": UNCACHED,
    **dict.fromkeys((PROMPT, "total_input_tokens", "prompttokencount"), PROMPT),
    **dict.fromkeys(
        (
            CACHE_READ,
            "cached_tokens",
            "input_cached_tokens",
            "cached_input_tokens",
            "cache_read_input_tokens",
            "cachereadinputtokens",
            "cachedcontenttokencount",
        ),
        CACHE_READ,
    ),
    **dict.fromkeys(
        (CACHE_WRITE, "cache_creation_input_tokens", "cache_write_input_tokens", "cachewriteinputtokens"),
        CACHE_WRITE,
    ),
    **dict.fromkeys((OUTPUT, "completion_tokens", "outputtokens", "candidatestokencount"), OUTPUT),
}
"""Names of units and columns, in lower case, and what they count whoever the provider is."""
_COLUMN = "tokens:"


def token_units(unit: pa.Array, provider: pa.Array) -> pa.Array:
    """Units of tokens by our names; other units as they are.

    Args:
        unit: in lower case.
        provider: of the same rows, in lower case.
    """
    own = pc.is_in(unit, pa.array(_OWN))
    found = pc.if_else(pc.is_in(provider, pa.array(WITHOUT_CACHED)), UNCACHED, PROMPT)
    unit = pc.if_else(own, found, unit)
    for name, ours in _DECLARED.items():
        if name != ours:
            unit = pc.if_else(pc.and_(pc.invert(own), pc.equal(unit, name)), ours, unit)
    return unit


def token_columns(lower: Mapping[str, str]) -> dict[str, str]:
    """Columns of a file that count tokens, one beside the other: ours -> the file's.

    Args:
        lower: the file's columns by their names in lower case.
    """
    return {_COLUMN + name: lower[name] for name in lower if name in _OWN or name in _DECLARED}


def by_unit(table: LogTable) -> LogTable:
    """A table in which columns of tokens stand below each other, as rows of `quantity` and `unit`."""
    counted = [ours for ours in table.columns if ours.startswith(_COLUMN)]
    rows = len(table)
    if not counted or not rows:
        return table
    others = {ours: column for ours, column in table.columns.items() if ours not in counted}
    again = pa.array(np.tile(np.arange(rows), len(counted)))
    columns = {ours: column.take(again) for ours, column in others.items()}
    columns["quantity"] = joined([as_text(table.columns[ours]) for ours in counted])
    columns["unit"] = pa.array(np.repeat([ours.removeprefix(_COLUMN) for ours in counted], rows))
    said = ", ".join(table.theirs[ours] for ours in counted)
    theirs = {ours: name for ours, name in table.theirs.items() if ours not in counted}
    place = table.place
    return replace(
        table,
        columns=columns,
        theirs={**theirs, "quantity": said, "unit": said},
        place=lambda i: place(i % rows),
    )
