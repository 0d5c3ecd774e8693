"""Views and charts read results whose fields mypy checks: no argument of theirs is a mapping of anything."""

import ast
from pathlib import Path

import pytest

STUDIES = Path(__file__).resolve().parents[2] / "simcost/studies"
SHOWN = [
    str(path.relative_to(STUDIES))
    for result in sorted(STUDIES.glob("*/result.py"))
    for path in (result.with_name("view.py"), result.with_name("charts.py"))
    if path.exists()
]
UNTYPED = {"Document", "dict[str, Any]", "Mapping[str, Any]"}


@pytest.mark.parametrize("file", SHOWN)
def test_no_view_takes_a_document_where_the_study_has_a_result(file: str) -> None:
    tree = ast.parse((STUDIES / file).read_text(encoding="utf-8"))
    taken = [
        f"{function.name}({parameter.arg})"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for parameter in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        if parameter.annotation and ast.unparse(parameter.annotation) in UNTYPED
    ]
    assert not taken


@pytest.mark.parametrize(
    "file",
    [path for path in sorted(STUDIES.parent.rglob("*charts.py")) if "present" in path.parts or "studies" in path.parts],
)
def test_channels_of_charts_are_classes(file: Path) -> None:
    """Altair looks through all of its classes for the one of a text, at each of them."""
    texts = [
        f"line {call.lineno}: {channel.arg}"
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "encode"
        for channel in call.keywords
        for value in (channel.value.elts if isinstance(channel.value, ast.List) else [channel.value])
        if isinstance(value, ast.Constant | ast.JoinedStr)
    ]
    assert not texts
