"""`pgkern train` as a process whose descendants are found again, whatever session and parent they have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

DEADLINE = 580.0  # seconds, for a machine that has other things to do


class MarkedRun:
    """`pgkern train` with these arguments; it and all that comes of it have a mark in their environment."""

    def __init__(self, arguments: list[str], output: Path) -> None:
        self._mark, self._output = f"PGKERN_TEST_MARK={uuid.uuid4().hex}", output
        name, _, value = self._mark.partition("=")
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pgkern", "train", *arguments],
                env={**os.environ, "OMP_NUM_THREADS": "1", name: value},
                stdout=file,
                stderr=file,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def running(self) -> dict[int, str]:
        """The command line of each process with the mark, by its number."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is somebody else's
                if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def wait_until(self, moment: Callable[[], bool], seconds: float = DEADLINE) -> None:
        """The run must not end before."""
        deadline = time.monotonic() + seconds
        while not moment():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.01)

    def finish(self) -> None:
        assert self.process.wait(timeout=DEADLINE) == 0, self.output
        self.assert_nothing_left()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=120)

    def assert_nothing_left(self, seconds: float = 120.0) -> None:
        deadline = time.monotonic() + seconds
        while left := self.running():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)
