"""Loading ahead: libraries and machine code that the first page and the first run need, in a thread of the server."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from logging import getLogger
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from simcost.execution.cycles import set_aside

PAGES = ("compare", "log", "improve", "forecast", "ask", "training", "autoscaling", "money", "catalog", "history")
LIBRARIES = ("simcost.scenario.runs.run", "simcost.sim.serving.engine.entries", "altair", "pandas.io.formats.style")
MINUTE = """\
scenario: minute
model: llama-3.1-8b
horizon: 1min
seeds: 1
workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 10}}
slo: {ttft: 1s}
plans:
  - name: one
    replica: {accelerator: l40s}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: fixed, replicas: 1}
"""
_LOG = getLogger(__name__)
_STARTED: list[Thread] = []


def begin() -> None:
    """Load all of it, pages included, before the first page is asked for."""
    _start(_load_all)


def ensure() -> None:
    """Load the libraries, unless that has begun with the server."""
    if not _STARTED:
        _start(_load_libraries)


@cache
def leave_alone(what: str) -> None:
    """Exempt all objects of now from the search for garbage, which Streamlit asks for at the end of each page run."""
    del what  # each kind once: what is exempt stays in memory
    set_aside()


def _start(load: Callable[[], None]) -> None:
    def run() -> None:
        try:
            load()
        except Exception:  # noqa: BLE001 - the page loads what it needs itself, and tells what is wrong with it
            _LOG.debug("nothing was loaded ahead", exc_info=True)

    _STARTED.append(Thread(target=run, daemon=True))
    _STARTED[0].start()


def _load_libraries() -> None:
    for name in LIBRARIES:
        import_module(name)
    leave_alone("what is loaded")


def _load_all() -> None:
    for name in PAGES:
        import_module(f"views.{name}")
    _run_a_minute()
    _load_libraries()


def _run_a_minute() -> None:
    """Simulate a minute of the smallest question, which loads the machine code and the facts that all runs need."""
    from simcost.scenario.checks.load import load_text
    from simcost.scenario.runs.run import run

    with TemporaryDirectory() as folder:
        run(load_text(MINUTE, Path(folder, "minute.yaml")), Path(folder, "result"))
