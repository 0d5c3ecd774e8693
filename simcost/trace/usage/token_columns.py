"""Tokens as providers count them in their exports.

OpenAI and Google, and those whose interfaces are like theirs, count cached tokens as a part of the prompt:
`prompt_tokens`, `promptTokenCount`, and `input_tokens` of OpenAI's usage export. Anthropic and Amazon Bedrock count as
`input_tokens` only what was neither read from a cache nor written to one. Sources: usage objects of the OpenAI, Gemini,
Anthropic and Bedrock Converse interfaces, 2026.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

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
"""Names of units and columns, in lower case, and what they count with any provider."""
COLUMN = "tokens:"
"""Before the name of a column that counts tokens."""


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
    return {COLUMN + name: lower[name] for name in lower if name in _OWN or name in _DECLARED}
