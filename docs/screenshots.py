"""Takes the pictures of the explorer and of the review that pages show: `python docs/screenshots.py`.

It starts the explorer on a copy of the scenarios, uses it in a headless Chromium as a visitor would, and writes
`docs/images/`. It needs chromium and chromedriver, and about two minutes.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 150_000
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")


@contextmanager
def explorer(home: Path) -> Iterator[str]:
    """The address of an explorer that works in a folder."""
    shutil.copytree(ROOT / "scenarios", home / "scenarios")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "simcost.cli.explorer", str(ROOT / "app.py"), "--server.headless=true"]
    with subprocess.Popen(  # noqa: S603 - our own explorer
        [*command, f"--server.port={port}"],
        cwd=ROOT,
        env={**os.environ, "SIMCOST_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            time.sleep(5)  # it starts
            yield f"http://localhost:{port}"
        finally:
            server.terminate()


@contextmanager
def chromium(height: int) -> Iterator[Any]:
    """A Chromium whose reader prefers light."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    with TemporaryDirectory() as profile:
        for flag in (*FLAGS, "--hide-scrollbars", f"--user-data-dir={profile}", f"--window-size=1280,{height}"):
            options.add_argument(flag)
        driver = webdriver.ChromeService(str(shutil.which("chromedriver")))
        browser = webdriver.Chrome(options=options, service=driver)
        try:
            media = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            yield browser
        finally:
            browser.quit()


def plans(browser: Any, address: str) -> None:
    """The first screen: the sample's result."""
    browser.get(address)
    wait_for(lambda: len(browser.find_elements("css selector", "[data-testid=stMetric]")) == 3)
    wait_for(lambda: "result=" in browser.current_url)  # what stands before is its preview


def wait_for(seen: Callable[[], Any]) -> None:
    """Return when something is seen."""
    begun = time.monotonic()
    while not seen():
        if time.monotonic() - begun > 300:
            raise SystemExit("nothing after 300 s")
        time.sleep(0.2)


def keep(browser: Any, name: str) -> None:
    """Write what the browser shows."""
    wait_for(lambda: not browser.find_elements("css selector", "[data-testid=stStatusWidget]"))
    time.sleep(3)  # charts draw
    path = IMAGES / f"{name}.png"
    browser.save_screenshot(str(path))
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {MOST_BYTES}")


def review(folder: Path) -> Path:
    """The review of the quickstart."""
    command = [sys.executable, "-m", "simcost"]
    run = ["run", str(ROOT / "scenarios" / "quickstart.yaml"), "--quiet", "--out", str(folder / "quickstart")]
    page = folder / "review.html"
    for words in (run, ["report", str(folder / "quickstart"), "-o", str(page), "--author", "Platform team"]):
        subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    return page


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as place:
        folder = Path(place)
        with explorer(folder / "home") as address, chromium(940) as browser:
            plans(browser, address)
            keep(browser, "explorer-plans-light")
        with chromium(1040) as browser:
            browser.get(review(folder).as_uri())
            keep(browser, "review")


if __name__ == "__main__":
    main()
