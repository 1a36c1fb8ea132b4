"""Whole runs with a server that somebody else started: used, left running, and named when it is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgkern.rollout.engine import EngineFailedError
from pgkern.train import loop
from pgkern.train.config import ModelConfig, TrainConfig, VllmConfig, WarmupConfig
from pgkern.train.loop import train

from ...train.resume.same_run import rows
from ..whole_runs import events, small_run
from .processes import server_processes
from .servers import OtherServer

STEPS, KILLED_IN = 5, 4  # the step after the checkpoint


def test_a_server_outlives_the_run_and_a_run_that_lost_its_server_goes_on_with_another(
    other_server: OtherServer,
    saved_models: dict[str, Path],
    vllm_python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = small_run(tmp_path, vllm_python, "vllm-server", steps=STEPS)

    def config() -> TrainConfig:
        return replace(
            small,
            data=replace(small.data, prompt="{question} <think>"),  # the model's tokens are few, the default's too many
            model=ModelConfig(path=str(saved_models["untied"])),
            warmup=WarmupConfig(steps=0),
            vllm=VllmConfig(urls=(other_server.address(),), max_model_len=256, max_rebuilds=0),
        )

    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    assert train(config(), unbroken).finished
    assert server_processes(other_server.address())
    assert not events(unbroken)
    mismatches = [row["rollout_mismatch"] for row in rows(unbroken) if row["phase"] == "policy_gradient"]
    assert len(mismatches) == STEPS
    assert 0.0 < max(mismatches) < 1e-5

    step = loop.policy_gradient_step

    def losing(parts: Any, number: int) -> Any:
        if number + 1 == KILLED_IN:
            other_server.kill()
        return step(parts, number)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "policy_gradient_step", losing)
        lost = config()
        (address,) = lost.vllm.urls
        with pytest.raises(EngineFailedError, match=f"failed 1 times in a row(.|\n)*{address}"):
            train(lost, broken)
    assert not server_processes(address)
    assert events(broken) == {"engine_failed": 1, "stopped": 1}
    with pytest.raises(EngineFailedError, match=f"did not start(.|\n)*{address}"):  # what is there stays as it was
        train(lost, broken, resumed=True)

    found = config()
    assert found.vllm.urls != (address,)
    assert train(found, broken, resumed=True).finished
    assert (broken / "rollouts.jsonl").read_bytes() == (unbroken / "rollouts.jsonl").read_bytes()
    assert [timeless(row) for row in rows(broken)] == [timeless(row) for row in rows(unbroken)]


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if "second" not in name}
