"""What the loop knows of a tracker, and how one that fails costs the run nothing but its own curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from ..logs.metrics import Phase

if TYPE_CHECKING:
    from typing_extensions import Self


class Tracker(Protocol):
    """A place that metrics are sent to. Both methods may raise anything."""

    def log(self, step: int, phase: Phase, metrics: Mapping[str, float | None]) -> None:
        """Send the metrics of one step, named ``phase/metric``; None stands for a value that is not finite."""

    def close(self) -> None:
        """Send what is left."""


class Trackers:
    """Sends every step to all trackers. One that raises is closed, named to `on_failure`, and left out from then on.

    The run's own ``metrics.jsonl`` is written apart from this, so no figure is lost with a tracker.
    """

    def __init__(self, trackers: Sequence[Tracker], on_failure: Callable[[str], None]) -> None:
        self._trackers = list(trackers)
        self._on_failure = on_failure

    def log(self, step: int, phase: Phase, metrics: Mapping[str, float | None]) -> None:
        """Send the metrics of one step."""
        for tracker in list(self._trackers):
            try:
                tracker.log(step, phase, metrics)
            except Exception as error:
                self._trackers.remove(tracker)
                with suppress(Exception):  # it is broken already, and that is what is told
                    tracker.close()
                self._on_failure(f"{_name(tracker)} gets no more metrics: {_described(error)}")

    def close(self) -> None:
        """Close all trackers; one that raises is named and does not keep the others from it."""
        while self._trackers:
            tracker = self._trackers.pop()
            try:
                tracker.close()
            except Exception as error:
                self._on_failure(f"{_name(tracker)} may lack the last metrics: {_described(error)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _name(tracker: Tracker) -> str:
    return type(tracker).__name__


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
