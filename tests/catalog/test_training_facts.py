"""Published utilisation of training: its integrity, and a user's own figures over it."""

from pathlib import Path

import pytest

from simcost.catalog import load_catalog
from simcost.errors import FaultsError

HEADER = "accelerator,precision,parameters_from,parameters_to,rows,mfu_p25,mfu_median,mfu_p75,source,as_of,quality\n"
FACTS = load_catalog().facts


def test_size_classes_follow_each_other_without_a_gap() -> None:
    for accelerator, precision in {(row.accelerator, row.precision) for row in FACTS.training_mfu}:
        rows = [r for r in FACTS.training_mfu if (r.accelerator, r.precision) == (accelerator, precision)]
        classes = sorted((r.parameters_from, r.parameters_to) for r in rows if r.parameters_to is not None)
        assert classes[0][0] == 0
        assert [end for _, end in classes[:-1]] == [start for start, _ in classes[1:]]
        assert any(r.parameters_to is None for r in rows)


def test_mfu_never_rises_with_the_sequence_length() -> None:
    for accelerator in {row.accelerator for row in FACTS.training_sequences}:
        rows = load_catalog().training_sequences(accelerator)
        assert [row.factor for row in rows] == sorted((row.factor for row in rows), reverse=True)
        assert {row.sequence_tokens: row.factor for row in rows}[2048] == 1


def test_an_own_figure_serves_a_card_that_nobody_published(tmp_path: Path) -> None:
    (tmp_path / "training_mfu.csv").write_text(HEADER + "B200,bf16,0,,3,0.3,0.35,0.4,own runs,2026-11,A\n")
    row = load_catalog(tmp_path).training_mfu("b200-sxm", "bf16", 8e9)
    assert (row.mfu_median, row.gpus) == (0.35, None)
    assert load_catalog(tmp_path).training_mfu("h100-sxm", "bf16", 8e9).rows == 15


def test_quartiles_in_the_wrong_order_and_per_cents_are_faults(tmp_path: Path) -> None:
    (tmp_path / "training_mfu.csv").write_text(
        HEADER + "h100,bf16,0,,3,0.5,0.35,0.4,own,2026,A\nh200,bf16,0,,3,30,35,40,own,2026,A\n"
    )
    with pytest.raises(FaultsError) as error:
        load_catalog(tmp_path)
    assert [fault.line for fault in error.value.faults] == [2, 3]
