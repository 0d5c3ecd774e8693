"""The command line: verbs, exit codes, and nothing else. Results go to stdout, progress and errors to stderr.

Exit 0: done. 1: the run failed or a gate was broken. 2: bad usage or input. 130: interrupted. 143: terminated.
"""

import codecs
import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from threading import current_thread, main_thread
from typing import NoReturn

from simcost import __version__
from simcost.cli.examples import add_examples
from simcost.cli.remote_files import local_copies
from simcost.errors import FaultsError, InputError, SimcostError
from simcost.outputs import NO_ROOM
from simcost.progress import tell
from simcost.studies.options import Arguments, check_written
from simcost.studies.parser import Parser, UsageError

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # our matrices are small: threads only wait for each other
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # we have none: looking for some reads every installed package

_ALLOCATIONS = 200_000
"""Between two looks for cyclic garbage: loading and compiling make few cycles, and looking took a sixth of the time."""

_STDOUT = "standard output: cannot be written, make room: "
"""Errors of a full disk that name no file are of stdout: `simcost.outputs.writing` names all other files."""

_BY_ASCII = "simcost.ascii"
_IN_ASCII = {
    "\N{MICRO SIGN}": "u",
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{EN DASH}": "-",
    "\N{DAGGER}": "+",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    **{chr(0x2580 + height): str(height) for height in range(1, 9)},
}
"""Characters that we print and some terminals lack; a block of a sketch is its height, from 1 to 8."""

VERBS = {
    "init": "studies.new_scenario.command",
    "run": "studies.plans.command",
    "check": "studies.plans.command",
    "schema": "studies.plans.command",
    "sweep": "studies.sweeps.command",
    "optimize": "studies.optimizing.command",
    "advise": "cli.advise",
    "sensitivity": "studies.sensitivity.command",
    "trace": "studies.traces.command",
    "forecast": "studies.forecasting.command",
    "forecast score": "studies.forecasting.command",
    "forecast value": "studies.forecasting.command",
    "train": "cli.train",
    "autoscale": "studies.autoscaling.command",
    "calibrate": "studies.calibration.command",
    "waste": "studies.waste.command",
    "bill": "studies.bills.command",
    "commit": "studies.commitments.command",
    "api": "studies.breakeven.command",
    "focus": "studies.actuals.command",
    "diff": "studies.differences.command",
    "report": "cli.report",
    "results": "studies.results.command",
    "catalog": "studies.catalog.command",
    "perf": "studies.catalog.command",
    "prices": "studies.catalog.prices_command",
    "verify": "studies.verification.command",
    "clean": "studies.cleaning.command",
    "doctor": "studies.environment.command",
    "app": "cli.app",
    "open": "cli.open_result",
    "completion": "cli.completion",
}
"""Verbs in the order of the help, each with the module that adds it: a call imports that of its own verb alone."""


_BEGIN = (
    "begin with `simcost init`, which writes a scenario of your own, `simcost run FILE`, or `simcost app`, the explorer"
)


class TerminatedError(KeyboardInterrupt):
    """A signal that ends the process: what an interrupt leaves undone, it leaves undone, and no draft stays."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    gc.set_threshold(_ALLOCATIONS)
    _open_streams()
    with _ended_in_order():
        return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    """Run one verb; errors go to stderr."""
    try:
        arguments = parsed(sys.argv[1:] if argv is None else argv)
        with local_copies(arguments):
            check_written(arguments)
            arguments.verb(arguments)
        sys.stdout.flush()
    except TerminatedError as error:
        tell("terminated; what was finished is kept")
        return 128 + int(error.args[0])
    except KeyboardInterrupt:
        tell("interrupted; what was finished is kept")
        return 130
    except UsageError as error:
        tell(f"{error.usage}simcost: {error}")
        return error.exit_code
    except FaultsError as error:
        tell(str(error))  # each line begins file:line:column, which editors follow
        return error.exit_code
    except SimcostError as error:
        tell(f"simcost: {error}")
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else _STDOUT if error.errno in NO_ROOM else ""
        tell(f"simcost: {place}{error.strerror or error}")
        return InputError.exit_code
    except MemoryError as error:
        tell(f"simcost: not enough memory: {error}; lower --jobs, the horizon or the rate")
        return SimcostError.exit_code
    return 0


def _open_streams() -> None:
    """Let what a caller has closed (`>&-`) take text as the null device does, and stdout characters that it lacks."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
    if isinstance(sys.stdout, TextIOWrapper):
        codecs.register_error(_BY_ASCII, _in_ascii)  # JSON is ASCII there, see `print_json`
        sys.stdout.reconfigure(errors=_BY_ASCII)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII for characters that the encoding of stdout lacks, as `codecs.register_error` takes it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(char, "?") for char in lacking), error.end


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP of a terminal that is closed, end the process as Ctrl-C does; outside, as ever."""

    def end(number: int, _: object) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # a second one would stop the tidying up
        raise TerminatedError(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    taken = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    if current_thread() is not main_thread():
        taken = []  # signals come to the main thread alone
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def parsed(words: Sequence[str]) -> Arguments:
    """The arguments of a command. Raises UsageError for words that are none."""
    words = _words(words)
    if not words:
        command_line("init").error(f"which verb? `simcost help` shows them; {_BEGIN}")
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    return command_line(words[0] if words else "").parse_args(words)


def command_line(verb: str = "") -> Parser:
    """The parser of a verb; of all verbs if `verb` is unknown."""
    parser = Parser(
        prog="simcost",
        description="Replay AI workloads against hardware, autoscaling and pricing plans; compare cost and SLA.",
        epilog=_BEGIN[0].upper() + _BEGIN[1:],
    )
    parser.add_argument("--version", action="version", version=f"simcost {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    for module in [VERBS[verb]] if verb in VERBS else dict.fromkeys(VERBS.values()):
        import_module(f"simcost.{module}").add(verbs)
    add_examples(parser)
    return parser


def _words(words: Sequence[str]) -> list[str]:
    """The words themselves, which must be UTF-8: results name their files in it. A verb of two words is one."""
    for word in words:
        if "\0" in word or word.encode(errors="replace").decode() != word:
            command_line().error(f"{word!r} is not UTF-8 text; rename the file")
    two = " ".join(words[:2])
    return [two, *words[2:]] if two in VERBS else list(words)
