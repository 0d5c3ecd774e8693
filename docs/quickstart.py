"""Shows what the quickstart prints on the pages that quote it, and takes the picture: `python docs/quickstart.py`.

A block that begins with ```` ```text quickstart 3-9 ```` shows lines 3 to 9. The picture is the top of the report in a
headless Chromium; without one it stays as it is.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "tutorial.md")
PICTURE = ROOT / "docs" / "quickstart.png"
BLOCK = re.compile(r"^```text quickstart (\d+)-(\d+)\n.*?^```$", flags=re.MULTILINE | re.DOTALL)


def shown(page: str, printed: str) -> str:
    """The text of a page with its blocks as the quickstart prints them."""
    lines = printed.splitlines(keepends=True)

    def fill(block: re.Match[str]) -> str:
        first, last = int(block[1]), int(block[2])
        return f"```text quickstart {first}-{last}\n" + "".join(lines[first - 1 : last]) + "```"

    return BLOCK.sub(fill, page)


def picture(report: Path) -> None:
    """The top of a report as PNG."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("no chromium: the picture stays as it is\n")
        return
    words = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1140,1060")
    subprocess.run(  # noqa: S603  # our own report
        [chromium, *words, f"--screenshot={PICTURE}", report.as_uri()], check=True, capture_output=True
    )


def main() -> None:
    """Run the quickstart, fill the pages, take the picture."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "results" / "quickstart"
        words = ["-m", "simcost", "run", "scenarios/quickstart.yaml", "--quiet", "--out", str(out)]
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, *words], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for page in PAGES:
            page.write_text(shown(page.read_text(encoding="utf-8"), done.stdout), encoding="utf-8")
        picture(out / "report.html")


if __name__ == "__main__":
    main()
