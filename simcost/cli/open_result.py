"""`simcost open`: a result in a browser, as its report or in the explorer."""

import webbrowser
from pathlib import Path
from socket import create_connection
from threading import Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

from simcost.cli.app import LOCAL, port, serve
from simcost.errors import InputError
from simcost.progress import tell
from simcost.studies.options import Arguments

_PATIENCE_S = 60.0
"""Time for the explorer to start."""


def add(verbs: Any) -> None:
    """The verb `open`."""
    summary = "open a result in a browser: its report, or the explorer"
    parser = verbs.add_parser("open", help=summary, description=summary[0].upper() + summary[1:])
    parser.set_defaults(verb=_open, writes=(), fills=())
    parser.add_argument("run", type=Path, metavar="RUN", help="results folder of simcost run")
    parser.add_argument("--explorer", action="store_true", help="start the explorer at RUN, a folder of its `results`")
    port(parser)


def _open(arguments: Arguments) -> None:
    from simcost.studies.plans.sections import write_html

    page = write_html(arguments.run)
    if arguments.explorer:
        _explore(arguments.run.resolve(), arguments.port)
    print(page)
    _show(page.resolve().as_uri())


def _show(address: str) -> None:
    if not webbrowser.open(address):
        tell(f"no browser can be opened here; open {address}")


def _explore(run: Path, number: int) -> None:
    """Start the explorer of the folder around a result, and open the result in it."""
    home = run.parents[1]
    if run.parent.name != "results" or not (home / "scenarios").is_dir():
        raise InputError(
            f"{run}: the explorer shows the folders of `results` beside `scenarios`; "
            "leave out --explorer, which opens the report"
        )
    Thread(target=_show_once_up, args=(number, run.name), daemon=True).start()
    serve(number, browser=False, home={"SIMCOST_HOME": str(home)})


def _show_once_up(number: int, name: str) -> None:
    """Open the address of a result as soon as the explorer answers."""
    end = monotonic() + _PATIENCE_S
    while monotonic() < end:
        try:
            create_connection((LOCAL, number), timeout=1).close()
        except OSError:
            sleep(0.2)
        else:
            _show(f"http://{LOCAL}:{number}/?result={quote(name)}")
            return
