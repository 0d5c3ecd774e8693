"""The site has all pages, and their links lead to pages or downloads of it; `make site` builds it."""

from collections.abc import Iterator
from os.path import normpath
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from site_pages import LINK, PAGES, ROOT, downloads, on_post_page, site_text

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
SOURCES = {str(page.relative_to(DOCS)): page for page in sorted(DOCS.rglob("*.md"))}
SOURCES |= {page: ROOT / source for source, page in PAGES.items()}


def _leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    else:
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(branch)


def test_every_page_is_in_the_navigation_once() -> None:
    nav = list(_leaves(yaml.safe_load((ROOT / ".mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    assert sorted(nav) == sorted(SOURCES)


def test_no_download_is_kept_out_of_the_site() -> None:
    """Patterns of `exclude_docs` without a slash hold in every folder, also below `files/`."""
    excluded = yaml.safe_load((ROOT / ".mkdocs.yml").read_text(encoding="utf-8"))["exclude_docs"].split()
    anywhere = [pattern for pattern in excluded if not pattern.startswith("/")]
    assert [name for name in downloads() for one in anywhere if PurePosixPath(name).match(one)] == []


def test_every_link_of_the_site_leads_to_a_page_a_file_or_a_download() -> None:
    there = {*SOURCES, *(f"files/{name}" for name in downloads())}
    there |= {str(path.relative_to(DOCS)) for path in DOCS.rglob("*") if path.suffix in {".png", ".svg"}}
    wrong = [
        (name, link[1])
        for name, source in SOURCES.items()
        for link in LINK.finditer(site_text(source.read_text(encoding="utf-8"), name))
        if normpath(PurePosixPath(name).parent / link[1]) not in there
    ]
    assert wrong == []


def test_links_out_of_docs_lead_to_pages_and_downloads() -> None:
    text = "[a](../../CONTRIBUTING.md#run) [b](../../scenarios/pools.yaml) [c](../tutorial.md) [d](https://x.org/y.md)"
    moved = "[a](../contributing.md#run) [b](../files/scenarios/pools.yaml) [c](../tutorial.md) [d](https://x.org/y.md)"
    assert site_text(text, "guides/plans.md") == moved
    assert site_text("[a](docs/design.md#the-engine)", "contributing.md") == "[a](design.md#the-engine)"


def test_a_page_that_loads_from_outside_is_an_error() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="faq.md"))
    inside = '<script src="assets/a.js"></script><a href="https://focus.finops.org">FOCUS</a>'
    assert on_post_page(inside, page) == inside
    for part in ('<script src="https://cdn.org/a.js">', '<link rel="stylesheet" href="//fonts.org/a.css">'):
        with pytest.raises(ValueError, match="loads from outside"):
            on_post_page(part, page)


def test_lists_have_a_blank_line_before_and_four_spaces_inside() -> None:
    assert site_text("text:\n- a\n  more\n  - b\n- c", "faq.md") == "text:\n\n- a\n  more\n    - b\n- c"


def test_blocks_of_code_keep_their_text() -> None:
    block = "```text quickstart 1-2\ntext\n- a\n  - [b](../x.yaml)\n```"
    assert site_text(block, "tutorial.md") == block.replace("text quickstart 1-2", "text")
