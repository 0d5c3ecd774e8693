"""Parser of the command line: that of argparse, with messages that name the nearest options and choices."""

import argparse
import os
from collections.abc import Sequence
from typing import Any, NoReturn

from simcost.errors import InputError, did_you_mean
from simcost.studies.argument_types import PAIR

ACTION = "ACTION"
"""Name of the actions of a verb in its usage."""
_Actions = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name
_MAP = "--map"


class UsageError(InputError):
    """Words that are not a command; `usage` says which are."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class Parser(argparse.ArgumentParser):
    """argparse, with errors in our form."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, after each pair of `--map a=b c=d` has an option of its own: argparse would take FILE for one, too."""
        result = super().parse_known_args(None if args is None else _separate_maps(args), namespace)
        for word in result[1]:
            self.error(self._unknown(word))
        return result

    def _unknown(self, word: str) -> str:
        """The message on a word that the verb does not take."""
        if not word.startswith("-"):
            return f"{word!r} is one argument too many"
        known = [flag for action in self._actions for flag in action.option_strings]
        option = word.partition("=")[0]
        before_verb = " " not in self.prog
        near = did_you_mean(option, known, 0.8 if before_verb else 0.6)  # `--json` is not a misspelt `--version`
        if before_verb and not near:
            near = f" before the verb; write it after, as in `{self.prog} run {option} ...`"
        return f"no option {option!r}{near}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Check a choice. Raises UsageError with the nearest ones."""
        choices = [str(choice) for choice in action.choices or ()]
        if choices and value not in (action.choices or ()):
            name = "/".join(action.option_strings) or str(action.metavar or action.dest).lower()
            near = did_you_mean(str(value), choices)
            self.error(f"no {name} {str(value)!r}{near or '; there are: ' + ', '.join(choices)}")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help or the version at once: argparse passes over a full disk."""
        print(message, end="", file=file, flush=True)

    def error(self, message: str) -> NoReturn:
        """Raises UsageError."""
        raise UsageError(self._which_action(message) or message, self.format_usage())

    def _which_action(self, message: str) -> str:
        """The message of a verb without its action; empty where that is not the fault."""
        names = [name for action in self._actions if isinstance(action, _Actions) for name in action.choices]
        if not (names and message.endswith(f": {ACTION}")):
            return ""
        return (
            f"which action? there are {', '.join(names)}; `{self.prog} --help` says what each does; begin with "
            f"`{self.prog} {names[0]} --help`, which has examples"
        )


def _separate_maps(words: Sequence[str]) -> list[str]:
    """The words, with `--map a=b c=d` as `--map a=b --map c=d`, also around files, whose names may look like a pair."""
    separate: list[str] = []
    mapping = False
    for at, word in enumerate(words):
        if word == "--":
            return [*separate, *words[at:]]
        if mapping and separate[-1] != _MAP and PAIR.match(word) and not os.path.lexists(word):
            separate.append(_MAP)
        elif word.startswith("-"):
            mapping = word == _MAP or word.startswith(_MAP + "=")
        separate.append(word)
    return separate
