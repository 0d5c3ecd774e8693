"""`simcost app`: the explorer in a browser."""

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import simcost
from simcost.errors import InputError
from simcost.outputs import whole_file
from simcost.progress import tell
from simcost.studies.argument_types import positive
from simcost.studies.options import Arguments

LOCAL = "127.0.0.1"
"""The explorer has no log-in: it answers this machine alone."""
_PACKAGE = Path(simcost.__file__).parent
_INSTALLED = _PACKAGE / "explorer"
"""The explorer of a wheel; in a checkout it is in the folder of the package."""
_SAMPLE = Path("scenarios", "quickstart.yaml")


def add(verbs: Any) -> None:
    """The verb `app`."""
    summary = "open the explorer in a browser, for this machine alone"
    app = verbs.add_parser("app", help=summary, description=summary[0].upper() + summary[1:])
    app.set_defaults(verb=_app, writes=(), fills=())
    port(app)
    app.add_argument(
        "--address",
        default=LOCAL,
        metavar="IP",
        help=f"address to answer at (default {LOCAL}); no log-in: anyone who can reach it can run simulations",
    )
    app.add_argument("--no-browser", action="store_true", help="do not open a browser")


def port(parser: Any) -> None:
    """Add the port of the explorer."""
    parser.add_argument("--port", type=positive, default=8501, metavar="N", help="of the explorer (default 8501)")


def _app(arguments: Arguments) -> None:
    home = {"SIMCOST_HOME": _home()} if _INSTALLED.is_dir() else {}
    serve(arguments.port, address=arguments.address, browser=not arguments.no_browser, home=home)


def serve(port: int, *, address: str = LOCAL, browser: bool, home: Mapping[str, str]) -> NoReturn:
    """Run the explorer until it is stopped.

    Raises:
        InputError: it is not installed, or the port is none.
        SystemExit: it has ended.
    """
    installed = _INSTALLED.is_dir()
    file = (_INSTALLED if installed else _PACKAGE.parent) / "app.py"
    if not file.is_file():
        raise InputError(f"{file}: the explorer is not here; install simcost again")
    if find_spec("streamlit") is None:
        raise InputError("the explorer needs streamlit; install it with `pip install streamlit`")
    if port > 65535:
        raise InputError(f"--port {port} is not a port; write one up to 65535")
    options = [f"--server.address={address}", f"--server.port={port}", f"--server.headless={str(not browser).lower()}"]
    command = [sys.executable, "-m", "simcost.cli.explorer", str(file), *options]
    raise SystemExit(subprocess.run(command, check=False, env={**os.environ, **home}).returncode)  # noqa: S603 - our own file


def _home() -> str:
    """The folder of an installed explorer: this one, or that of SIMCOST_HOME. Without scenarios it gets the sample."""
    home = Path(os.environ.get("SIMCOST_HOME", ".")).resolve()
    sample = home / _SAMPLE
    if not sample.parent.exists():
        with whole_file(sample) as draft:
            draft.write_bytes((_INSTALLED / _SAMPLE).read_bytes())
        tell(f"{sample}: a sample to begin with")
    return str(home)
