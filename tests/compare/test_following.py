"""How a fleet followed its demand, on fleets whose answer is known."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from support.ledgers import HOUR, ledger, outcomes

from simcost.compare.fleet_tracking import followed, following, moved
from simcost.compare.provisioning import CARRIED
from simcost.ledger.request_tables import EVENTS, PULSE
from simcost.ledger.requests import Ledger

MINUTE = 60.0


def along(
    rates: np.ndarray,
    ready: np.ndarray,
    work_s: float = 0.5,
    events: tuple[tuple[float, str, float], ...] = (),
) -> Ledger:
    """A fleet minute by minute; each request takes `work_s` of engine time."""
    count = len(rates)
    arrived = np.cumsum(rates * MINUTE).astype(np.int64)
    felt = replace(
        outcomes(),
        arrived=int(arrived[-1]),
        completed=int(arrived[-1]),
        timed_out=0,
        lost=0,
        work_s=work_s * int(arrived[-1]),
    )
    pulse = pa.table([np.arange(1, count + 1) * MINUTE, arrived, ready, ready, 0 * ready, 0 * ready], schema=PULSE)
    told = pa.Table.from_pylist([{"t_s": t, "what": what, "value": value} for t, what, value in events], schema=EVENTS)
    horizon_s = count * MINUTE
    return replace(ledger(horizon_s=horizon_s, felt=felt), pulse=pulse, events=told)


def test_needed_is_the_offered_load_at_four_fifths() -> None:
    rates = np.full(120, 8.0)
    story = followed(along(rates, np.full(120, 5)))
    assert set(story["needed"].to_pylist()) == {int(np.ceil(8.0 * 0.5 / CARRIED))}
    assert story["requests_per_s"].to_numpy() == pytest.approx(rates, rel=1e-3)


def test_reaction_is_the_length_of_a_shortage() -> None:
    """Demand doubles at minute 300; the replicas come 12 minutes later. The centred mean leads by two minutes."""
    rates = np.where(np.arange(600) < 300, 4.0, 8.0)
    ready = np.where(np.arange(600) < 312, 3, 5)
    found = following(along(rates, ready))
    assert found.reaction_s == pytest.approx(12 * MINUTE, abs=2 * MINUTE)
    assert found.reaction_max_s == found.reaction_s
    assert found.short_share == pytest.approx(found.reaction_s / (600 * MINUTE))


def test_enough_replicas_have_no_reaction_time() -> None:
    found = following(along(np.full(60, 4.0), np.full(60, 3)))
    assert (found.reaction_s, found.short_share, found.cold_start_s) == (None, 0.0, None)


def test_turns_count_changes_of_direction() -> None:
    wanted = [2, 3, 4, 3, 3, 5, 4]
    events = tuple((float(i), "desired", float(value)) for i, value in enumerate(wanted))
    found = following(along(np.full(24 * 60, 1.0), np.full(24 * 60, 9), events=events))
    assert found.turns_per_day == pytest.approx(3.0)  # up up, down, up, down


def test_events_are_counted() -> None:
    events = (
        (1.0, "started", 100.0),
        (2.0, "started", 200.0),
        (3.0, "noticed", 2.0),
        (4.0, "refused", 1.0),
        (5.0, "preempted", 1.0),
    )
    fleet = along(np.full(60, 1.0), np.full(60, 9), events=events)
    found = following(fleet)
    assert (found.cold_starts, found.cold_start_s, found.interruptions) == (2, 150.0, 2)
    assert moved(fleet)
    assert not moved(along(np.full(60, 1.0), np.full(60, 9)))


def test_starting_hours_are_split_at_the_image() -> None:
    base = ledger(nodes=[(0.0, HOUR)], replicas=[(0, "starting", 0.0, 600.0, 0.0), (0, "ready", 600.0, HOUR, 0.0)])
    fleet = along(np.full(60, 1.0), np.full(60, 9))
    felt = {"pulse": fleet.pulse, "events": fleet.events, "outcomes": fleet.outcomes}
    found = following(replace(base, **felt, provisioning_s=400.0))
    assert found.provisioning_h * HOUR == pytest.approx(400.0)
    assert found.loading_h * HOUR == pytest.approx(200.0)
