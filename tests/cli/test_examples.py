"""Each verb has two examples in its help, and each of them is a command."""

import shlex

import pytest
from support.commands import call

from simcost.cli.examples import EXAMPLES, verbs_of
from simcost.cli.main import command_line, parsed


def test_each_verb_has_two_examples() -> None:
    verbs = [parser.prog.removeprefix("simcost ") for parser in verbs_of(command_line())]
    assert sorted(EXAMPLES) == sorted(verbs)
    assert {len(examples) for examples in EXAMPLES.values()} == {2}


@pytest.mark.parametrize(("verb", "words"), [(verb, words) for verb, both in EXAMPLES.items() for words in both])
def test_an_example_is_a_command_of_its_verb(verb: str, words: str) -> None:
    assert words.split()[: len(verb.split())] == verb.split()
    assert getattr(parsed(shlex.split(words)), "title", verb) == verb


def test_help_shows_them() -> None:
    out = call("trace", "fetch", "--help").out
    assert "examples:\n  simcost trace fetch --list\n" in out
