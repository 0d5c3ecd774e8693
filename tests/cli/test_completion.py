"""`simcost completion bash`: bash completes what the parser takes, at every verb."""

import argparse
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from support.commands import call

from simcost.cli.main import command_line

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="no bash on this machine")


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
