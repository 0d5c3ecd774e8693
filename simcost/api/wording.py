"""Messages for Python: an option of the command line stands as the argument that it is here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from simcost.errors import FaultsError, SimcostError

_PAIR = r"(\w+)=(?:'([^']*)'|([^\s;,?']*[^\s;,?'.]))"
_MAP = re.compile(rf"--map (?:'(\w+)=([^']*)'|({_PAIR}(?:,{_PAIR})*))")
_WHERE = re.compile(r"--where (?:'([^'=]+)=([^']*)'|(\w+)=([^\s;,?']+))")
_OPTION = re.compile(
    r"--([a-z][a-z-]+)(?: '([^']*)'| ((?<=--format )[a-z-]+|skip|csv|[.,;])(?=[\s;,]|$)| ([A-Z]{2,})(?=[\s;,)]|$))?"
)
_NAMES = {"run-plan": "plan_of_run", "map": "columns", "data": "folder"}
"""Arguments that are not named as their options."""


def as_argument(message: str) -> str:
    """The message with `columns={"arrival": "Time"}` for `--map arrival=Time`, and the like; commands stay.

    >>> as_argument("did you mean --map arrival=Time?; or pass --on-error skip")
    'did you mean columns={"arrival": "Time"}?; or pass on_error="skip"'
    >>> as_argument("pass --map arrival='Request Time',prompt_tokens=a.b. If not")
    'pass columns={"arrival": "Request Time", "prompt_tokens": "a.b"}. If not'
    """
    parts = message.split("`")
    return "`".join(part if i % 2 else _named(part) for i, part in enumerate(parts))


def _named(text: str) -> str:
    return _OPTION.sub(_argument, _WHERE.sub(_rows, _MAP.sub(_columns, text)))


def _rows(found: re.Match[str]) -> str:
    return f'where={{"{found[1] or found[3]}": "{found[2] or found[4]}"}}'


def _columns(found: re.Match[str]) -> str:
    pairs = [(found[1], found[2])] if found[1] else [(p[1], p[2] or p[3]) for p in re.finditer(_PAIR, found[3])]
    listed = ", ".join(f'"{ours}": "{theirs}"' for ours, theirs in pairs)
    return f"columns={{{listed}}}"


def _argument(found: re.Match[str]) -> str:
    name, value = _NAMES.get(found[1], found[1].replace("-", "_")), found[2] or found[3]
    if found[4]:
        return f"{name}={found[4]}"
    return name if value is None else f'{name}="{value}"'


@contextmanager
def in_python() -> Iterator[None]:
    """Errors name arguments, not options."""
    try:
        yield
    except FaultsError as error:
        raise FaultsError([replace(one, message=as_argument(one.message)) for one in error.faults]) from None
    except SimcostError as error:
        told = as_argument(str(error))
        if told == str(error):
            raise
        raise type(error)(told) from None
