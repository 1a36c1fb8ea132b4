"""`pgkern train` with a reward that somebody wrote and that fails in every way: the run goes on, and says so."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pgkern.train.config import TrainConfig
from pgkern.train.config_file import load_config
from pgkern.train.judging.rewards_in_loop import RewardFailedError
from pgkern.train.loop import train

WAYS = ["raised", "timed_out", "bad_value", "died"]

REWARD = """
import os, signal, sys, time, zlib

def fails(completion, gold):
    way = zlib.crc32(completion.encode()) % 8
    if way == 0:
        raise ValueError("no such answer")
    if way == 1:
        time.sleep(600)
    if way == 2:
        return [float("nan"), None, [1.0, 2.0], 10**400][len(completion) % 4]
    if way == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if way == 4:
        print("printed by the reward")
        os.chdir("/")
    return len(completion) / 10

def always_raises(completion, gold):
    raise RuntimeError("there is no such column")

def hangs(completion, gold):
    with open(os.environ["PIDS"], "a") as file:
        print(os.getpid(), file=file)
    time.sleep(600)
"""

CONFIG = """
[run]
steps = 3
evaluate_every = 3
logged_rollouts = 24
[data]
num_digits = 1
num_train = 60
num_validation = 8
[model]
hidden_size = 32
num_layers = 1
[warmup]
steps = 2
batch_size = 8
[rollouts]
prompts_per_step = 6
samples_per_prompt = 4
max_tokens = 8
[[rewards]]
function = "r1_zero"
[[rewards]]
"""


def write(folder: Path, reward: str) -> None:
    (folder / "own.py").write_text(REWARD)
    (folder / "run.toml").write_text(CONFIG + reward)


def start(tmp_path: Path, reward: str, **environment: str) -> subprocess.Popen[str]:
    write(tmp_path, reward)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "pgkern", "train", "run.toml", "--folder", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / name).read_text().splitlines()]


def test_a_reward_that_fails_in_every_way_costs_samples_and_not_the_run(tmp_path: Path) -> None:
    process = start(tmp_path, 'function = "own.py:fails"\nseconds = 0.3\nworkers = 2\n')
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "validation reward" in output.splitlines()[-1]
    assert "printed by the reward" in errors
    steps = [row for row in rows(tmp_path, "metrics.jsonl") if row["phase"] == "policy_gradient"]
    assert len(steps) == 3
    for row in steps:
        failed = sum(row[f"outcome_{way}"] for way in [*WAYS, "not_started"])
        assert failed == pytest.approx(row["reward_failures"] / 24)
        assert 0 < row["reward_failures"] < 24
        assert row["kept_fraction"] == pytest.approx(1 - failed)
        assert row["train_reward"] == pytest.approx(row["reward_fails"] + row["reward_r1_zero"], abs=0.2)
    assert all(any(row[f"outcome_{way}"] > 0 for row in steps) for way in WAYS)
    rollouts = rows(tmp_path, "rollouts.jsonl")
    assert len(rollouts) == 3 * 24
    for row in rollouts:
        assert (row["reward"] is None) == (row["verdict"] in WAYS) == (row["advantage"] is None)
    told = [row["message"] for row in rows(tmp_path, "events.jsonl") if row["event"] == "reward_failed"]
    assert len(told) >= 3
    assert any("fails raised on" in message and "no such answer" in message for message in told)
    assert all("of 24 rollouts" in message or "of 8 rollouts" in message for message in told)


def test_a_reward_that_only_fails_ends_the_run_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 'function = "own.py:always_raises"\npatience = 3\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        RewardFailedError,
        match=r"the reward always_raises judged none of 24 responses, 3 times in a row .* no such column$",
    ):
        train(load_config(TrainConfig, Path("run.toml"), []), tmp_path / "run")
    (row,) = [row for row in rows(tmp_path, "metrics.jsonl") if row["phase"] == "policy_gradient"]
    assert "train_reward" not in row
    assert (row["outcome_raised"], row["kept_fraction"]) == (1, 0)
    assert rows(tmp_path, "events.jsonl")[-1]["event"] == "stopped"


def test_a_reward_that_cannot_be_loaded_stops_the_run_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 'function = "own.py:missing"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r"rewards\[1\]: the reward missing cannot be loaded: AttributeError: .*'missing'"
    ):
        train(load_config(TrainConfig, Path("run.toml"), []), tmp_path / "run")
    assert not (tmp_path / "run").exists()


HANGS = 'function = "own.py:hangs"\nseconds = 600\nworkers = 2\n'


def test_a_run_that_is_killed_while_rewards_hang_leaves_no_process(tmp_path: Path) -> None:
    process = start(tmp_path, HANGS, PIDS=str(tmp_path / "pids"))
    hanging = pids_of_two(tmp_path / "pids")
    process.kill()
    process.communicate(timeout=60)
    assert all(gone_within(20, pid) for pid in hanging)


def test_ctrl_c_twice_ends_a_run_while_rewards_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first would let the step end, which it does not."""
    write(tmp_path, HANGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    hanging: list[int] = []

    def interrupt() -> None:
        hanging.extend(pids_of_two(tmp_path / "pids"))
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        train(load_config(TrainConfig, Path("run.toml"), []), tmp_path / "run")
    thread.join()
    assert len(hanging) == 2
    assert all(gone_within(5, pid) for pid in hanging)


def pids_of_two(file: Path) -> list[int]:
    """Of the processes that have begun to hang, as soon as there are two."""
    until = time.monotonic() + 120
    while not file.exists() or len(file.read_text().split()) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    return [int(pid) for pid in file.read_text().split()]


def gone_within(seconds: float, pid: int) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False
