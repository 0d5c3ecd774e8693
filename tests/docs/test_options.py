"""Every option that a page names exists: of the command it stands with, else of one of the page's commands."""

import argparse
import re
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from simcost.cli.main import command_line
from simcost.studies.spot.command import policy

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/guides").glob("*.md")),
]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
OTHERS = {
    "README.md": {"--hypothesis-profile"},  # pytest's
    "docs/guides/logs.md": {
        "--max-concurrency",
        "--num-prompts",
        "--random-input-len",
        "--random-range-ratio",
        "--request-rate",
        "--save-detailed",
        "--save-result",
    },  # vllm's
    "docs/guides/running.md": {"--build", "--no-deps", "--nthreads", "--nworkers"},  # docker's, pip's and dask's
}
"""Options of other programs, by page."""


Option = argparse.Action


def verbs(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Option]]]:
    """Words of each command, with its options."""
    yield words, {option: action for action in parser._actions for option in action.option_strings}
    for action in parser._actions:
        if action.nargs == argparse.PARSER:
            for name, child in dict(action.choices or {}).items():
                yield from verbs(child, (*words, *name.split()))


VERBS = dict(verbs(command_line()))


def command_of(words: list[str]) -> tuple[str, ...]:
    """The longest command that words behind `simcost` name; empty = none."""
    count = max((n for n in range(1, 4) if tuple(words[:n]) in VERBS), default=0)
    return tuple(words[:count])


def commands(text: str) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Commands of `simcost` in a text, each with the options that stand in it."""
    for line in text.replace("\\\n", " ").splitlines():
        for call in re.split(r"[|;&]+", line):
            try:
                words = shlex.split(call, comments=True)
            except ValueError:
                continue
            if "simcost" in words:
                rest = words[words.index("simcost") + 1 :]
                if command := command_of(rest):
                    yield command, set(OPTION.findall(" ".join(word.split("=")[0] for word in rest)))


def unknown(page: str, others: Collection[str] = ()) -> set[str]:
    """Options of a page that do not exist, with the command they stand with."""
    spans = SPAN.findall(BLOCK.sub("", page))
    blocks = BLOCK.findall(page)
    used = [found for text in (*blocks, *spans) for found in commands(text)]
    wrong = {f"{' '.join(words)} {option}" for words, options in used for option in options - VERBS[words].keys()}
    here = set().union(*(VERBS[words] for words, _ in used)) if used else set().union(*VERBS.values())
    scripts = {name for text in blocks for name in re.findall(r"python (bench/\w+\.py)", text)}
    here |= {option for name in scripts for option in OPTION.findall((ROOT / name).read_text(encoding="utf-8"))}
    alone = {option for text in spans if "simcost " not in text for option in OPTION.findall(text)}
    return wrong | (alone - here - set(others))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_exist(page: Path) -> None:
    name = str(page.relative_to(ROOT))
    assert unknown(page.read_text(encoding="utf-8"), OTHERS.get(name, set())) == set()


def test_options_that_do_not_exist_are_found() -> None:
    page = "```sh\nsimcost train spot a.csv --wrok 48h \\\n  --deadline 60h\n```\nand `--gangs 8`, `--seed N`\n"
    assert unknown(page) == {"train spot --wrok", "--gangs"}
    assert unknown("`simcost train spot x --seed 2 --polcies`") == {"train spot --polcies"}
    assert unknown("`--seed 2` of anything, `--no-such-thing`") == {"--no-such-thing"}


def test_policies_of_the_spot_guide_exist() -> None:
    page = (ROOT / "docs/guides/jobs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z].*?) \|", page, flags=re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([a-z-]+(?:=[A-Z]+)?)`", row)]
    assert len(names) >= 7
    for name in names:
        policy(re.sub("=[A-Z]+$", "=2", name))


def test_a_seed_has_one_default() -> None:
    seeds = [options["--seed"] for options in VERBS.values() if "--seed" in options]
    assert seeds
    assert all(seed.default in (None, 1) and re.search(r"\b(default|else) 1\)", str(seed.help)) for seed in seeds)
