"""Views and charts read results whose fields mypy checks: no argument of theirs is a mapping of anything."""

import ast
from pathlib import Path

import pytest

STUDIES = Path(__file__).resolve().parents[2] / "simcost/studies"
RESULTS = sorted(path.parent.name for path in STUDIES.glob("*/result.py"))
UNTYPED = {"Document", "dict[str, Any]", "Mapping[str, Any]"}


@pytest.mark.parametrize("study", RESULTS)
@pytest.mark.parametrize("file", ["view.py", "charts.py"])
def test_no_view_takes_a_document_where_the_study_has_a_result(study: str, file: str) -> None:
    tree = ast.parse((STUDIES / study / file).read_text(encoding="utf-8"))
    taken = [
        f"{function.name}({one.arg})"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        if one.annotation and ast.unparse(one.annotation) in UNTYPED
    ]
    assert not taken
