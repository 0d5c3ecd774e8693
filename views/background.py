"""Work that goes on while the page is redrawn: each in a thread of its own, watched and cancelled from the page."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from logging import getLogger
from time import monotonic
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from simcost.errors import SimcostError
from simcost.execution.task_file import OtherVersionsError
from simcost.present.format import share
from simcost.progress import TimeLeft
from views.text import plain

_LOG = getLogger(__name__)
QUICK_S = 1.0
"""Work that takes no longer is shown at once, without progress."""
OTHER_VERSIONS = (
    "simcost has changed since the explorer was started: its simulations would be of another version than this page. "
    "Stop the explorer where it runs and start it again with `simcost app`."
)
OFTEN_S, SELDOM_S, YOUNG_S = 0.15, 1.0, 3.0
"""Between two looks at work that has begun up to `YOUNG_S` ago, and at older: Streamlit searches all memory for garbage
after each look, which takes the time of the simulation."""
Progress = Callable[[float, str], None]


class CancelledError(Exception):
    """The user cancelled the work."""


@dataclass
class Work:
    """A task in a thread: how far it is, and what came of it."""

    title: str = "other work"
    """Named to those that wait for it."""
    key: str = ""
    """By which a page that is reloaded finds it again; without one, nobody sees it once its pages are closed."""
    share: float = 0.0
    doing: str = "Starting"
    result: Any = None
    error: str = ""
    """The message of a task that was refused or failed."""
    done: threading.Event = field(default_factory=threading.Event)
    parts: int = 0
    """Number of times that there was something new to show: a part of the result, or the end."""
    news: threading.Event = field(default_factory=threading.Event)
    """Set once there is."""
    sessions: set[str] = field(default_factory=set)
    """Those that asked for it."""
    cancelled_by: set[str] = field(default_factory=set)
    """Sessions that cancelled it while another one went on waiting for it."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    begun_s: float = field(default_factory=monotonic)
    left: str = ""
    """Time that it still takes, where it is known."""
    _left: TimeLeft = field(default_factory=TimeLeft)

    def is_young(self) -> bool:
        """True if it may end at any moment."""
        return monotonic() - self.begun_s < YOUNG_S

    def __call__(self, share: float, doing: str) -> None:
        """Note the progress; raises CancelledError once the user has cancelled."""
        self.share, self.doing = min(max(share, 0.0), 1.0), doing
        self.left = self._left.told(self.share, monotonic())
        if self.cancelled.is_set():
            raise CancelledError

    def announce(self) -> None:
        """Let the pages of all its sessions show what is new."""
        self.parts += 1
        self.news.set()

    def run(self, task: "Task", lock: threading.Lock) -> None:
        """Do the task when its turn comes."""
        try:
            while not lock.acquire(timeout=0.2):
                holder = _HOLDERS.get(lock)
                self(0.0, _waits_for(holder))
                if holder is not None and _is_out_of_sight(holder):
                    holder.cancelled.set()
            _HOLDERS[lock] = self
            try:
                self.result = task(self)
            finally:
                _HOLDERS.pop(lock, None)
                lock.release()
        except CancelledError:
            pass
        except OtherVersionsError:
            self.error = OTHER_VERSIONS
        except (SimcostError, OSError) as error:
            self.error = str(error)
        except Exception as error:  # noqa: BLE001  # told on the page
            _LOG.exception("a task of the explorer failed")
            self.error = (
                f"It ended unexpectedly ({type(error).__name__}: {error}). Simulations that had ended are kept; "
                "the log of the server has the details."
            )
        finally:
            self.done.set()
            self.announce()


Task = Callable[[Work], Any]
"""Does it, and tells the work its progress by calling it."""
_HOLDERS: dict[threading.Lock, Work] = {}
"""The work that goes on, by the lock that it holds."""


def _waits_for(holder: Work | None) -> str:
    """Progress of work that waits for that of another page or session."""
    if holder is None:
        return "Waits for other work to end"
    return f"Waits for {holder.title} to end ({share(holder.share)} done)"


def _is_out_of_sight(work: Work) -> bool:
    """True if the pages that asked for it are closed, and none that is opened will show it."""
    return not work.key and not any(_is_open(one) for one in list(work.sessions))


def start(name: str, task: Task, lock: threading.Lock, title: str, key: str = "") -> None:
    """Begin a task, as `begin`, and redraw the page."""
    begin(name, task, lock, title, key)
    st.rerun()


def begin(name: str, task: Task, lock: threading.Lock, title: str, key: str = "") -> None:
    """Begin a task, and wait for it if it is quick; sessions share the machine: those of one lock wait for each other.

    Args:
        name: of the work in this session.
        task: the work.
        lock: held while it goes on.
        title: what it is, for those that wait for it.
        key: what the work is of; a session that asks for the same, or that was reloaded, gets the same work.
    """
    if (same := _running().get(key)) is not None:
        same.cancelled_by.discard(_session())
    if not attach(name, key):
        work = Work(title=title, key=key)
        _join(name, work)
        if key:
            _running()[key] = work
        threading.Thread(target=work.run, args=(task, lock), daemon=True).start()
    works()[name].news.wait(QUICK_S)


def attach(name: str, key: str) -> bool:
    """Take part in work that goes on for the key; False where there is none, or this session has cancelled it."""
    for one in [one for one, work in _running().items() if work.done.is_set() or work.cancelled.is_set()]:
        _running().pop(one, None)
    work = _running().get(key)
    if work is None or _session() in work.cancelled_by:
        return False
    _join(name, work)
    return True


def goes_on(key: str) -> bool:
    """True while work for the key goes on, in any session."""
    work = _running().get(key)
    return work is not None and not work.done.is_set()


def leave(name: str) -> None:
    """Give up the work of this session; it is cancelled, unless another session that is open asked for it too."""
    work = works().get(name)
    if work is None:
        return
    work.sessions.discard(_session())
    if not any(_is_open(one) for one in work.sessions):
        work.cancelled.set()


def cancel(name: str) -> None:
    """End the work of this session at its user's wish; it goes on for another session that asked for it too."""
    work = works()[name]
    leave(name)
    if not work.cancelled.is_set():
        work.cancelled_by.add(_session())
        works()[name] = ended = Work(title=work.title)
        ended.cancelled.set()
        ended.done.set()


def _join(name: str, work: Work) -> None:
    works()[name] = work
    _shown()[name] = work.parts
    work.sessions.add(_session())


def _session() -> str:
    """The session of this page."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def _is_open(session: str) -> bool:
    """True while a browser shows it; without a server, no page is closed."""
    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@st.cache_resource
def _running() -> dict[str, Work]:
    """Work in progress of all sessions, by its key."""
    return {}


def works() -> dict[str, Work]:
    """Work of this session in progress, by name."""
    found: dict[str, Work] = st.session_state.setdefault("works", {})
    return found


def _shown() -> dict[str, int]:
    """Parts of each work that the page of this session has shown, by name; other sessions have their own."""
    found: dict[str, int] = st.session_state.setdefault("shown parts", {})
    return found


def taken(name: str) -> Work | None:
    """The work that has ended since the last look, once; None = none has."""
    work = works().get(name)
    if work is None or not work.done.is_set():
        return None
    del works()[name]
    return work


def watch(name: str) -> None:
    """Progress of a work and a button to cancel it; the page is redrawn when it ends.

    Not while the page is being drawn: Streamlit would drop what the browser has not got yet, so that widgets fall back
    to their first values, which then count as chosen. The next look, a moment later, does.
    """
    st.session_state[f"drawn {name}"] = True
    work = works().get(name)
    often = work is not None and work.is_young()
    st.fragment(_watch, run_every=OFTEN_S if often else SELDOM_S)(name, often=often)


def _watch(name: str, *, often: bool) -> None:
    """A look at the work.

    Args:
        name: of the work.
        often: whether it is looked at often; once it is old, the page is redrawn to look seldom.
    """
    work, drawn = works().get(name), st.session_state.pop(f"drawn {name}", False)
    if work is None:
        return
    if (work.done.is_set() or work.parts != _shown().get(name)) and not drawn:
        _shown()[name] = work.parts
        st.rerun()
    if often and not drawn and not work.is_young():
        st.rerun()
    st.progress(work.share, plain("Stops" if work.cancelled.is_set() else f"{work.doing}{work.left}"))
    if st.button("Cancel", key=f"cancel {name}", disabled=work.cancelled.is_set()):
        cancel(name)
