"""Runs of the reference curves: the trainer's own steps, and what is measured between them."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pgkern.data.problem import Problem
from pgkern.rewards import text_match
from pgkern.rollout.engine import Sampling
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.train.config import (
    AdvantageConfig,
    DataConfig,
    OptimizerConfig,
    RewardConfig,
    RolloutConfig,
    RunConfig,
    TrainConfig,
    WarmupConfig,
)
from pgkern.train.divergence.divergence_watch import DivergenceWatch
from pgkern.train.divergence.validation_history import Validation
from pgkern.train.judging.rewards_in_loop import RewardJudge
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy
from pgkern.train.parts import Parts
from pgkern.train.scoring.score import score
from pgkern.train.state import TrainerState
from pgkern.train.step import policy_gradient_step
from pgkern.train.tasks import Task
from pgkern.train.updating.optimizer import new_optimizer
from pgkern.train.warmup import warmup_step

from .character_policy import read_policy, write_gpt2_policy, write_policy
from .reference_tasks import SYMBOLS, last_digit_problems, two_digit_problems
from .reference_twin import plain_steps

MEASURE_EVERY = 20
MICRO_BATCH_TOKENS = 512  # attention over a packed row is dense on a CPU, so short rows are faster
WARMUP_LEARNING_RATE = 1e-3
LONGEST = len("99+99=") + len("198") + 1  # tokens of a prompt, its answer and the end


@dataclass(frozen=True)
class Sizes:
    """How much of everything; the defaults are those of the known curves."""

    last_digit_batch: tuple[int, int] = (64, 16)
    """Prompts and samples of each."""
    two_digit_batch: tuple[int, int] = (32, 8)
    held_out: int = 512
    warmup_check_every: int = 200
    warm_enough: float = 0.15
    """Share of the sampled answers right at a check that ends the warm-up: it can be far higher by then."""


def last_digit_run(seed: int, *, normalize_std: bool, steps: int, sizes: Sizes) -> dict[str, Any]:
    """`a+b=` to one token: the exact mean probability of the right one over all 100 contexts, every few steps."""
    config = _config(seed, steps, sizes.last_digit_batch, max_tokens=1, learning_rate=1e-3, normalize_std=normalize_std)
    problems = last_digit_problems()
    write = partial(write_policy, hidden_size=64, num_layers=2, intermediate_size=176)
    parts, parameters = _parts(config, Task(problems, problems), write)
    improved = _improve(parts, steps, lambda: _answer_probabilities(parts.policy, problems))
    return {"seed": seed, "parameters": parameters, **improved}


def two_digit_run(seed: int, *, learning_rate: float, steps: int, sizes: Sizes, plain: bool = False) -> dict[str, Any]:
    """Two-digit addition: warm up until so many sampled answers are right, then policy gradients; both held out.

    With `plain` these are not the trainer's but those of its twin in plain PyTorch, from the same warmed-up weights.
    """
    config = _config(seed, steps, sizes.two_digit_batch, max_tokens=4, learning_rate=learning_rate, normalize_std=True)
    problems = two_digit_problems(seed)
    task = Task(problems[sizes.held_out :], problems[: sizes.held_out])
    write = partial(write_gpt2_policy, hidden_size=128, num_layers=3, max_tokens=LONGEST)
    parts, parameters = _parts(config, task, write)
    started = time.perf_counter()
    warmup_steps = _warm_up(parts, sizes)
    warmup = {"warmup_steps": warmup_steps, "warmup_seconds": round(time.perf_counter() - started, 1)}
    improved = (_improve_plainly if plain else _improve)(parts, steps, lambda: _sampled_answers(parts, steps))
    return {"seed": seed, "parameters": parameters, "learning_rate": learning_rate, **warmup, **improved}


def _config(
    seed: int, steps: int, batch: tuple[int, int], *, max_tokens: int, learning_rate: float, normalize_std: bool
) -> TrainConfig:
    prompts, samples = batch
    return TrainConfig(
        run=RunConfig(seed=seed, steps=steps),
        data=DataConfig(prompt="question_only"),
        warmup=WarmupConfig(steps=10_000, learning_rate=WARMUP_LEARNING_RATE),  # constant: it ends where it is enough
        rollouts=RolloutConfig(
            prompts_per_step=prompts,
            samples_per_prompt=samples,
            max_tokens=max_tokens,
            stop=None,
            batch_size=prompts * samples,
        ),
        rewards=(RewardConfig(function="text_match"),),
        advantages=AdvantageConfig(baseline="group_mean", normalize_std=normalize_std),
        optimizer=OptimizerConfig(
            learning_rate=learning_rate, schedule="constant", warmup_steps=0, micro_batch_tokens=MICRO_BATCH_TOKENS
        ),
    )


def _parts(config: TrainConfig, task: Task, write: Callable[..., int]) -> tuple[Parts, int]:
    with tempfile.TemporaryDirectory(prefix="pgkern-reference-") as folder:
        parameters = write(Path(folder), SYMBOLS, seed=config.run.seed)
        policy = read_policy(Path(folder), config)
    engine = TransformersEngine(policy.model, policy.tokenizer, batch_size=config.rollouts.batch_size)
    optimizer = new_optimizer(policy, learning_rate=WARMUP_LEARNING_RATE)
    return Parts(config, task, policy, engine, RewardJudge(config.rewards), optimizer, TrainerState()), parameters


def _warm_up(parts: Parts, sizes: Sizes) -> int:
    """Imitate solutions until the share of right sampled answers is reached; the number of steps."""
    most = parts.config.warmup.num_steps
    for step in range(most):
        warmup_step(parts.policy, parts.optimizer, parts.task.train, parts.config, step)
        if (step + 1) % sizes.warmup_check_every == 0 and _sampled_answers(parts, step).mean >= sizes.warm_enough:
            return step + 1
    raise RuntimeError(f"{most} warm-up steps did not make {sizes.warm_enough:.0%} of the answers right")


def _improve(parts: Parts, steps: int, measure: Callable[[], Validation]) -> dict[str, Any]:
    """The trainer's steps, what the watch says, and the metrics it goes by."""
    parts.optimizer = new_optimizer(parts.policy, learning_rate=parts.config.optimizer.learning_rate)
    watch = DivergenceWatch(parts.config.divergence, parts.state)
    watched: dict[str, list[float | None]] = {name: [] for name in ("entropy", "ratio_max", "gradient_norm")}
    curve = _Curve(steps, measure)
    diverged = watch.check_validation(0, curve.measured)
    with parts.judge:
        for step in range(steps):
            metrics = policy_gradient_step(parts, step).metrics
            told = watch.check(step + 1, metrics)
            if curve.after(step + 1):
                told = told or watch.check_validation(step + 1, curve.measured)
            diverged = diverged or told  # told, and gone on: the collapse is to be seen
            for name, values in watched.items():
                values.append(_short(metrics.get(name)))
    return {**curve.to_json(), "diverged": diverged, **watched}


def _improve_plainly(parts: Parts, steps: int, measure: Callable[[], Validation]) -> dict[str, Any]:
    """The twin's steps, measured alike."""
    curve = _Curve(steps, measure)
    plain_steps(parts, steps, after=curve.after)
    return {**curve.to_json(), "diverged": None}


class _Curve:
    """What is measured before the first step, every few and after the last, and the seconds all of it took."""

    def __init__(self, steps: int, measure: Callable[[], Validation]) -> None:
        self._steps, self._measure = steps, measure
        self._started = time.perf_counter()
        self._points: list[list[float]] = []
        self._take(0)

    def after(self, step: int) -> bool:
        """Measure where it is due; whether it was."""
        due = step % MEASURE_EVERY == 0 or step == self._steps
        if due:
            self._take(step)
        return due

    def _take(self, step: int) -> None:
        self.measured = self._measure()
        self._points.append([step, round(self.measured.mean, 4)])

    def to_json(self) -> dict[str, Any]:
        return {
            "before": self._points[0][1],
            "after": self._points[-1][1],
            "best": max(value for _, value in self._points),
            "seconds": round(time.perf_counter() - self._started, 1),
            "points": self._points,
        }


def _short(value: float | None) -> float | None:
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None


def _answer_probabilities(policy: Policy, problems: list[Problem]) -> Validation:
    """π(answer | context), exactly."""
    sequences = [
        TokenSequence(policy.prompt(problem).token_ids, tuple(policy.tokenizer(problem.gold).input_ids))
        for problem in problems
    ]
    log_probs = score(policy, sequences, temperature=1.0, max_tokens=MICRO_BATCH_TOKENS).log_probs
    return Validation.of([math.exp(sum(row)) for row in log_probs])


def _sampled_answers(parts: Parts, seed: int) -> Validation:
    """Whether one sampled answer each solves the held-out problems."""
    settings, held_out = parts.config.rollouts, parts.task.validation
    sampling = Sampling(max_tokens=settings.max_tokens, stop=settings.stop, seed=seed)
    rollouts = parts.engine.generate([parts.policy.prompt(problem) for problem in held_out], sampling)
    return Validation.of([text_match(each.response, held_out[each.prompt_index].gold).reward for each in rollouts])
