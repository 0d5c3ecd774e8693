"""A home folder for the explorer with one tiny scenario that runs in seconds."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "app.py"
TINY = """\
scenario: tiny
question: Is one card enough?
model: llama-3.2-1b
horizon: 10min
seeds: 2
workload:
  kind: synthetic
  rate: 0.5/s
  lengths: {prompt_median: 100, output_median: 20}
slo: {ttft: 1s, attainment: 95%}
plans:
  - name: one L4
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
  - name: two L4
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 2}
"""


def furnish(home: Path) -> Path:
    """Put the scenario into `home` and return it."""
    (home / "scenarios").mkdir(parents=True)
    (home / "scenarios" / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return home


def settle(page: AppTest) -> AppTest:
    """The page after the work that it has going on."""
    while page.session_state.get("works"):
        for work in page.session_state["works"].values():
            assert work.done.wait(60)
        page.run()
    return page
