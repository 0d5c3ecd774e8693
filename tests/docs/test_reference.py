"""The generated pages are up to date, and say something of each argument and field."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATED: dict[str, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["generated"]()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_pages_are_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == GENERATED[name], (
        f"{name} is out of date; run: python docs/generate.py"
    )


@pytest.mark.parametrize("name", sorted(name for name in GENERATED if name.endswith(".md")))
def test_each_line_of_a_table_has_a_meaning(name: str) -> None:
    rows = [line for line in GENERATED[name].splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if row.endswith(("|  |", "| None |"))] == []


def test_each_verb_has_a_section() -> None:
    page = GENERATED["docs/reference/cli.md"]
    for verb in ("run", "check", "schema", "trace import", "trace describe", "catalog show", "perf"):
        assert f"## simcost {verb}\n" in page
