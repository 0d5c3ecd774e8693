"""Sums of floats are exactly rounded: `math.fsum`, the same in every Python; `sum` compensates from Python 3.12 on."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "simcost"
UNITS = {"usd", "s", "h", "hours", "seconds", "share", "rate", "price", "weight", "factor", "utilisation", "kwh", "gb"}
FLOATS = {"float", "log", "exp", "sqrt"}


@pytest.mark.slow
def test_the_package_sums_floats_with_fsum() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in sums_of_floats(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"math.fsum instead of sum: {', '.join(found)}"


@pytest.mark.parametrize(
    "added", ["bill.cost_usd for bill in bills", "row['wait_s'] for row in rows", "a / b for a in c"]
)
def test_a_sum_of_floats_is_found(added: str) -> None:
    assert sums_of_floats(f"x = 1\ny = sum({added})") == [2]


@pytest.mark.parametrize("added", ["len(row) for row in rows", "bill.cost_usd > 0 for bill in bills", "counts"])
def test_a_count_may_be_summed(added: str) -> None:
    assert not sums_of_floats(f"y = sum({added})")


def sums_of_floats(text: str) -> list[int]:
    """Lines that call `sum` for what shows that it is a float: a unit in its name, a division, a function."""
    if not re.search(r"\bsum\(", text):
        return []
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and len(node.args) == 1]
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "sum" and _float(call.args[0])
    ]


def _float(node: ast.expr) -> bool:
    element = node.elt if isinstance(node, ast.GeneratorExp | ast.ListComp) else node
    if isinstance(element, ast.Compare):
        return False
    return any(
        (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div))
        or (isinstance(part, ast.Constant) and isinstance(part.value, float))
        or (isinstance(part, ast.Call) and _name(part.func) in FLOATS)
        or _name(part).rpartition("_")[2] in UNITS
        for part in ast.walk(element)
    )


def _name(node: ast.AST) -> str:
    """The name of a variable or attribute, or the text of a key."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
