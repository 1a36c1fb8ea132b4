"""Engines that may die, hang or lie, as one engine that does not: what is missing is asked for again.

A request's seed belongs to the request, so that an answer does not depend on which replica gave it, or on how many
died before.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from shutil import rmtree
from threading import Thread
from typing import TYPE_CHECKING, cast

from .cancellation import Cancellation
from .engine import EngineFailedError, Prompt, Rollout, Sampling
from .replica import Replica, Request, SharingReplica, requests_for
from .replica_slot import ReplicaSlot
from .weight_folder import WeightKind, check_weight_folder, require_expected, write_weight_folder
from .weight_probe import WeightProbe

if TYPE_CHECKING:
    from torch import Tensor

OnEvent = Callable[[str, str], None]
WriteWeights = Callable[[Path, "Iterable[tuple[str, Tensor]]", int, Mapping[str, WeightKind]], None]
_Ended = tuple[ReplicaSlot, Exception | None]
"""A replica that has answered its share, or what kept it from that."""


class SupervisedEngine:
    """A `RolloutEngine` over one replica or several, which share the requests.

    One that fails is closed and built anew with the weights that were pushed last; others take its share meanwhile.

    Args:
        factories: each builds one replica and waits until it answers; they are called in threads that live as long as
            the engine.
        folder: for the weights on their way; made with the first push and removed in the end.
        expected: every weight of the replicas' model.
        probe: what is asked after each push and each rebuild, or None to believe the replicas.
        deadline_s: seconds without any progress after which a replica hangs.
        max_rebuilds: how often in a row a replica is built anew before it is given up.
        sleeps: whether the replicas free their accelerator's memory after each `generate`, and after the first push.
        in_memory: the replicas are `SharingReplica`s on the trainer's GPU and read the weights there, not in `folder`.
            They must not change between `load_weights` and the end of `generate`: a replica that is built anew reads
            them again.
        cancellation: what `close` uses to end what the factories are in the middle of, where they have it as well.
        write: writes `folder` as `write_weight_folder` does, and may tell its errors in other words.
        on_event: told "engine_failed", "engine_rebuilt" and "engine_doubtful" with a message, in the thread that uses
            the engine.
    """

    def __init__(
        self,
        factories: Sequence[Callable[[], Replica]],
        *,
        folder: Path,
        expected: Mapping[str, WeightKind],
        probe: WeightProbe | None = None,
        deadline_s: float = 120.0,
        max_rebuilds: int = 3,
        sleeps: bool = False,
        in_memory: bool = False,
        cancellation: Cancellation | None = None,
        on_event: OnEvent = lambda name, message: None,
        write: WriteWeights = write_weight_folder,
    ) -> None:
        if not factories:
            raise ValueError("there are no factories, expected at least 1")
        if max_rebuilds < 0:
            raise ValueError(f"max_rebuilds is {max_rebuilds}, expected at least 0")
        if not deadline_s > 0:
            raise ValueError(f"deadline_s is {deadline_s}, expected more than 0")
        total = f" of {len(factories)}" if len(factories) > 1 else ""
        self._cancellation = cancellation or Cancellation()
        self._slots = [
            ReplicaSlot(f"engine {number}{total}" if total else "the engine", build, deadline_s, self._cancellation)
            for number, build in enumerate(factories, 1)
        ]
        self._folder, self._expected, self._probe = folder, expected, probe
        self._max_rebuilds, self._sleeps, self._on_event = max_rebuilds, sleeps, on_event
        self._in_memory, self._shared = in_memory, dict[str, "Tensor"]()
        # A child that is to die with its parent dies with the thread that started it: these stay.
        self._builders = ThreadPoolExecutor(len(factories), "pgkern engine builder")
        self._write = write
        self._version: int | None = None
        self._generating = False

    @property
    def probe_mismatch(self) -> float | None:
        """See `WeightProbe.mismatch`: of the weights that were pushed last; None where nothing was probed."""
        return None if self._probe is None else self._probe.mismatch

    def load_weights(self, weights: "Iterable[tuple[str, Tensor]]", version: int) -> None:
        """See `RolloutEngine.load_weights`. The first call starts the replicas.

        Raises what `write_weight_folder` raises, and then the replicas are as they were; `EngineFailedError` with the
        history when none can be brought up; `RuntimeError` while rollouts are generated.
        """
        if self._generating:
            raise RuntimeError("weights cannot be loaded while rollouts are generated")
        if self._in_memory:
            given = dict(weights)
            require_expected(given, self._expected)
            self._shared = given
        else:
            self._write(self._folder, weights, version, self._expected)
        first, self._version = self._version is None, version
        if self._probe is not None:
            self._probe.renew()
        self._bring_up(self._slots)
        if first and self._sleeps:  # a warm-up may come before anything is generated
            self._put_to_sleep()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Rollout]:
        """See `RolloutEngine.generate`. The same seed and weights give the same rollouts.

        Raises `EngineFailedError` with the history when no replica is left, and a replica's `ValueError`.
        """
        if self._version is None:
            raise RuntimeError("load_weights comes before generate")
        if self._generating:
            raise RuntimeError("rollouts are being generated already")
        empty = [index for index, prompt in enumerate(prompts) if not prompt.token_ids]
        if empty:
            raise ValueError(f"prompt {empty[0]} has no tokens")
        missing = {(each.prompt_index, each.sample_index): each for each in requests_for(prompts, sampling)}
        self._generating = True
        try:
            self._bring_up([slot for slot in self._slots if slot.replica is None])
            while missing:
                for rollout in self._answered(list(missing.values()), sampling, self._version):
                    del missing[rollout.prompt_index, rollout.sample_index]
                    yield rollout
                if not any(slot.replica for slot in self._slots):
                    self._bring_up(self._slots)
            if self._sleeps:
                self._put_to_sleep()
        finally:
            self._generating = False

    def close(self) -> None:
        """End every replica, and what is being built; nothing is left running, nor the weights on the disk.

        From another thread it ends what is under way, which fails.
        """
        with ExitStack() as stack:
            stack.callback(rmtree, self._folder, ignore_errors=True)
            for slot in self._slots:
                stack.callback(slot.close)  # also what was being built when all this began
            stack.callback(self._builders.shutdown)
            for slot in self._slots:
                stack.callback(slot.close)
            stack.callback(self._cancellation.cancel)

    def _answered(self, requests: list[Request], sampling: Sampling, version: int) -> Iterator[Rollout]:
        """What the living replicas answer, as it comes; those that fail are closed, and their requests left over."""
        answers: SimpleQueue[Rollout | _Ended] = SimpleQueue()
        living = [slot for slot in self._slots if slot.replica is not None]
        shares = [(slot, share) for slot, share in zip(living, _split(requests, len(living)), strict=True) if share]
        threads = {}
        for slot, share in shares:
            arguments = (slot, share, sampling, version, answers)
            threads[slot.name] = Thread(target=_ask, args=arguments, name=f"pgkern {slot.name}")
            threads[slot.name].start()
        try:
            running = len(shares)
            while running:
                answer = answers.get()
                if isinstance(answer, Rollout):
                    yield answer
                    continue
                running -= 1
                slot, error = answer
                threads.pop(slot.name).join()
                if error is None:
                    slot.failures.clear()
                elif isinstance(error, EngineFailedError):
                    self._failed(slot, error)
                else:
                    raise error
        finally:
            for slot, _ in shares:
                if (thread := threads.get(slot.name)) is not None:  # nobody wants the rest: it may be anywhere in it
                    slot.close()
                    thread.join()

    def _bring_up(self, slots: Sequence[ReplicaSlot]) -> None:
        """Bring these slots to the pushed weights, each as often as it may fail; at least one of all is up then.

        Raises `EngineFailedError` when none is, or when a replica did not even come up for the first time.
        """
        assert self._version is not None
        down = [slot for slot in slots if len(slot.failures) <= self._max_rebuilds]
        if down and not self._in_memory and check_weight_folder(self._folder) != self._version:
            raise RuntimeError(f"{self._folder} has other weights than those that were written to it")
        while down:
            started = time.perf_counter()
            rebuilt = {slot.name: slot.has_run and slot.replica is None for slot in down}
            begun = [(slot, self._builders.submit(slot.bring_up, self._push, self._version)) for slot in down]
            down = []
            for slot, future in begun:
                try:
                    future.result()
                    while slot.doubts:
                        self._on_event("engine_doubtful", f"{slot.name}: {slot.doubts.pop()}")
                    self._probed(slot)
                except EngineFailedError as error:
                    self._failed(slot, error)
                    if not slot.has_run:
                        raise EngineFailedError(f"{slot.name} did not start: {error}") from error
                    if len(slot.failures) <= self._max_rebuilds:
                        down.append(slot)
                else:
                    if rebuilt[slot.name]:
                        seconds = time.perf_counter() - started
                        told = f"{slot.name} in {seconds:.1f} s, with the weights of version {self._version}"
                        self._on_event("engine_rebuilt", told)
        if not any(slot.replica for slot in self._slots):
            raise EngineFailedError("; ".join(_history(slot) for slot in self._slots))

    def _push(self, replica: Replica) -> None:
        assert self._version is not None
        if self._in_memory:
            cast("SharingReplica", replica).load_shared(self._shared.items(), self._version)
        else:
            replica.load_folder(self._folder, self._version)

    def _probed(self, slot: ReplicaSlot) -> None:
        if self._probe is not None:
            assert self._version is not None
            requests = requests_for(self._probe.prompts, self._probe.sampling)
            self._probe.check(list(slot.answers(requests, self._probe.sampling, self._version)))

    def _put_to_sleep(self) -> None:
        for slot in self._slots:
            try:
                slot.sleep()
            except EngineFailedError as error:
                self._failed(slot, error)

    def _failed(self, slot: ReplicaSlot, error: EngineFailedError) -> None:
        slot.close()
        if self._cancellation.is_cancelled:  # whoever closed the engine did that
            raise EngineFailedError("the engine was closed") from error
        slot.failures.append(str(error))
        given_up = f"; given up after {len(slot.failures)} failures in a row"
        self._on_event("engine_failed", f"{slot.name}: {error}{given_up * (len(slot.failures) > self._max_rebuilds)}")


def _ask(
    slot: ReplicaSlot,
    requests: Sequence[Request],
    sampling: Sampling,
    version: int,
    answers: "SimpleQueue[Rollout | _Ended]",
) -> None:
    """Runs in a thread of its own: the replica's answers, then how it ended."""
    try:
        for rollout in slot.answers(requests, sampling, version):
            answers.put(rollout)
        answers.put((slot, None))
    except Exception as error:  # raised where the answers are waited for
        answers.put((slot, error))


def _split(requests: Sequence[Request], parts: int) -> list[Sequence[Request]]:
    """Shares of nearly the same size; the samples of a prompt stay next to one another, for the prefix cache."""
    bounds = [len(requests) * part // parts for part in range(parts + 1)]
    return [requests[start:end] for start, end in pairwise(bounds)]


def _history(slot: ReplicaSlot) -> str:
    *earlier, last = enumerate(slot.failures, 1)
    told = " ".join([f"({number}) {_first_line(message)}" for number, message in earlier] + [f"({last[0]}) {last[1]}"])
    return f"{slot.name} failed {len(slot.failures)} times in a row: {told}"


def _first_line(message: str) -> str:
    return message.partition("\n")[0]
