"""The real vLLM as a server that dies, hangs, or is another one than it was."""

import os
import re
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pgkern.rollout.engine import EngineFailedError, Prompt, Rollout, Sampling
from pgkern.rollout.supervised_engine import SupervisedEngine
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.server_connection import ask_for_text
from pgkern.rollout.vllm.server_process import ServerProcess
from pgkern.rollout.vllm.server_replica import ServerReplica
from pgkern.rollout.vllm.weight_push import Ask, SharedFolder
from pgkern.rollout.weight_folder import kinds_of
from pgkern.rollout.weight_probe import WeightProbe

from ..by_hand import answers, largest_difference, log_probs, requests, write_weights
from ..processes import comes_true
from .processes import descendants, engine_core, is_alive, server_processes, shared_memory_of
from .servers import OtherServer, OwnServer

DEADLINE_S = 60.0
# Long enough to be interrupted.
LONG = Sampling(max_tokens=128, stop=None, seed=2)


@pytest.mark.parametrize("stopped", ["the engine", "the HTTP server"])
def test_a_server_that_hangs_is_noticed_by_the_deadline(
    replica: ServerReplica, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path, stopped: str
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    pid = engine_core(replica.address) if stopped == "the engine" else server_processes(replica.address)[0]
    rollouts = replica.generate(requests(prompts, 200), LONG, deadline_s=10.0)
    next(rollouts)
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(EngineFailedError, match=r"no progress for 10 s|no answer in 10 s"):
            list(rollouts)
        assert 9.0 < time.monotonic() - started < 100.0
        with pytest.raises(EngineFailedError, match=r"had no answer in 2 s(.|\n)*process runs\. The end of its log"):
            list(replica.generate(requests(prompts), LONG, deadline_s=2.0))
    finally:
        os.kill(pid, signal.SIGCONT)
    replica.load_folder(write_weights(tmp_path / "weights", model), 2)  # it only hung: it goes on
    assert len(list(replica.generate(requests(prompts), Sampling(max_tokens=4), DEADLINE_S))) == 3


def test_a_slow_answer_is_no_hanging(
    replica: ServerReplica, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    sampling, deadline_s = Sampling(max_tokens=200, stop=None), 8.0
    drawn = answers(replica, asked := requests(prompts, 16), sampling)
    longest = [each for each in asked if len(drawn[each.prompt_index, each.sample_index].response_ids) == 200]
    engine, started = engine_core(replica.address), time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        generation = pool.submit(lambda: list(replica.generate(longest, sampling, deadline_s)))
        for _ in range(3):  # they all end at once, later than the deadline, while tokens keep coming
            tokens = tokens_so_far(replica)
            assert comes_true(lambda before=tokens: tokens_so_far(replica) > before)
            os.kill(engine, signal.SIGSTOP)
            time.sleep(0.35 * deadline_s)
            os.kill(engine, signal.SIGCONT)
        rollouts = generation.result()
    assert time.monotonic() - started > deadline_s
    assert [len(rollout.response_ids) for rollout in rollouts] == [200] * len(longest)


def tokens_so_far(replica: ServerReplica) -> float:
    metrics = ask_for_text(replica.address, "GET", "/metrics", timeout_s=DEADLINE_S)
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in metrics.splitlines()
        if line.startswith("vllm:generation_tokens_total{")
    )


def test_a_server_restarted_behind_our_back_has_no_version_of_ours(
    replica: ServerReplica, other_server: OtherServer, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path
) -> None:
    address = tmp_path / "http.sock"  # where our server listens, as far as we know
    address.symlink_to(replica.address.removeprefix("unix:"))
    ours = ServerReplica(f"unix:{address}", lambda ids: "")
    ours.load_folder(write_weights(tmp_path / "weights", model), 3)
    sampling = Sampling(max_tokens=4)
    rollouts = list(ours.generate(requests(prompts), sampling, DEADLINE_S))
    assert {rollout.weights_version for rollout in rollouts} == {3}
    address.unlink()
    with pytest.raises(EngineFailedError, match="of the vLLM server unix:"):  # one is down, the other not yet up
        ours.version()
    address.symlink_to(other_server.address().removeprefix("unix:"))
    ServerReplica(other_server.address(), lambda ids: "").load_folder(write_weights(tmp_path / "weights", model), 3)
    assert ours.version() == -1
    rollouts = list(ours.generate(requests(prompts), sampling, DEADLINE_S))
    assert {rollout.weights_version for rollout in rollouts} == {-1}


def test_a_server_that_is_killed_in_a_push_is_rebuilt_with_the_new_weights_and_probed(
    own_server: OwnServer, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path
) -> None:
    events: list[tuple[str, str]] = []

    def ask_and_be_killed(ask: Ask, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The server gets the order to load, and is killed before it can have done so."""
        if body["method"] == "reload_weights" and version == 2 and not events:
            os.kill(engine_core(own_server.replica().address), signal.SIGSTOP)
            threading.Timer(0.5, os.kill, (server_processes(own_server.replica().address)[0], signal.SIGKILL)).start()
        return ask(method, path, body)

    weights = model.state_dict()
    trainers_log_probs = Mock(side_effect=lambda rollouts: [log_probs(model, rollout) for rollout in rollouts])
    engine = SupervisedEngine(
        # It leaves the server running, for the tests to come.
        [
            lambda: ServerReplica(
                own_server.replica().address,
                lambda ids: "",
                weight_push=lambda ask: SharedFolder(partial(ask_and_be_killed, ask)),
            )
        ],
        folder=tmp_path / "weights",
        expected=kinds_of(weights.items()),
        probe=WeightProbe(prompts, Sampling(max_tokens=8), trainers_log_probs, tolerance=1e-5),
        on_event=lambda *event: events.append(event),
    )
    seen = []
    for version in (1, 2, 3):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02)
        engine.load_weights(weights.items(), version)
        seen.append(list(engine.generate(prompts, Sampling(num_samples=4, max_tokens=16))))
        assert largest_difference(model, seen[-1]) < 1e-5
        assert {rollout.weights_version for rollout in seen[-1]} == {version}
    assert [name for name, _ in events] == ["engine_failed", "engine_rebuilt"]
    assert "/collective_rpc" in events[0][1]
    assert "with the weights of version 2" in events[1][1]
    assert trainers_log_probs.call_count == 1 + 2 * 2  # what was answered before, too, from the second version on
    engine.close()


def test_one_of_two_servers_dies_and_then_the_trainer_of_the_other(
    replica: ServerReplica,
    other_server: OtherServer,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[Prompt],
    tmp_path: Path,
) -> None:
    theirs = other_server.address()
    decode = partial(tokenizer.decode, skip_special_tokens=True)
    weights, events = model.state_dict(), []
    engine = SupervisedEngine(
        [lambda: replica, lambda: ServerReplica(theirs, decode)],
        folder=tmp_path / "weights",
        expected=kinds_of(weights.items()),
        deadline_s=DEADLINE_S,
        max_rebuilds=0,
        on_event=lambda *event: events.append(event),
    )
    engine.load_weights(weights.items(), 1)
    sampling = Sampling(num_samples=32, max_tokens=128, stop=None, seed=3)
    whole = by_place(list(engine.generate(prompts, sampling)))
    assert len(whole) == 96

    # The engine behind our server's HTTP side is killed: the other server gives the same rollouts for it.
    our_family = server_processes(replica.address)
    rollouts = engine.generate(prompts, sampling)
    first = next(rollouts)
    os.kill(engine_core(replica.address), signal.SIGKILL)
    assert by_place([first, *rollouts]) == whole
    ((name, message),) = events
    assert name == "engine_failed"
    assert re.search(r"engine 1 of 2: (.|\n)*The end of its log(.|\n)*given up", message)
    assert comes_true(lambda: not any(map(is_alive, our_family)))

    # The trainer that started the other one is killed: that server goes at once, with all of its processes.
    assert other_server.trainer is not None
    their_family = descendants(other_server.trainer.pid)
    shared = {name for pid in their_family for name in shared_memory_of(pid)}
    assert shared
    assert set(server_processes(theirs)) < set(their_family)
    rollouts = engine.generate(prompts, sampling)
    next(rollouts)
    started = time.monotonic()
    other_server.kill()
    with pytest.raises(EngineFailedError, match=r"engine 2 of 2 failed 1 times in a row"):
        list(rollouts)
    assert time.monotonic() - started < 0.8 * DEADLINE_S  # not by the deadline
    assert comes_true(lambda: not any(map(is_alive, their_family)))
    assert not Path(theirs.removeprefix("unix:")).parent.exists()
    assert not shared & set(os.listdir("/dev/shm"))
    engine.close()


def by_place(rollouts: list[Rollout]) -> dict[tuple[int, int], Rollout]:
    placed = {(rollout.prompt_index, rollout.sample_index): rollout for rollout in rollouts}
    assert len(placed) == len(rollouts), "one came twice"
    return placed


def test_an_interpreter_without_vllm_is_named(arguments: VllmArguments, tmp_path: Path) -> None:
    with pytest.raises(EngineFailedError, match=r"did not start(.|\n)*exit status 1(.|\n)*No module named '?vllm"):
        ServerProcess(sys.executable, arguments, tmp_path / "log")
    assert "No module named" in (tmp_path / "log").read_text()


def test_a_server_that_does_not_answer_in_time_is_ended(
    vllm_python: Path, arguments: VllmArguments, tmp_path: Path
) -> None:
    before = set(descendants(os.getpid()))
    with pytest.raises(EngineFailedError, match=r"did not answer within 0\.5 s"):
        ServerProcess(str(vllm_python), arguments, tmp_path / "log", start_deadline_s=0.5)
    assert not set(descendants(os.getpid())) - before
