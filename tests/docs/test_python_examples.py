"""Every example runs, and prints what its page shows; `docs/notebooks.py` rewrites it."""

import re
from pathlib import Path

import pytest
from notebooks import EXAMPLES, page_of, rendered
from support.page_differences import differences

pytestmark = pytest.mark.slow

CHART = re.compile(r"!\[(?P<code>[^\n]*)\]\((?P<file>[\w-]+\.svg)\)")


def code_of(chart: object, code: str) -> str:
    """The chart as JSON has it, in place of a picture: drawing takes longer than the numbers."""
    assert chart.to_dict()["$schema"]
    return f"![{code}]()"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_examples_run_and_print_what_is_shown(example: Path, tmp_path: Path) -> None:
    page = page_of(example).read_text(encoding="utf-8")
    assert all((page_of(example).parent / chart["file"]).is_file() for chart in CHART.finditer(page))
    rerun = rendered(example, tmp_path, code_of)
    assert list(differences(CHART.sub(r"![\g<code>]()", page), rerun)) == [], "run: python docs/notebooks.py"


def test_a_cell_shows_what_it_prints_and_its_value(tmp_path: Path) -> None:
    example = tmp_path / "small.py"
    example.write_text("# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\nprint('a ' * 60)\n1 + 1\n", encoding="utf-8")
    page = rendered(example, tmp_path / "folder", code_of)
    assert page.startswith("# Title\n\nThe file: [small.py]")
    assert "```text\n" + ("a " * 50).rstrip() + "\n" + ("a " * 10).rstrip() + "\n```\n\n```text\n2\n```\n" in page
