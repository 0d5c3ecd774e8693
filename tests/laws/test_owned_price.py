"""Hardware of one's own has one price: in a plan, in a training run, from YAML and from the command line."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from support.ledgers import Book, ledger

from simcost.billing import Owned, bill
from simcost.catalog import load_catalog
from simcost.cli.main import command_line
from simcost.errors import InputError
from simcost.perf.training.duration import Failures
from simcost.perf.training.methods import Full
from simcost.perf.training.utilization import ParallelLayout
from simcost.studies.training_cost.estimate import estimate
from simcost.studies.training_cost.inputs import Prices, TrainingSetup
from simcost.studies.training_cost.run_options import run_of
from simcost.units import HOURS_PER_YEAR, SECONDS_PER_HOUR

CATALOG = load_catalog()
KEYS: dict[str, Any] = {
    "capex": "$320,000",
    "accelerators": 4,
    "life_years": 4,
    "residual": "$90,000",
    "power": "6.5kW",
    "pue": 1.3,
    "electricity": "$0.11/kWh",
    "colocation": "$190/kW",
    "contracted": "10.2kW",
    "maintenance": "3%",
    "staff": "$45,000/year",
    "capital_rate": "8%",
    "nodes": 3,
}
"""As YAML and the command line write them."""
OF_THE_RUN = {"kind", "storage", "egress", "g_per_kwh"}
"""Keys of a plan that the options --storage and --egress of a training run have too, and that of carbon, which it does
not compute.
"""


def read(**keys: Any) -> Owned:
    """As a scenario reads it."""
    return TypeAdapter(Owned).validate_python(keys)


def arguments(*options: str) -> Any:
    words = ["train", "estimate", "llama-3.1-8b", "--tokens", "1e9", "--on", "h100", "--gpus", "8"]
    return command_line().parse_args([*words, *options])


@st.composite
def nodes_owned(draw: st.DrawFn) -> Owned:
    capex = draw(st.floats(1e3, 1e6))
    return Owned(
        capex=capex,
        accelerators=draw(st.sampled_from([1, 2, 4, 8])),
        life_years=draw(st.floats(1, 8)),
        residual=capex * draw(st.floats(0, 1)),
        power=draw(st.floats(0, 12)),
        pue=draw(st.floats(1, 2)),
        electricity=draw(st.floats(0, 0.5)),
        colocation=draw(st.floats(0, 300)),
        contracted=draw(st.floats(0.1, 15)),
        maintenance=draw(st.floats(0, 0.2)),
        staff=draw(st.floats(0, 1e5)),
        capital_rate=draw(st.floats(0, 0.3)),
        nodes=draw(st.none() | st.integers(8, 12)),
    )


@given(nodes_owned(), st.sampled_from([1, 3, 8]), st.floats(0.1, 1))
def test_a_training_run_and_a_plan_pay_the_same_for_the_same_nodes(owned: Owned, needed: int, used: float) -> None:
    gpus = needed * owned.accelerators
    run = TrainingSetup(
        model=CATALOG.model("llama-3.2-1b"),
        accelerator=CATALOG.accelerator("h100"),
        tokens=1e9,
        method=Full(),
        layout=ParallelLayout(gpus=gpus),
        mfu=0.4,
        failures=Failures(per_node_day=0.0),
        prices=Prices(owned=owned, used_share=used),
    )
    found = estimate(CATALOG, run)
    cost, seconds = found.cost_usd["owned"], found.time_s.mid
    plan = bill(ledger([(0.0, seconds)] * needed, [], horizon_s=seconds), owned, Book()).total_usd
    assert cost.total.mid * used == pytest.approx(plan, rel=1e-9)
    count = owned.nodes or needed
    assert plan == pytest.approx(owned.cost(count).usd_per_year / HOURS_PER_YEAR * seconds / SECONDS_PER_HOUR)
    assert cost.paid_gpus == count * owned.accelerators
    assert (cost.storage.mid, cost.egress.mid, cost.missing) == (0, 0, ())


def test_yaml_and_the_command_line_take_the_same_keys() -> None:
    assert set(KEYS) == {field.name for field in fields(Owned)} - OF_THE_RUN
    options = [word for key, value in KEYS.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    assert run_of(arguments(*options), CATALOG, 8).prices.owned == read(**KEYS)


def test_what_follows_from_the_node_option_and_from_nothing() -> None:
    least = ["--capex", "1000", "--life-years", "2", "--power", "1kW", "--pue", "1", "--electricity", "0.1"]
    plain = Owned(capex=1000, accelerators=8, life_years=2, power=1, pue=1, electricity=0.1)
    assert run_of(arguments(*least), CATALOG, 8).prices.owned == plain
    assert run_of(arguments(*least, "--node", "4"), CATALOG, 8).prices.owned == replace(plain, accelerators=4)
    assert run_of(arguments(), CATALOG, 8).prices.owned is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--capex", "1000", "--pue", "1.2"], "--life-years, --power, --electricity"),
        (
            ["--capex", "1000", "--life-years", "2", "--power", "1", "--pue", "0.9", "--electricity", "1"],
            "pue is 0.9",
        ),
        (
            [
                "--capex",
                "1000",
                "--residual",
                "2000",
                "--life-years",
                "2",
                "--power",
                "1",
                "--pue",
                "1",
                "--electricity",
                "1",
            ],
            "must not exceed capex",
        ),
    ],
)
def test_what_is_missing_or_contradicts_is_refused(options: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_of(arguments(*options), CATALOG, 8)
