"""Words of which the names of the needed columns of logs are made."""

import re
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_TIME = (
    {"arrival", "arrived", "time", "timestamp", "ts", "date", "datetime", "create", "created", "received", "started"},
)
_TOKENS = {"token", "tokens", "toks", "tok"}
_LENGTH = {"len", "length"}
_COUNT = _TOKENS | _LENGTH
_WORDS: Mapping[str, tuple[set[str], ...]] = {
    "arrival": _TIME,
    "prompt_tokens": ({"prompt", "input", "in", "context", "request", "req", "prefill"}, _COUNT),
    "output_tokens": (
        {
            "output",
            "out",
            "completion",
            "candidates",
            "generated",
            "generation",
            "response",
            "resp",
            "answer",
            "decode",
        },
        _COUNT,
    ),
}
"""By column the words of which its name has one of each set."""
_OTHER = {
    "end",
    "ended",
    "finish",
    "finished",
    "completed",
    "first",
    "last",
    "expires",
    "zone",
    "cached",
    "cache",
    "reasoning",
    "thinking",
    "thoughts",
    "audio",
    "image",
    "video",
    "accepted",
    "rejected",
    "max",
    "min",
    "limit",
    "budget",
    "remaining",
    "price",
    "cost",
}
"""Words of names of other columns, as of parts of a count and of limits."""
_OF_HTTP = {"request", "requests", "req", "response", "resp", "body", "content", "payload", "http", "message"}
"""Words of what HTTP counts in bytes: `Content-Length`, `requestLength`, `request_length` of NGINX."""
_ITEMS = "messages?|turns?|calls?|requests?|responses?|words?|images?|pages?|files?|chunks?|documents?|items?"
_MONEY_OR_BYTES = re.compile(
    r"[kmg]i?b|\w*bytes?|octets|bits|usd|eur|gbp|dollars?|euros?|cents?|credits?|spend|charges?|\w*costs?|\w*prices?|"
    r"fees?|billed|amount"
)
_OTHER_UNITS = re.compile(
    rf"{_MONEY_OR_BYTES.pattern}|\w*chars?|\w*characters?|[nuµm]?s|[mu]?secs?|\w*seconds?|\w*millis|micros|nanos|minutes?|"
    r"hours?|time|timestamp|\w*latency|duration|elapsed|delay|ttft|tpot|itl|per|rate|tps|ratio|share|percent(?:age)?|pct|"
    r"fraction|score|speed|throughput|avg|average|mean|median|std|p\d+|ids?|hash|url|type|name|date"
)
"""Words by which a name says that it does not count tokens; `_MONEY_OR_BYTES` also in the names around it."""
_DURATION = {"total", "taken", "elapsed", "exec", "execution", "processing", "queue", "wait", "waiting"}
"""Words that make a time a duration."""

_UNIT = r"(?P<unit>_?(?:ms|millis(?:econds)?|s|secs?|seconds))?"
_LATENCIES: Mapping[str, str] = {
    "ttft_s": rf"(?:ttft|(?:time_?to_?)?first_?token(?:_?(?:latency|time|delay))?){_UNIT}",
    "first_token_at": r"first_?token_?(?:at|ts|timestamp)",
    "e2e_s": rf"(?:(?:(?:request|response|total|e2e|end_?to_?end)_?)?(?:latency|duration|elapsed(?:_?time)?)"
    rf"|(?:request|response|total)_?time|e2e){_UNIT}",
    "end_at": r"(?:end|ended|finish|finished|completed|last_?token)_?(?:at|time|ts|timestamp)",
}
"""By column of latencies, or of the times at which they end, patterns of its other names in lower case."""

_LONGEST = 64
"""Letters of a name of a column; a longer one is a line of text that was taken for the header."""


def counts_other_units(name: str) -> bool:
    """True if a column does not count tokens, by its name: bytes, characters, times, money, rates, or messages.

    >>> [counts_other_units(name) for name in ("requestLength", "input_bytes", "prompt_cost", "tokens_per_s")]
    [True, True, True, True]
    >>> [counts_other_units(name) for name in ("usage.input_tokens", "prompt_length", "Request tokens", "inTok")]
    [False, False, False, False]
    """
    words, last = _words(name), _words(_last_part(name))
    if any(map(_MONEY_OR_BYTES.fullmatch, words)) or any(map(_OTHER_UNITS.fullmatch, last)):
        return True
    if _LENGTH & last and not _TOKENS & words:
        return bool(_OF_HTTP & last)
    return not _COUNT & last and any(re.fullmatch(_ITEMS, word) for word in last) and not _TOKENS & words


def says_tokens(name: str) -> bool:
    """True if a name says tokens, and not only a length."""
    return bool(_TOKENS & _words(name)) or name.lower().endswith("tokens")


def sum_of_tokens(names: Sequence[str]) -> str | None:
    """The first name of a column that counts the tokens of prompt and output together."""
    of_one = _WORDS["prompt_tokens"][0] | _WORDS["output_tokens"][0]
    words = {name: _words(_last_part(name)) for name in names}
    sums = (name for name in names if "total" in words[name] and _COUNT & words[name] and not counts_other_units(name))
    return next((name for name in sums if not of_one & words[name]), None)


def alike(ours: str, names: Sequence[str]) -> str | None:
    """The first name that has a word of each set, and none of other columns: in its last dotted part, else in all.

    >>> alike("output_tokens", ["response.usage.prompt_tokens", "response.usage.completion_tokens"])
    'response.usage.completion_tokens'
    >>> alike("output_tokens", ["response.usage.prompt_tokens", "response.usage.total_tokens"])
    >>> alike("output_tokens", ["request.tokens", "response.tokens"])
    'response.tokens'
    """
    other = _OTHER | _DURATION if ours == "arrival" else _OTHER
    fits = [name for name in names if len(name) <= _LONGEST and not other & _words(name)]
    if ours != "arrival":  # names that say tokens go before those that only say a length
        fits = [name for name in fits if not counts_other_units(name)]
        fits.sort(key=lambda name: not says_tokens(name))
    last = {name: _words(_last_part(name)) for name in fits}
    told = {name for name in fits if any(_has_each(of, last[name]) for of in _WORDS) or "total" in last[name]}
    ends = (name for name in fits if _has_each(ours, last[name]))
    return next(ends, next((name for name in fits if name not in told and _has_each(ours, _words(name))), None))


def _has_each(ours: str, words: set[str]) -> bool:
    return all(one & words for one in _WORDS[ours])


def latency_columns(name: str) -> tuple[str, ...]:
    """Columns of latencies that a column of such a name may be: two where its name says no unit.

    >>> latency_columns("metrics.latency_ms"), latency_columns("TTFT"), latency_columns("Finished at")
    (('e2e_ms',), ('ttft_s', 'ttft_ms'), ('end_at',))
    """
    for ours, pattern in _LATENCIES.items():
        found = re.fullmatch(pattern, plain_name(name))
        if found and ours.endswith("_at"):
            return (ours,)
        if found:
            unit, in_ms = found["unit"], ours.replace("_s", "_ms")
            return (ours, in_ms) if not unit else (in_ms,) if unit.lstrip("_").startswith("m") else (ours,)
    return ()


def plain_name(name: str) -> str:
    """The last part of a dotted name, in lower case and with `_` between its words.

    >>> plain_name("HTTP Status"), plain_name("metrics.Latency (ms)"), plain_name("status-code")
    ('http_status', 'latency_ms', 'status_code')
    """
    return "_".join(re.findall(r"[^\W_]+", _last_part(name.lower())))


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _words(name: str) -> set[str]:
    """Words of a name, written in any case."""
    return {word.lower() for word in _WORD.findall(name)}
