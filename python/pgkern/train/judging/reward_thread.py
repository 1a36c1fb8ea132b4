"""One reward, judged in a thread of its own while the trainer does other things."""

import itertools
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...rewards import BatchReward, Failure
from .outcomes import FAILURES

_WITHOUT_AN_END = (Failure.TIMED_OUT.name.lower(), Failure.NOT_STARTED.name.lower())
_COMPANY_COMES_IN_S = 0.1  # or not at all: then a worker or two have nothing to do
_HANGING_CALLS = 32  # in a row, of each worker; what comes behind them would only make the run wait for as long again


@dataclass(frozen=True)
class Submitted:
    """What a reward is told of a response."""

    completion: str
    gold: Any
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Score:
    """What one reward says of one sample; `value` is None where it failed."""

    value: float | None
    outcome: str
    reason: str
    format_reward: float | None


class RewardThread:
    """A queue of samples and the thread that judges them, as many at a time as have come.

    The interpreter is free meanwhile: Rust and worker processes do the work.

    Args:
        reward: of a batch.
        workers: how many processes the reward has, each of which may hang; None where it has none. After 32 calls in
            a row for each of them that timed out, or for which no process started, the rest of a batch is not judged,
            with the outcome `"not_started"`: a reward that hangs on everything costs a step minutes and not hours.
    """

    def __init__(self, reward: BatchReward, workers: int | None = None) -> None:
        self._reward = reward
        self._most_hanging = None if workers is None else _HANGING_CALLS * workers
        # Between two pieces it is seen whether a reward only hangs; a piece keeps all workers busy.
        self._piece = None if workers is None else 8 * workers
        self._workers = workers or 1
        self._changed = threading.Condition()
        self._waiting: deque[Submitted] = deque()
        self._scores: list[Score] = []
        self._num_submitted = 0
        self._hanging = 0
        self._none_to_come = False
        self._error: BaseException | None = None
        self._closed = False
        threading.Thread(target=self._work, name=f"pgkern reward {reward.__name__}", daemon=True).start()

    def submit(self, samples: Sequence[Submitted]) -> None:
        """Returns at once. Raises `RuntimeError` after `close`."""
        with self._changed:
            if self._closed:
                raise RuntimeError(f"the reward {self._reward.__name__} is closed")
            self._waiting.extend(samples)
            self._num_submitted += len(samples)
            self._changed.notify_all()

    def results(self) -> list[Score]:
        """Waits for the scores of all that was submitted since the last call, in that order.

        Raises what the reward raised in the thread, and `RuntimeError` when another thread closes this meanwhile.
        """
        with self._changed:
            self._none_to_come = True
            self._changed.notify_all()
            self._changed.wait_for(self._is_settled)
            self._none_to_come = False
            if self._error is not None:
                raise self._error
            if len(self._scores) < self._num_submitted:
                raise RuntimeError(f"the reward {self._reward.__name__} is closed")
            scores, self._scores, self._num_submitted, self._hanging = self._scores, [], 0, 0
            return scores

    def close(self) -> None:
        """The thread ends after the piece that it judges; what waits is not judged."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _is_settled(self) -> bool:
        return self._error is not None or self._closed or len(self._scores) == self._num_submitted

    def _work(self) -> None:
        try:
            while samples := self._next():
                scores = self._judged(samples)
                with self._changed:
                    self._scores += scores
                    self._changed.notify_all()
        except BaseException as error:  # raised where the results are waited for
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _next(self) -> list[Submitted]:
        """As many samples as are judged together; none when there will be no more.

        The first of a step come one by one: they wait a moment for one another, as long as they are fewer than workers.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._waiting))
            self._changed.wait_for(self._has_enough, timeout=_COMPANY_COMES_IN_S)
            size = len(self._waiting) if self._piece is None else min(self._piece, len(self._waiting))
            return [self._waiting.popleft() for _ in range(size)]

    def _has_enough(self) -> bool:
        return self._closed or self._none_to_come or len(self._waiting) >= self._workers

    def _judged(self, samples: Sequence[Submitted]) -> list[Score]:
        if self._most_hanging is not None and self._hanging >= self._most_hanging:
            reason = f"not judged: of the {self._hanging} before it every one hung"
            return [Score(None, Failure.NOT_STARTED.name.lower(), reason, None)] * len(samples)
        batch = self._reward(
            [sample.completion for sample in samples],
            [sample.gold for sample in samples],
            **{name: [sample.columns[name] for sample in samples] for name in samples[0].columns},
        )
        scores = [
            Score(None if outcome in FAILURES else value, outcome, reason, form)
            for value, outcome, reason, form in zip(
                batch.rewards, batch.outcomes, batch.reasons, batch.format_rewards, strict=True
            )
        ]
        at_the_end = list(itertools.takewhile(lambda score: score.outcome in _WITHOUT_AN_END, reversed(scores)))
        self._hanging = len(at_the_end) + (self._hanging if len(at_the_end) == len(scores) else 0)
        return scores
