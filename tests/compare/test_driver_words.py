"""Wording of what drives the difference of two plans."""

from simcost.compare.drivers import CostDrivers


def test_states_are_named_in_words() -> None:
    driven = CostDrivers(
        plan="own",
        against="rent",
        effects_usd={},
        usd_per_accelerator_hour=(1.0, 1.0),
        accelerator_hours=(1.0, 1.0),
        by_state_usd={"idle": (40.0, 100.0), "unused_commitment": (60.0, 0.0)},
    )
    assert driven.sentences() == [
        "Compute money of own (of rent) by state: idle 40 % (100 %), unused commitment 60 % (0 %)."
    ]
