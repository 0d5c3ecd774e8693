"""The explorer in a real browser: a headless Chromium runs the tiny scenario and reads the verdict."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from support.home import APP, furnish

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--window-size=1300,1000",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver (Debian: chromium chromium-driver)"
    ),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running explorer."""
    home = furnish(tmp_path_factory.mktemp("browser") / "home")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(APP),
        "--server.headless=true",
        f"--server.port={port}",
    ]
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=APP.parent, env={**os.environ, "SIMCOST_HOME": str(home)}, stdout=log, stderr=log
        ) as server,
    ):
        try:
            wait_for(lambda: healthy(port), 20)
            yield f"http://localhost:{port}"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(look: Any, seconds: float) -> Any:
    """The first true answer; fails after `seconds`."""
    end = monotonic() + seconds
    while monotonic() < end:
        found = look()
        if found:
            return found
        sleep(0.1)
    raise AssertionError(f"nothing after {seconds} s")


def visible(browser: Any, path: str) -> Any:
    return [element for element in browser.find_elements("xpath", path) if element.is_displayed()]


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
    assert faults(browser) == []
    lever(browser)
    assert "Traceback" not in browser.page_source
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []


def faults(browser: Any) -> list[str]:
    """Faults of accessibility of the page, in both themes."""
    script = Path(__file__).parents[1].joinpath("support", "accessibility.js").read_text(encoding="utf-8")
    found = []
    for theme in ("dark", "light"):
        media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.refresh()
        wait_for(lambda: len(visible(browser, "//*[@data-testid='stMetric']")) == 3, 20)
        wait_for(lambda: not visible(browser, "//*[@data-testid='stStatusWidget']"), 20)
        found += [f"{theme}: {fault}" for fault in browser.execute_script(script)]
    return found


def lever(browser: Any) -> None:
    """Move a lever in Summary, and look at another tab: the text, the verdict and the address follow."""
    plus = "//*[@data-testid='stNumberInput'][.//label[normalize-space()='Replicas']]//button[last()]"
    browser.find_element("xpath", plus).click()
    wait_for(lambda: "result=tiny-" in browser.current_url, 60)
    wait_for(lambda: visible(browser, "//*[@role='tab'][contains(., 'Fleet')]"), 20)[0].click()
    wait_for(lambda: visible(browser, "//*[contains(., 'Paid and needed replica-hours')]"), 20)
    assert "tab=Fleet" in browser.current_url
    browser.refresh()
    wait_for(lambda: visible(browser, "//*[contains(., 'Paid and needed replica-hours')]"), 20)


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
