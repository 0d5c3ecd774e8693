"""Writes the reference pages: `python docs/generate.py` in the repository.

The scenario page and its JSON Schema come from the schema classes, the page of the command line from its parser, that
of Python from the API.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from python_reference import python_markdown
from scenario_reference import brief, scenario_pages

from simcost.cli.main import command_line
from simcost.scenario.files.json_schema import json_schema

ROOT = Path(__file__).resolve().parents[1]
_HEAD = """# The command line

Generated from the parser; do not edit.

- The result goes to stdout; progress, notes and errors go to stderr. `--json` prints one document and nothing else.
- Exit code 0: done. 1: the run failed, or a gate of `--fail-on` was broken. 2: bad usage or bad input.
  130: interrupted. 143: terminated.
- `simcost VERB --help` says all about the arguments of a verb, in more words; `simcost --version` prints the version.
"""
_LONG = 60
"""Characters beyond which the first clause has to do."""


def generated() -> dict[str, str]:
    """Path in the repository to text, for all generated files."""
    return {
        "scenarios/scenario.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        **scenario_pages(),
        "docs/reference/cli.md": command_line_markdown(),
        "docs/reference/python.md": python_markdown(),
    }


def command_line_markdown() -> str:
    """The page: options that verbs share, then usage and own arguments of each verb."""
    verbs = list(_verbs(command_line()))
    times = Counter(line for verb in verbs for line in _lines(verb))
    often = {line.partition(":")[0]: line for line, number in reversed(times.most_common()) if number > 1}
    shared = [line for line in times if line in often.values() and line.startswith("- `-")]
    usual = [line for line in shared if times[line] * 2 > len(verbs)]
    without = ", ".join(f"`{verb.prog.removeprefix('simcost ')}`" for verb in verbs if not {*usual} <= {*_lines(verb)})
    head = ["## Shared options", "", f"All verbs but {without} have:", "", *usual, "", "Some verbs have:", ""]
    head += [*(line for line in shared if line not in usual), ""]
    return "\n".join([_HEAD, *head, *(_section(verb, shared, usual) for verb in verbs)])


def _verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers without verbs of their own, in the order of `--help`."""
    inner = [action for action in _actions(parser) if action.nargs == argparse.PARSER]
    if not inner:
        yield parser
    for action in inner:
        for child in dict(action.choices or {}).values():
            yield from _verbs(child)


def _section(parser: argparse.ArgumentParser, shared: list[str], usual: list[str]) -> str:
    lines = _lines(parser)
    names = [line.split("`")[1].split()[0].strip(",") for line in lines if line in shared and line not in usual]
    also = [f"- Shared: {', '.join(f'`{name}`' for name in names)}."] if names else []
    own = [line for line in lines if line not in shared]
    return "\n".join([f"## {parser.prog}", "", f"{parser.description}.", "", *own, *also, ""])


def _lines(parser: argparse.ArgumentParser) -> list[str]:
    """A line for each argument of a verb."""
    return [f"- `{_written(action)}`: {_meaning(parser, action)}" for action in _shown(parser)]


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """The first clause of a long help text, with what a reader looks up: required, default, repeatable."""
    text = _help(parser, action)
    short = brief(text, _LONG)
    marks = ["required"] * (action.required and bool(action.option_strings))
    marks += [mark for mark in re.findall(r"default[: ][^();]*|repeatable", text) if mark not in short]
    return f"{short} ({', '.join(marks)})" if marks else short


def _shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    shown = [action for action in _actions(parser) if action.dest != "help"]
    return sorted(shown, key=lambda action: (bool(action.option_strings), not action.required))


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Meaning of an argument as `--help` prints it."""
    return parser._get_formatter()._expand_help(action)  # noqa: SLF001 - argparse has no public one


def _written(action: argparse.Action) -> str:
    """Form of an argument on the command line: `-o, --out OUT`."""
    options = action.option_strings
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
