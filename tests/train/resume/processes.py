"""Runs as processes that can be killed at a chosen moment."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEADLINE = 240.0  # seconds, for a machine that has other things to do

CONFIG = """
[run]
steps = 12
checkpoint_every = 2
evaluate_every = 3
logged_rollouts = 2
[data]
num_digits = 1
num_train = 60
num_validation = 8
[model]
hidden_size = 32
num_layers = 1
[warmup]
steps = 10
batch_size = 4
[rollouts]
prompts_per_step = 3
samples_per_prompt = 4
max_tokens = 6
[[rewards]]
function = "{folder}/own.py:early_letters"
"""

# A reward that every sample earns some of, so that each step changes the weights.
REWARD = """
def early_letters(completion, gold):
    return sum(letter < "m" for letter in completion) / max(1, len(completion))
"""


class RunProcess:
    """One `pgkern train`, forked from a process that has the imports behind it."""

    def __init__(self, ask: Callable[[dict[str, Any]], Any], process: int, output: Path) -> None:
        self._ask, self.process, self._output = ask, process, output
        self.code: int | None = None

    def running(self) -> bool:
        if self.code is None:
            self.code = self._ask({"poll": self.process})
        return self.code is None

    def wait(self) -> int:
        deadline = time.monotonic() + DEADLINE
        while self.running():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.01)
        assert self.code is not None
        return self.code

    def wait_until(self, moment: Callable[[], bool]) -> None:
        """Return as soon as the moment has come; the run must not have ended before."""
        deadline = time.monotonic() + DEADLINE
        for turn in itertools.count():
            if moment():
                return
            if turn % 64 == 0:  # looked at often: what is waited for may be over in a millisecond
                assert self.running(), f"the run ended before the moment came: {self.output}"
                assert time.monotonic() < deadline, self.output

    def send(self, number: int) -> None:
        os.kill(self.process, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL, self.output

    @property
    def output(self) -> str:
        return self._output.read_text()


class Runs:
    """Starts runs of one configuration, each with its output in a file of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "own.py").write_text(REWARD)
        (folder / "run.toml").write_text(CONFIG.format(folder=folder))
        folder.chmod(0o755)
        self._count = itertools.count()
        self._server = subprocess.Popen(
            [sys.executable, "-W", "error", str(Path(__file__).with_name("runs_in_forks.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._answer()

    def start(self, run: Path, *settings: str, resumed: bool = False, **limits: int) -> RunProcess:
        options = [part for setting in settings for part in ("--set", setting)]
        start = ["--resume"] if resumed else [str(self.folder / "run.toml")]
        arguments = ["train", *start, "--folder", str(run), *options]
        output = self.folder / f"output-{next(self._count)}.txt"
        return RunProcess(self._ask, self._ask({"arguments": arguments, "output": str(output), **limits}), output)

    def finish(self, run: Path, *settings: str, resumed: bool = False, **limits: int) -> RunProcess:
        """Start one and wait for its end, whatever that is."""
        started = self.start(run, *settings, resumed=resumed, **limits)
        started.wait()
        return started

    def close(self) -> None:
        self._server.communicate(timeout=60)
        assert self._server.returncode == 0

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._server.stdout is not None
        return json.loads(self._server.stdout.readline())
