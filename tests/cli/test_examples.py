"""Each verb has two examples in its help, and each of them is a command."""

import argparse
import shlex

import pytest
from support.commands import call

from simcost.cli.examples import EXAMPLES, verbs_of
from simcost.cli.main import VERBS, command_line, parsed


def test_each_verb_has_two_examples() -> None:
    verbs = [parser.prog.removeprefix("simcost ") for parser in verbs_of(command_line())]
    assert sorted(EXAMPLES) == sorted(verbs)
    assert {len(examples) for examples in EXAMPLES.values()} == {2}


def test_each_verb_is_added_by_the_module_that_the_list_of_verbs_names() -> None:
    assert added(command_line()) == list(VERBS)
    for verb, module in VERBS.items():
        assert added(command_line(verb)) == [other for other in VERBS if VERBS[other] == module]


def added(parser: argparse.ArgumentParser) -> list[str]:
    [verbs] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return list(verbs.choices)


@pytest.mark.parametrize(("verb", "words"), [(verb, words) for verb, both in EXAMPLES.items() for words in both])
def test_an_example_is_a_command_of_its_verb(verb: str, words: str) -> None:
    assert words.split()[: len(verb.split())] == verb.split()
    assert getattr(parsed(shlex.split(words)), "title", verb) == verb


def test_help_shows_them() -> None:
    out = call("trace", "fetch", "--help").out
    assert "examples:\n  simcost trace fetch --list\n" in out
