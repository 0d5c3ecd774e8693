"""The command line: verbs, exit codes, and nothing else. Results go to stdout, progress and errors to stderr.

Exit 0: done. 1: the run failed or a gate was broken. 2: bad usage or input. 130: interrupted.
"""

import gc
import os
import sys
from collections.abc import Sequence

from simcost import __version__
from simcost.cli import (
    api,
    autoscale,
    bill,
    catalog,
    commit,
    focus,
    forecast,
    prices,
    run,
    trace,
    train,
    waste,
)
from simcost.cli.words import Arguments, Parser, UsageError, check_written
from simcost.errors import FaultsError, InputError, SimcostError

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # our matrices are small: threads only wait for each other
os.environ.setdefault(
    "PYDANTIC_DISABLE_PLUGINS", "1"
)  # we have none: looking for some reads every installed package

_ALLOCATIONS = 200_000
"""Between two looks for cyclic garbage: loading and compiling make few cycles, and looking took a sixth of the time."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    gc.set_threshold(_ALLOCATIONS)
    try:
        arguments = parsed(sys.argv[1:] if argv is None else argv)
        check_written(arguments)
        arguments.verb(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except UsageError as error:
        print(f"{error.usage}simcost: {error}", file=sys.stderr)
        return error.exit_code
    except FaultsError as error:
        print(error, file=sys.stderr)  # each line begins file:line:column, which editors follow
        return error.exit_code
    except SimcostError as error:
        print(f"simcost: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"simcost: {place}{error.strerror or error}", file=sys.stderr)
        return InputError.exit_code
    except MemoryError as error:
        print(f"simcost: not enough memory: {error}; lower --jobs, the horizon or the rate", file=sys.stderr)
        return SimcostError.exit_code
    return 0


def parsed(words: Sequence[str]) -> Arguments:
    """The arguments of a command. Raises UsageError for words that are none."""
    return command_line().parse_args(_words(words))


def command_line() -> Parser:
    """The parser of all verbs."""
    parser = Parser(
        prog="simcost",
        description="Replay AI workloads against hardware, autoscaling and pricing plans; compare cost and SLA.",
    )
    parser.add_argument("--version", action="version", version=f"simcost {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    for topic in (run, trace, forecast, train, autoscale, waste, bill, commit, api, focus, catalog, prices):
        topic.add(verbs)
    return parser


def _words(words: Sequence[str]) -> list[str]:
    """The words themselves, which must be UTF-8: results name their files in it. A verb of two words is one."""
    for word in words:
        if "\0" in word or word.encode(errors="replace").decode() != word:
            command_line().error(f"{word!r} is no UTF-8 text; rename the file")
    two = " ".join(words[:2])
    return [two, *words[2:]] if two == forecast.SCORE else list(words)
