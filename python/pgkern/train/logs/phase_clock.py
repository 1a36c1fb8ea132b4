"""Where the time of a step goes."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class PhaseClock:
    """Seconds by phase, each named once or more often; phases do not nest."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the block's time as the phase's."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - started

    def metrics(self) -> dict[str, float]:
        """`seconds_<phase>` of each, and `seconds` since the clock was made."""
        phases = {f"seconds_{name}": seconds for name, seconds in self._seconds.items()}
        return {**phases, "seconds": time.perf_counter() - self._began}
