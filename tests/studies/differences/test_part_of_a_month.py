"""Half a month with a disk is scaled to a month as one without: the disk's charge ends with the usage."""

from pathlib import Path

import pytest
from support.commands import call

MACHINE_USD_PER_H = 1.861


@pytest.mark.parametrize("disk", ["", "aws/storage,us-east-1,2026-03-01T00:00:00Z,2026-03-16T12:00:00Z,0.001"])
def test_a_disk_does_not_change_the_length_of_a_bill(tmp_path: Path, disk: str) -> None:
    """The disk was charged until the end of the month, so that the costs of half a month were scaled by 730 / 744."""
    rows = ["aws/g6e.xlarge,us-east-1,2026-03-01T00:00:00Z,2026-03-16T12:00:00Z,1", *([disk] if disk else [])]
    (tmp_path / "usage.csv").write_text("\n".join(["sku,region,start,end,quantity", *rows]) + "\n")
    (tmp_path / "plan.yaml").write_text("purchasing: on demand\n")
    words = ("bill", tmp_path / "usage.csv", "--plan", tmp_path / "plan.yaml", "--focus", tmp_path / "a.csv")
    bill = call(*words, "--json")
    (tmp_path / "b.json").write_text(bill.out)
    charges = bill.document()["charges"]
    assert {charge["charge_period_end_s"] - charge["charge_period_start_s"] for charge in charges} == {372 * 3600.0}
    found = call("diff", tmp_path / "a.csv", tmp_path / "b.json", "--per-month", "--json").document()
    assert found["before"]["usd"] == pytest.approx(730 * MACHINE_USD_PER_H, rel=1e-6)
    assert found["difference_usd"] == pytest.approx(0, abs=1e-6)
