"""Starts vLLM's workers, and ends them whatever they are doing."""

import contextlib
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import weakref
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..cancellation import Cancellation
from ..engine import EngineFailedError
from .arguments import VllmArguments, environment
from .channel import Channel
from .host_process import HostProcess

_ANSWER_SECONDS = 30.0  # of a process that has its imports behind it
_QUOTED_LINES = 15


@dataclass(eq=False)
class StartedWorker:
    """A worker that is on its way: it says on the channel when its engine is there."""

    pid: int
    process: HostProcess
    """What forked it, or what it is."""
    channel: Channel
    lifeline: socket.socket
    descriptor: int
    """For `select`: there is something to read once the worker has ended."""
    start_folder: Path
    """For files that vLLM does without when its engine is there."""
    _is_released: bool = field(default=False, init=False)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False)

    def kill(self) -> None:
        """Without waiting for its end, and without those that it started; nothing once it is released."""
        with self._one_at_a_time, contextlib.suppress(ProcessLookupError):
            if not self._is_released:
                signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)

    def remove_start_folder(self) -> None:
        """Once its engine is there, or never will be."""
        shutil.rmtree(self.start_folder, ignore_errors=True)

    def release(self) -> None:
        """Close what this side has of it, once it has been ended and nobody listens any more."""
        self.remove_start_folder()
        with self._one_at_a_time:
            if not self._is_released:
                self._is_released = True  # from now on the descriptor may be somebody else's
                self.channel.close()
                self.lifeline.close()
                os.close(self.descriptor)


class WorkerHost:
    """Starts workers in the interpreter `python`, and a process that has imported vLLM with the first of them.

    With `fork` there is one such process and workers are forks of it, with an engine in a second or two instead of ten;
    not for GPUs, which an import may touch. Without, each worker is a process from scratch. `log` gets all that they
    print. Several threads may use it. When it is closed, forgotten, or this process ends, nothing of it runs any more.
    """

    def __init__(self, python: str | Path = sys.executable, *, log: Path, fork: bool = True) -> None:
        self._python, self._log, self._fork = str(python), log, fork
        self._processes: list[HostProcess] = []
        self._workers: list[StartedWorker] = []
        self._one_at_a_time = threading.Lock()
        self._end = weakref.finalize(self, _end_all, self._processes, self._workers, os.getpid())

    @property
    def pids(self) -> list[int]:
        """Of the processes that import vLLM or have done so."""
        return [process.pid for process in self._processes]

    def start(self, arguments: VllmArguments, deadline_s: float, cancellation: Cancellation) -> StartedWorker:
        """A new worker. Raises `EngineFailedError` when vLLM cannot be imported, or not in time, or is cancelled."""
        with self._one_at_a_time, contextlib.ExitStack() as opened:
            process = self._process(arguments, deadline_s, cancellation)
            channel, its_channel = (opened.enter_context(end) for end in socket.socketpair())
            lifeline, its_lifeline = (opened.enter_context(end) for end in socket.socketpair())
            log = opened.enter_context(self._log.open("ab"))
            # Short, as a socket's path has at most 107 bytes, and made here, as a worker may be killed at any moment.
            folder = Path(tempfile.mkdtemp(prefix="pgkern-vllm-"))
            order = {"arguments": asdict(arguments), "fork": self._fork, "start_folder": str(folder)}
            try:
                answer = process.ask(
                    order, [its_channel.fileno(), its_lifeline.fileno(), log.fileno()], _ANSWER_SECONDS
                )
                pid = int(answer["pid"])
                descriptor = os.pidfd_open(pid)
            except (EngineFailedError, OSError) as error:
                self._forget(process)
                shutil.rmtree(folder, ignore_errors=True)
                raise EngineFailedError(f"vLLM's worker did not start: {error}") from error
            self._workers.append(
                StartedWorker(pid, process, Channel(channel.dup()), lifeline.dup(), descriptor, folder)
            )
            return self._workers[-1]

    def end(self, worker: StartedWorker) -> str:
        """Kill a worker and all that it started; how it ended, in words. Nothing of it runs afterwards."""
        with self._one_at_a_time:
            if worker in self._workers:
                self._workers.remove(worker)
            if worker.pid != worker.process.pid and worker.process in self._processes:
                try:
                    return _words(int(worker.process.ask({"end": worker.pid}, [], _ANSWER_SECONDS)["status"]))
                except EngineFailedError:
                    pass  # what forked it is gone or hangs: it is ended with all that it forked
            status = self._forget(worker.process)
            _kill(worker)
            return _words(status if worker.pid == worker.process.pid else None)

    def close(self) -> None:
        """End all of it; a later `start` begins anew."""
        with self._one_at_a_time:
            _end_all(self._processes, self._workers, os.getpid())

    def log_size(self) -> int:
        """How much has been printed."""
        return self._log.stat().st_size if self._log.exists() else 0

    def last_lines(self, since: int) -> str:
        """The last of what was printed after the log had this size."""
        with self._log.open("rb") as file:
            file.seek(since)
            return "\n".join(file.read().decode(errors="replace").splitlines()[-_QUOTED_LINES:])

    def _process(self, arguments: VllmArguments, deadline_s: float, cancellation: Cancellation) -> HostProcess:
        for process in [one for one in self._processes if one.is_dead()]:
            self._forget(process)
        variables = environment(arguments)
        for process in self._processes:
            if self._fork and process.variables == variables:
                return process
        process = HostProcess(self._python, variables, self._log)
        self._processes.append(process)
        since = self.log_size()
        try:
            process.wait_until_ready(deadline_s, cancellation)
        except BaseException as error:
            self._forget(process)
            if isinstance(error, EngineFailedError):
                raise EngineFailedError(f"{error}. {self._python} printed:\n{self.last_lines(since)}") from error
            raise
        return process

    def _forget(self, process: HostProcess) -> int | None:
        with contextlib.suppress(ValueError):
            self._processes.remove(process)
        return process.end()


def _words(status: int | None) -> str:
    if status is None:
        return "was ended with the process that forked it"
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


def _kill(worker: StartedWorker) -> None:
    """Kill a worker that nobody can be asked to end, and wait for it."""
    worker.kill()
    poll = select.poll()
    poll.register(worker.descriptor, select.POLLIN)
    poll.poll(_ANSWER_SECONDS * 1000)


def _end_all(processes: list[HostProcess], workers: list[StartedWorker], owner: int) -> None:
    if os.getpid() != owner:  # a fork has them in its memory, but they are not its own
        return
    while workers:
        _kill(workers.pop())
    while processes:
        processes.pop().end()
