"""pgkern's trainer and TRL's on one task from one checkpoint, with the same batch, learning rate and loss."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pgkern.data.problem import Problem
from pgkern.rewards import gsm8k
from pgkern.rollout.engine import Sampling
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.train.config import (
    AdvantageConfig,
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    OptimizerConfig,
    RewardConfig,
    RolloutConfig,
    RunConfig,
    TrainConfig,
    WarmupConfig,
)
from pgkern.train.logs.metrics import MetricsLog, Phase, read_metrics
from pgkern.train.loop import train

from .character_policy import read_policy
from .trainer_task import MAX_TOKENS, REWARD


@dataclass(frozen=True)
class Settings:
    """What both sides are told."""

    model: Path
    train_file: Path
    validation_file: Path
    problems: Sequence[Problem]
    steps: int
    prompts: int
    samples: int
    learning_rate: float
    micro_batch_tokens: int


@dataclass(frozen=True)
class Side:
    """What a run took and came to: seconds of each step but the first, mean reward of each step's samples."""

    step_seconds: list[float]
    rewards: list[float]
    model: Path


def pgkern_config(settings: Settings, seed: int) -> TrainConfig:
    """As `pgkern train` would read it from a file."""
    return TrainConfig(
        run=RunConfig(
            seed=seed,
            steps=settings.steps,
            evaluate_every=settings.steps,
            checkpoint_every=settings.steps,
            cpu_threads=1,
        ),
        data=DataConfig(
            task="file",
            prompt="question_only",
            train_file=str(settings.train_file),
            validation_file=str(settings.validation_file),
            num_validation=1,  # TRL is asked for no evaluation either
        ),
        model=ModelConfig(path=str(settings.model)),
        warmup=WarmupConfig(steps=0),
        rollouts=RolloutConfig(
            prompts_per_step=settings.prompts,
            samples_per_prompt=settings.samples,
            max_tokens=MAX_TOKENS,
            stop=None,
            batch_size=settings.prompts * settings.samples,
        ),
        rewards=(RewardConfig(function=REWARD),),
        advantages=AdvantageConfig(baseline="group_mean", normalize_std=True),
        objective=ObjectiveConfig(name="grpo"),
        optimizer=OptimizerConfig(
            learning_rate=settings.learning_rate,
            schedule="constant",
            warmup_steps=0,
            micro_batch_tokens=settings.micro_batch_tokens,
        ),
    )


def run_pgkern(settings: Settings, folder: Path, seed: int) -> Side:
    """`pgkern train`, in this process."""
    stamps: list[float] = []
    with after_each_row(lambda: stamps.append(time.perf_counter())):
        outcome = train(pgkern_config(settings, seed), folder)
    if not outcome.finished:
        raise RuntimeError(f"the run from seed {seed} ended early: {outcome}")
    rows = [row for row in read_metrics(folder / "metrics.jsonl") if row["phase"] == "policy_gradient"]
    rewards = [row["train_reward"] for row in rows]
    return Side(between(stamps[-len(rows) : -1]), rewards, folder / "checkpoint")  # before the last row it evaluates


@contextmanager
def after_each_row(look: Callable[[], None]) -> Iterator[None]:
    """Call the function whenever the trainer has written a step's metrics."""
    log = MetricsLog.log

    def logged(self: MetricsLog, step: int, phase: Phase, metrics: Mapping[str, float | None]) -> None:
        log(self, step, phase, metrics)
        look()

    with patch.object(MetricsLog, "log", logged):
        yield


def between(values: Sequence[float]) -> list[float]:
    """From each to the next."""
    return [after - before for before, after in pairwise(values)]


def run_trl(settings: Settings, folder: Path, seed: int) -> Side:
    """TRL's `GRPOTrainer` with transformers' generation, the whole batch in one forward pass, in this process."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    from pgkern.integrations.trl import reward_function

    stamps: list[float] = []

    class Stamps(TrainerCallback):
        def on_step_end(self, *_args: Any, **_more: Any) -> None:
            stamps.append(time.perf_counter())

    trainer = GRPOTrainer(
        AutoModelForCausalLM.from_pretrained(settings.model),
        reward_funcs=[reward_function(REWARD, gold_column="answer")],
        args=GRPOConfig(output_dir=str(folder), seed=seed, **trl_settings(settings)),
        train_dataset=Dataset.from_list(
            [{"prompt": problem.question, "answer": problem.gold} for problem in settings.problems]
        ),
        processing_class=AutoTokenizer.from_pretrained(settings.model),
        callbacks=[Stamps()],
    )
    trainer.train()
    trainer.model.save_pretrained(folder / "model")
    trainer.processing_class.save_pretrained(folder / "model")
    rewards = [row["reward"] for row in trainer.state.log_history if "reward" in row]
    return Side(between(stamps), rewards, folder / "model")


def trl_settings(settings: Settings) -> dict[str, Any]:
    """What differs from TRL's own defaults for such a run; the loss is GRPO's with the ratio of one update."""
    batch = settings.prompts * settings.samples
    return {
        "max_steps": settings.steps,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": 1,
        "num_generations": settings.samples,
        "max_completion_length": MAX_TOKENS,
        "temperature": 1.0,
        "loss_type": "grpo",
        "scale_rewards": "group",
        "beta": 0.0,
        "epsilon": 0.2,
        "num_iterations": 1,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


SIDES: dict[str, Callable[[Settings, Path, int], Side]] = {"pgkern": run_pgkern, "TRL": run_trl}


def held_out_reward(model: Path, problems: Sequence[Problem], config: TrainConfig) -> float:
    """The mean reward of greedy answers to held-out problems, by the same engine for both sides."""
    policy = read_policy(model, config)
    engine = TransformersEngine(policy.model, policy.tokenizer, batch_size=len(problems))
    sampling = Sampling(temperature=0.0, max_tokens=MAX_TOKENS, stop=None)
    rollouts = engine.generate([policy.prompt(problem) for problem in problems], sampling)
    earned = [gsm8k(rollout.response, problems[rollout.prompt_index].gold).reward for rollout in rollouts]
    return sum(earned) / len(earned)
