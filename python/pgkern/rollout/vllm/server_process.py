"""A vLLM server of our own: started in its interpreter, watched, and ended with all that came of it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ..cancellation import Cancellation
from ..engine import EngineFailedError
from . import orphan_guard
from .arguments import VllmArguments, environment, server_flags
from .log_end import log_end
from .server_connection import ask_for_text

_LOOK_EVERY_S = 0.2
_GUARD_HAS_S, _KILLED_GUARD_HAS_S = 30.0, 10.0  # it gives up on a process sooner


class ServerProcess:
    """Starts `python -m vllm.entrypoints.openai.api_server` and waits until it answers.

    It listens on a socket file in a folder of its own (mode 700), so that no port has to be free and no other user of
    the machine can push weights. Between this process and the server's stands a guard (`orphan_guard`) that ends the
    server and vLLM's own child processes when this process is gone, however it ended.

    Args:
        python: the interpreter that has vLLM, which may be another than this one.
        arguments: what to serve, and how.
        log: the server's output is appended here.
        start_deadline_s: until it must answer.
        cancellation: ends the start.

    Raises `EngineFailedError` with the log's last lines when the server ends or does not answer in time.
    """

    def __init__(
        self,
        python: str,
        arguments: VllmArguments,
        log: Path,
        *,
        start_deadline_s: float = 600.0,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.log = log
        self._folder = tempfile.mkdtemp(prefix="pgkern-vllm-")  # short: a socket's path has at most 107 bytes
        self.address = f"unix:{self._folder}/http.sock"
        server = [python, "-m", "vllm.entrypoints.openai.api_server", "--uds", f"{self._folder}/http.sock"]
        server += [*server_flags(arguments), "--disable-uvicorn-access-log"]  # a line for every request
        guard = [sys.executable, "-I", "-S", orphan_guard.__file__, str(os.getpid()), self._folder, *server]
        variables = {
            **os.environ,
            **environment(arguments),
            "VLLM_SERVER_DEV_MODE": "1",  # without it the server takes no weights
            "TMPDIR": self._folder,  # what vLLM leaves behind goes with our socket
        }
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._guard = subprocess.Popen(
                guard,
                stdin=subprocess.PIPE,  # its end is the guard's sign to go
                stdout=output,
                stderr=output,
                env=variables,
                start_new_session=True,  # Ctrl-C in the terminal is the trainer's affair
            )
        try:
            with (cancellation or Cancellation()).ends(self._let_go):
                self._wait_until_ready(start_deadline_s)
        except BaseException:
            self.close()
            raise

    def is_running(self) -> bool:
        """False once the server's process has ended."""
        return self._guard.poll() is None

    def last_words(self) -> str:
        """How the server fares, and the end of its log, for a message."""
        status = self._guard.poll()
        state = "runs" if status is None else f"has ended with exit status {status}"
        return f"The vLLM server's process {state}. {log_end(self.log)}"

    def close(self) -> None:
        """End the server's processes and wait until none is left that can be ended. May be called twice."""
        self._let_go()
        try:
            self._guard.wait(_GUARD_HAS_S)
        except subprocess.TimeoutExpired:  # it is stopped, or hangs itself
            orphan_guard.end_descendants(self._guard.pid)  # first: without it they are nobody's
            self._guard.kill()
            with suppress(subprocess.TimeoutExpired):
                self._guard.wait(_KILLED_GUARD_HAS_S)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _let_go(self) -> None:
        """The guard's sign to end the server."""
        if self._guard.stdin is not None:
            with suppress(BrokenPipeError):
                self._guard.stdin.close()

    def _wait_until_ready(self, deadline_s: float) -> None:
        deadline = time.monotonic() + deadline_s
        while True:
            if not self.is_running():
                raise EngineFailedError(f"the vLLM server did not start. {self.last_words()}")
            try:
                ask_for_text(self.address, "GET", "/health", timeout_s=5.0)
                return
            except EngineFailedError as error:
                if time.monotonic() > deadline:
                    raise EngineFailedError(
                        f"the vLLM server did not answer within {deadline_s:g} s of its start ({error}). "
                        f"{self.last_words()}"
                    ) from error
            time.sleep(_LOOK_EVERY_S)
