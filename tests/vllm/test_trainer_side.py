"""The trainer with the real vLLM: what it pushes, probes, tells and goes on from."""

import json
import os
import signal
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from transformers import Qwen3Config, Qwen3ForCausalLM

from pgkern.rollout import weight_folder
from pgkern.rollout.engine import Sampling
from pgkern.rollout.vllm.worker_replica import WorkerReplica
from pgkern.train import loop
from pgkern.train import step as step_module
from pgkern.train.config import DataConfig, LoraConfig, ModelConfig, TrainConfig, VllmConfig
from pgkern.train.config_file import load_config
from pgkern.train.engines.configured_engine import open_engine
from pgkern.train.files.storage_error import StorageError
from pgkern.train.loop import train
from pgkern.train.model.lora import add_lora
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy, new_policy
from pgkern.train.scoring.score import score
from pgkern.train.tasks import load_task

from ..train.documented_metrics import undocumented
from ..train.small_settings import SMALL

SETTINGS = [
    *SMALL,
    "engine=vllm",
    "rollouts.temperature=0.8",
    "run.evaluate_every=2",
    "vllm.kv_cache_mib=64",
]


def small(python: Path, folder: Path) -> list[str]:
    """A run whose every step changes the policy: each sample earns something else."""
    (folder / "own.py").write_text("def odd(completion, gold):\n    return sum(map(ord, completion)) % 7 / 7\n")
    return [*SETTINGS, f"vllm.python={python}", f'rewards=[{{function="{folder / "own.py"}:odd"}}]']


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def policy_gradient_rows(folder: Path) -> list[dict[str, Any]]:
    return [row for row in rows(folder, "metrics.jsonl") if row["phase"] == "policy_gradient"]


def test_adapters_are_pushed_merged_and_a_killed_engine_gets_them_again(vllm_python: Path, tmp_path: Path) -> None:
    config = TrainConfig(
        engine="vllm",
        data=DataConfig(num_digits=2, num_train=30, num_validation=4),
        model=ModelConfig(hidden_size=64, num_layers=1, vocabulary_size=400),
        vllm=VllmConfig(python=str(vllm_python), kv_cache_mib=64, probe_tolerance=1e-5),
    )
    problems = load_task(config.data, config.run.seed).train
    generator = torch.Generator().manual_seed(0)
    policy: Policy = new_policy(config, problems)
    untied = Qwen3ForCausalLM(Qwen3Config(**{**policy.model.config.to_dict(), "tie_word_embeddings": False}))
    policy = replace(policy, model=untied.eval())
    policy = replace(
        policy, adapters=add_lora(policy.model, LoraConfig(rank=4, target_modules=("q_proj", "lm_head")), seed=0)
    )
    events: list[str] = []
    with ExitStack() as stack:
        engine: Any = open_engine(
            config, policy, problems, tmp_path, stack, on_event=lambda name, told: events.append(name)
        )
        for version in range(3):
            with torch.no_grad():
                for parameter in policy.model.parameters():
                    if parameter.requires_grad:
                        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
            engine.load_weights(policy.weights(), version)
            if version == 2:
                os.kill(engine._slots[0].replica.pid, signal.SIGKILL)
            prompts = [policy.prompt(problem) for problem in problems[:4]]
            rollouts = list(engine.generate(prompts, Sampling(num_samples=2, temperature=0.9, max_tokens=10, seed=3)))
            sequences = [TokenSequence.of(rollout) for rollout in rollouts]
            own = score(policy, sequences, temperature=0.9, max_tokens=400).log_probs
            for rollout, row in zip(rollouts, own, strict=True):
                assert rollout.weights_version == version
                # W + BA is rounded once more than W x + B (A x): not quite what weights without adapters agree to.
                assert rollout.log_probs == pytest.approx(row, abs=5e-5)
    assert events == ["engine_failed", "engine_rebuilt"]


def test_the_engines_log_probs_are_the_trainers_in_every_step(vllm_python: Path, tmp_path: Path) -> None:
    settings = [*small(vllm_python, tmp_path), "objective.correction=mask", "run.steps=3"]
    assert train(load_config(TrainConfig, None, settings), tmp_path / "run").finished
    steps = policy_gradient_rows(tmp_path / "run")
    assert len(steps) == 3
    for row in steps:
        assert 0.0 < row["rollout_mismatch_max"] < 1e-5
        assert 0.0 < row["probe_mismatch"] < 1e-5
        assert row["engine_rebuilds"] == 0
        assert row["gradient_norm"] > 0
        assert row["correction_kept"] == 1.0
    assert not (tmp_path / "run" / "engine" / "weights").exists()


def test_one_step_off_with_an_engine_that_dies_and_a_trainer_that_stops(
    vllm_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine dies while the policy trains, and is rebuilt with the weights of before; the trainer is resumed."""
    settings = [*small(vllm_python, tmp_path), "rollouts.staleness=1", "run.steps=4"]
    config = load_config(TrainConfig, None, settings)
    unbroken = train(config, tmp_path / "unbroken")
    replicas: list[WorkerReplica] = []
    start, step, update = WorkerReplica.__init__, loop.policy_gradient_step, step_module.accumulate_gradients

    def noted(self: WorkerReplica, *args: Any, **kwargs: Any) -> None:
        start(self, *args, **kwargs)
        replicas.append(self)

    def stopping(parts: Any, number: int) -> Any:
        if number == 2:
            raise KeyboardInterrupt
        return step(parts, number)

    def killing(*args: Any, **kwargs: Any) -> Any:
        if len(replicas) == 1:
            os.kill(replicas[0].pid, signal.SIGKILL)
        return update(*args, **kwargs)

    monkeypatch.setattr(WorkerReplica, "__init__", noted)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "policy_gradient_step", stopping)
        patch.setattr(step_module, "accumulate_gradients", killing)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "broken")
    assert train(config, tmp_path / "broken", resumed=True).reward_after == unbroken.reward_after
    told = [row["event"] for row in rows(tmp_path / "broken", "events.jsonl")]
    assert told == ["engine_failed", "engine_rebuilt", "resumed"]
    one, two = policy_gradient_rows(tmp_path / "unbroken"), policy_gradient_rows(tmp_path / "broken")
    assert len(one) == len(two) == 4
    for left, right in zip(one, two, strict=True):
        for name in ("staleness", "train_reward", "response_length", "gradient_norm", "ratio_max", "probe_mismatch"):
            assert left[name] == right[name]
        assert "rollout_mismatch" not in left
    assert [row["staleness"] for row in one] == [0, 1, 1, 1]
    assert undocumented(two) == set()
    assert sum(row["engine_rebuilds"] for row in two) == 1


def test_a_full_disk_in_a_push_leaves_the_last_checkpoint(
    vllm_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*small(vllm_python, tmp_path), "run.steps=4"]
    config, run = load_config(TrainConfig, None, settings), tmp_path / "run"
    save = weight_folder.save_file

    def full(weights: Any, path: Path, **kwargs: Any) -> None:
        pushed = policy_gradient_rows(run) if (run / "metrics.jsonl").exists() else []
        if len(pushed) == 2:
            path.write_bytes(b"torn")
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        save(weights, path, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(weight_folder, "save_file", full)
        with pytest.raises(StorageError, match=r"the engine's weights could not be written to .*: No space left"):
            train(config, run)
    assert not (run / "engine" / "weights").exists()
    assert train(config, run, resumed=True).finished
    assert [row["message"] for row in rows(run, "events.jsonl")] == ["after step 6"]
    assert len(policy_gradient_rows(run)) == 4
