"""What is stated of an API against an SLO: a miss is said where it is sure, and nowhere else."""

import pytest
from support.commands import refused

from simcost.slo import Slo
from simcost.studies.breakeven.stated_levels import stated_misses


@pytest.mark.parametrize(
    ("slo", "ttft_s", "tpot_s", "missed"),
    [
        (Slo(ttft=2.0, attainment=0.95), 5.0, None, ["TTFT p95 of 5 s as stated, and 2 s is asked for"]),
        (Slo(ttft=2.0, attainment=0.95), 2.0, None, []),
        (Slo(ttft=2.0, attainment=0.95), None, None, []),
        (Slo(ttft=2.0, attainment=0.9), 5.0, None, []),  # more than 90 % may be within 2 s
        (Slo(ttft=2.0, tpot=0.06), 1.0, 0.07, ["TPOT p95 of 70 ms as stated, and 60 ms is asked for"]),
        (Slo(percentiles={"ttft": {"p50": 1.0, "p99": 3.0}}), 4.0, None, ["TTFT p95 of 4 s as stated, and 3 s is"]),
        (Slo(percentiles={"ttft": {"p50": 1.0}}), 4.0, None, []),
        (Slo(e2e=10.0), 20.0, None, []),  # no time to the first token is asked for
    ],
)
def test_a_p95_misses_limits_that_so_many_must_keep(
    slo: Slo, ttft_s: float | None, tpot_s: float | None, missed: list[str]
) -> None:
    found = stated_misses(slo, ttft_p95_s=ttft_s, tpot_p95_s=tpot_s, batch=False)
    assert len(found) == len(missed)
    assert all(text.startswith(begin) for text, begin in zip(found, missed, strict=True))


@pytest.mark.parametrize(
    ("slo", "misses"), [(Slo(ttft=2.0), True), (Slo(e2e=600.0), True), (Slo(e2e=90_000.0), False), (Slo(), False)]
)
def test_a_batch_answers_within_a_day(slo: Slo, misses: bool) -> None:
    assert bool(stated_misses(slo, ttft_p95_s=None, tpot_p95_s=None, batch=True)) is misses


def test_two_options_of_one_name_are_refused() -> None:
    api = "groq/llama-3.1-8b-instant"
    said = refused("api", "trace.parquet", "--api", f"{api},ttft=0.5s", "--api", f"{api},ttft=5s")
    assert f"--api '{api}' appears twice" in said
