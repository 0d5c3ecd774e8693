"""A verdict about money says in its own line that a price behind it is more than 90 days old, and only then."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.commands import FOLDER, Said, call

from simcost.catalog import load_catalog
from simcost.catalog.dates import OLD_DAYS

pytestmark = pytest.mark.usefixtures("no_report")
MACHINE, API = "aws/g6.xlarge", "openai/gpt-5-mini"
SWEEP = "sweep:\n  matrix: {scaling.replicas: [1, 2]}\n"
VARY = "vary:\n  - {path: scaling.replicas, from: 1, to: 2}\n"
VERBS = {
    "run": "run tiny.yaml --out out",
    "optimize": "optimize vary.yaml --seeds 2 --out least",
    "sweep": "sweep sweep.yaml -o swept",
    "sensitivity": "sensitivity tiny.yaml --vary demand=0.9..1.1 --out varied",
    "advise": "advise tiny.yaml --plan one --out advice",
    "advise of samples": f"advise duty.csv --offer {MACHINE} --region us-east-1",
    "waste of samples": f"waste duty.csv --offer {MACHINE} --region us-east-1",
    "waste of a plan": "waste out",
    "bill": "bill usage.csv --plan plan.yaml",
    "bill of a run": "bill out --plan plan.yaml",
    "commit": "commit usage.csv --options options.yaml",
    "diff": "diff out out --plan-a one --plan-b scaled",
    "api": f"api tiny.yaml --api {API} --plan one --out apis",
    "api of a log": f"api log.parquet --api {API}",
    "training": f"train estimate llama-3.2-1b --tokens 1e9 --on l4 --mfu 0.4 --offer {MACHINE}",
}


@pytest.fixture(scope="module")
def folder(home: Path, finished: Said) -> Path:
    """The folder of the finished run, with the other inputs of the verbs."""
    assert finished.code == 0, finished.err
    one = (home / "tiny.yaml").read_text().partition("  - name: scaled")[0]
    (home / "sweep.yaml").write_text(one + SWEEP)
    (home / "vary.yaml").write_text(one + VARY)
    (home / "plan.yaml").write_text("provider: aws\n")
    (home / "options.yaml").write_text(
        "commitments: [{kind: savings-plan, name: plan, commitment: $1/h, discount: 40%}]\n"
    )
    hours = [datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=i) for i in range(24 * 30)]
    rows = [f"{MACHINE},us-east-1,{hour:%Y-%m-%dT%H:00:00Z},2" for hour in hours]
    (home / "usage.csv").write_text("\n".join(["sku,region,start,quantity", *rows]) + "\n")
    duty = [f"{hour:%Y-%m-%dT%H:00:00Z},0,{80 * (8 < hour.hour < 18)}" for hour in hours]
    (home / "duty.csv").write_text("\n".join(["timestamp,gpu,DCGM_FI_DEV_GPU_UTIL", *duty]) + "\n")
    (home / "log.csv").write_text("arrival,prompt_tokens,output_tokens\n0,100,10\n2,90,8\n300,100,10\n")
    said = call("trace", "import", home / "log.csv", "--format", "csv", "-o", home / "log.parquet", "--quiet")
    assert said.code == 0, said.err
    return home


@pytest.mark.parametrize("name", VERBS)
def test_each_verdict_names_the_price_that_is_old_on_the_day(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    catalog = load_catalog()
    api = name.startswith("api")
    price = catalog.token_price(API) if api else catalog.offer(MACHINE, "us-east-1")
    sold = API if name == "api of a log" else MACHINE
    monkeypatch.chdir(folder)
    for age in (OLD_DAYS + 400, 0):
        day = date.fromisoformat(price.as_of) + timedelta(days=age)
        monkeypatch.setenv(
            "SOURCE_DATE_EPOCH", str(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))
        )
        said = call(*VERBS[name].split(), "--json", "--quiet")
        assert said.code == 0, said.err
        verdict = said.document()["verdict"]
        if age:
            assert verdict.count("Old price") == 1
            assert f"{sold} of " in verdict
        else:
            assert sold not in verdict.partition("Old price")[2] or (api and sold == MACHINE)


def test_a_review_names_it_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2029, 1, 1, tzinfo=UTC).timestamp())))
    monkeypatch.chdir(folder)
    assert call("report", FOLDER, "-o", "review.md").code == 0
    assert f"Old prices: {MACHINE} of " in (folder / "review.md").read_text()
