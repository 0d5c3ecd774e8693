"""Mutants of a module: comparisons, arithmetic, numbers, truth values, connectives and returns, each changed once."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
_NOT_CHANGED = (ast.Raise, ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)
"""Messages, and what does not run as a rule."""
_WORDS_OF_TYPES = {"strict", "frozen", "slots", "kw_only", "eq", "kind", "stacklevel", "maxsize"}
"""Arguments that change no result."""
_COMPILED = {"compiled", "njit"}
"""Decorators of functions whose compiled code is kept: it would run instead of the mutant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of a module."""

    file: Path
    number: int
    """Of the changes that the module has."""
    line: int
    last_line: int
    was: str
    now: str

    def tree(self) -> ast.Module:
        """The module with the change."""
        tree = ast.parse(self.file.read_text(encoding="utf-8"))
        for number, (_, change) in enumerate(_changes(tree)):
            if number == self.number:
                change()
                return ast.fix_missing_locations(tree)
        raise IndexError(self.number)


def mutants(file: Path) -> list[Mutant]:
    """All mutants of a module."""
    found = []
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for number, (node, change) in enumerate(_changes(tree)):
        was = ast.unparse(node)
        undo = change()
        now = ast.unparse(node)
        undo()
        lines: dict[str, int] = {"line": node.lineno, "last_line": node.end_lineno or node.lineno}
        found.append(Mutant(file=file, number=number, was=was, now=now, **lines))
    return found


Change = Callable[[], Callable[[], None]]
"""Makes a change, and returns what undoes it."""


def _changes(tree: ast.AST) -> Iterator[tuple[Any, Change]]:
    """Each change with the node that shows it, in the order of the module."""
    for node in _ruling(tree):
        if isinstance(node, ast.Compare):
            for i, operator in enumerate(node.ops):
                yield node, _put(node.ops, i, _COMPARISONS[type(operator)]())
        elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC and not _of_text(node):
            yield node, _set(node, "op", _ARITHMETIC[type(node.op)]())
        elif isinstance(node, ast.BoolOp):
            yield node, _set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node, _set(node, "value", not node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield node, _set(node, "value", node.value + 1 if isinstance(node.value, int) else node.value * 2 or 1.0)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node, _set(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
        elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            yield node, _set(node, "value", ast.Constant(None))


def _ruling(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that state rules: no annotations, decorators, messages or compiled functions."""
    if isinstance(node, _NOT_CHANGED):
        return
    if isinstance(node, ast.FunctionDef) and any(_name(one) in _COMPILED for one in node.decorator_list):
        return
    if isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.keyword) and node.arg in _WORDS_OF_TYPES:
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _ruling(child)


def _name(node: ast.AST) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _of_text(node: ast.BinOp | ast.AugAssign) -> bool:
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    return any(isinstance(side, ast.JoinedStr) or isinstance(getattr(side, "value", None), str) for side in sides)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _set(node: Any, field: str, value: Any) -> Change:
    def change() -> Callable[[], None]:
        was = getattr(node, field)
        setattr(node, field, value)
        return lambda: setattr(node, field, was)

    return change


def _put(values: list[Any], i: int, value: Any) -> Change:
    def change() -> Callable[[], None]:
        was, values[i] = values[i], value
        return lambda: values.__setitem__(i, was)

    return change
