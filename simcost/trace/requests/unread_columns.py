"""Columns of request logs that are not read, though they change the answer where they are given."""

import re
from collections.abc import Collection, Mapping, Sequence
from shlex import quote

from simcost.trace.requests.column_words import latency_columns, plain_name
from simcost.trace.requests.failures import GENERIC_RULES
from simcost.trace.requests.formats import FORMATS, LATENCIES, OURS, LogFormat, other_format

_UNREAD: Mapping[str, tuple[str, str]] = {
    "model": (r"(?:\w+_)?model(?:_?name|_?id)?", "the model of each request, by which a plan is chosen"),
    "status": (
        (
            r"(?:[a-z]+_)*(?:status_?code|http(?:_?code)?)"
            r"|(?:(?:http|request|response|resp|upstream|result|final)_)*(?:status|(?:response|return|result)_code)"
        ),
        "a status, by which failed requests are left out",
    ),
    "cached_tokens": (
        (
            r"(?:num_)?cached_?(?:input_?|prompt_?)?tokens|input_?cached_?tokens|prompt_cache_hit_tokens"
            r"|cachedcontenttokencount"
        ),
        "the tokens of each prompt that were read from a cache, which an API bills for less",
    ),
}
"""Of generic logs: patterns of names of optional columns in use elsewhere, in lower case, and what they are for."""
_BESIDE_PROMPTS = (
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cachereadinputtokens",
    "cachewriteinputtokens",
    "usage_input_tokens_cache_read",
    "usage_input_tokens_cache_write_5m",
    "usage_input_tokens_cache_write_1h",
)
"""Names, in lower case, of tokens of the prompt that some providers do not count in it."""
_ENGINES = ("gpu", "gpu_type", "accelerator", "engine", "engine_id", "replica", "replica_id", "pod", "pod_name")
"""Names of columns that say which engine served a request."""
_SUMS = ("n_requests", "num_requests", "num_model_requests", "request_count", "requests", "count")
"""Names of columns that count the requests of a row."""


def unread_columns(
    form: LogFormat, mapping: Mapping[str, str], used: Collection[str], present: Sequence[str]
) -> list[str]:
    """Messages about columns of a generic log that are not read, though they change the answer where they are given.

    Args:
        form: the format.
        mapping: the user's, ours -> theirs.
        used: columns of the log that are read.
        present: all of its columns.
    """
    if form.rules is not GENERIC_RULES:
        return []
    result = []
    for ours, (pattern, meaning) in _UNREAD.items():
        alike = [name for name in present if re.fullmatch(pattern, plain_name(name))]
        if alike and ours not in mapping and not set(alike) & set(used):
            said = " and ".join(alike[:2])
            passed = f"--map {quote(f'{ours}={alike[0]}')}"
            result.append(f"{said} may be {meaning}, and is not read; if it is, pass {passed}")
    for name in present:
        ours = name.strip().lower()
        if ours in OURS and ours not in (*_UNREAD, *mapping, *present) and name not in used:
            result.append(f"{name!r} may be {ours}, and is not read; if it is, pass --map {quote(f'{ours}={name}')}")
    result += _unread_latencies(used, present)
    apart = [name for name in present if plain_name(name) in _BESIDE_PROMPTS and name not in used]
    if apart:
        told = f"{' and '.join(apart[:2])}: Anthropic and Bedrock count these tokens apart from input_tokens"
        summed = quote("+".join(("prompt_tokens=COLUMN", *apart)))
        result.append(f"{told}; if this log does, its prompts lack them: add them with --map {summed}")
    other = other_format(form, present)
    if other is not None and (rules := [r.column for r in FORMATS[other].rules if r.column in {*present} - {*used}]):
        told = f"the columns are those of --format {other}, which also leaves out rows by {' and '.join(rules)}"
        result.append(f"{told}; if the log is of that kind, pass it")
    engines = [name for name in present if plain_name(name) in _ENGINES]
    if engines and not {*engines} & {*used} and _has_latencies(mapping, used):
        told = f"{engines[0]} says which engine served a request, and the latencies are of all of them"
        result.append(f"{told}; `simcost calibrate` needs those of one: --where {quote(f'{engines[0]}=NAME')}")
    sums = [name for name in present if plain_name(name) in _SUMS and name not in used]
    if sums:
        told = f"{sums[0]} may count the requests of a row, and each row is taken as one request"
        result.append(f"{told}; sums by minute or hour are demand for `simcost forecast`, no log of requests")
    return result


def _has_latencies(mapping: Mapping[str, str], used: Collection[str]) -> bool:
    """True if some column that is read holds a latency."""
    forms = {form for seconds, others in LATENCIES.items() for form in (seconds, *others)}
    return any(ours in forms for ours in mapping) or any(latency_columns(name) for name in used)


def _unread_latencies(used: Collection[str], present: Sequence[str]) -> list[str]:
    """Messages about latencies that a log has under other names, where it has none under ours."""
    result = []
    for (seconds, others), meaning in zip(
        LATENCIES.items(), ("time to the first token", "time to the last token"), strict=True
    ):
        forms = {seconds, *others}
        may_be = {name: fits for name in present if (fits := latency_columns(name)) and forms & {*fits}}
        if may_be and not {*may_be} & {*used}:
            name, fits = next(iter(may_be.items()))
            passed = " or ".join(f"--map {quote(f'{ours}={name}')}" for ours in fits)
            result.append(f"{name} may be the {meaning}, and is not read; if it is, pass {passed}")
    return result
