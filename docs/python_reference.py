"""Reference page of the Python API, from the signatures and docstrings of `simcost/api`."""

import inspect
import re
from collections.abc import Iterator
from textwrap import dedent
from types import FunctionType
from typing import Any

from simcost import api

_HEAD = """# The Python API

Generated from the docstrings; do not edit. `import simcost as sc` offers what is below;
[From Python](../guides/running.md#from-python) says how to use it. The errors are there, too: `except sc.FaultsError`.
"""
_SECTION = re.compile(r"^(Args|Attributes|Raises):\n", flags=re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n     .*)*)", flags=re.MULTILINE)


def python_markdown() -> str:
    """The page: a section for each name of the API, functions first."""
    members = [(name, getattr(api, name)) for name in api.__all__]
    functions = [text for name, one in members if inspect.isfunction(one) for text in _function(name, one, "##")]
    classes = [text for name, one in members if inspect.isclass(one) for text in _class(name, one)]
    return "\n".join([_HEAD, *functions, *classes])


def _class(name: str, one: type) -> Iterator[str]:
    base = one.__mro__[1].__name__
    yield f"## {name}\n"
    yield from _described(inspect.getdoc(one) or "")
    if base != "object":
        yield f"It has what [{base}](#{base.lower()}) has.\n"
    own = [(member, value) for member, value in vars(one).items() if not member.startswith("_")]
    values = [(member, value) for member, value in own if isinstance(value, property)]
    if values:
        yield _table("property", [(member, _line(inspect.getdoc(value) or "")) for member, value in values])
    for member, value in own:
        if isinstance(value, FunctionType):
            yield from _function(f"{name}.{member}", value, "###")


def _function(name: str, one: FunctionType, level: str) -> Iterator[str]:
    yield f"{level} {name}\n"
    yield f"```python\n{_signature(one)}\n```\n"
    yield from _described(inspect.getdoc(one) or "")


def _signature(one: FunctionType) -> str:
    """The call as the source has it."""
    source = dedent(inspect.getsource(one))
    head = source[source.index("def ") + 4 : source.index(':\n    """')]
    return head.replace("(self, ", "(").replace("(self)", "()").replace("    self,\n", "")


def _described(doc: str) -> Iterator[str]:
    """A docstring: its text, then a table for each of its sections."""
    text, *sections = _SECTION.split(doc)
    yield f"{text.strip()}\n"
    for kind, body in zip(sections[::2], sections[1::2], strict=True):
        head = {"Args": "argument", "Attributes": "attribute", "Raises": "error"}[kind]
        yield _table(head, [(name, _line(meaning)) for name, meaning in _ENTRY.findall(body)])


def _table(head: str, rows: list[tuple[Any, str]]) -> str:
    return "\n".join([f"| {head} | meaning |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows), ""])


def _line(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split()).replace("|", r"\|")
