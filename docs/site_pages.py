"""Changes that the site makes to the pages of the repository: `mkdocs build -f .mkdocs.yml` calls them.

The pages are written for a reader of the repository. On the site, files outside of `docs` that a page links to become
pages (`PAGES`) or downloads below `files/`, headings get the anchors that GitHub gives them, and lists are laid out
as Python-Markdown reads them.
"""

import re
from os.path import relpath
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
FENCE = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")
OUTSIDE = re.compile(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=\"(?:https?:)?//[^>]*>")
ITEM = re.compile(r"(?:[-*]|\d+\.) ")
NESTED = re.compile(r"^ {2,3}(?=(?:[-*]|\d+\.) )")


def on_config(config: Any) -> Any:
    """Anchors as GitHub writes them."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor
    return config


def on_files(files: Any, config: Any) -> Any:
    """The pages and downloads that lie outside of `docs`."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for source in sorted(downloads()):
        files.append(File.generated(config, f"files/{source}", content=(ROOT / source).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of a page as the site shows it."""
    return site_text(markdown, page.file.src_uri)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The page itself; an error if a browser would load a part of it from outside."""
    if outside := OUTSIDE.search(output):
        raise ValueError(f"{page.file.src_uri} loads from outside: {outside[0]}")
    return output


def anchor(heading: str, separator: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", separator)


def downloads() -> set[str]:
    """Files of the repository outside of `docs` that a page links to, other than pages."""
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in PAGES)]
    targets = {target for page in pages for target in _targets(page)}
    return {name for name in targets if not name.startswith("docs/") and name not in PAGES}


def _targets(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {str((page.parent / link[1]).resolve().relative_to(ROOT)) for link in LINK.finditer(text)}


def site_text(markdown: str, name: str) -> str:
    """The text of a page, by its name on the site."""
    source = next((source for source, page in PAGES.items() if page == name), f"docs/{name}")
    parts = []
    end = 0
    for fence in FENCE.finditer(markdown):
        parts += [_prose(markdown[end : fence.start()], source, name), _fence(fence[0])]
        end = fence.end()
    return "".join([*parts, _prose(markdown[end:], source, name)])


def _fence(block: str) -> str:
    """A block whose first line names the language alone."""
    return re.sub(r"\A(```\w*).*", r"\1", block)


def _prose(text: str, source: str, name: str) -> str:
    """Links that lead to the site, lists with the blank line and the indent that they need."""

    def moved(link: re.Match[str]) -> str:
        target = str((ROOT / source).parent.joinpath(link[1]).resolve().relative_to(ROOT))
        there = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else f"files/{target}")
        return f"]({relpath(there, PurePosixPath(name).parent)}{link[2] or ''})"

    return _lists(LINK.sub(moved, text))


def _lists(text: str) -> str:
    lines: list[str] = []
    for line in text.split("\n"):
        before = lines[-1] if lines else ""
        if ITEM.match(line) and before.strip() and not before.startswith(" ") and not ITEM.match(before):
            lines.append("")
        lines.append(NESTED.sub("    ", line))
    return "\n".join(lines)
