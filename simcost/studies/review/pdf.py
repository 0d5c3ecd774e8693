"""A page on paper: a browser of this machine prints it, without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from simcost.errors import InputError, SimcostError
from simcost.outputs import whole_file

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
"""Names and places of browsers that can print without a window."""
_TIMEOUT_S = 120
_ROOT = 0


class PrintError(SimcostError):
    """A browser that did not print."""


def find_browser(names: Sequence[str] = BROWSERS) -> str:
    """The first browser that is here.

    Raises:
        InputError: there is none.
    """
    result = next((path for name in names if (path := shutil.which(name))), None)
    if result is None:
        raise InputError(
            "a PDF is printed by Chromium, Chrome or Edge, and none is on this machine; install one (on Debian "
            "`apt install chromium`), or write the review as .html and print it from any browser"
        )
    return result


def write_pdf(path: Path, page: str, browser: str) -> None:
    """Print a page to a file.

    Raises:
        InputError: nothing can be written there.
        PrintError: the browser has failed.
    """
    with TemporaryDirectory() as folder, whole_file(path) as draft:
        html, printed = Path(folder) / "review.html", Path(folder) / "review.pdf"
        html.write_text(page.replace("<details>", "<details open>"), encoding="utf-8")
        _print(browser, html, printed)
        content = printed.read_bytes() if printed.is_file() else b""
        if not content.startswith(b"%PDF-"):
            raise PrintError(f"{browser} has printed no PDF; write the review as .html and print it from a browser")
        draft.write_bytes(content)


def _print(browser: str, html: Path, printed: Path) -> None:
    words = [
        browser,
        "--headless",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={html.parent / 'profile'}",
        "--no-pdf-header-footer",
        f"--print-to-pdf={printed}",
        html.as_uri(),
    ]
    if getattr(os, "geteuid", lambda: None)() == _ROOT:
        words.insert(1, "--no-sandbox")  # as root Chromium starts in no other way; the page holds no script
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=_TIMEOUT_S)  # noqa: S603  # no shell, own words
    except (OSError, subprocess.SubprocessError) as error:
        raise PrintError(
            f"{browser} could not print ({type(error).__name__}); write the review as .html and print it from a browser"
        ) from error
