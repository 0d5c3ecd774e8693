"""`simcost completion`: the script by which a shell completes verbs, actions, options and their choices."""

import argparse
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_SCRIPT = """\
# Completion of simcost; in bash: eval "$(simcost completion bash)"
_simcost() {
  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" path="" word known=""
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
      %(paths)s) path="$path $word" ;;
    esac
  done
  case "$path $before" in
%(choices)s
    *) case "$path" in
%(words)s
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$known" -- "$current"))
}
complete -o default -F _simcost simcost
"""


def add(verbs: Any, command_line: Callable[[], argparse.ArgumentParser]) -> None:
    """The verb `completion`."""
    summary = "print the script by which a shell completes verbs and options"
    parser: argparse.ArgumentParser = verbs.add_parser("completion", help=summary, description=summary.capitalize())
    parser.add_argument("shell", nargs="?", default="bash", choices=["bash"], help="the shell (default: %(default)s)")
    parser.set_defaults(verb=lambda _: print(script(command_line()), end=""))


def script(parser: argparse.ArgumentParser) -> str:
    """The script for bash."""
    found = list(_parsers(parser, ""))
    paths = "|".join(_quoted(path) for path, _ in found if path)
    words = "\n".join(
        f"      {_quoted(path)}) known={_quoted(' '.join([*_next(path, found), *_words(one)]))} ;;"
        for path, one in found
    )
    choices = "\n".join(
        f"    {_quoted(f'{path} {flag}')}) known={_quoted(' '.join(map(str, action.choices)))} ;;"
        for path, one in found
        for action in one._actions  # noqa: SLF001 - argparse has no public list
        if action.choices and action.option_strings
        for flag in action.option_strings
    )
    return _SCRIPT % {"paths": paths, "choices": choices, "words": words}


def _quoted(text: str) -> str:
    return shlex.quote(text) if text else "''"


def _parsers(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """All parsers, and the words that lead to each, with a space before each word."""
    yield path, parser
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, inner in action.choices.items():
                yield from _parsers(inner, f"{path} {name}")


def _next(path: str, found: Sequence[tuple[str, argparse.ArgumentParser]]) -> list[str]:
    """Verbs or actions that may follow a path; a verb of two words begins with its first."""
    return list(dict.fromkeys(one[len(path) :].split()[0] for one, _ in found if one.startswith(f"{path} ")))


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """Options, and choices of arguments."""
    actions = parser._actions  # noqa: SLF001
    plain = [one for one in actions if not one.option_strings and not isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    choices = [str(choice) for action in plain for choice in action.choices or ()]
    return [*choices, *(flag for action in actions for flag in action.option_strings)]
