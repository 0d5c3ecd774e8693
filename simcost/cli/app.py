"""`simcost app`: the explorer in a browser."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import simcost
from simcost.errors import InputError
from simcost.studies.options import Arguments, positive

LOCAL = "127.0.0.1"
"""The explorer has no log-in: it answers this machine alone."""


def add(verbs: Any) -> None:
    """The verb `app`."""
    summary = "open the explorer in a browser, for this machine alone"
    app = verbs.add_parser("app", help=summary, description=summary[0].upper() + summary[1:])
    app.set_defaults(verb=_app, writes=(), fills=())
    app.add_argument("--port", type=positive, default=8501, metavar="N", help="port (default 8501)")
    app.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _app(arguments: Arguments) -> None:
    file = Path(simcost.__file__).parents[1] / "app.py"
    if not file.is_file():
        raise InputError(f"{file}: the explorer is not here; it is in the repository of simcost, beside the package")
    if find_spec("streamlit") is None:
        raise InputError("the explorer needs streamlit; install it with `pip install streamlit`")
    if arguments.port > 65535:
        raise InputError(f"--port {arguments.port} is not a port; write one up to 65535")
    options = [f"--server.address={LOCAL}", f"--server.port={arguments.port}"]
    options.append(f"--server.headless={str(arguments.no_browser).lower()}")
    command = [sys.executable, "-m", "streamlit", "run", str(file), *options]
    raise SystemExit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own file
