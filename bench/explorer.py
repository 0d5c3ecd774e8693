"""The waiting at the explorer in a headless Chromium: first screen, a lever, a price, a tab.

    python bench/explorer.py [--json]

Start: from the start of the server, a browser being open, to the three figures of the sample, which is simulated for
it. Sample: the same from the address, of a server that has been there for some seconds. First screen: of a stored
result, the median of five. Lever: one replica more of one plan of the quickstart, until its preview and until its
result. Price: no simulation, from the key Enter until the figures have changed. Day: a lever and a price on a
day of the Azure conversation trace of 2023 (268,000 requests) on three plans, where `shared` has the trace. `_s` are
seconds on the clock, which other work on the machine lengthens, `_cpu_s` those of the server alone.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import measure

ROOT = Path(__file__).resolve().parents[1]
FIGURES = "[data-testid=stMetric]"
TRACE = measure.SHARED / "data/traces/AzureLLMInferenceTrace_conv.csv"
DAY = """scenario: azure-day
model: llama-3.1-8b
horizon: 1d
seeds: 3
workload: {kind: trace, path: traces/azure.parquet, repeat: true, rate_scale: 0.56}
slo: {ttft: 2s, tpot: 60ms, attainment: 99%}
plans:
  - name: L40S, fixed
    replica: {accelerator: l40s}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: fixed, replicas: 6}
  - name: L40S, scaled
    replica: {accelerator: l40s}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: target-concurrency, target: 16, min: 2, max: 8}
  - name: H100, fixed
    replica: {accelerator: h100}
    buy: {offer: aws/p5.4xlarge}
    scaling: {kind: fixed, replicas: 2}
"""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(ROOT / "scenarios", home / "scenarios")
        if TRACE.is_file():
            store_day(home)
        empty = Path(folder) / "empty"
        shutil.copytree(ROOT / "scenarios", empty / "scenarios")
        with browsing(Path(folder) / "profile") as browser:
            document = {"start_s": started_s(browser, empty)}
            with served(home) as (address, server):
                time.sleep(5)  # the server starts
                document |= looked_at(browser, address, server)
    measure.show({"name": "explorer", "work": "the quickstart in headless Chromium", **document}, options)


@contextmanager
def served(home: Path) -> Iterator[tuple[str, int]]:
    """Address and process of an explorer that works in a folder, as `simcost app` starts it."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "simcost.cli.explorer", str(ROOT / "app.py"), "--server.headless=true"]
    server = subprocess.Popen(
        [*command, f"--server.port={port}"],
        cwd=ROOT,
        env={**os.environ, "SIMCOST_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://localhost:{port}", server.pid
    finally:
        server.terminate()
        server.wait()


@contextmanager
def browsing(profile: Path) -> Iterator[Any]:
    """A browser with a profile of its own, at an empty page."""
    from selenium import webdriver

    chrome = webdriver.ChromeOptions()
    chrome.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,800"):
        chrome.add_argument(flag)
    browser = webdriver.Chrome(options=chrome, service=webdriver.ChromeService(str(shutil.which("chromedriver"))))
    try:
        browser.get("about:blank")
        yield browser
    finally:
        browser.quit()


def started_s(browser: Any, home: Path) -> float:
    """Seconds from the start of a server to the figures of the sample, asked for as soon as the server answers."""
    begun = time.monotonic()
    with served(home) as (address, _):
        timed(lambda: None, lambda: answers(address))
        timed(lambda: browser.get(address), lambda: figures(browser))
        return time.monotonic() - begun


def answers(address: str) -> bool:
    """True once there is a server."""
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False


def store_day(home: Path) -> None:
    """The day of the trace as a scenario with its result."""
    (home / "scenarios/traces").mkdir(exist_ok=True)
    scenario = home / "scenarios/azure-day.yaml"
    scenario.write_text(DAY, encoding="utf-8")
    requests = str(home / "scenarios/traces/azure.parquet")
    for words in (
        ["trace", "import", str(TRACE), "--format", "azure-llm", "-o", requests],
        ["run", str(scenario), "--out", str(home / "results/azure-day"), "--quiet"],
    ):
        subprocess.run([sys.executable, "-m", "simcost", *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def looked_at(browser: Any, address: str, server: int) -> dict[str, float]:
    """Seconds of each way to a figure, on the clock and of the server's processors."""
    found = {}

    def note(name: str, act: Callable[[], Any], seen: Callable[[], Any]) -> None:
        begun_s = cpu_s(server)
        found[f"{name}_s"] = timed(act, seen)
        time.sleep(1)  # what the page asks for after its figures
        found[f"{name}_cpu_s"] = cpu_s(server) - begun_s

    note("sample", lambda: browser.get(address), lambda: figures(browser))
    timed(lambda: None, lambda: "result=" in browser.current_url)  # figures stand before: those of its preview
    time.sleep(2)
    known = browser.current_url
    firsts = []
    for _ in range(5):
        browser.get("about:blank")
        firsts.append(timed(lambda: browser.get(known), lambda: figures(browser)))
    found["first_screen_s"] = statistics.median(firsts)

    def levers(*names: str) -> None:
        for name in names:
            begun_cpu_s, begun_s, before = cpu_s(server), time.monotonic(), browser.current_url
            changed = partial(other_result, browser, before)
            more = field(browser, "Replicas", "//button[@aria-label='Increment']")
            found[f"{name}_preview_s"] = timed(more.click, partial(preview_or_result, browser, before))
            timed(lambda: None, changed)
            found[f"{name}_s"] = time.monotonic() - begun_s
            time.sleep(1)
            found[f"{name}_cpu_s"] = cpu_s(server) - begun_cpu_s

    def prices(*names: str) -> None:
        for usd, name in enumerate(names, 2):
            price = field(browser, "Price, USD per node-hour", "//input")
            changed = partial(other_figures, browser, shown(browser))
            price.send_keys("\ue009", "a", "\ue000", str(usd))
            note(name, partial(price.send_keys, "\ue007"), changed)

    levers("lever", "second_lever")
    prices("price", "second_price")
    for name, tab, heading in (("tab", "Cost", "Unit costs"), ("tab_of_charts", "Fleet", "Paid and needed")):
        found_at = f"//*[@role='tabpanel']//*[contains(., '{heading}')]"
        chosen = browser.find_element("xpath", f"//*[@role='tab'][contains(., '{tab}')]")
        note(name, chosen.click, partial(browser.find_elements, "xpath", found_at))
    editor(browser, note)
    if TRACE.is_file():
        note("day", lambda: browser.get(f"{address}/?result=azure-day"), lambda: figures(browser))
        levers("day_first_lever", "day_lever", "day_second_lever")
        prices("day_price", "day_second_price")
    return found


def editor(browser: Any, note: Callable[..., None]) -> None:
    """The tab of the text, and the suggestions for two letters of a key; 0.3 s of them are the pause after typing."""
    tab = browser.find_element("xpath", "//*[@role='tab'][contains(., 'YAML')]")
    note("tab_of_text", tab.click, lambda: browser.find_elements("css selector", "textarea"))
    area = browser.find_element("css selector", "textarea")
    browser.execute_script("arguments[0].focus(); arguments[0].setSelectionRange(0, 0)", area)
    offered = partial(browser.find_elements, "xpath", "//*[@role='option']")
    note("suggestions", partial(area.send_keys, "\ue007\ue013ma"), offered)


def other_result(browser: Any, before: str) -> bool:
    """True once the address names another result, and none that is on its way."""
    address = str(browser.current_url)
    return address != before and "run=" not in address


def shown(browser: Any) -> list[str]:
    """Texts of the three figures."""
    texts = "return Array.from(document.querySelectorAll(arguments[0]), figure => figure.innerText)"
    return list(browser.execute_script(texts, FIGURES))


def other_figures(browser: Any, before: list[str]) -> bool:
    """True once the three figures are others."""
    return len(found := shown(browser)) == 3 and found != before


def is_preview(browser: Any) -> bool:
    """True if the card is that of one replication."""
    return bool(browser.find_elements("xpath", "//*[@data-testid='stMain']//*[starts-with(text(), 'Preview')]"))


def preview_or_result(browser: Any, before: str) -> bool:
    """True once there is a preview or, where that was not seen, a result."""
    return is_preview(browser) or other_result(browser, before)


def cpu_s(server: int) -> float:
    """Processor seconds of a process and its threads."""
    ticks = Path(f"/proc/{server}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def timed(act: Callable[[], Any], seen: Callable[[], Any]) -> float:
    """Seconds from an act until its effect is seen."""
    begun = time.monotonic()
    act()
    while not seen():
        if time.monotonic() - begun > 300:
            raise SystemExit("nothing after 300 s")
        time.sleep(0.02)
    return time.monotonic() - begun


def figures(browser: Any) -> bool:
    """True if all three stand."""
    return len(browser.find_elements("css selector", FIGURES)) == 3


def field(browser: Any, label: str, part: str) -> Any:
    return browser.find_element(
        "xpath", f"//*[@data-testid='stNumberInput'][.//label[normalize-space()='{label}']]{part}"
    )


if __name__ == "__main__":
    main()
