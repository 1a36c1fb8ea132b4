"""A reward that somebody wrote, with a time limit for each call: whatever it does, a run goes on."""

import contextlib
import math
import os
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from numbers import Real
from types import TracebackType
from typing import Any

from ..verification import Verdict
from .reward import Reward
from .user_function import described
from .worker_main import LOADING
from .worker_process import WorkerGoneError, WorkerProcess


class Failure(str, Enum):
    """What kept a sample from being judged."""

    RAISED = "raised"
    """The function raised, or the sample cannot be pickled."""
    TIMED_OUT = "timed out"
    """The function took longer than it may."""
    BAD_VALUE = "bad value"
    """It returned something that is not one finite number."""
    DIED = "died"
    """Its process ended."""
    NOT_STARTED = "not started"
    """No new process could load the function."""


@dataclass(frozen=True)
class LimitedRewards:
    """The rewards of a batch, and what became of those that have none of their own.

    Attributes:
        rewards: one number a sample, in order; the default where the call failed.
        reasons: in words, why it failed (`"raised ValueError: …"`, `"timed out after 2.0 s"`, `"returned nan"`,
            `"worker died (signal 11)"`); None where it did not.
        failures: the same as a kind.
        returned: the `Reward` of a call that returned one, with its verdict and form; None where it was a number.
    """

    rewards: list[float]
    reasons: list[str | None]
    failures: list[Failure | None]
    returned: list[Reward | None]

    @property
    def counts(self) -> dict[Failure, int]:
        """How many samples failed in each way; ways that did not occur are left out."""
        return dict(Counter(failure for failure in self.failures if failure is not None))


@dataclass(frozen=True)
class _Outcome:
    value: float | None
    failure: Failure | None = None
    reason: str | None = None
    returned: Reward | None = None


class TimeLimited:
    """Calls `reward(completion, gold, **columns)` in worker processes, for `seconds` at most.

        limited = TimeLimited("my_rewards.py:score", seconds=2, workers=4)
        limited("the completion", "the gold")                     # a float
        limited.many(completions, golds, tests=tests)             # LimitedRewards

    A call that raises, takes longer, kills its process or returns anything but one finite number costs exactly that
    sample: its reward is `default`, with the reason beside it. A process that hangs is killed, with everything it has
    started (but what made itself a session of its own), and replaced; no signal reaches the caller, so it works off the
    main thread and within asyncio (which waits meanwhile: `asyncio.to_thread(limited.many, …)` does not). What the
    function prints goes to stderr. Processes keep what the function leaves in its module from one call to the next.

    Args:
        reward: a function at the top of a module (pickled, so anything `pickle` takes), `"path/to/file.py:function"` or
            `"module:function"`. It returns a number or a `Reward`.
        seconds: of wall time for each call.
        workers: processes, and so calls at the same time.
        default: the reward of a sample whose call failed.
        startup_seconds: for a process to import what the function's file imports; not counted in `seconds`.
        max_memory_mb: of address space a process may take beyond what it has when the function is loaded, in 2**20
            bytes; past it the function sees a `MemoryError`. None: as much as there is.

    Closing it (`close()`, leaving a `with`, or the end of the program) leaves no process behind; when this process is
    killed, its workers end by themselves.

    Raises `ValueError` at once for an argument out of its range and when the function cannot be found by a worker,
    `RuntimeError` when its file cannot be loaded there, and on a system without `os.waitid` and process groups (it
    needs Linux, or macOS with Python 3.13).
    """

    def __init__(
        self,
        reward: str | Callable[..., Any],
        *,
        seconds: float = 10.0,
        workers: int = 1,
        default: float = 0.0,
        startup_seconds: float = 120.0,
        max_memory_mb: float | None = None,
    ) -> None:
        if os.environ.get(LOADING):
            raise RuntimeError(
                "TimeLimited is made while a worker loads the file: put what the program does under "
                'if __name__ == "__main__", or the reward in a file of its own'
            )
        _refuse_unless_up_to_a_million("seconds", seconds)
        _refuse_unless_up_to_a_million("startup_seconds", startup_seconds)
        if max_memory_mb is not None:
            _refuse_unless_up_to_a_million("max_memory_mb", max_memory_mb)
        if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
            raise ValueError(f"workers is {workers!r}: it must be an integer of at least 1")
        _refuse_unless_finite("default", default)
        memory = None if max_memory_mb is None else int(max_memory_mb * 2**20)
        self._setup = {"seconds": float(seconds), "memory": memory, "path": list(sys.path), **described(reward)}
        self.__name__ = reward.rpartition(":")[2] if isinstance(reward, str) else _name_of(reward)
        self._seconds = float(seconds)
        self._startup_seconds = float(startup_seconds)
        self._default = float(default)
        self._owner = os.getpid()
        self._one_batch_at_a_time = threading.Lock()
        self._workers: list[WorkerProcess | None] = [None] * workers
        self._closed = False
        self._end = weakref.finalize(self, _end_all, self._workers, self._owner)
        try:
            self._started(0)
        except (WorkerGoneError, TimeoutError) as error:
            raise RuntimeError(f"the reward {self.__name__} cannot be loaded: {error}") from None

    def __call__(self, completion: str, gold: Any, /, **columns: Any) -> float:  # noqa: ANN401
        """The reward of one completion; `default` where the call failed."""
        return self.many([completion], [gold], **{name: [value] for name, value in columns.items()}).rewards[0]

    def many(self, completions: Sequence[str], golds: Sequence[Any], /, **columns: Sequence[Any]) -> LimitedRewards:
        """The rewards of a batch, in order; a column has one value for each completion.

        Raises `ValueError` when the lengths differ, `RuntimeError` after `close` and in a fork of the process that made
        this.
        """
        for name, column in {"golds": golds, **columns}.items():
            if len(column) != len(completions):
                raise ValueError(f"{len(completions)} completions but {len(column)} {name}: each needs its own")
        if os.getpid() != self._owner:  # asked before the lock, which a fork may have got held by a thread it lacks
            raise RuntimeError(f"the reward {self.__name__} is another process’s")
        with self._one_batch_at_a_time:
            if self._closed:
                raise RuntimeError(f"the reward {self.__name__} is closed")
            samples = [
                (completion, gold, {name: column[index] for name, column in columns.items()})
                for index, (completion, gold) in enumerate(zip(completions, golds, strict=True))
            ]
            outcomes = self._judge(samples)
        return LimitedRewards(
            [self._default if outcome.value is None else outcome.value for outcome in outcomes],
            [outcome.reason for outcome in outcomes],
            [outcome.failure for outcome in outcomes],
            [outcome.returned for outcome in outcomes],
        )

    def close(self, *, now: bool = False) -> None:
        """End the workers; a batch that is being judged in another thread ends first. In a fork it does nothing.

        With `now` that batch ends with its workers, and what was not judged of it has failed.
        """
        if os.getpid() != self._owner:
            return
        with contextlib.nullcontext() if now else self._one_batch_at_a_time:
            self._closed = True
            self._end.detach()
            _end_all(self._workers, self._owner)  # also what was started since the end of the program began

    def __enter__(self) -> "TimeLimited":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _judge(self, samples: list[Any]) -> list[_Outcome]:
        """Each worker takes the next sample that nobody has taken, in a thread that waits for it."""
        outcomes: list[_Outcome] = [_Outcome(None, Failure.NOT_STARTED, "not judged")] * len(samples)
        untaken = iter(range(len(samples)))
        taking = threading.Lock()

        def serve(worker: int) -> None:
            while (index := _next(untaken, taking)) is not None:
                outcomes[index] = self._outcome(worker, samples[index])

        threads = [
            threading.Thread(target=serve, args=(worker,), daemon=True)
            for worker in range(1, min(len(self._workers), len(samples)))
        ]
        try:
            for thread in threads:
                thread.start()
            serve(0)
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C: nothing more is taken, and what is under way ends with its process
            with taking:
                untaken = iter(())
            _end_all(self._workers, self._owner)
            raise
        return outcomes

    def _outcome(self, worker: int, sample: Any) -> _Outcome:  # noqa: ANN401
        process = self._workers[worker]
        if process is not None and process.is_dead():  # between two calls: no sample is to blame
            self._clear(worker, process)
            process = None
        if process is None:
            try:
                process = self._started(worker)
            except (WorkerGoneError, TimeoutError, OSError) as error:
                return _Outcome(None, Failure.NOT_STARTED, f"worker did not start: {error}")
        try:
            answer = process.ask(sample, self._seconds)
            if "value" in answer:
                return _Outcome(float(answer["value"]), returned=_returned(answer))
            return _Outcome(None, Failure(answer["kind"]), str(answer["reason"]))
        except TimeoutError:
            failure, reason = Failure.TIMED_OUT, f"timed out after {self._seconds} s"
        except WorkerGoneError as error:
            failure, reason = Failure.DIED, str(error)
        except Exception as error:  # pickling runs the sample's own code
            return _Outcome(None, Failure.RAISED, f"the sample cannot be sent to a worker: {error}")
        self._clear(worker, process)
        return _Outcome(None, failure, reason)

    def _started(self, worker: int) -> WorkerProcess:
        """A new process in a worker's place, where `close` finds it while it still loads the function."""
        process = self._workers[worker] = WorkerProcess()
        try:
            if self._closed:  # asked with the process in its place: either `close` ends it, or this does
                raise WorkerGoneError("the reward is closed")
            answer = process.ask(self._setup, self._startup_seconds)
            if "failure" in answer:
                raise WorkerGoneError(answer["failure"])
        except BaseException as error:
            self._clear(worker, process)
            if isinstance(error, TimeoutError):
                raise TimeoutError(f"it was not loaded within {self._startup_seconds} s") from None
            raise
        return process

    def _clear(self, worker: int, process: WorkerProcess) -> None:
        if self._workers[worker] is process:  # after Ctrl-C a later batch may have put another here
            self._workers[worker] = None
        process.end()


def _refuse_unless_up_to_a_million(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or value <= 0 or not value <= 1e6:
        raise ValueError(f"{name} is {value!r}: it must be a number above 0 and at most a million")


def _refuse_unless_finite(name: str, value: object) -> None:
    if not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}: it must be a finite number")


def _returned(answer: dict[str, Any]) -> Reward | None:
    verdict = Verdict.__members__.get(answer.get("verdict", ""))
    if verdict is None:
        return None
    return Reward(answer["value"], answer["form"], answer["answer"], verdict, answer["said"])


def _next(untaken: Iterator[int], taking: threading.Lock) -> int | None:
    with taking:
        return next(untaken, None)


def _name_of(function: Any) -> str:  # noqa: ANN401
    return str(getattr(function, "__name__", type(function).__name__))


def _end_all(workers: list[WorkerProcess | None], owner: int) -> None:
    if os.getpid() != owner:  # a fork has them in its memory, but they are not its own
        return
    for index, worker in enumerate(workers):
        workers[index] = None
        if worker is not None:
            worker.end()
