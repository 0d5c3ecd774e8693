import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("simcost", "views", "bench", "docs")
CLAUSES = {"How", "What", "When", "Where", "Whether", "Which", "Who", "Whose", "Why"}
CLAUSE_IN_QUOTES = re.compile(rf"""["']\s*(?:{"|".join(CLAUSES)})\b""")


def _docstrings(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    if not CLAUSE_IN_QUOTES.search(text):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def test_no_docstring_begins_with_a_relative_clause() -> None:
    assert not [
        f"{path.relative_to(ROOT)}:{line}: {text[:40]}"
        for path in [ROOT / "app.py", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]
        for line, text in _docstrings(path)
        if text.split(maxsplit=1)[0] in CLAUSES
    ]
