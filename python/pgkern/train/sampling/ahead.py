"""The next step's rollouts, drawn while the current step trains: their policy is one update older (eq. 27)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from ...rollout.engine import Rollout

if TYPE_CHECKING:
    from .drawing import Batch, Watch


class RolloutsAhead:
    """Holds at most one batch: on its way in a thread of its own, or drawn.

    Between `start` and `wait` nothing else may use the engine or the rewards.

    Args:
        overlaps: whether the engine has weights of its own. The trained module cannot sample while it is trained, so
            there `start` draws at once; the rollouts are the same.
    """

    def __init__(self, *, overlaps: bool) -> None:
        self._thread = ThreadPoolExecutor(1, "pgkern rollouts ahead") if overlaps else None
        self._future: Future[Batch] | None = None
        self._stopped = threading.Event()
        self.batch: Batch | None = None
        """What was drawn and not yet taken; a checkpoint keeps it."""

    def start(self, draw: Callable[[Watch], Batch]) -> None:
        """Draw the next batch. `draw` hands each rollout through what it is given."""
        if self._thread is None:
            self.batch = draw(iter)
        else:
            self._future = self._thread.submit(draw, self._watched)

    def wait(self) -> None:
        """Return when the batch is there. Raises what drawing it raised."""
        if self._future is not None:
            future, self._future = self._future, None
            self.batch = future.result()

    def take(self) -> Batch | None:
        """The batch that was drawn ahead; None before the first, and where a run goes on without."""
        batch, self.batch = self.batch, None
        return batch

    def stop(self) -> None:
        """What is on its way ends with its next rollout, and nobody gets it."""
        self._stopped.set()

    def close(self) -> None:
        """Stop it and wait for its end, which comes at once where the engine and the rewards were closed before."""
        self.stop()
        if self._thread is not None:
            self._thread.shutdown()

    def _watched(self, rollouts: Iterator[Rollout]) -> Iterable[Rollout]:
        for rollout in rollouts:
            if self._stopped.is_set():
                raise RuntimeError("the run ends: nobody needs these rollouts")
            yield rollout
