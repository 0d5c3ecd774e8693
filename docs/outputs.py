"""Runs the `sh` blocks of the pages and shows what they print: `python docs/outputs.py [PAGE.md ...]`.

The blocks of a page run one after another in one new folder that holds `scenarios/`, as a reader would type them.
A block that begins with ```` ```text 3-9 ```` shows lines 3 to 9 of what the `sh` block before it prints;
this script rewrites them. `tests/docs` runs the same code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from warm import warm

ROOT = Path(__file__).resolve().parents[1]
FENCED = re.compile(r"^```(sh|text \d+-\d+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_MARK = "--- end of block ---"
DAY = "1792065600"
"""2026-10-15, the day on which the pages are printed: verdicts name prices that are old then."""


def pages() -> list[Path]:
    """The pages that have blocks to run."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    return [page for page in found if "```sh\n" in page.read_text(encoding="utf-8")]


def shown(page: str, folder: Path, commands: Path) -> str:
    """The text of a page with the outputs that its blocks have when they run in a folder, `commands` first on PATH.

    Raises:
        RuntimeError: a command of a block failed; with the end of its output.
    """
    printed = _printed([block for kind, block in FENCED.findall(page) if kind == "sh"], folder, commands)
    last: list[str] = []

    def fill(block: re.Match[str]) -> str:
        nonlocal last
        if block[1] == "sh":
            last = printed.pop(0)
            return block[0]
        first, end = map(int, block[1].removeprefix("text ").split("-"))
        return f"```{block[1]}\n" + "".join(last[first - 1 : end]) + "```"

    return FENCED.sub(fill, page)


def _printed(blocks: list[str], folder: Path, commands: Path) -> list[list[str]]:
    """The lines that each block prints to stdout."""
    ignore = shutil.ignore_patterns("traces", ".*")
    shutil.copytree(ROOT / "scenarios", folder / "scenarios", ignore=ignore)
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
    script = "".join(f"{block}echo '{_MARK}'\n" for block in blocks)
    done = subprocess.run(  # noqa: S603 - the repository's own pages
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607 - the reader's bash
        cwd=folder,
        env={**os.environ, "PATH": path, "SOURCE_DATE_EPOCH": DAY},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    parts = done.stdout.split(f"{_MARK}\n")[:-1]
    return [part.splitlines(keepends=True) for part in parts]


if __name__ == "__main__":
    with TemporaryDirectory() as place, warm(Path(place)) as quick:
        for page in [Path(name) for name in sys.argv[1:]] or pages():
            with TemporaryDirectory() as home:
                page.write_text(shown(page.read_text(encoding="utf-8"), Path(home), quick), encoding="utf-8")
