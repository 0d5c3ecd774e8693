"""Words of which the names of the needed columns of logs are made."""

import re
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_TIME = ({"arrival", "arrived", "time", "timestamp", "ts", "date", "datetime", "created", "received", "started"},)
_COUNT = {"token", "tokens", "toks", "tok", "len", "length"}
_WORDS: Mapping[str, tuple[set[str], ...]] = {
    "arrival": _TIME,
    "prompt_tokens": ({"prompt", "input", "in", "context", "request", "prefill"}, _COUNT),
    "output_tokens": (
        {"output", "out", "completion", "generated", "generation", "response", "answer", "decode"},
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
    "price",
    "cost",
}
"""Words of names of other columns."""
_DURATION = {"total", "taken", "elapsed"}
"""Words that make a time a duration."""


_LONGEST = 64
"""Letters of a name of a column; a longer one is a line of text that was taken for the header."""


def sum_of_tokens(names: Sequence[str]) -> str | None:
    """The first name of a column that counts the tokens of prompt and output together."""
    of_one = _WORDS["prompt_tokens"][0] | _WORDS["output_tokens"][0]
    sums = (name for name in names if "total" in _words(name) and _COUNT & _words(name))
    return next((name for name in sums if not of_one & _words(name)), None)


def alike(ours: str, names: Sequence[str]) -> str | None:
    """The first name that has a word of each set, and none of another column."""
    other = _OTHER | _DURATION if ours == "arrival" else _OTHER
    fits = (name for name in names if len(name) <= _LONGEST and not other & _words(name))
    return next((name for name in fits if all(words & _words(name) for words in _WORDS[ours])), None)


def _words(name: str) -> set[str]:
    """Words of a name, written in any case."""
    return {word.lower() for word in _WORD.findall(name)}
