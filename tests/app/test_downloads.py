"""Files of a result to take along: made when they are asked for, a PDF where a browser of this machine prints it."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from support import editor
from support.browsing import CHROMIUM, NEEDED
from support.home import APP, TINY, furnish, settle

from views import result, runs

pytestmark = pytest.mark.slow
FILES = ("review.html", "review.md", "review.pdf", "report.html", "scenario.yaml", "result.json")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("downloads") / "home")


def shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page of plans with a result."""
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    page = AppTest.from_file(str(APP), default_timeout=60).run()
    run = next(one for one in page.button if one.label == "Run")
    return settle(run.click().run())


def buttons(page: AppTest) -> dict[str, Any]:
    found = [one.proto for one in page.get("download_button")]
    return {one.label.removeprefix("Download "): one for one in found}


def test_no_file_is_made_before_it_is_asked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_review", "_review_as_markdown", "_review_as_pdf", "_report"):
        monkeypatch.setattr(result, name, lambda *_: 1 / 0)
    page = shown(home, monkeypatch)
    assert tuple(buttons(page)) == FILES
    assert not page.exception


def test_without_a_browser_the_page_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.studies.review.pdf.shutil.which", lambda _: None)
    page = shown(home, monkeypatch)
    assert not page.exception
    assert [name for name, one in buttons(page).items() if one.disabled] == ["review.pdf"]
    assert any("install one" in one.value and "apt install chromium" in one.value for one in page.caption)


def test_the_command_has_the_replications_of_the_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it answers with other figures than those above it."""
    page = shown(home, monkeypatch)
    assert "--seeds" not in page.code[-1].value
    next(one for one in page.number_input if one.label.startswith("Replications")).set_value(3).run()
    page = settle(next(one for one in page.button if one.label == "Run").click().run())
    assert "simcost run tiny-scenario.yaml --seeds=3 --out results/tiny" in page.code[-1].value


def test_the_review_of_an_edited_text_names_the_file_that_is_downloaded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its command named `tiny.yaml with changes`, which is nowhere."""
    page = shown(home, monkeypatch)
    editor.write(page, TINY.replace("replicas: 2", "replicas: 3"))
    page = settle(next(one for one in page.button if one.label == "Run").click().run())
    folder = next(one for one in (home / "results").glob("tiny-*") if "replicas: 3" in runs.text_of(one))
    review = result._review_as_markdown(folder).decode()
    assert "| Command | simcost run tiny-scenario.yaml --seed 1 --seeds 2 |" in review
    assert "with changes" not in review


@pytest.mark.skipif(not CHROMIUM, reason=NEEDED)
def test_the_review_is_printed_as_pdf(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = shown(home, monkeypatch)
    assert not [name for name, one in buttons(page).items() if one.disabled]
    printed = result._review_as_pdf(home / "results" / "tiny")
    assert printed[:5] == b"%PDF-"
    assert len(printed) > 10_000
