"""Tokens as providers count them in their exports.

OpenAI and Google, and those whose interfaces are like theirs, count cached tokens as a part of the prompt:
`prompt_tokens`, `promptTokenCount`, and `input_tokens` of OpenAI's usage export. Anthropic and Amazon Bedrock count as
`input_tokens` only what was neither read from a cache nor written to one. Sources: usage objects of the OpenAI, Gemini,
Anthropic and Bedrock Converse interfaces, 2026.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.columns import Column
from simcost.trace.usage.usage import LONG_WRITE, PROMPT

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
_WRITTEN_IN_ALL = (CACHE_WRITE, "cache_creation_input_tokens", "cache_write_input_tokens", "cachewriteinputtokens")
"""Columns of tokens written to a cache, however long they are kept."""
_GEMINI = {
    "prompt_token_count": PROMPT,
    "tool_use_prompt_token_count": PROMPT,
    "cached_content_token_count": CACHE_READ,
    "candidates_token_count": OUTPUT,
    "thoughts_token_count": OUTPUT,
}
"""Counts of Gemini, whose thoughts and results of tools are in no other count."""
_CONSOLE = {
    "usage_input_tokens_no_cache": UNCACHED,
    "usage_input_tokens_cache_read": CACHE_READ,
    **dict.fromkeys(("usage_input_tokens_cache_write", "usage_input_tokens_cache_write_5m"), CACHE_WRITE),
    "usage_input_tokens_cache_write_1h": LONG_WRITE,
    "usage_output_tokens": OUTPUT,
}
"""Counts in the file that Anthropic's console exports: a day, model, key and kind of usage in a row."""
_DECLARED = {
    "uncached_input_tokens": UNCACHED,
    **_CONSOLE,
    **dict.fromkeys((PROMPT, "total_input_tokens"), PROMPT),
    **dict.fromkeys(
        (
            CACHE_READ,
            "cached_tokens",
            "input_cached_tokens",
            "cached_input_tokens",
            "cache_read_input_tokens",
            "cachereadinputtokens",
        ),
        CACHE_READ,
    ),
    **dict.fromkeys(_WRITTEN_IN_ALL, CACHE_WRITE),
    **dict.fromkeys(("cache_creation.ephemeral_5m_input_tokens", "ephemeral_5m_input_tokens"), CACHE_WRITE),
    **dict.fromkeys(
        (LONG_WRITE, "cache_creation.ephemeral_1h_input_tokens", "ephemeral_1h_input_tokens"),
        LONG_WRITE,
    ),
    **dict.fromkeys((OUTPUT, "completion_tokens", "outputtokens"), OUTPUT),
    **{name: name for name in ("input_audio_tokens", "output_audio_tokens")},
    **_GEMINI,
    **{name.replace("_", ""): unit for name, unit in _GEMINI.items()},
}
"""Names of units and columns, in lower case, and what they count with any provider."""
_PARTS = ("total", "reasoning", *_WRITTEN_IN_ALL, "ephemeral", "max", "limit", "per", "price", "cost")
"""Words of columns whose tokens are in others, or that count none."""
DAILY = "usage_date_utc"
"""Times in the file of Anthropic's console: the days of its rows."""
COLUMN = "tokens:"
"""Before the name of a column that counts tokens."""
YES = dict.fromkeys(("true", "1", "yes"), 1.0)
PRICING = (Column(name="batch"), Column(name="service_tier", aliases=("usage_type",)), Column(name="context_window"))
"""Columns of an export of tokens that change the price of its rows."""
_STANDARD = ("", "default", "standard", "auto", "on_demand")
_SHORT = ("", "0-200k", "\u2264 200k", "\u2264200k", "<= 200k", "<=200k")
_LONG = ("200k-1m", "> 200k", ">200k", "200k+")
LONG = " long"
"""Behind the pricing of tokens of prompts in the size tier."""


def pricing_of_tokens(batch: pa.Array, service: pa.Array, window: pa.Array) -> pa.Array:
    """Service of tokens, and `LONG` behind it for prompts in the size tier.

    A service or a window that is not known stays as the file has it: it has no price.

    Args:
        batch: as the file says, true of batches.
        service: service tier, as the file has it.
        window: length of the prompts, as the file has it.
    """
    service, window = pc.utf8_lower(service), pc.utf8_lower(window)
    plain = pc.is_in(service, pa.array(_STANDARD))
    batched = pc.and_(plain, pc.is_in(pc.utf8_lower(batch), pa.array(list(YES))))
    service = pc.if_else(batched, "batch", pc.if_else(plain, "standard", service))
    other = pc.binary_join_element_wise(" window ", window, "")
    length = pc.if_else(pc.is_in(window, pa.array(_LONG)), LONG, other)
    return pc.binary_join_element_wise(service, pc.if_else(pc.is_in(window, pa.array(_SHORT)), "", length), "")


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


def whole_models(sku: pa.Array, unit: pa.Array, provider: pa.Array) -> pa.Array:
    """True where an SKU with a slash is the whole name of a model, as `google/gemini-2.5-pro` that `deepinfra` sells:
    tokens are counted, and the provider of the row is not the part before the slash.

    Args:
        sku: as the file has it.
        unit: as the file has it.
        provider: of the same rows, empty where none is named.
    """
    counted = pc.is_in(pc.utf8_lower(unit), pa.array([*_OWN, *_DECLARED]))
    named = pc.utf8_lower(provider)
    prefix = pc.utf8_lower(pc.replace_substring_regex(sku, "/.*$", ""))
    return pc.and_(counted, pc.and_(pc.not_equal(named, ""), pc.not_equal(named, prefix)))


def token_columns(lower: Mapping[str, str]) -> dict[str, str]:
    """Columns of a file that count tokens, one beside the other: ours -> the file's. Of all tokens written to a cache
    and those by how long they are kept, which are the same, one is taken.

    Args:
        lower: the file's columns by their names in lower case.
    """
    found = [name for name in lower if name in _OWN or name in _DECLARED]
    kept = {_DECLARED[name] for name in found if "ephemeral" in name}
    if kept:
        whole = {CACHE_WRITE, LONG_WRITE} <= kept
        total = any(name in _WRITTEN_IN_ALL for name in found)
        found = [name for name in found if not (total and (name in _WRITTEN_IN_ALL if whole else "ephemeral" in name))]
    return {COLUMN + name: lower[name] for name in found}


def left_out(names: Sequence[str], counted: Collection[str]) -> list[dict[str, Any]]:
    """Finding on columns of tokens that count towards nothing; totals, and reasoning that is a part of the output, do
    so in others.

    Args:
        names: columns of the file.
        counted: those that are read.
    """
    others = [name for name in names if name not in counted and "token" in name.lower()]
    told = [name for name in others if not any(word in name.lower() for word in _PARTS)]
    message = f"columns of tokens that are not priced: {', '.join(told)}; rename those that the others do not include"
    return [{"kind": "uncounted_tokens", "count": len(told), "message": message}] if told else []
