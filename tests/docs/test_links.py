"""Links between the pages lead somewhere: to a file of the repository, and to a heading of the page they name."""

import re
from pathlib import Path

import pytest
from site_pages import anchor

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?) *$", flags=re.MULTILINE)


def text(page: Path) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    found: set[str] = set()
    for heading in HEADING.findall(text(page)):
        slug = anchor(heading, "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def fault(page: Path, link: str) -> str:
    """What is wrong with a link of a page; empty = nothing."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(ROOT):
        return f"{link} leads out of the repository"
    if not target.exists():
        return f"{link} does not exist"
    if anchor and anchor not in anchors(target):
        return f"{link}: no such heading"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    links = [link for link in LINK.findall(text(page)) if not re.match(r"[a-z]+:", link)]
    assert [found for link in links if (found := fault(page, link))] == []


def test_links_can_fail(tmp_path: Path) -> None:
    page = ROOT / "docs" / "reference" / "scenario.md"
    assert fault(page, "#slo") == ""
    assert "heading" in fault(page, "#nothing")
    assert "exist" in fault(page, "nothing.md")
    assert "out of" in fault(page, str(tmp_path))


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(text(index))}
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - {index} <= linked
