"""Names of spot policies."""

from simcost.plan import spot


def test_every_policy_has_a_name_of_its_own() -> None:
    policies = (
        spot.OnDemandOnly(),
        spot.SpotOnly(),
        spot.Greedy(),
        spot.SpotBelow(max_usd_per_h=0.9),
        spot.UniformProgress(),
        spot.UniformProgressPlain(),
        spot.TimeSliced(slices=4),
        spot.TimeSliced(slices=5),
        spot.Mixed(spot_nodes=2),
    )
    assert len({policy.label for policy in policies}) == len(policies)
    assert len({policy.kind for policy in policies}) == len(policies) - 1
    assert spot.TimeSliced(slices=4).label == "Time-sliced (4)"
