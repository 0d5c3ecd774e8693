"""`simcost completion`: shells complete what the parser takes, at every verb."""

import argparse
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import call

from simcost.cli.main import command_line

BASH, FISH, ZSH = map(shutil.which, ("bash", "fish", "zsh"))


def questions(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Words that were typed, and one that may come next, for all that the parsers take."""
    line = " ".join(["simcost", *words])
    for action in parser._actions:
        for flag in action.option_strings:
            yield f"{line} {flag}", flag
            yield from ((f"{line} {flag} {choice}", str(choice)) for choice in action.choices or ())
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield f"{line} {name}", name.split()[-1]
                yield from questions(inner, (*words, name))


@pytest.mark.slow
@pytest.mark.skipif(BASH is None, reason="no bash on this machine")
def test_bash_completes_every_verb_option_and_choice() -> None:
    asked = [(line, word) for line, word in questions(command_line()) if "(" not in line]
    assert len(asked) > 300
    script = [call("completion", "bash").out]
    for line, _ in asked:
        script.append(
            f'COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _simcost; echo "${{COMPREPLY[*]}}"'
        )
    done = subprocess.run([str(BASH)], input="\n".join(script), capture_output=True, text=True, check=True, timeout=60)
    answers = done.stdout.splitlines()
    assert len(answers) == len(asked)
    missing = [line for (line, word), answer in zip(asked, answers, strict=True) if word not in answer.split()]
    assert missing == []


@pytest.mark.skipif(BASH is None, reason="no bash on this machine")
def test_bash_leaves_files_and_values_to_the_shell() -> None:
    """`simcost run` and a tab showed 20 options and no file; so did `--method` and others that take a value."""
    typed = ("run ''", "run sc", "init --trace ''", "train estimate --method ''", "waste --price ''", "run --co")
    script = [call("completion", "bash").out]
    for line in typed:
        words = f"COMP_WORDS=(simcost {line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))"
        script.append(f'{words}; _simcost; echo "${{COMPREPLY[*]}}"')
    done = subprocess.run([str(BASH)], input="\n".join(script), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["", "", "", "", "", "--color"]


@pytest.mark.slow
@pytest.mark.skipif(FISH is None, reason="no fish on this machine")
def test_fish_completes_every_option_and_choice(tmp_path: Path) -> None:
    asked = [(line, word) for line, word in questions(command_line()) if "(" not in line]
    loaded = tmp_path / "simcost.fish"
    loaded.write_text(call("completion", "fish").out)
    lines = [f"source {loaded}", *(f"echo (complete -C {line!r} | string split -f1 \\t)" for line, _ in asked)]
    done = subprocess.run([str(FISH)], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=120)
    answers = done.stdout.splitlines()
    assert len(answers) == len(asked)
    missing = [line for (line, word), answer in zip(asked, answers, strict=True) if word not in answer.split()]
    assert missing == []


@pytest.mark.skipif(FISH is None, reason="no fish on this machine")
def test_fish_names_files_where_no_verb_or_choice_begins_so(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").touch()
    loaded = tmp_path / "simcost.fish"
    loaded.write_text(call("completion", "fish").out)
    typed = (
        "simcost ",
        "simcost train ",
        "simcost run --color ",
        "simcost run ",
        "simcost forecast sc",
        "simcost run sc",
    )
    lines = [f"source {loaded}", *(f"echo (complete -C {line!r} | string split -f1 \\t)" for line in typed)]
    done = subprocess.run(
        [str(FISH)], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    with_files = ["scenario.yaml" in answer.split() for answer in done.stdout.splitlines()]
    assert with_files == [False, False, False, True, False, True]


@pytest.mark.skipif(ZSH is None, reason="no zsh on this machine")
def test_zsh_takes_the_script_of_bash(tmp_path: Path) -> None:
    loaded = tmp_path / "simcost.zsh"
    loaded.write_text(call("completion", "zsh").out)
    script = [
        f"source {loaded}",
        "emulate ksh",
        "COMP_WORDS=(simcost run --color a); COMP_CWORD=3; _simcost; echo ${COMPREPLY[@]}",
        "COMP_WORDS=(simcost trace fe); COMP_CWORD=2; _simcost; echo ${COMPREPLY[@]}",
    ]
    done = subprocess.run(
        [str(ZSH), "-f"], input="\n".join(script), capture_output=True, text=True, check=True, timeout=60
    )
    colors, actions = (line.split() for line in done.stdout.splitlines())  # zsh itself then drops what does not fit
    assert colors == ["auto", "always", "never"]
    assert {"check", "compare", "describe", "fetch"} <= set(actions)
