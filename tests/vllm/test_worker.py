"""What the trainer notices of the real vLLM's process, and that nothing of it is left."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgkern.rollout.engine import EngineFailedError, Prompt, Sampling
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica

from .by_hand import answers, largest_difference, load, requests, write_weights
from .processes import comes_true, running_in_sessions

PROMPTS = [Prompt("", (10, 11, 12)), Prompt("", (20, 21))]
SAMPLING = Sampling(max_tokens=100)
MANY = 64  # samples of each prompt: after the first answers there is enough to do for what is to happen meanwhile


@pytest.fixture(scope="module")
def arguments(saved_models: dict[str, Path]) -> VllmArguments:
    return VllmArguments(str(saved_models["untied"]), max_model_len=1024, kv_cache_mib=64)


@pytest.fixture
def start(vllm_host: WorkerHost, arguments: VllmArguments) -> Iterator[Callable[[], WorkerReplica]]:
    """Starts replicas that end with the test, and asserts that they have."""
    started: list[WorkerReplica] = []

    def start() -> WorkerReplica:
        started.append(WorkerReplica(vllm_host, arguments, deadline_s=120.0))
        return started[-1]

    yield start
    for replica in started:
        replica.close()
        assert not running_in_sessions([replica.pid])


def test_a_kill_while_it_generates_is_noticed_at_once_and_a_new_one_gives_what_is_missing(
    start: Callable[[], WorkerReplica],
) -> None:
    asked = requests(PROMPTS, num_samples=MANY)
    first = start()
    whole = answers(first, asked, SAMPLING)
    generation = first.generate(asked, SAMPLING, 60.0)
    got = {(rollout.prompt_index, rollout.sample_index): rollout for rollout in (next(generation), next(generation))}
    os.kill(first.pid, signal.SIGKILL)
    killed = time.monotonic()
    with pytest.raises(EngineFailedError, match=f"worker {first.pid} is gone.*; it was ended by signal 9"):
        got |= {(rollout.prompt_index, rollout.sample_index): rollout for rollout in generation}
    assert time.monotonic() - killed < 50  # not by the deadline
    assert not running_in_sessions([first.pid])
    with pytest.raises(EngineFailedError, match="signal 9"):
        first.version()
    missing = [request for request in asked if (request.prompt_index, request.sample_index) not in got]
    assert missing
    assert got | answers(start(), missing, SAMPLING) == whole


@pytest.mark.parametrize("what", ["push", "question"])
def test_a_kill_at_any_other_moment_is_noticed_as_well(
    start: Callable[[], WorkerReplica], arguments: VllmArguments, what: str
) -> None:
    replica = start()
    if what == "push":
        os.kill(replica.pid, signal.SIGSTOP)  # so that the kill comes before its end
        threading.Timer(0.1, os.kill, (replica.pid, signal.SIGKILL)).start()
    else:
        os.kill(replica.pid, signal.SIGKILL)
    with pytest.raises(EngineFailedError, match="signal 9"):
        replica.load_folder(Path(arguments.model), 1) if what == "push" else replica.version()


def test_a_hang_is_noticed_by_the_deadline_and_ended(start: Callable[[], WorkerReplica]) -> None:
    replica = start()
    generation = replica.generate(requests(PROMPTS, num_samples=MANY), SAMPLING, 5.0)
    next(generation)
    os.kill(replica.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    with pytest.raises(EngineFailedError, match="has made no progress for 5 s; it was ended by signal 9"):
        list(generation)
    assert 4.5 < time.monotonic() - stopped < 100
    assert not running_in_sessions([replica.pid])


def test_a_torn_file_ends_the_worker(
    start: Callable[[], WorkerReplica], arguments: VllmArguments, tmp_path: Path
) -> None:
    torn = tmp_path / "weights"
    torn.mkdir()
    whole = (Path(arguments.model) / "model.safetensors").read_bytes()
    (torn / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    replica = start()
    with pytest.raises(EngineFailedError, match=f"vLLM could not load {torn}"):
        replica.load_folder(torn, 1)
    assert not running_in_sessions([replica.pid])


def test_a_model_that_is_none_says_why(vllm_host: WorkerHost, saved_models: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(saved_models["tied"], tmp_path / "model")
    (folder / "model.safetensors").unlink()
    with pytest.raises(EngineFailedError, match=r"vLLM cannot be started: .*model"):
        WorkerReplica(vllm_host, VllmArguments(str(folder)))


def test_closing_from_another_thread_ends_a_generation(start: Callable[[], WorkerReplica]) -> None:
    replica = start()
    generation = replica.generate(requests(PROMPTS, num_samples=MANY), SAMPLING, 60.0)
    next(generation)
    closing = threading.Thread(target=replica.close)
    closing.start()
    with pytest.raises(EngineFailedError):
        list(generation)
    closing.join()
    assert not running_in_sessions([replica.pid])


TRAINER = """
import sys
from pathlib import Path
from pgkern.rollout.engine import Prompt, Sampling
from pgkern.rollout.replica import Request
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica

host = WorkerHost(sys.argv[1], log=Path(sys.argv[2]))
replica = WorkerReplica(host, VllmArguments(sys.argv[3], max_model_len=1024, kv_cache_mib=64))
requests = [Request(0, sample, Prompt("", (10, 11)), sample) for sample in range(64)]
print(*host.pids, replica.pid, flush=True)
while True:
    for rollout in replica.generate(requests, Sampling(max_tokens=500), 60.0):
        print("rollout", flush=True)
"""


def test_nothing_is_left_when_the_trainer_is_killed(
    vllm_python: Path, arguments: VllmArguments, tmp_path: Path
) -> None:
    log = tmp_path / "vllm.log"
    command = [sys.executable, "-c", TRAINER, str(vllm_python), str(log), arguments.model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as trainer:
        assert trainer.stdout is not None
        sessions = [int(pid) for pid in trainer.stdout.readline().split()]
        assert len(sessions) == 2, log.read_text()
        assert trainer.stdout.readline() == "rollout\n"
        assert len(running_in_sessions(sessions)) >= 2
        trainer.kill()
    assert comes_true(lambda: not running_in_sessions(sessions))


def test_an_engine_may_start_without_weights_and_get_them(
    vllm_host: WorkerHost, saved_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(saved_models["tied"], tmp_path / "model")
    (folder / "model.safetensors").unlink()
    model = load(saved_models["tied"])
    replica = WorkerReplica(
        vllm_host, VllmArguments(str(folder), load_format="dummy", max_model_len=64, kv_cache_mib=64)
    )
    try:
        replica.load_folder(write_weights(tmp_path / "weights", model), 3)
        rollouts = list(answers(replica, requests(PROMPTS, num_samples=2), Sampling(max_tokens=20)).values())
    finally:
        replica.close()
    assert largest_difference(model, rollouts) < 1e-5
    assert {rollout.weights_version for rollout in rollouts} == {3}


def test_what_a_model_was_published_with_narrows_nothing_but_ends_texts(
    vllm_host: WorkerHost, saved_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(saved_models["tied"], tmp_path / "published")
    ends = [5, 6, 7, *range(100, 200)]
    published = {"do_sample": True, "top_k": 1, "top_p": 0.1, "repetition_penalty": 2.0, "eos_token_id": ends}
    (folder / "generation_config.json").write_text(json.dumps(published))
    replica = WorkerReplica(vllm_host, VllmArguments(str(folder), max_model_len=64, kv_cache_mib=64))
    try:
        sampling = Sampling(max_tokens=30)
        rollouts = list(answers(replica, requests([Prompt("", (10, 11))], num_samples=64), sampling).values())
    finally:
        replica.close()
    assert largest_difference(load(folder), rollouts) < 1e-5
    assert len({rollout.response_ids[0] for rollout in rollouts}) > 20
    for rollout in rollouts:
        assert not {*ends} & {*rollout.response_ids[:-1]}
    assert {rollout.response_ids[-1] for rollout in rollouts} & {*ends}
