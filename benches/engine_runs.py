"""`pgkern train` on the embedded task from one warmed-up policy, with each engine."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from pgkern.train.config import (
    DataConfig,
    ModelConfig,
    RewardConfig,
    RolloutConfig,
    RunConfig,
    TrainConfig,
    VllmConfig,
    WarmupConfig,
)
from pgkern.train.logs.metrics import read_metrics
from pgkern.train.loop import train

PHASES = ("generate", "verify", "score", "train", "sync")
"""Of a step, as `metrics.jsonl` names them; what a phase shows is what the step waits for."""


@dataclass(frozen=True)
class Task:
    """The embedded addition of three digits, at the size of this bench."""

    held_out: int = 128
    warmup_steps: int = 400
    steps: int = 30
    prompts: int = 32
    samples: int = 8
    evaluate_every: int = 10


def warm_policy(task: Task, folder: Path) -> Path:
    """The demo's policy after its warm-up, as a folder that every engine begins with."""
    config = TrainConfig(
        run=RunConfig(steps=0, cpu_threads=1),
        data=_data(task),
        warmup=WarmupConfig(steps=task.warmup_steps),
    )
    train(config, folder)
    return folder / "checkpoint"


def engine_config(task: Task, policy: Path, engine: Any, python: str, *, staleness: int = 0) -> TrainConfig:
    """The demo's defaults but for the engine."""
    return TrainConfig(
        engine=engine,
        run=RunConfig(
            steps=task.steps,
            evaluate_every=task.evaluate_every,
            checkpoint_every=max(1, task.steps),
            cpu_threads=1,
        ),
        data=_data(task),
        model=ModelConfig(path=str(policy)),
        rollouts=RolloutConfig(prompts_per_step=task.prompts, samples_per_prompt=task.samples, staleness=staleness),
        vllm=VllmConfig(python=None if engine == "transformers" else python),
    )


def slow_reward(config: TrainConfig, file: Path, *, seconds: float, workers: int) -> TrainConfig:
    """The same with a reward that takes so long for every response, in so many processes."""
    file.write_text(
        f"import time\n\ndef slow(completion, gold):\n    time.sleep({seconds})\n    return len(completion) % 2\n"
    )
    return replace(config, rewards=(RewardConfig(function=f"{file}:slow", workers=workers),))


def timed_run(config: TrainConfig, folder: Path) -> dict[str, Any]:
    """Medians over the steps but the first, whose engine is new; rewards of every step."""
    begin = time.perf_counter()
    outcome = train(config, folder)
    whole = time.perf_counter() - begin
    if not outcome.finished:
        raise RuntimeError(f"the run with engine {config.engine} ended early: {outcome}")
    rows = [row for row in read_metrics(folder / "metrics.jsonl") if row["phase"] == "policy_gradient"]
    settled = rows[1:]

    def middle(name: str) -> float:
        return round(median(row.get(name) or 0.0 for row in settled), 5)

    # Rollouts that were drawn ahead have none: the policy that they are of is gone when they are scored.
    mismatches = [row["rollout_mismatch"] for row in rows if row.get("rollout_mismatch") is not None]
    return {
        "seconds": middle("seconds"),
        **{phase: middle(f"seconds_{phase}") for phase in PHASES},
        "ahead": middle("seconds_ahead"),
        "tokens_per_second": middle("tokens_per_second"),
        "response_tokens": middle("response_length"),
        "rollout_mismatch": max(mismatches, default=None),
        "whole_run": round(whole, 1),
        "before": outcome.reward_before,
        "after": outcome.reward_after,
        **{
            name: [[row["step"], round(row[name], 5)] for row in rows if row.get(name) is not None]
            for name in ("train_reward", "validation_reward")
        },
    }


def _data(task: Task) -> DataConfig:
    return DataConfig(num_validation=task.held_out)
