"""A verb, an action, an option or a choice that is nearly one: the message names it."""

import argparse
from collections.abc import Iterator

import pytest
from support.commands import call

from simcost.cli.main import command_line


def parsers(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """All parsers with the words that lead to them."""
    yield words, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from parsers(inner, (*words, name))


ALL = dict(parsers(command_line()))


def misspelt(word: str) -> str:
    """The word with two neighbours in its middle changed for each other, or one letter twice."""
    i = len(word) // 2
    swapped = word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]
    return swapped if swapped != word else f"{word[:i]}{word[i]}{word[i:]}"


@pytest.mark.parametrize("words", [words for words in ALL if words and all(" " not in word for word in words)])
def test_a_misspelt_verb_or_action_is_named(words: tuple[str, ...]) -> None:
    said = call(*words[:-1], misspelt(words[-1]))
    assert said.code == 2
    if len(words[-1]) > 3:
        assert f"did you mean {words[-1]!r}" in said.err or f"or {words[-1]!r}" in said.err


def test_every_misspelt_option_is_named() -> None:
    for words, parser in ALL.items():
        flags = [flag for action in parser._actions for flag in action.option_strings if len(flag) > 5]
        for flag in flags:
            assert f"'{flag}'" in parser._unknown(misspelt(flag)), words  # type: ignore[attr-defined]


def test_a_word_too_many_and_a_choice_that_is_none_are_named() -> None:
    assert "'b' is one argument too many" in call("check", "a.yaml", "b").err
    assert "there are: a4, letter" in call("report", "run", "-o", "a.pdf", "--paper", "x1").err


def test_help_is_a_verb_and_options_come_after_theirs() -> None:
    """`simcost help run` was an unknown verb, and of `simcost --quiet run` it was said that there is no such option."""
    assert call("help", "run").out == call("run", "--help").out
    assert call("help").out == call("--help").out
    said = call("--quiet", "run", "x.yaml")
    assert said.code == 2
    assert "no option '--quiet' before the verb; write it after, as in `simcost run --quiet ...`" in said.err
    assert "no option '--json' before the verb" in call("--json", "run", "x.yaml").err
    assert "no option '--verison'; did you mean '--version'?" in call("--verison", "run", "x.yaml").err
