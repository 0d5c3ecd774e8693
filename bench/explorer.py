"""The waiting at the explorer in a headless Chromium: first screen, a lever, a price, a tab.

    python bench/explorer.py [--json]

First screen: from the address to the three figures of a stored result, the median of five. Lever: one replica more of
one plan of the quickstart, until its preview and until its result. Price: no simulation. Day: a lever and a price on a
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
from collections.abc import Callable
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
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.headless=true"]
        server = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            env={**os.environ, "SIMCOST_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            document = looked_at(f"http://localhost:{port}", folder, server.pid)
        finally:
            server.terminate()
            server.wait()
    measure.show({"name": "explorer", "work": "the quickstart in headless Chromium", **document}, options)


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
        subprocess.run([sys.executable, "-m", "simcost.cli", *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def looked_at(address: str, folder: str, server: int) -> dict[str, float]:
    """Seconds of each way to a figure, on the clock and of the server's processors."""
    from selenium import webdriver

    chrome = webdriver.ChromeOptions()
    chrome.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={folder}/profile", "--window-size=1280,800"):
        chrome.add_argument(flag)
    browser = webdriver.Chrome(options=chrome, service=webdriver.ChromeService(str(shutil.which("chromedriver"))))
    try:
        time.sleep(5)  # the server starts
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
                changed = partial(other_address, browser, before)
                more = field(browser, "Replicas", "//button[last()]")
                found[f"{name}_preview_s"] = timed(more.click, lambda seen=changed: is_preview(browser) or seen())
                timed(lambda: None, changed)
                found[f"{name}_s"] = time.monotonic() - begun_s
                time.sleep(1)
                found[f"{name}_cpu_s"] = cpu_s(server) - begun_cpu_s

        def prices(*names: str) -> None:
            for usd, name in enumerate(names, 2):
                price = field(browser, "Price, USD per node-hour", "//input")
                changed = partial(other_address, browser, browser.current_url)
                note(name, partial(price.send_keys, "\ue009", "a", "\ue000", str(usd), "\ue007"), changed)

        levers("lever", "second_lever")
        prices("price", "second_price")
        for name, tab, heading in (("tab", "Cost", "Unit costs"), ("tab_of_charts", "Fleet", "Paid and needed")):
            found_at = f"//*[@role='tabpanel']//*[contains(., '{heading}')]"
            note(
                name,
                lambda tab=tab: browser.find_element("xpath", f"//*[@role='tab'][contains(., '{tab}')]").click(),
                lambda found_at=found_at: browser.find_elements("xpath", found_at),
            )
        if TRACE.is_file():
            note("day", lambda: browser.get(f"{address}/?result=azure-day"), lambda: figures(browser))
            levers("day_first_lever", "day_lever", "day_second_lever")
            prices("day_price", "day_second_price")
        return found
    finally:
        browser.quit()


def other_address(browser: Any, before: str) -> bool:
    """True once the page names another result."""
    return str(browser.current_url) != before


def is_preview(browser: Any) -> bool:
    """True if the card is that of one replication."""
    return bool(browser.find_elements("xpath", "//*[@data-testid='stMain']//*[starts-with(text(), 'Preview')]"))


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
        time.sleep(0.05)
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
