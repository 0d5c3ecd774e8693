"""A worker process: performs the orders that come on stdin, and ends with the process that has started it."""

from __future__ import annotations

import gc
import os
import pickle
import signal
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import BinaryIO, NoReturn

from simcost.execution.task import open_ahead, perform
from simcost.execution.task_file import TaskReference

GRACE_S = 5.0
"""Time for a run to remove its draft after its command has gone."""
_PAUSE_S = 0.2
"""Between two reports of the share done."""


class _Endings(SystemExit):
    """The worker was asked to end."""


def main() -> None:
    """Perform orders until there are no more."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the reports
    gc.set_threshold(200_000)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    orders = SimpleQueue[bytes | TaskReference]()
    Thread(target=_listen, args=(os.fdopen(os.dup(0), "rb"), orders), daemon=True).start()
    code = 0
    try:
        while order := orders.get():
            if isinstance(order, TaskReference):
                open_ahead(order)
            else:
                _send(reports, perform(order, _Reporter(reports)))
    except (_Endings, BrokenPipeError):
        code = 1
    os._exit(code)  # nothing is left to tidy up, and the listener may still be reading


class _Reporter:
    """Reports the share of a run now and then."""

    def __init__(self, reports: BinaryIO) -> None:
        self._reports, self._last_s = reports, monotonic()

    def __call__(self, share: float) -> None:
        if monotonic() - self._last_s > _PAUSE_S:
            self._last_s = monotonic()
            _send(self._reports, share)


def _send(reports: BinaryIO, report: object) -> None:
    reports.write(pickle.dumps(report, protocol=5))
    reports.flush()


def _listen(stream: BinaryIO, orders: SimpleQueue[bytes | TaskReference]) -> None:
    """Queue orders, and tasks to open ahead, as they come; at the end of the stream end the worker, at work or not."""
    try:
        while True:
            orders.put(pickle.load(stream))  # noqa: S301 - of the command
    except (EOFError, OSError, pickle.UnpicklingError):
        orders.put(b"")
        os.kill(os.getpid(), signal.SIGTERM)
        sleep(GRACE_S)
        os._exit(1)


def _end(_number: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Endings


if __name__ == "__main__":
    main()
