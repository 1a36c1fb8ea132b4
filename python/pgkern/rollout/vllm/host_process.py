"""The process that imports vLLM, as the trainer sees it: started, given orders, ended with all that it forked."""

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pgkern

from ..cancellation import Cancellation
from ..engine import EngineFailedError

# The other interpreter has packages of its own, and of this one's it takes pgkern alone, by its file.
_START = """
import importlib.util, sys
sys.path[:1] = [] if sys.path[0] == "" else sys.path[:1]
init, folder = sys.argv[1:3]
spec = importlib.util.spec_from_file_location("pgkern", init, submodule_search_locations=[folder])
sys.modules["pgkern"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["pgkern"])
from pgkern.rollout.vllm.worker import main
main(*map(int, sys.argv[3:]))
"""
_LONGEST_END_SECONDS = 10.0  # a killed process may still wait for a disk


class HostProcess:
    """A session of its own, which ends with this process, whatever either of them is doing.

    `variables` come over those of this process, and `log` gets what it prints. Raises `EngineFailedError` when the
    interpreter cannot be started.
    """

    def __init__(self, python: str, variables: dict[str, str], log: Path) -> None:
        self.variables = variables
        self._ended = False
        self._control, its_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lifeline, its_lifeline = socket.socketpair()  # never written to: that it is closed says all
        init = str(pgkern.__file__)
        ends = [its_control.fileno(), its_lifeline.fileno()]
        with its_control, its_lifeline, log.open("ab") as printed:
            try:
                self._process = subprocess.Popen(
                    [python, "-c", _START, init, os.path.dirname(init), *map(str, ends), str(os.getpid())],
                    pass_fds=ends,
                    env={**os.environ, **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=printed,
                    start_new_session=True,
                )
            except OSError as error:
                self._control.close()
                self._lifeline.close()
                raise EngineFailedError(f"{python} cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """Its number, which is also that of its session."""
        return self._process.pid

    def is_dead(self) -> bool:
        """Whether it has ended, without taking notice: its number must stay its own until its group is killed."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def wait_until_ready(self, deadline_s: float, cancellation: Cancellation) -> None:
        """Wait for its imports. Raises `EngineFailedError` when they fail, take longer or are cancelled."""
        with cancellation.ends(self._kill):
            self._receive(deadline_s)

    def ask(self, order: dict[str, Any], numbers: list[int], deadline_s: float) -> dict[str, Any]:
        """The answer to an order, which takes file descriptors along. Raises `EngineFailedError` when none comes."""
        try:
            self._control.settimeout(deadline_s)
            socket.send_fds(self._control, [json.dumps(order).encode()], numbers)
        except OSError as error:
            raise EngineFailedError(f"vLLM's process cannot be reached: {error or type(error).__name__}") from error
        return self._receive(deadline_s)

    def end(self) -> int | None:
        """Kill it, and so all that it forked: they watch it.

        Gives its exit status as `subprocess` has it, None where it cannot be known.
        """
        if not self._ended:
            self._ended = True
            self._kill()
            self._control.close()
            self._lifeline.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LONGEST_END_SECONDS)
        return self._process.returncode

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _receive(self, deadline_s: float) -> dict[str, Any]:
        self._control.settimeout(deadline_s)
        began = time.monotonic()
        try:
            payload = self._control.recv(1 << 16)
        except TimeoutError:
            raise EngineFailedError(f"vLLM's process has not answered for {deadline_s:g} s") from None
        except OSError as error:
            raise EngineFailedError(f"vLLM's process cannot be reached: {error}") from error
        if not payload:
            raise EngineFailedError(f"vLLM's process ended after {time.monotonic() - began:.1f} s")
        answer = json.loads(payload)
        if not isinstance(answer, dict):
            raise EngineFailedError("vLLM's process gave an answer that is none")
        if "failure" in answer:
            raise EngineFailedError(str(answer["failure"]))
        return answer
