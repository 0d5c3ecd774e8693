"""Work that several sessions take part in: each shows what is new, and none ends what another one waits for."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.browsing import wait_for

from simcost.execution.task_file import OtherVersionsError
from views import background

NAME, KEY = "run", "results/tiny"


class Sessions:
    """Sessions of one server, of which one draws its page at a time; those in `opened` are shown by a browser."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch, self.opened = patch, {"one", "other"}
        self.states: dict[str, dict[str, Any]] = {"one": {}, "other": {}}
        self.drawn: list[str] = []
        self.often = False
        patch.setattr(background, "_is_open", lambda session: session in self.opened)
        patch.setattr("streamlit.progress", lambda *_: None)
        patch.setattr("streamlit.button", lambda *_, **__: False)

    def turn(self, session: str) -> None:
        """Let a session draw its page."""
        self.patch.setattr("streamlit.session_state", self.states[session])
        self.patch.setattr(background, "_session", lambda: session)
        self.patch.setattr("streamlit.rerun", lambda: self.drawn.append(session))

    def look(self, session: str) -> None:
        """Let a session look at the progress."""
        self.turn(session)
        background._watch(NAME, often=self.often)


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> Sessions:
    monkeypatch.setattr(background, "QUICK_S", 0.0)
    return Sessions(monkeypatch)


@pytest.fixture
def work(sessions: Sessions) -> Iterator[background.Work]:
    """Work that goes on, and that both sessions asked for."""
    free = threading.Event()
    sessions.turn("one")
    background.begin(NAME, lambda _: free.wait(60), threading.Lock(), "the run of tiny", KEY)
    sessions.turn("other")
    assert background.attach(NAME, KEY)
    yield background.works()[NAME]
    free.set()


def test_each_session_shows_a_part_of_the_result_once(sessions: Sessions, work: background.Work) -> None:
    """The first that saw it kept it to itself: the other one waited for the end."""
    work.announce()
    for session in ("one", "other", "one", "other"):
        sessions.look(session)
    assert sessions.drawn == ["one", "other"]


def test_work_goes_on_while_another_session_waits_for_it(sessions: Sessions, work: background.Work) -> None:
    background.leave(NAME)
    assert not work.cancelled.is_set()
    sessions.turn("one")
    background.leave(NAME)
    assert work.cancelled.is_set()


def test_a_session_that_cancels_ends_no_run_of_another_one(sessions: Sessions, work: background.Work) -> None:
    """Two looked at one scenario and moved the same lever: who cancelled took the run from the other, unasked."""
    sessions.patch.setattr("streamlit.button", lambda *_, **__: True)
    sessions.look("other")
    assert not work.cancelled.is_set()
    ended = background.taken(NAME)
    assert ended is not None
    assert ended.cancelled.is_set()
    assert not background.attach(NAME, KEY), "a page that is drawn again does not take part again"
    sessions.turn("one")
    assert background.works()[NAME] is work
    sessions.turn("other")
    background.begin(NAME, lambda _: None, threading.Lock(), "the run of tiny", KEY)
    assert background.works()[NAME] is work, "its button does"
    sessions.turn("one")
    sessions.opened = {"one"}
    background.cancel(NAME)
    assert work.cancelled.is_set()


def test_work_of_closed_pages_alone_is_cancelled(sessions: Sessions, work: background.Work) -> None:
    """A page that was reloaded is another session: the one before must not hold the machine."""
    sessions.opened = {"other"}
    background.leave(NAME)
    assert work.cancelled.is_set()


def test_an_explorer_that_is_older_than_its_workers_says_to_start_it_again() -> None:
    """simcost was installed anew while the explorer was open, whose workers are all of this machine."""

    def refused(_: background.Work) -> None:
        raise OtherVersionsError("worker on host: engine 1 here, 2 there; install the same on all workers")

    work = background.Work()
    work.run(refused, threading.Lock())
    assert "start it again with `simcost app`" in work.error
    assert "all workers" not in work.error


def test_work_that_waits_says_for_which(sessions: Sessions) -> None:
    """Of two pages or two sessions, the second had to guess."""
    lock, begun, free = threading.Lock(), threading.Event(), threading.Event()

    def busy(work: background.Work) -> None:
        work(0.25, "1 of 4 runs")
        begun.set()
        free.wait(60)

    sessions.turn("one")
    background.begin("first", busy, lock, "the run of tiny")
    assert begun.wait(60)
    sessions.turn("other")
    background.begin("second", lambda _: "answer", lock, "Optimise of tiny")
    second = background.works()["second"]
    wait_for(lambda: second.doing != "Starting", 60)
    assert second.doing == "Waits for the run of tiny to end (25.0 % done)"
    free.set()
    assert second.done.wait(60)
    assert second.result == "answer"


def asked_by_one(sessions: Sessions, lock: threading.Lock, key: str) -> background.Work:
    """Work of a session whose page is then closed, while another session waits for its turn."""
    begun = threading.Event()

    def busy(work: background.Work) -> None:
        while not work.done.wait(0.01):
            work(0.5, "half")
            begun.set()

    sessions.turn("one")
    background.begin("first", busy, lock, "the answer to 'API or own fleet?'", key)
    first = background.works()["first"]
    assert begun.wait(60)
    sessions.opened = {"other"}
    sessions.turn("other")
    background.begin("second", lambda _: "answer", lock, "Optimise of tiny")
    return first


def test_work_that_nobody_can_see_holds_up_no_other(sessions: Sessions) -> None:
    """A page was reloaded during an answer of minutes: the next one waited for it to end, and could not cancel it."""
    first = asked_by_one(sessions, threading.Lock(), "")
    second = background.works()["second"]
    assert second.done.wait(60)
    assert second.result == "answer"
    assert first.cancelled.is_set()


def test_work_that_a_reloaded_page_finds_again_goes_on(sessions: Sessions) -> None:
    first = asked_by_one(sessions, threading.Lock(), KEY)
    second = background.works()["second"]
    wait_for(lambda: second.doing.startswith("Waits for the answer"), 60)
    assert not first.cancelled.is_set()
    first.cancelled.set()
    assert second.done.wait(60)


def test_work_that_takes_long_is_looked_at_seldom(
    sessions: Sessions, work: background.Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look takes time from the simulation: seven a second took three quarters of a core."""
    sessions.often = True
    sessions.look("one")
    assert sessions.drawn == []
    monkeypatch.setattr(work, "begun_s", work.begun_s - background.YOUNG_S)
    sessions.look("one")
    assert sessions.drawn == ["one"]
    every = []
    monkeypatch.setattr(
        "streamlit.fragment", lambda look, run_every: every.append(run_every) or (lambda *_, **__: None)
    )
    background.watch(NAME)
    assert every == [background.SELDOM_S]
