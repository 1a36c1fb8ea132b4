"""A worker process as its parent sees it: started, given one sample at a time, and ended whatever it is doing."""

import contextlib
import json
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct("<Q")
_LONGEST_ANSWER = 1 << 16
_LONGEST_END_SECONDS = 5.0  # a killed process may still wait for a disk
_LOOK_EVERY_SECONDS = 0.1  # whether the worker still lives: its own children may hold the socket open


class WorkerGoneError(Exception):
    """The worker died; the message says how."""


class WorkerProcess:
    """A process of its own session, so that whatever it starts can be ended with it."""

    def __init__(self) -> None:
        if not (hasattr(os, "waitid") and hasattr(os, "killpg")):
            raise RuntimeError(
                "a worker process needs os.waitid and os.killpg (Linux, or macOS with Python 3.13), "
                f"which Python {sys.version.split()[0]} on {sys.platform} lacks"
            )
        self._channel, its = socket.socketpair()
        self._lifeline, its_lifeline = socket.socketpair()  # never written to: that it is closed says all
        with its, its_lifeline:
            script = str(Path(__file__).with_name("worker_main.py"))
            ends = [its.fileno(), its_lifeline.fileno()]
            try:
                self._process = subprocess.Popen(
                    [sys.executable, script, *map(str, ends), str(os.getpid())],
                    pass_fds=ends,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except BaseException:
                self._channel.close()
                self._lifeline.close()
                raise

    @property
    def pid(self) -> int:
        """The process's id, which is also that of its group."""
        return self._process.pid

    def ask(self, message: Any, seconds: float) -> dict[str, Any]:  # noqa: ANN401
        """The answer to a message.

        Raises:
            TimeoutError: there is none after `seconds`.
            WorkerGoneError: there will be none.
        """
        until = time.monotonic() + seconds
        payload = message if isinstance(message, bytes) else pickle.dumps(message)
        try:
            self._channel.settimeout(seconds)
            self._channel.sendall(_LENGTH.pack(len(payload)) + payload)
            (size,) = _LENGTH.unpack(self._receive(_LENGTH.size, until))
            if size > _LONGEST_ANSWER:
                raise WorkerGoneError("worker died (its answer is no answer)")
            answer = json.loads(self._receive(size, until))
        except TimeoutError:
            raise
        except (OSError, EOFError, ValueError):
            raise WorkerGoneError(f"worker died ({self._fate()})") from None
        if not isinstance(answer, dict):
            raise WorkerGoneError("worker died (its answer is no answer)")
        return answer

    def is_dead(self) -> bool:
        """Whether it has ended, without taking notice: its id must stay its own until its group is killed."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def end(self) -> None:
        """Kill the process and all that it started, now."""
        self._channel.close()
        self._lifeline.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LONGEST_END_SECONDS)

    def _receive(self, size: int, until: float) -> bytes:
        received = b""
        while len(received) < size:
            dead = self.is_dead()  # asked first: what it sent before it died is still there
            poll = select.poll()
            poll.register(self._channel, select.POLLIN)
            left = until - time.monotonic()
            if poll.poll(max(0.0, min(left, _LOOK_EVERY_SECONDS)) * 1000):
                piece = self._channel.recv(size - len(received))
                if not piece:
                    raise EOFError
                received += piece
            elif dead:
                raise EOFError
            elif left <= 0:
                raise TimeoutError
        return received

    def _fate(self) -> str:
        """How it ended; it has closed its end, so it is about to if it has not."""
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            try:
                ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                break
            if ended is not None:
                how = "exit status" if ended.si_code == os.CLD_EXITED else "signal"
                return f"{how} {ended.si_status}"
            time.sleep(0.005)
        return "it closed its socket"
