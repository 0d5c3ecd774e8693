"""The waiting at the explorer in a headless Chromium: first screen, a lever, a price, a tab.

    python bench/explorer.py [--json]

First screen: from the address to the three figures of a stored result, page by page the median of five. Lever: one
replica more of one plan of the quickstart, until the figures of the new result stand. Price: no simulation.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure

ROOT = Path(__file__).resolve().parents[1]
FIGURES = "[data-testid=stMetric]"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(ROOT / "scenarios", home / "scenarios")
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.headless=true"]
        server = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            env={**os.environ, "SIMCOST_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            document = looked_at(f"http://localhost:{port}", folder)
        finally:
            server.terminate()
            server.wait()
    measure.show({"name": "explorer", "work": "the quickstart in headless Chromium", **document}, options)


def looked_at(address: str, folder: str) -> dict[str, float]:
    """Seconds of each way to a figure."""
    from selenium import webdriver

    chrome = webdriver.ChromeOptions()
    chrome.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={folder}/profile", "--window-size=1280,800"):
        chrome.add_argument(flag)
    browser = webdriver.Chrome(options=chrome, service=webdriver.ChromeService(str(shutil.which("chromedriver"))))
    try:
        time.sleep(5)  # the server starts
        sample = timed(lambda: browser.get(address), lambda: figures(browser))
        known = browser.current_url
        firsts = []
        for _ in range(5):
            browser.get("about:blank")
            firsts.append(timed(lambda: browser.get(known), lambda: figures(browser)))
        return {
            "sample_s": sample,
            "first_screen_s": statistics.median(firsts),
            "lever_s": moved(browser, "Replicas"),
            "price_s": typed(browser, "Price, USD per node-hour", "2"),
            "tab_s": timed(
                lambda: browser.find_element("xpath", "//*[@role='tab'][contains(., 'Cost')]").click(),
                lambda: browser.find_elements("xpath", "//h3[contains(., 'Unit costs')]"),
            ),
        }
    finally:
        browser.quit()


def timed(act: Callable[[], Any], seen: Callable[[], Any]) -> float:
    """Seconds from an act until its effect is seen."""
    begun = time.monotonic()
    act()
    while not seen():
        if time.monotonic() - begun > 300:
            raise SystemExit("nothing after 300 s")
        time.sleep(0.05)
    return time.monotonic() - begun


def figures(browser: Any) -> bool:
    """True if all three stand."""
    return len(browser.find_elements("css selector", FIGURES)) == 3


def moved(browser: Any, label: str) -> float:
    """Seconds from a click on + to the address of the new result."""
    before = browser.current_url
    return timed(lambda: field(browser, label, "//button[last()]").click(), lambda: browser.current_url != before)


def typed(browser: Any, label: str, text: str) -> float:
    """Seconds from a number and Enter to the address of the new result."""
    before = browser.current_url
    return timed(
        lambda: field(browser, label, "//input").send_keys(text, "\ue007"), lambda: browser.current_url != before
    )


def field(browser: Any, label: str, part: str) -> Any:
    return browser.find_element(
        "xpath", f"//*[@data-testid='stNumberInput'][.//label[normalize-space()='{label}']]{part}"
    )


if __name__ == "__main__":
    main()
