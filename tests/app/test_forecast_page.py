"""The page of forecasts without a browser: choose, state, forecast, read; bad input is a message."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP, furnish, settle

pytestmark = pytest.mark.slow

EVENTS = "events:\n  - {kind: launch, name: second region, start: +6h, ramp: 6h, share: 0.3, range: [0.2, 0.5]}\n"


def script(root: str, home: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys
    import threading
    from pathlib import Path

    if root not in sys.path:
        sys.path.insert(0, root)
    from views import forecast

    forecast.show(Path(home) / "scenarios", threading.Lock())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = furnish(tmp_path_factory.mktemp("forecast") / "home")
    hours = np.arange(np.datetime64("2024-03-04T00", "h"), np.datetime64("2024-03-16T00", "h"))
    rows = [f"{hour}:00:00Z,{100 + 50 * (i % 24 > 8) + i % 7}" for i, hour in enumerate(hours)]
    demand = "\n".join(["timestamp,requests", *rows])
    (home / "scenarios" / "chat.csv").write_text(demand, encoding="utf-8")
    (home / "scenarios" / "traces").mkdir()
    (home / "scenarios" / "traces" / "broken.csv").write_text("timestamp,requests\nyesterday,lots\n")
    return home


@pytest.fixture
def page(home: Path) -> AppTest:
    page = AppTest.from_function(script, args=(str(APP.parent), str(home)), default_timeout=60).run()
    assert page.info[0].value.startswith("A series (`timestamp` and a value")
    return page.selectbox[0].set_value(home / "scenarios" / "chat.csv").run()


def field(page: AppTest, label: str) -> Any:
    return next(field for field in page.text_input if field.label == label)


def test_series_beside_the_scenarios_are_listed(page: AppTest) -> None:
    assert page.selectbox[0].options == ["chat.csv", "broken.csv"]
    assert not page.exception


def test_a_forecast_shows_its_verdict_tables_and_what_was_stated(page: AppTest, home: Path) -> None:
    field(page, "Horizon").set_value("1d")
    page.text_area[0].set_value(EVENTS)
    settle(page.button[0].click().run())
    assert not page.exception
    assert not page.error
    assert page.header[0].value.startswith("chat\\: ")
    assert "requests in the next day, 80 %" in page.header[0].value
    titles = [title.value for title in page.subheader]
    assert titles[:4] == ["Forecast of chat", "Stated", "Backtest", "Coverage"]
    assert list(page.dataframe[1].value["Stated"]) == ["forecast", "second region"]
    [command] = [code.value for code in page.code]
    assert shlex.split(command)[:3] == ["simcost", "forecast", "chat.csv"]
    assert "--horizon=1d" in command
    assert "--events=events.yaml" in command
    assert sorted(path.name for path in (home / "scenarios").iterdir()) == ["chat.csv", "tiny.yaml", "traces"]


def test_the_command_reads_dates_as_the_page_does(page: AppTest, home: Path) -> None:
    text = (home / "scenarios" / "chat.csv").read_text(encoding="utf-8")
    days = re.sub(r"2024-03-(\d\d)T(\d\d):00:00Z", r"\1/03/2024 \2:00", text)
    page.file_uploader[0].set_value(("days.csv", days.encode(), "text/csv")).run()
    field(page, "Horizon").set_value("3h")
    field(page, "Time format").set_value("%d/%m/%Y %H:%M")
    settle(page.button[0].click().run())
    assert not page.error
    assert "--time-format=%d/%m/%Y %H:%M" in shlex.split(page.code[0].value)


def test_an_export_of_a_gateway_is_forecast_by_model_with_its_bill(page: AppTest) -> None:
    """It was refused for a second column of numbers, and told to rename one; its bill was on the command line alone."""
    days = np.datetime64("2026-03-02") + np.arange(56)
    rows = [
        f"{day},{model},{size + i % 7},{900 * size}"
        for i, day in enumerate(days)
        for model, size in (("a", 50), ("b", 9))
    ]
    text = "\n".join(["date,model,requests,prompt_tokens", *rows])
    page.file_uploader[0].set_value(("gateway.csv", text.encode(), "text/csv")).run()
    settle(page.button[0].click().run())
    assert "write value=COLUMN under Columns of other names" in page.error[0].value
    for label, value in (
        ("Horizon", "1mo"),
        ("Columns of other names", "value=requests"),
        ("Columns that name a series", "model"),
        ("Price of one", "$0.002"),
    ):
        field(page, label).set_value(value)
    settle(page.button[0].click().run())
    assert not page.error
    assert "in the next 30 days: 2 series; bill of 2 together: " in page.header[0].value.replace("\\", "")
    words = shlex.split(page.code[0].value)
    assert {"--horizon=1mo", "--by=model", "--unit-cost=$0.002", "--map=value=requests"} <= set(words)


def test_events_may_state_the_time_zone(page: AppTest) -> None:
    """The page asked for UTC, whatever the events stated."""
    field(page, "Horizon").set_value("2d")
    sale = "  - {kind: promotion, name: sale, start: 2024-03-17, end: 2024-03-18, factor: 2}\n"
    page.text_area[0].set_value(f"timezone: Asia/Kolkata\nevents:\n{sale}")
    settle(page.button[0].click().run())
    assert not page.error
    assert page.session_state["forecast"]["document"]["timezone"] == "Asia/Kolkata"
    assert "--timezone" not in page.code[0].value


def test_another_series_of_the_same_name_is_not_that_which_was_forecast(page: AppTest, home: Path) -> None:
    text = (home / "scenarios" / "chat.csv").read_bytes()
    field(page, "Horizon").set_value("3h")
    page.file_uploader[0].set_value(("chat.csv", text, "text/csv")).run()
    settle(page.button[0].click().run())
    assert page.header
    assert not page.warning
    page.file_uploader[0].set_value(("chat.csv", text.replace(b",1", b",9"), "text/csv")).run()
    assert "of other inputs" in page.warning[0].value


@pytest.mark.parametrize(
    ("horizon", "events", "told"),
    [
        ("soon", "", "Horizon"),
        ("1d", "events: [{kind: lunch}]", "events.yaml"),
        ("1d", "{", "events.yaml"),
        ("0", "", "horizon"),
    ],
)
def test_bad_input_is_a_message_without_our_folders(page: AppTest, horizon: str, events: str, told: str) -> None:
    field(page, "Horizon").set_value(horizon)
    page.text_area[0].set_value(events)
    settle(page.button[0].click().run())
    assert not page.exception
    assert any(told in error.value for error in page.error)
    assert not any("/tmp" in error.value for error in page.error)


def test_findings_on_events_are_told_without_our_folders(page: AppTest) -> None:
    field(page, "Horizon").set_value("1d")
    page.text_area[0].set_value(EVENTS.replace("+6h", "+9d"))
    settle(page.button[0].click().run())
    assert not page.error
    shown = " ".join(block.body for block in page.get("html"))
    assert "events.yaml:2:" in shown
    assert "/events.yaml" not in shown


def test_a_broken_file_is_a_message_with_its_line(page: AppTest, home: Path) -> None:
    page.selectbox[0].set_value(home / "scenarios" / "traces" / "broken.csv")
    settle(page.button[0].click().run())
    assert not page.exception
    assert "broken.csv\\:2" in page.error[0].value


def test_an_upload_is_on_disk_under_a_harmless_name_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(APP.parent)
    from views.forecast import on_disk

    upload = SimpleNamespace(name="../../my demand.csv", getvalue=lambda: b"timestamp,value\n")
    with on_disk(None, upload, EVENTS) as (file, events, folder):
        assert file is not None
        assert events is not None
        assert file.name == "_.._my demand.csv"
        assert file.parent.parent == events.parent == folder
        assert file.read_bytes() == b"timestamp,value\n"
    assert not folder.exists()


def test_without_series_nothing_can_be_pressed(tmp_path: Path) -> None:
    page = AppTest.from_function(script, args=(str(APP.parent), str(tmp_path)), default_timeout=60).run()
    assert page.button[0].disabled
    assert not page.exception
