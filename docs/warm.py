"""`simcost` without its start-up: a process that has loaded the libraries forks one for each command.

`python docs/warm.py serve SOCKET` is that process; it ends when its stdin does. `ask SOCKET WORD ...` is
`simcost WORD ...` run by it, with the folder, environment, streams and exit code of a command of its own.
"""

import gc
import json
import os
import select
import shlex
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

LOADED = (
    "simcost.studies.plans.command",
    "simcost.scenario.runs.run",
    "simcost.studies.scheduling.sharing",
    "simcost.studies.plans.sections",
    "simcost.sim.jobs.simulate",
    "simcost.sim.jobs.simulate_on_nodes",
    "simcost.sim.serving.engine.entries",
    "simcost.forecast.sample_paths",
    "altair",
    "narwhals",
    "numba",
    "scipy.stats",
)


@contextmanager
def warm(folder: Path) -> Iterator[Path]:
    """A folder to be first on PATH: its `simcost` starts at once."""
    address, commands = folder / "socket", folder / "bin"
    commands.mkdir(parents=True)
    words = map(shlex.quote, (sys.executable, "-IS", __file__, "ask", str(address)))
    (commands / "simcost").write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n', encoding="utf-8")
    (commands / "simcost").chmod(0o755)
    with subprocess.Popen(  # noqa: S603 - this file
        [sys.executable, __file__, "serve", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.read(1)
        yield commands


def serve(address: str) -> None:
    """Answer until stdin ends; all children are waited for."""
    for name in LOADED:
        import_module(name)
    # No page shows a picture: those of reports take longer than their numbers, and the others start an engine.
    import_module("simcost.present.parts").figure = lambda *_: ""
    import_module("vl_convert").vegalite_to_svg = lambda _: "<svg></svg>"
    import_module("simcost.scenario.runs.check").check(Path(__file__).parents[1] / "scenarios" / "quickstart.yaml")
    gc.freeze()  # what is loaded stays shared with the commands
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        os.write(1, b".")
        while door in select.select([door, 0], [], [])[0]:
            caller, _ = door.accept()
            if os.fork() == 0:
                door.close()
                os._exit(_answer(caller))
            caller.close()
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _answer(caller: socket.socket) -> int:
    """Be the command that the caller asks for."""
    asked, streams, *_ = socket.recv_fds(caller, 1 << 20, 3)
    for stream, descriptor in enumerate(streams):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    folder, environment, words = json.loads(asked)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = _code(words)
    caller.send(bytes([code]))
    return code


def _code(words: list[str]) -> int:
    """Run a command; its exit code."""
    from simcost.cli.main import main

    try:
        code = main(words)
        sys.stdout.flush()
    except SystemExit as end:
        return int(end.code or 0)
    except Exception:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        return 1
    return code


def ask(address: str, words: list[str]) -> int:
    """Have a command run; its exit code."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        asked = json.dumps([str(Path.cwd()), dict(os.environ), words]).encode()
        socket.send_fds(server, [asked], [0, 1, 2])
        code = server.recv(1)
    return code[0] if code else 1


if __name__ == "__main__":
    task, place, *rest = sys.argv[1:]
    sys.exit(ask(place, rest) if task == "ask" else serve(place))
