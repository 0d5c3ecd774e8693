"""Runs the examples and writes them with their outputs as pages: `python docs/notebooks.py [EXAMPLE.py ...]`.

An example is a file of cells: `# %% [markdown]` begins text, `# %%` code. A page shows text, code and what the code
prints; of a last line that is an expression also the value, a chart as SVG. `tests/docs` runs the same code.
"""

import ast
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import Any

from outputs import DAY

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
CELL = re.compile(r"^# %%( \[markdown\])?\n", flags=re.MULTILINE)
Draw = Callable[[Any, str], str]
"""From a chart and its code to the Markdown that shows it."""


def page_of(example: Path) -> Path:
    """The page of an example."""
    return ROOT / "docs" / "examples" / f"{example.stem.replace('_', '-')}.md"


def rendered(example: Path, folder: Path, draw: Draw) -> str:
    """The page of an example that runs in a folder, which gets a copy of the scenarios."""
    copytree(ROOT / "scenarios", folder / "scenarios", ignore=ignore_patterns("traces", ".*"))
    with chdir(folder):
        shown = list(_shown(example.read_text(encoding="utf-8"), draw))
    source = f"The file: [{example.name}](../../examples/{example.name}). The outputs are those of its last run."
    title, *rest = shown
    heading, _, text = title.partition("\n\n")
    return "\n\n".join([heading, source, text, *rest]) + "\n"


def _shown(text: str, draw: Draw) -> Iterator[str]:
    """Cells as Markdown, run one after another."""
    names: dict[str, Any] = {"__name__": "__main__"}
    _, *parts = CELL.split(text)
    for kind, body in zip(parts[::2], parts[1::2], strict=True):
        if kind:
            yield "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines())
        else:
            yield f"```python\n{body.strip()}\n```"
            yield from _outputs(body, names, draw)


def _outputs(code: str, names: dict[str, Any], draw: Draw) -> Iterator[str]:
    """Outputs of a cell of code: what it prints, the value of its last line."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed, value = StringIO(), None
    with redirect_stdout(printed):
        exec(compile(tree, "<example>", "exec"), names)  # noqa: S102 - the repository's own examples
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<example>", "eval"), names)  # noqa: S307 - as above
    if printed.getvalue():
        yield _text(printed.getvalue())
    if type(value).__module__.startswith("altair"):
        yield draw(value, code.strip())
    elif value is not None:
        yield _text(str(value))


def _text(output: str) -> str:
    """A block of output, its long lines wrapped as a terminal wraps them."""
    lines = [
        part.rstrip()
        for line in output.rstrip().splitlines()
        for part in wrap(line, 100, replace_whitespace=False) or [""]
    ]
    return "\n".join(["```text", *lines, "```"])


def _drawn(page: Path) -> Draw:
    """Charts as SVG files beside a page."""
    count = 0

    def draw(chart: Any, code: str) -> str:
        from simcost.present.chart_style import to_svg

        nonlocal count
        count += 1
        name = f"{page.stem}-{count}.svg"
        (page.parent / name).write_text(to_svg(chart), encoding="utf-8")
        return f"![{code}]({name})"

    return draw


def main() -> None:
    """Write the pages of the examples that are named, or of all."""
    for example in [Path(name).resolve() for name in sys.argv[1:]] or EXAMPLES:
        page = page_of(example)
        page.parent.mkdir(exist_ok=True)
        with TemporaryDirectory() as folder:
            page.write_text(rendered(example, Path(folder), _drawn(page)), encoding="utf-8")


if __name__ == "__main__":
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "SOURCE_DATE_EPOCH": DAY}
    main()
