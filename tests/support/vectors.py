"""Cases taken from upstream test suites; they lie beside the checkout and may be absent."""

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "vectors"

Case = dict[str, Any]


def document(name: str) -> Case:
    """A file of cases; without it the tests are skipped."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no {path}", allow_module_level=True)
    found: Case = json.loads(path.read_text(encoding="utf-8"))
    return found


def cases(name: str, kind: str = "cases") -> list[Any]:
    """The cases of one kind, each with its name."""
    found = document(name)[kind]
    return [pytest.param(case, id=str(case.get("id", i))) for i, case in enumerate(found)]
