"""Every `sh` block of the docs runs, and prints what the page shows; `docs/outputs.py` rewrites it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from outputs import pages, shown
from support.page_differences import differences
from warm import warm

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGES = pages()


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `simcost` that starts at once."""
    with warm(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_run_and_print_what_is_shown(page: Path, tmp_path: Path, commands: Path) -> None:
    text = page.read_text(encoding="utf-8")
    changed = list(differences(text, shown(text, tmp_path, commands)))
    assert changed == [], "run: python docs/outputs.py\n" + "\n".join(changed)


def test_failing_and_changed_blocks_are_found(tmp_path: Path, commands: Path) -> None:
    page = "```sh\necho 1 a\necho 100 b\n```\n\n```text 2-2\n{}\n```\n"
    rerun = shown(page.format("old"), tmp_path / "one", commands)
    assert rerun == page.format("100 b")
    assert list(differences(page.format("101 b"), rerun)) == []
    for changed in ("103 b", "100 c", "100 b\nmore"):
        assert list(differences(page.format(changed), rerun)) != []
    with pytest.raises(RuntimeError):
        shown("```sh\nfalse\n```\n", tmp_path / "two", commands)


def test_there_are_snippets() -> None:
    assert len(PAGES) >= 5
