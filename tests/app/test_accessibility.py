"""Each page of the explorer against what axe-core and a script of ours find of WCAG 2.1 AA, and by keyboard alone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browsing import (
    AXE,
    CHROMIUM,
    DRIVER,
    NEEDED,
    axe_faults,
    chromium,
    explorer,
    faults,
    prefer,
    rests,
    visible,
    wait_for,
)
from support.home import furnish

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDED)]
PAGES = (
    "log",
    "optimize",
    "sensitivity",
    "advise",
    "forecast",
    "training",
    "autoscaling",
    "money",
    "catalog",
    "history",
)
CHARTS = "//*[@data-testid='stVegaLiteChart']//*[name()='canvas' or name()='svg']"
LOG = "Request Time,Tokens In,Tokens Out\n" + "".join(f"{i},{100 + i % 7},{20 + i % 5}\n" for i in range(600))

HOURS = [f"2026-03-{1 + i // 24:02}T{i % 24:02}:00:00Z" for i in range(96)]
SERIES = "timestamp,value\n" + "".join(f"{hour},{100 + i % 24}\n" for i, hour in enumerate(HOURS))
USAGE = "sku,hour,quantity\n" + "".join(f"aws/g6.xlarge,{hour},{1 + i % 3}\n" for i, hour in enumerate(HOURS))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running explorer."""
    with explorer(furnish(tmp_path_factory.mktemp("accessible") / "home")) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium."""
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_axe_finds_what_is_wrong(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip(AXE)
    file = tmp_path / "wrong.html"
    file.write_text("<!doctype html><title>x</title><h1>x</h1><img src=x><input><button></button>", encoding="utf-8")
    browser.get(file.as_uri())
    found = axe_faults(browser)
    assert {one.split(": ")[1] for one in found} >= {"html-has-lang", "image-alt", "label", "button-name"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_empty_pages_have_no_faults(address: str, browser: Any, page: str, theme: str) -> None:
    browser.get(f"{address}/{page}")
    prefer(browser, theme)
    rests(browser)
    assert faults(browser) == []
    for question in visible(browser, "//*[@data-testid='stButtonGroup']//button")[1:]:
        question.click()
        rests(browser)
        assert faults(browser) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_own_log_is_read_without_faults(address: str, browser: Any, theme: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_text(LOG, encoding="utf-8")
    browser.get(f"{address}/log")
    prefer(browser, theme)
    wait_for(lambda: browser.find_elements("css selector", "input[type=file]"), 20)
    browser.find_element("css selector", "input[type=file]").send_keys(os.fspath(file))
    wait_for(lambda: visible(browser, "//h2[normalize-space()='First rows']"), 20)
    rests(browser)
    assert faults(browser) == []
    wait_for(lambda: visible(browser, "//button[normalize-space()='Read'][not(@disabled)]"), 20)[0].click()
    wait_for(lambda: visible(browser, "//h2[normalize-space()='Compare plans for it']"), 60)
    rests(browser)
    assert faults(browser) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_answer_has_no_faults(address: str, browser: Any, theme: str) -> None:
    browser.get(f"{address}/training")
    prefer(browser, theme)
    wait_for(lambda: [b for b in visible(browser, "//button[.='Answer']") if b.is_enabled()], 20)[0].click()
    wait_for(lambda: visible(browser, "//h2[contains(., 'on demand')]"), 60)
    wait_for(lambda: len(visible(browser, CHARTS)) >= 2, 20)
    rests(browser)
    assert faults(browser) == []


@pytest.mark.parametrize(
    ("page", "file", "press", "theme"),
    [("forecast", SERIES, "Forecast", "dark"), ("money", USAGE, "Answer", "light")],
)
def test_answers_with_tables_and_charts_have_no_faults(
    address: str, browser: Any, tmp_path: Path, page: str, file: str, press: str, theme: str
) -> None:
    browser.get(f"{address}/{page}")
    prefer(browser, theme)
    (tmp_path / "file.csv").write_text(file, encoding="utf-8")
    wait_for(lambda: browser.find_elements("css selector", "input[type=file]"), 20)
    browser.find_element("css selector", "input[type=file]").send_keys(os.fspath(tmp_path / "file.csv"))
    wait_for(lambda: visible(browser, f"//button[normalize-space()='{press}'][not(@disabled)]"), 20)[0].click()
    wait_for(lambda: visible(browser, "//button[starts-with(normalize-space(), 'Download')]"), 60)
    rests(browser)
    assert faults(browser) == []


def test_the_keyboard_reaches_all_that_a_reader_needs(address: str, browser: Any) -> None:
    browser.get(address)
    rests(browser)
    wait_for(lambda: [b for b in visible(browser, "//button[.='Run']") if b.is_enabled()], 20)[0].click()
    wait_for(lambda: len(visible(browser, "//*[@data-testid='stMetric']")) == 3, 60)
    browser.refresh()
    wait_for(lambda: len(visible(browser, "//*[@data-testid='stMetric']")) == 3, 60)
    rests(browser)
    reached = focused(browser, 80)
    for name in ("Plans", "Money", "Scenario", "Accelerator", "Replicas", "Run", "Summary", "Download review.html"):
        assert any(name in text for text, _ in reached), name
    assert [text for text, outlined in reached if not outlined] == []


def focused(browser: Any, steps: int) -> list[tuple[str, bool]]:
    """Names of all that the tab key reaches, one after the other, and whether each is seen to have the focus."""
    from selenium.webdriver import ActionChains, Keys

    found = []
    for _ in range(steps):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        found.append(tuple(browser.execute_script(FOCUSED)))
    return [(name, outlined) for name, outlined in found if name]


FOCUSED = """
const e = document.activeElement;
if (e === document.body || e.matches("[data-testid=stMain]")) return ["", true];
const labels = [...(e.labels ?? [])].map((one) => one.innerText).join(" ");
const seen = (one) => {
  const style = getComputedStyle(one);
  return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
};
const field = e.matches("input, textarea, canvas"); // the border of the box around it changes its colour
return [e.ariaLabel || labels || e.innerText || e.title || e.tagName, field || seen(e)];
"""
