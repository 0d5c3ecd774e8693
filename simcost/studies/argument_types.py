"""Types of arguments: from the text of each to its value, or what the text should be."""

import argparse
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from simcost.errors import InputError

LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0
NO_FACTOR = "is not a factor from 0.1 to 10; write e.g. 1.5"
PAIR = re.compile(r"[A-Za-z]\w*=")
"""Beginning of NAME=COLUMN."""

_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
"""By the letter after a number of tokens."""


def natural(text: str) -> int:
    """A whole number from 0 up."""
    if not (text.isdecimal() and len(text) <= 15):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1 up."""
    if not (text.isdecimal() and 1 <= len(text) <= 15 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def factor(text: str) -> float:
    """A factor on step times."""
    try:
        return checked_factor(float(text))
    except (ValueError, InputError):
        raise argparse.ArgumentTypeError(f"{text!r} {NO_FACTOR}") from None


def checked_factor(value: float) -> float:
    """A factor on step times. Raises InputError for one that no engine has."""
    if not LEAST_FACTOR <= value <= MOST_FACTOR:
        raise InputError(f"a step factor of {value:g} {NO_FACTOR}")
    return value


def seconds(text: str) -> float:
    """A duration."""
    from simcost.units import parse_seconds

    try:
        return parse_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def span(text: str) -> float:
    """A duration of more than 0."""
    value = seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; write e.g. 5min")
    return value


def pair(text: str) -> tuple[str, str]:
    """NAME=COLUMN."""
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=COLUMN, e.g. prompt_tokens=ContextTokens")
    return ours, theirs


def pairs(text: str) -> list[tuple[str, str]]:
    """NAME=COLUMN, or several after commas; a comma that no NAME= follows is part of the name."""
    return [pair(part) for part in re.split(rf",\s*(?={PAIR.pattern})", text)]


def condition(text: str) -> tuple[str, str]:
    """COL=VALUE; the value may be empty."""
    column, equals, value = text.partition("=")
    if not (column and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not COL=VALUE, e.g. model=llama-3.1-8b")
    return column, value


def mark(text: str) -> str:
    """One character that is neither a letter nor a digit."""
    if len(text) != 1 or text.isalnum():
        raise argparse.ArgumentTypeError(f"{text!r} is not a mark; write one character such as .")
    return text


def count_of(form: str, example: str) -> Callable[[str], tuple[str, int]]:
    """NAME=N, a whole number of something; its form and an example are for the message."""

    def parsed(text: str) -> tuple[str, int]:
        name, _, count = text.strip().rpartition("=")
        if not name or not (count.isdecimal() and len(count) <= 15):
            raise argparse.ArgumentTypeError(f"{text!r} is not {form}, e.g. {example}")
        return name, int(count)

    return parsed


def delimiter(text: str) -> str:
    """Separator of cells."""
    marks = {",": ",", ";": ";", "tab": "\t", "\\t": "\t", "\t": "\t"}
    if text not in marks:
        raise argparse.ArgumentTypeError(f"{text!r} is not a delimiter; write , or ; or tab")
    return marks[text]


def number(text: str) -> float:
    """A finite number, such as 2e9."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; write e.g. 0.4 or 2e9") from None
    if not isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def tokens(text: str) -> float:
    """A number of tokens, as 2e9, 2B or 15T.

    >>> tokens("2e9"), tokens("15T"), tokens("300 M")
    (2000000000.0, 15000000000000.0, 300000000.0)
    """
    scale = _SCALES.get(text.strip()[-1:].lower(), 1.0)
    try:
        return number(text.strip()[:-1] if scale != 1 else text) * scale
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tokens; write e.g. 2e9, 2B or 15T") from None


def quantity(unit: Any) -> Callable[[str], float]:
    """A quantity of 0 or more in a unit of `simcost.units`."""

    def parsed(text: str) -> float:
        try:
            value = unit.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if not isinstance(value, float) or value < 0:
            raise argparse.ArgumentTypeError(f"{text!r} is below 0; write e.g. {unit.example}")
        return value

    return parsed


def usd_per_h(text: str) -> float:
    """USD per hour."""
    from simcost.units import USD_PER_H

    try:
        value = USD_PER_H.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not isinstance(value, float) or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a price; write e.g. $2.10/h")
    return value


def worth(text: str) -> tuple[str, float]:
    """Value of a unit of a currency in USD, as EUR=1.08."""
    name, _, value = text.partition("=")
    try:
        usd = float(value)
    except ValueError:
        usd = 0.0
    if not (len(name) == 3 and name.isalpha() and name.isascii() and 0 < usd < 1e9):
        raise argparse.ArgumentTypeError(f"{text!r} is not the value of a currency in USD; write e.g. EUR=1.08")
    if name.upper() == "USD" and usd != 1:
        raise argparse.ArgumentTypeError(f"{text!r}: results are in USD, which is worth 1; leave it out")
    return name.upper(), usd
