"""The HTML report: complete, self-contained, escaped, atomic."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.result_folder import PLANS, build

from simcost.errors import InputError
from simcost.present.parts import Part
from simcost.present.parts import page as whole_page
from simcost.studies.plans.sections import write_html


class Seen(HTMLParser):
    """Collects what a page would load or run, and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.open += [tag] if tag in ("section", "table", "figure", "svg", "g", "html", "body") else []

    def handle_endtag(self, tag: str) -> None:
        if self.open and tag == self.open[-1]:
            self.open.pop()


def seen(page: str) -> Seen:
    parser = Seen()
    parser.feed(page)
    return parser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result folder whose page was written over an old one."""
    folder = build(tmp_path_factory.mktemp("html") / "out")
    (folder / "report.html").write_text("old", encoding="utf-8")
    write_html(folder)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_is_whole_and_loads_nothing(page: str) -> None:
    found = seen(page)
    assert found.tags.count("svg") == 6
    assert not {"script", "link", "iframe", "img", "object", "image"} & set(found.tags)
    assert not [link for link in found.links if not link.startswith("#")]
    assert not re.search(r"@import|url\((?!#)", page)
    assert found.open == []


def test_ids_are_unique_and_every_reference_finds_its_own(page: str) -> None:
    ids = seen(page).ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_the_verdict_is_the_headline_and_every_plan_has_its_row(page: str) -> None:
    headline = re.search(r"<h1>(.*?)</h1>", page)
    assert headline is not None
    assert "cheapest plan that meets the SLO" in headline[1]
    rows = re.findall(r"<tr><td>(.*?)</td>", page)
    assert [name for name in rows if name in PLANS] == [*PLANS, *PLANS[1:], *4 * PLANS]
    for text in ("idle hours fall", "A month is 730 h.", "2026-01-15", "ab" * 32):
        assert text in page


@pytest.mark.slow
def test_texts_of_the_result_are_escaped(tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", "</svg><img src=x onerror='alert(1)'><b>")
    page = write_html(build(tmp_path / "out", names, 3)).read_text(encoding="utf-8")
    assert not {"script", "img", "b"} & set(seen(page).tags)


def test_the_page_replaces_the_old_one_and_leaves_nothing_else(folder: Path, page: str) -> None:
    assert page.startswith("<!doctype html>")
    assert {path.name for path in folder.iterdir()} == {
        "result.json",
        "scenario.yaml",
        "tables",
        "report.html",
    }


def test_a_page_of_the_same_result_stays_and_one_of_another_or_a_changed_one_is_drawn_again(
    folder: Path, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    monkeypatch.setattr("simcost.studies.plans.sections.page", lambda *_: "drawn\n")
    assert write_html(copy).read_text(encoding="utf-8") == page
    (copy / "report.html").write_text(page.replace("<h1>", "<h1>not ", 1), encoding="utf-8")
    assert write_html(copy).read_text(encoding="utf-8").startswith("drawn")
    result = (copy / "result.json").read_text(encoding="utf-8")
    (copy / "result.json").write_text(result + "\n", encoding="utf-8")
    assert write_html(copy).read_text(encoding="utf-8").startswith("drawn")


@pytest.mark.parametrize("damage", ["result.json", "tables/hours.parquet"])
def test_an_unfinished_result_is_an_error_that_names_the_remedy(tmp_path: Path, damage: str) -> None:
    folder = build(tmp_path / "out", hours=2)
    (folder / damage).write_bytes(b"PAR1{")
    with pytest.raises(InputError, match="simcost run"):
        write_html(folder)
    assert not (folder / "report.html").exists()


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished result"):
        write_html(tmp_path / "nowhere")


def test_columns_of_words_stand_left_on_the_page() -> None:
    rows = [{"Plan": "a", "Pool": "own", "Requests": "12"}]
    text = whole_page("x", {"verdict": "v"}, [Part(title="Pools", rows=rows, left=2)])
    assert '<td>a</td><td class="word">own</td><td>12</td>' in text
