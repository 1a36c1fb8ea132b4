"""A small training run with the real vLLM, and what must be the same of two."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

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

from ..train.resume.processes import REWARD

SAMPLES_PER_STEP = 16


def small_run(folder: Path, python: Path, engine: str, *, steps: int, servers: int = 1) -> TrainConfig:
    """A policy that has hardly seen its task: its responses are of all lengths."""
    (folder / "own.py").write_text(REWARD)
    return TrainConfig(
        engine=engine,
        run=RunConfig(steps=steps, evaluate_every=3, checkpoint_every=3, logged_rollouts=SAMPLES_PER_STEP),
        data=DataConfig(num_digits=1, num_train=60, num_validation=8),
        model=ModelConfig(hidden_size=64, num_layers=1, head_dim=32),
        warmup=WarmupConfig(steps=20, batch_size=8),
        rollouts=RolloutConfig(prompts_per_step=4, samples_per_prompt=SAMPLES_PER_STEP // 4, max_tokens=24),
        rewards=(RewardConfig(function=f"{folder}/own.py:early_letters"),),
        vllm=VllmConfig(python=str(python), servers=servers, max_model_len=256, kv_cache_mib=64, max_rebuilds=5),
    )


def events(run: Path) -> Counter[str]:
    """How often which event was logged."""
    return Counter(json.loads(line)["event"] for line in (run / "events.jsonl").read_text().splitlines())
