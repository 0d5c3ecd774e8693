"""Counts of tokens as each provider defines them: cached tokens within the prompt or apart from it, and in other cells.

OpenAI, Gemini, LiteLLM and the OpenTelemetry conventions count cached tokens within those of the prompt. Anthropic,
Amazon Bedrock and Helicone count them apart: the prompt is the sum. Gemini counts thoughts apart from the candidates.
Sources: usage objects of the Anthropic Messages, OpenAI, Gemini and Bedrock Converse interfaces, model invocation logs
of Bedrock, the cost function of Helicone, `gen_ai.usage.cache_read.input_tokens` of OpenTelemetry, all of 2026.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.json_objects import Rows, at_path

COLUMN = "cached_tokens"
_READS = ("cachereadinputtokens", "cachereadinputtokencount")
_WRITES = (("cachecreationinputtokens",), ("cachewriteinputtokens",), ("cachewriteinputtokencount",))
_BY_TTL = ("cachecreationephemeral5minputtokens", "cachecreationephemeral1hinputtokens")
_APART: Mapping[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    "uncachedinputtokens": (_READS, (*_WRITES, _BY_TTL)),
    "usageinputtokensnocache": (
        ("usageinputtokenscacheread",),
        (("usageinputtokenscachewrite5m", "usageinputtokenscachewrite1h"), ("usageinputtokenscachewrite",)),
    ),
    "inputtokencount": (_READS, _WRITES),
    "inputtokens": (_READS, (*_WRITES, _BY_TTL)),
    "prompttokens": (("promptcachereadtokens",), (("promptcachewritetokens",),)),
    "prompttokencount": ((), (("tooluseprompttokencount",),)),
    "candidatestokencount": ((), (("thoughtstokencount",),)),
}
"""By the end of the name of a count, the counts beside it that it does not hold: reads of a cache, and sets of other
counts, of which the first that is there is taken. All in small letters without marks.
"""
_WITHIN: Mapping[str, tuple[str, ...]] = {
    "inputtokens": ("inputtokensdetailscachedtokens", "inputcachedtokens"),
    "prompttokens": (
        "prompttokensdetailscachedtokens",
        "prompttokendetailscachedtokens",
        "prompttokendetailscacheread",
    ),
    "prompttokencount": ("cachedcontenttokencount",),
    "tokensprompt": ("tokenscached",),
}
"""By the end of the name of a prompt, counts beside it that are a part of it and were read from a cache."""
_OF_SPENDS = (
    "additional_usage_values.cache_read_input_tokens",
    "additional_usage_values.prompt_tokens_details.cached_tokens",
    "usage_object.cache_read_input_tokens",
    "usage_object.prompt_tokens_details.cached_tokens",
    "cache_read",
)
"""Places in the `metadata` of a spend log of LiteLLM, of which a provider fills one, and may leave 0 in another; and in
the `prompt_token_details` of LangSmith.
"""


def counted_apart(name: str, present: Sequence[str]) -> tuple[list[str], str | None]:
    """Columns beside a count of tokens that it does not hold, by the names of its provider; and that of cached tokens.

    >>> counted_apart("usage.input_tokens", ["usage.input_tokens", "usage.cache_read_input_tokens"])
    (['usage.cache_read_input_tokens'], 'usage.cache_read_input_tokens')
    >>> counted_apart("usage.input_tokens", ["usage.input_tokens", "usage.input_tokens_details.cached_tokens"])
    ([], 'usage.input_tokens_details.cached_tokens')
    """
    plain = _plain(name)
    names = {_plain(other): other for other in reversed(present)}
    base = next((base for base in _APART if plain.endswith(base)), None)
    if "genai" in plain:  # OpenTelemetry counts them within the prompt
        return [], None
    before = plain.removesuffix(base or "")
    reads, writes = _APART[base] if base else ((), ())
    read = next((names[before + each] for each in reads if before + each in names), None)
    write = next((found for each in writes if (found := [names[before + w] for w in each if before + w in names])), [])
    within = (names.get(plain.removesuffix(b) + each) for b, of in _WITHIN.items() if plain.endswith(b) for each in of)
    cached = read or next((found for found in within if found), None)
    return ([read] if read else []) + write, cached


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


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
    most = max((count for count in found if type(count) is int), default=None)
    return of_usage(metadata) if most is None and isinstance(metadata, dict) else most
