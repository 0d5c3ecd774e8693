"""A page on paper: a browser of this machine prints it, without a window."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from simcost.errors import InputError, SimcostError
from simcost.outputs import temporary_folder, whole_file

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
_ROOM_BYTES = 50_000_000
"""That the files of a browser take while it prints, at most."""


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
        InputError: the file cannot be written, or the disk of temporary files is full.
        PrintError: the browser has failed.
    """
    content = _printed(page, browser)
    with whole_file(path) as draft:
        draft.write_bytes(content)


def _printed(page: str, browser: str) -> bytes:
    """The page as a PDF."""
    with temporary_folder() as folder:
        html, printed = folder / "review.html", folder / "review.pdf"
        html.write_text(page.replace("<details>", "<details open>"), encoding="utf-8")
        failure = _print(browser, html, printed)
        content = printed.read_bytes() if printed.is_file() else b""
        if not failure and content.startswith(b"%PDF-"):
            return content
        if shutil.disk_usage(folder).free < _ROOM_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise PrintError(
        f"{browser} {failure or 'has printed no PDF'}; write the review as .html and print it from a browser"
    )


def _print(browser: str, html: Path, printed: Path) -> str:
    """Let the browser print; why it did not, empty if it did. Its temporary files lie beside the page."""
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
    places = os.environ | {name: str(html.parent) for name in ("TMPDIR", "TEMP", "TMP")}
    try:
        done = subprocess.run(words, capture_output=True, timeout=_TIMEOUT_S, env=places, check=False)  # noqa: S603  # no shell, own words
    except subprocess.TimeoutExpired:
        return f"has not printed it within {_TIMEOUT_S} s"
    except OSError as error:
        return f"could not be started: {error.strerror or error}"
    return f"could not print, and ended with exit code {done.returncode}" if done.returncode else ""
