"""The explorer in a real browser: a headless Chromium runs the tiny scenario and reads the verdict."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.browsing import CHROMIUM, DRIVER, NEEDED, chromium, explorer, faults, prefer, rests, visible, wait_for
from support.home import TINY, furnish

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDED)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running explorer."""
    with explorer(furnish(tmp_path_factory.mktemp("browser") / "home")) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium."""
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_run_and_read_the_verdict(address: str, browser: Any) -> None:
    browser.get(address)
    button = wait_for(lambda: [b for b in visible(browser, "//button[.='Run']") if b.is_enabled()], 20)[0]
    button.click()
    headline = wait_for(lambda: visible(browser, "//h2[contains(., 'cheapest plan that meets the SLO')]"), 60)[0]
    assert headline.text.startswith("one L4")
    assert "a month" in headline.text
    wait_for(lambda: len(visible(browser, "//*[@data-testid='stMetric']")) == 3, 20)
    charts = "//*[@data-testid='stVegaLiteChart']//*[name()='canvas' or name()='svg']"
    wait_for(lambda: len(visible(browser, charts)) >= 2, 20)
    assert in_both_themes(browser) == []
    lever(browser)
    assert "Traceback" not in browser.page_source
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    narrow(address, browser)


def in_both_themes(browser: Any) -> list[str]:
    """Faults of accessibility of the page."""
    found = []
    for theme in ("dark", "light"):
        prefer(browser, theme)
        wait_for(lambda: len(visible(browser, "//*[@data-testid='stMetric']")) == 3, 20)
        rests(browser)
        found += [f"{theme}: {fault}" for fault in faults(browser)]
    return found


def narrow(address: str, browser: Any) -> None:
    """Fields and charts of a page of 800 pixels wrap; none is too narrow to be read."""
    wide = "return [...document.querySelectorAll('[data-testid=stColumn]')].map(one => one.clientWidth)"
    browser.set_window_size(800, 900)
    try:
        browser.get(f"{address}/optimize")
        wait_for(lambda: len(visible(browser, "//*[@data-testid='stColumn']")) >= 9, 20)
        assert min(browser.execute_script(wide)) >= 160
        browser.get(address)
        wait_for(lambda: len(visible(browser, "//*[@data-testid='stVegaLiteChart']")) >= 2, 60)
        assert min(browser.execute_script(wide)) >= 160
        assert max(browser.execute_script(wide)) >= 340, "a chart has the page to itself"
    finally:
        browser.set_window_size(1300, 1000)


def lever(browser: Any) -> None:
    """Move a lever in Summary, and look at another tab: the text, the verdict and the address follow."""
    plus = "//*[@data-testid='stNumberInput'][.//label[normalize-space()='Replicas']]//button[@aria-label='Increment']"
    browser.find_element("xpath", plus).click()
    wait_for(lambda: "result=tiny-" in browser.current_url, 60)
    wait_for(lambda: visible(browser, "//*[@role='tab'][contains(., 'Fleet')]"), 20)[0].click()
    wait_for(lambda: visible(browser, "//*[contains(., 'Paid and needed replica-hours')]"), 20)
    assert "tab=Fleet" in browser.current_url
    browser.refresh()
    wait_for(lambda: visible(browser, "//*[contains(., 'Paid and needed replica-hours')]"), 20)


def test_a_found_plan_is_added_and_run(address: str, browser: Any) -> None:
    browser.get(f"{address}/optimize")
    wait_for(lambda: [b for b in visible(browser, "//button[.='Search']") if b.is_enabled()], 20)[0].click()
    wait_for(lambda: visible(browser, "//button[.='Add to scenario']"), 120)
    rests(browser)
    assert faults(browser) == []
    visible(browser, "//button[.='Add to scenario']")[0].click()
    wait_for(lambda: "result=tiny-" in browser.current_url, 60)
    wait_for(lambda: visible(browser, "//h2[contains(., 'is the cheapest plan that meets the SLO')]"), 20)
    rests(browser)
    name = "rtx-4090 tp 1 bf16 runpod/community-rtx-4090 any, replicas 1"
    assert name in visible(browser, "//h2")[0].text
    lever = "//*[@data-testid='stSelectbox'][.//label[normalize-space()='Plan']]//input"
    assert name in browser.find_element("xpath", lever).get_attribute("value")
    visible(browser, "//*[@role='tab'][contains(., 'YAML')]")[0].click()
    text = wait_for(lambda: browser.find_elements("css selector", "textarea"), 20)[0].get_attribute("value")
    assert text.startswith(TINY)
    assert f'- name: "{name}"' in text


def test_ask_what_a_run_costs(address: str, browser: Any) -> None:
    browser.get(f"{address}/training")
    button = wait_for(lambda: [b for b in visible(browser, "//button[.='Answer']") if b.is_enabled()], 20)[0]
    button.click()
    headline = wait_for(lambda: visible(browser, "//h2[contains(., 'on demand')]"), 30)[0]
    assert "2B tokens on 64 x h100-sxm" in headline.text
    wait_for(
        lambda: len(visible(browser, "//*[@data-testid='stVegaLiteChart']//*[name()='canvas' or name()='svg']")) >= 2,
        20,
    )
    assert "Traceback" not in browser.page_source
