"""Something that happens again and again."""

from collections.abc import Callable, Iterator

import simpy


class Repeating(simpy.Timeout):
    """Call a function after each of the delays in nanoseconds: one event that is scheduled again, at half the cost of a
    process that waits for a new one each time. The next delay is asked for when the function has returned.
    """

    def __init__(self, env: simpy.Environment, delays_ns: Iterator[int], act: Callable[[], None]) -> None:
        super().__init__(env, next(delays_ns))
        self._delays_ns, self._act = delays_ns, act
        self._again: list[Callable[[simpy.Event], None]] = [self._happen]
        self.callbacks = self._again

    def _happen(self, _event: simpy.Event) -> None:
        self._act()
        delay_ns = next(self._delays_ns, None)
        if delay_ns is not None:
            self.callbacks = self._again
            self.env.schedule(self, delay=delay_ns)
