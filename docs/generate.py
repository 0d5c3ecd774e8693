"""Writes the reference pages: `python docs/generate.py` in the repository.

The scenario page and its JSON Schema come from the schema classes, the page of the command line from its parser, that
of Python from the API.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from python_reference import python_markdown
from scenario_reference import scenario_pages

from simcost.cli.main import command_line
from simcost.scenario.files.json_schema import json_schema

ROOT = Path(__file__).resolve().parents[1]
_HEAD = """# The command line

Generated from the parser; do not edit.

- The result goes to stdout; progress, notes and errors go to stderr. `--json` prints one document and nothing else.
- Exit code 0: done. 1: the run failed, or a gate of `--fail-on` was broken. 2: bad usage or bad input.
  130: interrupted. 143: terminated.
- `simcost VERB --help` prints the arguments of a verb, `simcost --version` the version.
"""


def generated() -> dict[str, str]:
    """Path in the repository to text, for all generated files."""
    return {
        "scenarios/scenario.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        **scenario_pages(),
        "docs/reference/cli.md": command_line_markdown(),
        "docs/reference/python.md": python_markdown(),
    }


def command_line_markdown() -> str:
    """The page: usage and arguments of each verb."""
    return "\n".join([_HEAD, *(_section(parser) for parser in _verbs(command_line()))])


def _verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers without verbs of their own, in the order of `--help`."""
    inner = [action for action in _actions(parser) if action.nargs == argparse.PARSER]
    if not inner:
        yield parser
    for action in inner:
        for child in dict(action.choices or {}).values():
            yield from _verbs(child)


def _section(parser: argparse.ArgumentParser) -> str:
    shown = [action for action in _actions(parser) if action.dest != "help"]
    shown.sort(key=lambda action: (bool(action.option_strings), not action.required))
    needed = " ".join(_written(action, short=True) for action in shown if action.required)
    rows = [f"| `{_written(action)}` | {_help(parser, action)} |" for action in shown]
    lines = [f"## {parser.prog}", "", f"{parser.description}.", "", "```text"]
    lines += [" ".join(filter(None, [parser.prog, needed, "[options]"])), "```", ""]
    return "\n".join([*lines, "| argument | meaning |", "|---|---|", *rows, ""])


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Meaning of an argument as `--help` prints it, for a cell of a table."""
    return parser._get_formatter()._expand_help(action).replace("|", r"\|")  # noqa: SLF001 - argparse has no public one


def _written(action: argparse.Action, *, short: bool = False) -> str:
    """Form of an argument on the command line: `-o, --out OUT`, or in short `-o OUT`."""
    options = action.option_strings[:1] if short else action.option_strings
    if action.nargs == 0:
        return ", ".join(options)
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
    value = str(action.metavar or choices or action.dest.upper())
    value += " ..." if action.nargs == "+" else ""
    return f"{', '.join(options)} {value}".strip()


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001 - argparse has no public list


if __name__ == "__main__":
    for name, text in generated().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
