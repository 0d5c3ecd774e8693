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
        f"{function.name}({one.arg})"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        if one.annotation and ast.unparse(one.annotation) in UNTYPED
    ]
    assert not taken
