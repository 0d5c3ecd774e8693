"""What a user knows of the future, one class a kind of event.

Each class is the schema, the documentation and the behaviour at once: `lay` puts the event over the values of a
series, `progress` says how much of it is new in each step. What an event did before the end of the history is
in the history already, and is not counted again. `simcost.forecast.events.apply` says in which order events apply.
Importing the classes loads no numpy, so that a scenario with events is checked quickly.
"""

from simcost.forecast.events.cohorts import Churn, Launch
from simcost.forecast.events.schema import Growth, Holiday, Promotion
from simcost.forecast.events.shifts import LengthChange, Migration

__all__ = ["Churn", "Event", "Growth", "Holiday", "Launch", "LengthChange", "Migration", "Promotion"]

Event = Growth | Promotion | Holiday | Launch | Churn | Migration | LengthChange
