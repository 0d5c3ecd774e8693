"""Something that happens at each interval of the clock."""

from collections.abc import Callable

import simpy


class Every(simpy.Timeout):
    """Call a function after each interval, for ever: one event that is scheduled again, at half the cost of a process
    that waits for a new one each time.
    """

    def __init__(self, env: simpy.Environment, interval_ns: int, act: Callable[[], None]) -> None:
        super().__init__(env, interval_ns)
        self._interval_ns, self._act = interval_ns, act
        self._again: list[Callable[[simpy.Event], None]] = [self._happen]
        self.callbacks = self._again

    def _happen(self, _event: simpy.Event) -> None:
        self._act()
        self.callbacks = self._again
        self.env.schedule(self, delay=self._interval_ns)
