"""How one thread ends what others are in the middle of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class Cancellation:
    """Not yet, and once `cancel` was called for good."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends: list[Callable[[], object]] = []
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    @contextmanager
    def ends(self, end: Callable[[], object]) -> Iterator[None]:
        """`cancel` calls `end` while the block runs, and at once where it was called before; never after the block.

        `end` waits for nothing and raises nothing. It may be called in any thread.
        """
        with self._lock:
            if self._is_cancelled:
                end()
            self._ends.append(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends.remove(end)

    def cancel(self) -> None:
        """End all that is under way."""
        with self._lock:
            self._is_cancelled = True
            for end in self._ends:
                end()
