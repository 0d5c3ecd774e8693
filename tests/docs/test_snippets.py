"""Every `sh` block of the docs runs, and prints what the page shows; `docs/outputs.py` rewrites it."""

import re
from collections.abc import Iterator
from math import isclose
from pathlib import Path

import pytest
from outputs import pages, shown
from warm import warm

ROOT = Path(__file__).resolve().parents[2]
PAGES = pages()
NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def words(line: str) -> str:
    """A line without its numbers, and without what their width decides."""
    return re.sub(r"[ -]+", " ", NUMBER.sub("#", line)).strip()


def numbers(line: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(line)]


def differences(page: str, rerun: str) -> Iterator[str]:
    """Lines that say something else; numbers may differ by 2 %, since processors round differently."""
    old, new = page.splitlines(), rerun.splitlines()
    if len(old) != len(new):
        yield f"{len(old)} lines, now {len(new)}"
    for line, now in zip(old, new, strict=False):
        near = all(map(lambda a, b: isclose(a, b, rel_tol=0.02, abs_tol=0.1), numbers(line), numbers(now)))
        if words(line) != words(now) or not near:
            yield f"- {line}\n+ {now}"


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
