"""The generated pages are up to date, and say something of each argument and field."""

from pathlib import Path

import pytest
from generate import _lines, _verbs, generated

import simcost
from simcost.cli.main import command_line
from simcost.scenario.files.conform import hints
from simcost.scenario.files.key_help import homes
from simcost.scenario.files.yaml import MAX_BYTES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return generated()


def test_pages_are_up_to_date(pages: dict[str, str]) -> None:
    changed = [name for name, text in pages.items() if (ROOT / name).read_text(encoding="utf-8") != text]
    assert changed == [], "run: python docs/generate.py"


def test_each_line_has_a_meaning(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        if name.endswith(".md"):
            rows = [line for line in text.splitlines() if line.startswith(("| `", "- `"))]
            assert rows, name
            assert [row for row in rows if row.endswith(("|  |", "| None |", ": .", ": None."))] == []


def test_each_key_of_a_scenario_is_in_the_section_of_its_mapping(pages: dict[str, str]) -> None:
    """A mapping at several places has one section; a key with the name of a section elsewhere links to it."""
    text = "\n".join(page for name, page in pages.items() if name.startswith("docs/reference/scenario"))
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    for part in homes().values():
        section = sections[part.path or "Top of the file"]
        names = set(hints(part.cls)) - ({"kind"} if part.kind else set())
        lines = [line for line in section.splitlines() if line.startswith("- ")]
        assert {
            name for name in names if not any(f"- `{name}` (" in line or f"[`{name}`](" in line for line in lines)
        } == set()


def test_the_pages_of_the_scenario_are_short(pages: dict[str, str]) -> None:
    assert sum(len(page) for name, page in pages.items() if name.startswith("docs/reference/scenario")) < 72_000


def test_the_limit_of_a_scenario_is_the_one_that_holds(pages: dict[str, str]) -> None:
    """The page had 1 MiB while 16 were read."""
    assert f"in one file of at most {MAX_BYTES >> 20} MiB." in pages["docs/reference/scenario.md"]


def test_help_is_written_as_it_is_printed(pages: dict[str, str]) -> None:
    page = pages["docs/reference/cli.md"]
    assert "%%" not in page
    assert "%(" not in page


def test_each_argument_is_in_the_section_of_its_verb_or_shared(pages: dict[str, str]) -> None:
    """An option that several verbs share is described once, and named in the section of each."""
    page = pages["docs/reference/cli.md"]
    sections = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    shared = sections["Shared options"]
    for verb in _verbs(command_line()):
        section = sections[verb.prog]
        for line in _lines(verb):
            name = line.split("`")[1].split()[0].strip(",")
            usual = "Some verbs have:" in shared.partition(line)[2]
            assert line in section.splitlines() or (line in shared and (usual or f"`{name}`" in section)), (
                verb.prog,
                line,
            )
    assert len(page) < 32_000


def test_each_verb_has_a_section(pages: dict[str, str]) -> None:
    page = pages["docs/reference/cli.md"]
    for verb in ("run", "check", "schema", "trace import", "trace describe", "catalog show", "perf"):
        assert f"## simcost {verb}\n" in page


def test_each_name_of_the_python_api_has_a_section(pages: dict[str, str]) -> None:
    page = pages["docs/reference/python.md"]
    assert [name for name in simcost.__all__ if f"## {name}\n" not in page] == []
