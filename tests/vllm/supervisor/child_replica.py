"""The parent's side of `child_engine.py`, and what befalls it: processes that are killed, stopped, or wrong."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from pgkern.rollout.cancellation import Cancellation
from pgkern.rollout.engine import EngineFailedError, Prompt, Rollout, Sampling
from pgkern.rollout.replica import Request
from pgkern.rollout.weight_probe import WeightProbe

from .child_engine import log_probs_of

VOCABULARY = 12
_PATIENCE = 120.0  # seconds, for a machine that has other things to do


def weights_of(version: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(version)
    return {"w": torch.randn(VOCABULARY, VOCABULARY, generator=generator)}


def prompts(number: int) -> list[Prompt]:
    return [Prompt(f"{index}", (1 + index % (VOCABULARY - 1), 1 + index % 5)) for index in range(number)]


class Trainer:
    """Has the weights of a version, and computes what the engine should."""

    version = 0

    def log_probs(self, rollouts: Sequence[Rollout]) -> list[list[float]]:
        weight_VV: Any = weights_of(self.version)["w"].numpy()
        rows = []
        for rollout in rollouts:
            ids = [*rollout.prompt.token_ids, *rollout.response_ids]
            steps = range(len(rollout.prompt.token_ids), len(ids))
            rows.append([float(log_probs_of(weight_VV, ids[at - 1], 0.7)[ids[at]]) for at in steps])
        return rows

    def probe(self) -> WeightProbe:
        return WeightProbe(prompts(3), Sampling(temperature=0.7, max_tokens=4), self.log_probs, tolerance=1e-5)


@dataclass
class Fate:
    """What is wrong with the processes to come, and when those that run are killed."""

    wrong: list[str] = field(default_factory=list)
    """Of the next processes, one each; those after them are sound."""
    die_after_answers: list[int] = field(default_factory=list)
    """Counted over all processes, probes among them: SIGKILL after that many answers."""
    die_in_pushes: list[int] = field(default_factory=list)
    """Counted over all processes, from 1: SIGKILL in the middle of that push."""
    die_when_built: list[int] = field(default_factory=list)
    refused_when_built: list[int] = field(default_factory=list)
    """Instead there is something that is no engine."""
    doubted: str | None = None
    """What every replica says may be wrong with it."""
    cancellation: Cancellation = field(default_factory=Cancellation)
    answers: int = 0
    pushes: int = 0
    processes: list["ChildReplica"] = field(default_factory=list)
    one_at_a_time: Lock = field(default_factory=Lock)
    """Replicas answer in threads."""

    def build(self) -> "ChildReplica":
        replica = ChildReplica(self.wrong.pop(0) if self.wrong else "nothing", self)
        if len(self.processes) in self.refused_when_built:
            replica.close()
            raise ValueError("it takes no weights")
        if len(self.processes) in self.die_when_built:
            replica.close()
            raise EngineFailedError("its process ended before it answered")
        return replica

    def answered(self, replica: "ChildReplica") -> None:
        with self.one_at_a_time:
            self.answers += 1
            if self.answers in self.die_after_answers:
                replica.kill()

    def pushed(self, replica: "ChildReplica") -> None:
        with self.one_at_a_time:
            self.pushes += 1
            if self.pushes in self.die_in_pushes:
                replica.kill()

    def living(self) -> list["ChildReplica"]:
        return [replica for replica in self.processes if replica.process.poll() is None]


class ChildReplica:
    """A `Replica` over pipes."""

    def __init__(self, wrong: str, fate: Fate) -> None:
        command = [sys.executable, str(Path(__file__).parent / "child_engine.py"), wrong]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.fate, self._buffer, self.answers = fate, b"", 0
        self.doubts = [fate.doubted] if fate.doubted else []
        fate.processes.append(self)
        try:
            with fate.cancellation.ends(self.process.kill):
                self._read(_PATIENCE)
        except EngineFailedError:
            self.close()
            raise

    def generate(self, requests: Sequence[Request], sampling: Sampling, deadline_s: float) -> Iterator[Rollout]:
        by_key = {(each.prompt_index, each.sample_index): each for each in requests}
        told = [{"key": key, "prompt": each.prompt.token_ids, "seed": each.seed} for key, each in by_key.items()]
        self._write({"requests": told, "temperature": sampling.temperature, "max_tokens": sampling.max_tokens})
        while "done" not in (answer := self._read(deadline_s)):
            self.answers += 1
            self.fate.answered(self)
            request = by_key[tuple(answer["key"])]
            ids, log_probs = tuple(answer["ids"]), tuple(answer["log_probs"])
            ended = "stop" if ids[-1] == 0 else "length"
            yield Rollout(
                *(request.prompt_index, request.prompt, ids, str(ids), log_probs),
                *(ended, answer["version"], request.sample_index),
            )

    def load_folder(self, folder: Path, version: int) -> None:
        self._write({"folder": str(folder), "version": version})
        self.fate.pushed(self)
        self._read(_PATIENCE)

    def load_shared(self, weights: Iterable[tuple[str, Tensor]], version: int) -> None:
        with TemporaryDirectory() as folder:  # what they share is a file here
            save_file(dict(weights), Path(folder) / "model.safetensors")
            self.load_folder(Path(folder), version)

    def version(self) -> int:
        self._write({"version": True})
        return int(self._read(_PATIENCE)["version"])

    def sleep(self) -> None: ...

    def wake_up(self) -> None: ...

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise EngineFailedError("its process is gone") from error

    def _read(self, deadline_s: float) -> dict[str, Any]:
        if self.process.returncode is not None:  # what else it had said does not count: nobody knows how much it was
            raise EngineFailedError(f"its process ended with {self.process.returncode}")
        while b"\n" not in self._buffer:
            assert self.process.stdout is not None
            try:
                ready = select.select([self.process.stdout], [], [], deadline_s)[0]
                new = os.read(self.process.stdout.fileno(), 1 << 16) if ready else None
            except (OSError, ValueError) as error:
                raise EngineFailedError("it was closed") from error
            if new is None:
                raise EngineFailedError(f"it made no progress for {deadline_s:g} s")
            if not new:
                raise EngineFailedError(f"its process ended with {self.process.wait()}")
            self._buffer += new
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
