"""The engine's process killed again and again within one run, as if nothing had been."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pytest

from pgkern.rollout.engine import EngineFailedError, Rollout, Sampling
from pgkern.rollout.replica import Request
from pgkern.rollout.vllm.worker_replica import WorkerReplica
from pgkern.train.logs.metrics import MetricsLog, Phase
from pgkern.train.loop import train

from ..train.resume.same_run import assert_same_run, rows
from .whole_runs import SAMPLES_PER_STEP, events, small_run

STEPS = 7
GENERATION, PUSH, BETWEEN_STEPS = MOMENTS = ("generation", "push", "between steps")


class Killer:
    """In each step kills the worker by SIGKILL in the middle of its generation, in its push, and after the step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kills: dict[str, int] = dict.fromkeys(MOMENTS, 0)
        self.struck = {GENERATION: 0, PUSH: 0}
        """Kills that the call under way died of: the others came just after it."""
        self._step = self._version = 0
        self._last: WorkerReplica | None = None
        self._killed: set[int] = set()
        generate, load_folder, log = WorkerReplica.generate, WorkerReplica.load_folder, MetricsLog.log

        def generating(
            worker: WorkerReplica, requests: Sequence[Request], sampling: Sampling, deadline_s: float
        ) -> Iterator[Rollout]:
            self._last, self._step = worker, max(1, self._step)
            answers = generate(worker, requests, sampling, deadline_s)
            whole = len(requests) == SAMPLES_PER_STEP  # not the probe, nor what is left
            here = whole and self._due(GENERATION, worker)
            if here:
                yield from islice(answers, self._step % 3)
                self._kill(GENERATION, worker)
            try:
                yield from answers
            except EngineFailedError:
                self.struck[GENERATION] += here
                raise

        def pushing(worker: WorkerReplica, folder: Path, version: int) -> None:
            self._last = worker
            # A rebuilt engine's, or one that is dead because it had answered all when it was killed.
            if version == self._version or worker.pid in self._killed:
                load_folder(worker, folder, version)
                return
            self._version = version
            if self.kills[PUSH] % 2 == 0:  # so that the kill comes before its end
                os.kill(worker.pid, signal.SIGSTOP)
            killing = threading.Timer(0.001 * self.kills[PUSH], self._kill, [PUSH, worker])
            killing.start()
            try:
                load_folder(worker, folder, version)
            except EngineFailedError:
                self.struck[PUSH] += 1
                raise
            finally:
                killing.join()

        def logging(metrics_log: MetricsLog, step: int, phase: Phase, metrics: Mapping[str, float | None]) -> None:
            log(metrics_log, step, phase, metrics)
            if phase == "policy_gradient":
                assert self._last is not None
                self._kill(BETWEEN_STEPS, self._last)
                self._step += 1

        monkeypatch.setattr(WorkerReplica, "generate", generating)
        monkeypatch.setattr(WorkerReplica, "load_folder", pushing)
        monkeypatch.setattr(MetricsLog, "log", logging)

    def _due(self, moment: str, worker: WorkerReplica) -> bool:
        return worker.pid not in self._killed and self.kills[moment] < self._step

    def _kill(self, moment: str, worker: WorkerReplica) -> None:
        os.kill(worker.pid, signal.SIGKILL)
        self._killed.add(worker.pid)
        self.kills[moment] += 1


def test_a_run_whose_engine_is_killed_twenty_times_is_the_unbroken_run(
    tmp_path: Path, vllm_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_run(tmp_path, vllm_python, "vllm", steps=STEPS)
    assert train(config, tmp_path / "unbroken").finished
    killer = Killer(monkeypatch)
    assert train(config, tmp_path / "killed").finished
    assert killer.kills == dict.fromkeys(MOMENTS, STEPS)
    assert killer.struck[PUSH] > STEPS // 2
    assert killer.struck[GENERATION] >= STEPS // 3  # surely those that had no answer yet
    told = events(tmp_path / "killed")
    last = 1  # after the last step nobody asks any more
    assert told == {"engine_failed": 3 * STEPS - last, "engine_rebuilt": 3 * STEPS - last}
    steps = [row for row in rows(tmp_path / "killed") if row["phase"] == "policy_gradient"]
    assert sum(row["engine_rebuilds"] for row in steps) == 3 * STEPS - last
    assert_same_run(tmp_path / "killed", tmp_path / "unbroken", apart_from=("engine_rebuilds",))
