"""The verbs on cost files: one document each, and bad input refused in words."""

from pathlib import Path

import pytest
from commands import call, refused
from focus_files import HEAD, cost_file, row


def test_read_has_its_keys_and_writes_what_bill_reads(tmp_path: Path) -> None:
    usage = tmp_path / "usage.parquet"
    words = ("focus", "read", cost_file(tmp_path), "-o", usage, "--svg", tmp_path / "days.svg")
    told = call(*words, "--json").document()
    assert told.keys() >= {"verdict", "billed_usd", "effective_usd", "list_usd", "contracted_usd", "months", "skus",
                           "coverage", "commitments", "quality", "provenance", "files"}  # fmt: skip
    assert (tmp_path / "days.svg").read_text().startswith("<svg")
    said = call(*words)
    assert said.out.replace("\n", " ").startswith(told["verdict"])
    assert max(map(len, said.out.splitlines())) <= 100
    plan = tmp_path / "plan.yaml"
    plan.write_text("purchasing: on demand\n", encoding="utf-8")
    priced = call("bill", usage, "--plan", plan, "--json").document()
    assert priced["effective_usd"] == pytest.approx(5 * 55.04 + 12), "spot at the price paid"


def test_what_cannot_be_read_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = cost_file(tmp_path, ["1"], head="a")
    assert "no FOCUS export" in refused("focus", "read", path)
    path = cost_file(tmp_path, [], head=HEAD.replace("BilledCost", "Cost").replace("ServiceName", "Name"))
    said = refused("focus", "read", path)
    assert "no column 'BilledCost'" in said
    assert "no column 'ServiceName'" in said
    path = cost_file(tmp_path, [row(1, BillingCurrency="EUR")])
    assert "--rate EUR=" in refused("focus", "read", path)
    assert "is no worth of a currency" in refused("focus", "read", path, "--rate", "EUR=x")
    path = cost_file(tmp_path, [row(1, ConsumedUnit="GB")])
    assert "nothing to write" in refused("focus", "read", path, "-o", tmp_path / "u.parquet")
    assert {file.name for file in tmp_path.iterdir()} == {"focus.csv"}
    assert "no such file" in refused("focus", "read", tmp_path / "gone.csv")
