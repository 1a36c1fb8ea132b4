"""The processes around an engine, with a package that only calls itself vllm: all begin fast, and none is left."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pgkern.rollout.cancellation import Cancellation
from pgkern.rollout.engine import EngineFailedError, Prompt, Rollout, Sampling
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.worker_host import StartedWorker, WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica

from .by_hand import requests
from .processes import comes_true, running_in_sessions
from .stand_in import write_stand_in

ARGUMENTS = VllmArguments("no model")
ASKED = requests([Prompt("", (1, 2))], num_samples=3)

TRAINER = """
import sys
from pathlib import Path
from pgkern.rollout.engine import Prompt, Sampling
from pgkern.rollout.replica import Request
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica

host = WorkerHost(sys.executable, log=Path(sys.argv[1]), fork=sys.argv[2] == "True")
replicas = [WorkerReplica(host, VllmArguments("no model")) for _ in range(2)]
print(*host.pids, *(replica.pid for replica in replicas), flush=True)
for rollout in replicas[0].generate([Request(0, 0, Prompt("", (1,)), 0)], Sampling(max_tokens=1000), 60.0):
    pass
"""


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(write_stand_in(tmp_path)), there])))


@pytest.fixture(params=[True, False], ids=["forked", "from scratch"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerHost]:
    host = WorkerHost(log=tmp_path / "worker.log", fork=request.param)
    yield host
    pids = host.pids
    host.close()
    assert not running_in_sessions(pids)


def sampled(replica: WorkerReplica, max_tokens: int = 3) -> list[Rollout]:
    return list(replica.generate(ASKED, Sampling(max_tokens=max_tokens), 60.0))


def test_workers_are_told_apart_and_end_one_by_one(host: WorkerHost) -> None:
    one, other = WorkerReplica(host, ARGUMENTS), WorkerReplica(host, ARGUMENTS)
    assert one.pid != other.pid
    assert [rollout.response_ids for rollout in sampled(one)] == [(7, 7, 7)] * 3
    os.kill(one.pid, signal.SIGKILL)
    with pytest.raises(EngineFailedError, match=f"worker {one.pid} .*; it was ended by signal 9"):
        sampled(one)
    assert not running_in_sessions([one.pid])
    assert len(sampled(other)) == 3
    again = WorkerReplica(host, ARGUMENTS)
    assert len(sampled(again)) == len(sampled(other)) == 3
    for replica in (one, other, again):
        replica.close()
        replica.close()
        assert not running_in_sessions([replica.pid])


def test_a_long_response_is_no_hang(tmp_path: Path) -> None:
    host = WorkerHost(log=tmp_path / "worker.log")
    began = time.monotonic()
    rollouts = list(WorkerReplica(host, ARGUMENTS).generate(ASKED, Sampling(max_tokens=500), 3.0))
    assert time.monotonic() - began > 4.5  # a hundred tokens a second
    assert [len(rollout.response_ids) for rollout in rollouts] == [500] * 3
    host.close()


def test_a_process_that_was_forked_from_may_be_killed_too(tmp_path: Path) -> None:
    host = WorkerHost(log=tmp_path / "worker.log")
    replica = WorkerReplica(host, ARGUMENTS)
    (first,) = host.pids
    os.kill(first, signal.SIGKILL)
    with pytest.raises(EngineFailedError, match="was ended with the process that forked it"):
        sampled(replica, 1000)
    assert not running_in_sessions([first, replica.pid])
    again = WorkerReplica(host, ARGUMENTS)
    assert host.pids != [first]
    assert len(sampled(again)) == 3
    host.close()
    assert not running_in_sessions([*host.pids, again.pid])
    with pytest.raises(EngineFailedError):
        sampled(again)


def test_a_host_that_is_forgotten_leaves_nothing(tmp_path: Path) -> None:
    host = WorkerHost(log=tmp_path / "worker.log")
    replica = WorkerReplica(host, ARGUMENTS)
    sessions = [*host.pids, replica.pid]
    assert len(running_in_sessions(sessions)) == 2
    del host, replica
    assert comes_true(lambda: not running_in_sessions(sessions))


@pytest.mark.parametrize("fork", [True, False])
def test_nothing_is_left_when_the_trainer_is_killed(tmp_path: Path, fork: bool) -> None:
    command = [sys.executable, "-c", TRAINER, str(tmp_path / "worker.log"), str(fork)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as trainer:
        assert trainer.stdout is not None
        sessions = {int(pid) for pid in trainer.stdout.readline().split()}
        assert len(sessions) == (3 if fork else 2)
        assert set(running_in_sessions(sessions)) == sessions
        os.kill(max(sessions), signal.SIGSTOP)  # one that hangs ends as well
        trainer.kill()
    assert comes_true(lambda: not running_in_sessions(sessions))


def test_an_import_that_fails_is_told(tmp_path: Path) -> None:
    write_stand_in(tmp_path, "print('looking for it', flush=True)\nraise ImportError('libnothing.so is missing')")
    host = WorkerHost(log=tmp_path / "worker.log")
    with pytest.raises(EngineFailedError, match="vLLM cannot be imported: ImportError: libnothing") as error:
        WorkerReplica(host, ARGUMENTS)
    assert "looking for it" in str(error.value)
    assert not host.pids


def test_an_import_that_hangs_is_ended(tmp_path: Path) -> None:
    write_stand_in(tmp_path, "import time\ntime.sleep(600)")
    host = WorkerHost(log=tmp_path / "worker.log")
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(WorkerReplica, host, ARGUMENTS, startup_deadline_s=1.5)
        assert comes_true(lambda: bool(host.pids))
        (pid,) = host.pids
        with pytest.raises(EngineFailedError, match=r"has not answered for 1\.5 s"):
            starting.result(120.0)
    assert not host.pids
    assert not running_in_sessions([pid])


@pytest.mark.parametrize("hangs", ["in its imports", "in the engine"])
def test_a_start_that_is_cancelled_ends_soon(tmp_path: Path, hangs: str) -> None:
    if hangs == "in its imports":
        write_stand_in(tmp_path, "import time\ntime.sleep(600)")
    else:
        engine = tmp_path / "vllm/v1/engine/llm_engine.py"
        engine.write_text(engine.read_text().replace("lambda cls, arguments: cls()", "lambda *_: time.sleep(600)"))
    host, cancellation = WorkerHost(log=tmp_path / "worker.log"), Cancellation()
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(WorkerReplica, host, ARGUMENTS, cancellation=cancellation)
        assert comes_true(lambda: bool(host.pids if hangs == "in its imports" else host._workers))
        pids, began = [*host.pids, *(worker.pid for worker in host._workers)], time.monotonic()
        cancellation.cancel()
        with pytest.raises(EngineFailedError):
            starting.result(120.0)
    assert time.monotonic() - began < 60.0
    host.close()
    assert not running_in_sessions(pids)


def test_a_start_that_is_cancelled_while_its_failure_is_told_kills_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = tmp_path / "vllm/v1/engine/llm_engine.py"
    engine.write_text(engine.read_text().replace("lambda cls, arguments: cls()", "lambda *_: 1 / 0"))
    host, cancellation = WorkerHost(log=tmp_path / "worker.log"), Cancellation()
    start, last_lines, number = host.start, host.last_lines, -1

    def note_number(*arguments: Any) -> StartedWorker:
        nonlocal number
        worker = start(*arguments)
        number = worker.descriptor
        return worker

    def cancel(since: int) -> str:
        """The number of the worker's descriptor is that of another process meanwhile."""
        others = os.pidfd_open(other.pid)
        os.dup2(others, number)
        cancellation.cancel()
        for each in {others, number}:
            os.close(each)
        return last_lines(since)

    monkeypatch.setattr(host, "start", note_number)
    monkeypatch.setattr(host, "last_lines", cancel)
    with subprocess.Popen(["sleep", "900"]) as other:
        with pytest.raises(EngineFailedError, match="ZeroDivisionError"):
            WorkerReplica(host, ARGUMENTS, cancellation=cancellation)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
        other.kill()
    assert cancellation.is_cancelled
    host.close()


@pytest.mark.parametrize("ending", ["is there", "is killed", "is cancelled"])
def test_what_an_engine_needs_for_its_start_is_removed_once_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    temporary, engine = tmp_path / "temporary", tmp_path / "vllm/v1/engine/llm_engine.py"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    seconds = 1 if ending == "is there" else 600
    start = f"lambda cls, arguments: (tempfile.mkstemp('.start'), time.sleep({seconds}), cls())[-1]"
    engine.write_text("import tempfile" + engine.read_text().replace("lambda cls, arguments: cls()", start))
    host, cancellation = WorkerHost(log=tmp_path / "worker.log"), Cancellation()
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(WorkerReplica, host, ARGUMENTS, cancellation=cancellation)
        assert comes_true(lambda: any(temporary.rglob("*.start")))
        if ending == "is there":
            replica = starting.result(120.0)
            assert not os.listdir(
                temporary
            )  # also while it runs, for nobody can tidy up after a trainer that is killed
            replica.close()
        else:
            cancellation.cancel() if ending == "is cancelled" else os.kill(host._workers[0].pid, signal.SIGKILL)
            with pytest.raises(EngineFailedError):
                starting.result(120.0)
    assert not os.listdir(temporary)
    host.close()


def test_an_interpreter_that_is_none_is_told(tmp_path: Path) -> None:
    host = WorkerHost(tmp_path / "no-python", log=tmp_path / "worker.log")
    with pytest.raises(EngineFailedError, match="no-python cannot be started"):
        WorkerReplica(host, ARGUMENTS)


def test_a_worker_takes_pgkern_and_nothing_else_from_the_trainers_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stand_in(tmp_path, "import sys\nprint('path', *sys.path, flush=True)")
    monkeypatch.syspath_prepend(str(tmp_path / "only-the-trainers"))
    host = WorkerHost(log=tmp_path / "worker.log")
    WorkerReplica(host, ARGUMENTS).close()
    host.close()
    path = (tmp_path / "worker.log").read_text()
    assert str(tmp_path) in path
    assert "only-the-trainers" not in path
