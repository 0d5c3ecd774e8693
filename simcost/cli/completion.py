"""`simcost completion`: the script by which a shell completes verbs, actions, options and their choices."""

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BASH = """\
# Completion of simcost; in bash: eval "$(simcost completion bash)"
_simcost() {
  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[$((COMP_CWORD - 1))]}" path="" word known="" flags=""
  for word in "${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do
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
  case "$current" in
    -*) known="$known $flags" ;;
  esac
  COMPREPLY=($(compgen -W "$known" -- "$current"))
}
complete -o default -F _simcost simcost
"""
_ZSH = """\
# Completion of simcost; in zsh: eval "$(simcost completion zsh)"
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
"""
_FISH = """\
# Completion of simcost; in fish: simcost completion fish | source
function __simcost_words
  set -l path ""
  set -l before ""
  for word in (commandline -opc)[2..]
    switch "$path $word"
      case %(paths)s
        set path "$path $word"
    end
    set before $word
  end
  switch "$path $before"
%(choices)s
    case '*'
      switch "$path"
%(words)s
      end
  end
end
complete -c simcost -a "(__simcost_words)"
# as in bash, files only where no verb, action or choice begins so
complete -c simcost -f -n "__simcost_words | string match -v -- '-*' | string match -q -- (commandline -ct)'*'"
"""
SHELLS = ("bash", "zsh", "fish")


def add(verbs: Any) -> None:
    """The verb `completion`."""
    summary = "print the script by which a shell completes verbs and options"
    parser: argparse.ArgumentParser = verbs.add_parser("completion", help=summary, description=summary.capitalize())
    parser.add_argument("shell", nargs="?", default="bash", choices=SHELLS, help="the shell (default: %(default)s)")
    parser.set_defaults(verb=_completion)


def _completion(arguments: argparse.Namespace) -> None:
    from simcost.cli.main import command_line

    print(script(command_line(), arguments.shell), end="")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell. That of zsh is the one of bash, which `bashcompinit` of zsh runs."""
    parsers = list(_parsers(parser, ""))
    paths = [_quoted(path) for path, _ in parsers if path]
    words = {path: [*_next(path, parsers), *_choices(own)] for path, own in parsers}
    flags = {path: [flag for action in own._actions for flag in action.option_strings] for path, own in parsers}  # noqa: SLF001 - argparse has no public list
    choices = {
        f"{path} {flag}": list(map(str, action.choices or ()))  # none: the value is a file, or a word of the user
        for path, own in parsers
        for action in own._actions  # noqa: SLF001
        if action.nargs != 0
        for flag in action.option_strings
    }
    if shell == "fish":
        both = {path: [*words[path], *flags[path]] for path in words}
        return _FISH % {"paths": " ".join(paths), "choices": _fish(choices, "    "), "words": _fish(both, "        ")}
    head = _ZSH if shell == "zsh" else ""
    values = _bash({case: {"known": said} for case, said in choices.items()}, "    ")
    following = _bash({path: {"known": words[path], "flags": flags[path]} for path in words}, "      ")
    return head + _BASH % {"paths": "|".join(paths), "choices": values, "words": following}


def _bash(cases: Mapping[str, Mapping[str, Sequence[str]]], indent: str) -> str:
    """Assignments of variables, case by case."""
    said = {
        case: [f"{name}={_quoted(' '.join(words))}" for name, words in each.items()] for case, each in cases.items()
    }
    return "\n".join(f"{indent}{_quoted(case)}) {' '.join(each)} ;;" for case, each in said.items())


def _fish(cases: Mapping[str, Sequence[str]], indent: str) -> str:
    return "\n".join(
        f"{indent}case {_quoted(case)}\n{indent}  string join \\n -- {' '.join(map(_quoted, words))}"
        for case, words in cases.items()
    )


def _quoted(text: str) -> str:
    return shlex.quote(text) if text else "''"


def _parsers(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """All parsers, and the words that lead to each, with a space before each word."""
    yield path, parser
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, inner in action.choices.items():
                yield from _parsers(inner, f"{path} {name}")


def _next(path: str, parsers: Sequence[tuple[str, argparse.ArgumentParser]]) -> list[str]:
    """Verbs or actions that may follow a path; a verb of two words begins with its first."""
    return list(dict.fromkeys(own[len(path) :].split()[0] for own, _ in parsers if own.startswith(f"{path} ")))


def _choices(parser: argparse.ArgumentParser) -> list[str]:
    """Choices of arguments without a name."""
    actions = parser._actions  # noqa: SLF001
    plain = [one for one in actions if not one.option_strings and not isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    return [str(choice) for action in plain for choice in action.choices or ()]
