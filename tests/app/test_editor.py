"""The editor of a scenario's text: what it suggests and marks, in a page and in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from support import editor
from support.browsing import CHROMIUM, DRIVER, NEEDED, chromium, explorer, faults, prefer, rests, visible, wait_for
from support.home import APP, TINY, furnish

pytestmark = pytest.mark.slow
in_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDED)
CONTROL, ENTER, ESCAPE, TAB, UP = "\ue009", "\ue007", "\ue00c", "\ue004", "\ue013"
HOSTILE = "question: <img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("editor") / "home")


@pytest.fixture
def page(home: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    return AppTest.from_file(str(APP), default_timeout=60).run()


def test_keys_of_the_place_are_suggested_with_their_meaning(page: AppTest) -> None:
    before, after = TINY.split("seeds: 2")
    told = editor.ask(page, f"{before}st", after)
    assert told["completion"]["question"] == told["turn"]
    assert told["completion"]["before"] == 2
    assert told["completion"]["suggestions"][0][0] == "starts: "
    assert told["completion"]["suggestions"][0][1].startswith("Date and time of time 0")


def test_a_text_that_is_typed_is_checked_and_kept(page: AppTest) -> None:
    told = editor.ask(page, TINY + "sedes: 3\nmar", ": 1%\n")
    assert told["text"] == told["checked"] == TINY + "sedes: 3\nmar: 1%\n"
    assert [fault["line"] for fault in told["faults"]] == [TINY.count("\n") + 1, TINY.count("\n") + 2]
    assert dict(told["completion"]["suggestions"])["margin"].startswith("Share of a cost")
    assert page.exception == []


def test_an_edit_changes_the_draft_and_counts(page: AppTest) -> None:
    first = editor.shown(page)["turn"]
    editor.write(page, TINY.replace("seeds: 2", "seeds: x"))
    told = editor.shown(page)
    assert told["turn"] == first + 1
    assert told["text"] == told["checked"] == TINY.replace("seeds: 2", "seeds: x")
    assert [(fault["line"], fault["message"][:6]) for fault in told["faults"]] == [(5, "seeds:")]


def test_an_event_that_was_overtaken_changes_nothing(page: AppTest) -> None:
    editor.ask(page, TINY.replace("seeds: 2", "seeds: 3"))
    assert editor.ask(page, TINY, turns=0)["text"] == TINY.replace("seeds: 2", "seeds: 3")


def test_half_a_surrogate_pair_is_replaced(page: AppTest) -> None:
    editor.write(page, TINY.replace("one card", "\ud800 card"))
    assert editor.shown(page)["text"] == TINY.replace("one card", "? card")
    assert editor.ask(page, TINY + "# \udfff")["faults"] == []
    assert page.exception == []


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with explorer(furnish(tmp_path_factory.mktemp("editor browser") / "home")) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


def area(browser: Any) -> Any:
    return wait_for(lambda: browser.find_elements("css selector", "textarea"), 20)[0]


def text(browser: Any) -> str:
    return str(area(browser).get_attribute("value"))


def put(browser: Any, written: str) -> None:
    """Paste a text over all that stands there."""
    script = "arguments[0].focus(); arguments[0].select(); document.execCommand('insertText', false, arguments[1])"
    browser.execute_script(script, area(browser), written)


def put_long(browser: Any, written: str) -> None:
    """As `put`, for a text that takes the keyboard of a driver too long."""
    script = (
        "arguments[0].focus(); arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new InputEvent('input'))"
    )
    browser.execute_script(script, area(browser), written)


def status(browser: Any) -> str:
    return str(browser.find_element("css selector", ".simcost-status").text)


def cursor(browser: Any, before: str) -> None:
    """Put the cursor in front of a text."""
    script = "let at = arguments[0].value.indexOf(arguments[1]); arguments[0].setSelectionRange(at, at)"
    browser.execute_script(script, area(browser), before)


def apply(browser: Any) -> None:
    area(browser).send_keys(CONTROL, ENTER)


def replicas(browser: Any) -> Any:
    return browser.find_element("xpath", "//*[@data-testid='stNumberInput'][.//label[.='Replicas']]//input")


def offered(browser: Any) -> list[str]:
    return [one.text.strip() for one in visible(browser, "//*[@role='option']/span[1]")]


def active(browser: Any) -> str:
    return str(browser.execute_script("return document.activeElement.tagName"))


def console(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@in_browser
def test_type_a_key_and_a_value(address: str, browser: Any) -> None:
    browser.get(address)
    assert text(browser) == TINY
    area(browser).click()
    cursor(browser, "seeds:")
    area(browser).send_keys(ENTER, UP, "star")
    wait_for(lambda: offered(browser) == ["starts:"], 20)
    assert faults(browser) == []
    area(browser).send_keys(ENTER, "2026-07-20T00:00:00Z")
    cursor(browser, "}\n    buy:")
    area(browser).send_keys(", pre")
    wait_for(lambda: "precision:" in offered(browser), 20)
    area(browser).send_keys(ESCAPE)
    assert offered(browser) == []
    assert active(browser) == "TEXTAREA"
    area(browser).send_keys(TAB)
    wait_for(lambda: active(browser) != "TEXTAREA", 5)  # the key is not trapped
    assert "starts: 2026-07-20T00:00:00Z\nseeds: 2" in text(browser)
    assert console(browser) == []


@in_browser
def test_faults_stand_at_their_lines_in_both_themes(address: str, browser: Any) -> None:
    browser.get(address)
    put(browser, TINY.replace("model: llama-3.2-1b", "model: lama"))
    wait_for(lambda: visible(browser, "//*[contains(@class, 'simcost-gutter')]/div[@title]"), 20)
    number = visible(browser, "//*[contains(@class, 'simcost-gutter')]/div[@title]")[0]
    assert number.text == "3"
    assert "lama" in number.get_attribute("title")
    assert "Line 3: model" in status(browser)
    for theme in ("dark", "light"):
        prefer(browser, theme)
        area(browser)
        put(browser, TINY.replace("seeds: 2", "seeds: x  # why"))
        wait_for(lambda: visible(browser, "//*[contains(@class, 'simcost-gutter')]/div[@title]"), 20)
        rests(browser)
        assert faults(browser) == []


@in_browser
def test_levers_and_text_follow_each_other_across_pages(address: str, browser: Any) -> None:
    browser.get(address)
    put(browser, TINY.replace("replicas: 1}", "replicas: 3}"))
    apply(browser)
    wait_for(lambda: replicas(browser).get_attribute("value") == "3", 20)
    visible(browser, "//*[@data-testid='stNumberInput'][.//label[.='Replicas']]//button[last()]")[0].click()
    wait_for(lambda: visible(browser, "//*[@role='tab'][contains(., 'YAML')]"), 60)[0].click()
    wait_for(lambda: text(browser) == TINY.replace("replicas: 1}", "replicas: 4}"), 20)
    put(browser, TINY.replace("replicas: 1}", "replicas: 5}"))
    wait_for(lambda: area(browser).get_attribute("aria-busy") == "false", 20)
    visible(browser, "//a[.='History']")[0].click()
    wait_for(lambda: not browser.find_elements("css selector", "textarea"), 20)
    sleep(1.5)  # the other page is drawn
    visible(browser, "//a[.='Plans']")[0].click()
    assert text(browser) == TINY.replace("replicas: 1}", "replicas: 5}")
    assert replicas(browser).get_attribute("value") == "5"
    assert console(browser) == []


@in_browser
def test_hostile_and_long_texts_are_texts(address: str, browser: Any) -> None:
    browser.get(address)
    put_long(browser, HOSTILE + TINY + "# ü漢\n" * 20_000)
    apply(browser)
    wait_for(lambda: "question" in status(browser), 30)
    assert "taken" not in browser.title
    assert browser.find_elements("css selector", ".simcost-editor img, .simcost-editor script") == []
    assert len(text(browser)) > 100_000
    assert len(browser.find_elements("css selector", ".simcost-gutter div")) < 100
    put_long(browser, "a" * 300_000)
    apply(browser)
    wait_for(lambda: len(text(browser)) == 200_000, 30)
    assert console(browser) == []


@in_browser
def test_two_sessions_have_two_texts(address: str, browser: Any) -> None:
    browser.get(address)
    put(browser, TINY.replace("seeds: 2", "seeds: 3"))
    apply(browser)
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(address)
    assert text(browser) == TINY
    browser.close()
    browser.switch_to.window(first)
    assert text(browser) == TINY.replace("seeds: 2", "seeds: 3")
