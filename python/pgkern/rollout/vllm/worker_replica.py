"""vLLM in a process of its own, as a replica: what happens to that process does not happen to this one."""

import os
import select
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..cancellation import Cancellation
from ..engine import EngineFailedError, Rollout, Sampling
from ..replica import Request
from .arguments import VllmArguments
from .worker_host import StartedWorker, WorkerHost

if TYPE_CHECKING:
    from torch import Tensor

_MISTAKES: dict[str, type[Exception]] = {"ValueError": ValueError, "FloatingPointError": FloatingPointError}


class WorkerReplica:
    """A `Replica` that is a worker of the host. It is there when the constructor returns.

    A death is noticed at once; a replica that is forgotten is closed. `deadline_s` is how long anything may take
    that is neither a start nor a generation. `cancellation` ends a start.
    """

    doubts = ()  # the interpreter was looked at before

    def __init__(
        self,
        host: WorkerHost,
        arguments: VllmArguments,
        *,
        startup_deadline_s: float = 600.0,
        deadline_s: float = 300.0,
        cancellation: Cancellation | None = None,
    ) -> None:
        cancellation = cancellation or Cancellation()
        began = time.monotonic()
        self._host, self._deadline_s = host, deadline_s
        self._log_size = host.log_size()
        self._failure: str | None = None
        self._fate: str | None = None  # how it ended
        self._ending, self._listening = threading.Lock(), threading.Lock()
        self._generation: object | None = None
        self._worker = host.start(arguments, startup_deadline_s, cancellation)
        self._forgotten = weakref.finalize(self, _end, host, self._worker, os.getpid())
        try:
            with cancellation.ends(self._worker.kill):
                self._answer(startup_deadline_s - (time.monotonic() - began))
            self._worker.remove_start_folder()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The worker's number, which is also that of its session."""
        return self._worker.pid

    def generate(self, requests: Sequence[Request], sampling: Sampling, deadline_s: float) -> Iterator[Rollout]:
        """See `Replica.generate`. Another call ends a generation that was left in the middle."""
        generation = object()
        places: dict[tuple[int, ...], int] = {}  # a prompt travels once
        for request in requests:
            places.setdefault(request.prompt.token_ids, len(places))
        self._order(
            {
                "do": "generate",
                "prompts": list(places),
                "requests": [[one.prompt_index, places[one.prompt.token_ids], one.seed] for one in requests],
                "sampling": asdict(sampling),
            },
            deadline_s,
        )
        self._generation = generation
        try:
            while "done" not in (answer := self._answer(deadline_s)):
                for row in answer.get("rollouts", ()):
                    yield _rollout(requests[row[0]], row)
                    if self._generation is not generation:
                        raise RuntimeError("another call has ended this generation")
            self._generation = None
        finally:
            if self._generation is generation:  # the caller has heard enough, or it was a mistake
                self._leave_generation()

    def load_folder(self, folder: Path, version: int) -> None:
        """See `Replica.load_folder`."""
        self._ask({"do": "load_folder", "folder": str(folder.absolute()), "version": version})

    def load_shared(self, weights: "Iterable[tuple[str, Tensor]]", version: int) -> None:
        """As `load_folder`, with weights in the memory of the GPU that the worker runs on: nothing goes to a disk.

        Needs `weight_transfer="ipc"`. The tensors stay as they are until it returns. Raises `ValueError` for one that
        is not on a GPU.
        """
        from .shared_tensors import share

        rows, held = share(weights)
        try:
            self._ask({"do": "load_shared", "rows": rows, "version": version})
        finally:
            del held

    def version(self) -> int:
        """See `Replica.version`."""
        return int(self._ask({"do": "version"})["version"])

    def sleep(self) -> None:
        """See `Replica.sleep`."""
        self._ask({"do": "sleep"})

    def wake_up(self) -> None:
        """See `Replica.wake_up`."""
        self._ask({"do": "wake_up"})

    def close(self) -> None:
        """See `Replica.close`. From another thread it ends what is under way, which fails."""
        with self._ending:
            if self._fate is None:
                self._forgotten.detach()
                self._fate = self._host.end(self._worker)
                with self._listening:  # whoever listens hears the end of it first
                    self._worker.release()

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        self._order(order, self._deadline_s)
        return self._answer(self._deadline_s)

    def _order(self, order: dict[str, Any], deadline_s: float) -> None:
        if self._generation is not None:
            self._leave_generation()
        self._require_alive()
        try:
            self._worker.channel.send(order, deadline_s)
        except OSError as error:
            self._fail(f"does not take orders: {error or type(error).__name__}")

    def _leave_generation(self) -> None:
        """Have the worker stop, and pass over what it has said before it heard of it."""
        deadline_s, self._generation = self._deadline_s, None
        try:
            self._order({"do": "stop"}, deadline_s)
            while "done" not in self._answer(deadline_s):
                pass
        except EngineFailedError:
            pass  # nobody waits for this answer; every later order fails for the same reason

    def _answer(self, deadline_s: float) -> dict[str, Any]:
        """The worker's next message. A mistake that it was asked to make is raised here."""
        self._require_alive()
        message: dict[str, Any] = {}
        with self._listening:
            trouble = self._fate and "was closed meanwhile"
            if trouble is None:
                try:
                    message = self._next_message(deadline_s)
                except TimeoutError:
                    trouble = f"has made no progress for {deadline_s:g} s"
                except (EOFError, OSError, ValueError) as error:
                    trouble = f"is gone ({error})" if str(error) else "is gone"
        if trouble is not None:
            self._fail(trouble)
        if "failure" in message:
            self._fail(f"failed: {message['failure']}")
        if "error" in message:
            self._generation = None
            raise _MISTAKES[message["error"]](message["message"])
        return message

    def _next_message(self, deadline_s: float) -> dict[str, Any]:
        channel, until = self._worker.channel, time.monotonic() + deadline_s
        poll = select.poll()
        poll.register(channel, select.POLLIN)
        poll.register(self._worker.descriptor, select.POLLIN)
        while (message := channel.next_message()) is None:
            found = {number for number, _ in poll.poll(max(0.0, until - time.monotonic()) * 1000)}
            if channel.fileno() in found:  # also what it said before it died
                channel.take_what_is_there()
            elif found:
                raise EOFError
            elif time.monotonic() >= until:
                raise TimeoutError
        return message

    def _require_alive(self) -> None:
        if self._failure is not None:
            raise EngineFailedError(self._failure)
        if self._fate is not None:
            raise EngineFailedError(f"vLLM's worker {self.pid} has been closed")

    def _fail(self, what: str) -> NoReturn:
        """End the worker, whose state nobody knows, and say all that is known."""
        self._generation = None
        self.close()
        printed = self._host.last_lines(self._log_size)
        self._failure = f"vLLM's worker {self.pid} {what}; it {self._fate}. It printed last:\n{printed}"
        raise EngineFailedError(self._failure)


def _end(host: WorkerHost, worker: StartedWorker, owner: int) -> None:
    if os.getpid() == owner:  # a fork has it in its memory, but it is not its own
        host.end(worker)
        worker.release()


def _rollout(request: Request, row: list[Any]) -> Rollout:
    _, response_ids, response, log_probs, finish_reason, weights_version = row
    return Rollout(
        prompt_index=request.prompt_index,
        prompt=request.prompt,
        response_ids=tuple(response_ids),
        response=response,
        log_probs=tuple(log_probs),
        finish_reason=finish_reason,
        weights_version=weights_version,
        sample_index=request.sample_index,
    )
