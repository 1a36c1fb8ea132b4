"""`pgkern train` with each of the engines: the same reward, and nothing that outlives it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pgkern.cli import main
from pgkern.train.config_file import to_toml

from ..train.resume.same_run import rows
from .marked_processes import MarkedRun
from .whole_runs import events, small_run

WARM_UP = """
[run]
steps = 0
[data]
num_digits = 2
num_train = 2000
num_validation = 64
[model]
hidden_size = 96
[warmup]
steps = 250
batch_size = 48
"""

POLICY_GRADIENT = """
[run]
steps = 6
evaluate_every = 3
[data]
num_digits = 2
num_train = 2000
num_validation = 64
[model]
path = "{warm}"
[rollouts]
max_tokens = 40
[optimizer]
learning_rate = 1e-3
[vllm]
python = "{python}"
max_model_len = 256
kv_cache_mib = 64
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, vllm_python: Path) -> Path:
    """With the configuration of runs that begin with one policy, which gets some sums right."""
    folder = tmp_path_factory.mktemp("engines")
    (folder / "warm.toml").write_text(WARM_UP)
    MarkedRun([str(folder / "warm.toml"), "--folder", str(folder / "warm")], folder / "output.txt").finish()
    warm = folder / "warm" / "checkpoint"
    (folder / "run.toml").write_text(POLICY_GRADIENT.format(warm=warm, python=vllm_python))
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[dict[str, Any]]:
    """The metrics of the transformers engine."""
    start(folder, "transformers").finish()
    log = rows(folder / "transformers")
    assert log[-1]["validation_reward"] > log[0]["validation_reward"] + 0.1  # there is something to reach
    return log


def test_a_worker_reaches_the_reward_of_the_transformers_engine(folder: Path, expected: list[dict[str, Any]]) -> None:
    start(folder, "vllm").finish()
    assert not events(folder / "vllm")
    assert_like(folder, "vllm", expected)


def test_two_servers_reach_it_though_one_is_killed(folder: Path, expected: list[dict[str, Any]]) -> None:
    run = start(folder, "vllm-server", "--set", "vllm.servers=2")
    run.wait_until(lambda: len(rows(folder / "vllm-server")) > 2)
    os.kill(min(number for number, command in run.running().items() if is_server(command)), signal.SIGKILL)
    run.finish()
    assert events(folder / "vllm-server") == {"engine_failed": 1, "engine_rebuilt": 1}
    assert_like(folder, "vllm-server", expected)


@pytest.mark.parametrize("engine", ["vllm", "vllm-server"])
def test_nothing_is_left_of_a_trainer_that_is_killed(tmp_path: Path, vllm_python: Path, engine: str) -> None:
    (tmp_path / "run.toml").write_text(to_toml(small_run(tmp_path, vllm_python, engine, steps=1000)))
    run = MarkedRun([str(tmp_path / "run.toml"), "--folder", str(tmp_path / "run")], tmp_path / "output.txt")
    run.wait_until(lambda: any(row["phase"] == "policy_gradient" for row in rows(tmp_path / "run")))
    assert len(run.running()) > 1
    run.kill()
    run.assert_nothing_left()


def is_server(command: str) -> bool:
    """Whether it is the server's own process, not what watches it."""
    return "vllm.entrypoints.openai.api_server" in command and "orphan_guard" not in command


def start(folder: Path, engine: str, *options: str) -> MarkedRun:
    arguments = [str(folder / "run.toml"), "--folder", str(folder / engine), "--set", f"engine={engine}", *options]
    return MarkedRun(arguments, folder / f"{engine}.txt")


def assert_like(folder: Path, engine: str, expected: list[dict[str, Any]]) -> None:
    """The same reward in as many steps, and one report of both."""
    log = rows(folder / engine)
    assert len(log) == len(expected)
    assert log[-1]["validation_reward"] == pytest.approx(expected[-1]["validation_reward"], abs=0.08)
    assert max(row["rollout_mismatch"] for row in log[1:]) < 1e-5
    page = folder / f"{engine}.html"
    assert main(["report", str(folder / "transformers"), str(folder / engine), "--output", str(page)]) == 0
    assert all(f">{name}<" in page.read_text() for name in ("transformers", engine))
