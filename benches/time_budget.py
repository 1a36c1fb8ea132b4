"""How long a bench may take."""

import time


class TimeBudget:
    """No case is begun once the minutes are used up, counted from here; None is without end."""

    def __init__(self, minutes: float | None) -> None:
        self.minutes = minutes
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    @property
    def used_up(self) -> bool:
        """Whether to stop."""
        return self._end is not None and time.monotonic() >= self._end
