"""A headless Chromium and an explorer for it, and how tests look at them."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from support.home import APP

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NEEDED = "needs chromium and chromedriver (Debian: chromium chromium-driver)"
AXE, WCAG = "axe_core_python", ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
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


@contextmanager
def explorer(home: Path) -> Iterator[str]:
    """The address of an explorer that runs in a folder."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "simcost.cli.explorer",
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


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """A browser with a profile of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*QUIET, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def healthy(port: int) -> bool:
    """True once the explorer answers."""
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
    """Elements that are seen."""
    from selenium.common.exceptions import StaleElementReferenceException

    seen = []
    for element in browser.find_elements("xpath", path):
        with suppress(StaleElementReferenceException):  # the page has drawn it anew, or no longer
            seen += [element] if element.is_displayed() else []
    return seen


def rests(browser: Any) -> None:
    """Return when nothing of the page is being redrawn."""
    wait_for(lambda: visible(browser, "//*[@data-testid='stMain']//*[self::h1 or self::h2]"), 20)
    sleep(0.5)
    wait_for(lambda: not visible(browser, "//*[@data-testid='stStatusWidget']"), 20)


def prefer(browser: Any, theme: str) -> None:
    """Let the reader of the browser prefer a theme, and load the page again."""
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.refresh()


def faults(browser: Any) -> list[str]:
    """Faults of accessibility of the page as it is: those of our script, and of axe-core where it is installed."""
    script = Path(__file__).with_name("accessibility.js").read_text(encoding="utf-8")
    found: list[str] = browser.execute_script(script)
    return found + axe_faults(browser)


def axe_faults(browser: Any) -> list[str]:
    """Violations of WCAG 2.1 A and AA that axe-core finds, each with the first element; none where it is absent.

    Ids that stand twice are left out: two tables of Streamlit have the same, and WCAG 2.2 asks no longer for it.
    """
    if find_spec(AXE) is None:
        return []
    from axe_core_python.base import AXE_SCRIPT

    browser.execute_script(AXE_SCRIPT)
    options = {"runOnly": WCAG, "rules": {"duplicate-id-active": {"enabled": False}}}
    found = browser.execute_async_script("axe.run(arguments[0]).then(arguments[1])", options)
    return [f"{one['impact']}: {one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]
