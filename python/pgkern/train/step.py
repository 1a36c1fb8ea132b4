"""One policy-gradient step: rollouts, verified rewards, advantages, old log-probabilities, updates, new weights."""

import time
from dataclasses import dataclass, field

import numpy as np
from torch.optim import Optimizer

from ..data.order import batch_indices
from ..rollout.engine import RolloutEngine, Sampling
from .config import TrainConfig
from .experience import Experience, advantages, collect
from .gradients import accumulate_gradients
from .micro_batches import TokenSequence
from .optimizer import falling, optimizer_step, rising
from .policy_model import Policy
from .score import score
from .seeds import derive_seed
from .tasks import Task


@dataclass
class StepResult:
    """What a step saw and did."""

    experience: Experience
    advantages: list[float]
    metrics: dict[str, float] = field(default_factory=dict)


def policy_gradient_step(
    policy: Policy, engine: RolloutEngine, optimizer: Optimizer, task: Task, config: TrainConfig, step: int
) -> StepResult:
    """Step number `step`, counted from 0. It depends on nothing but its arguments: resuming repeats it exactly."""
    started = time.perf_counter()
    settings = config.rollouts
    indices = batch_indices(
        step,
        batch_size=settings.prompts_per_step,
        num_problems=len(task.train),
        seed=derive_seed(config.run.seed, "training order"),
    )
    sampling = Sampling(
        num_samples=settings.samples_per_prompt,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        stop=settings.stop,
        seed=derive_seed(config.run.seed, "sampling", step),
    )
    experience = collect(policy, engine, [task.train[index] for index in indices], sampling, config.rewards[0].function)
    verified = time.perf_counter()

    result = StepResult(experience, advantages(experience, config.advantages), experience.metrics())
    result.metrics |= _update(policy, optimizer, result, config, step)
    engine.load_weights(policy.model.state_dict().items(), version=step + 1)

    finished = time.perf_counter()
    sampled_tokens = sum(len(rollout.response_ids) for rollout in experience.rollouts)
    result.metrics |= {
        "tokens_per_second": sampled_tokens / (finished - started),
        "seconds": finished - started,
        "seconds_generate": verified - started - experience.seconds_verify,
        "seconds_verify": experience.seconds_verify,
        "seconds_train": finished - verified,
    }
    return result


def _update(
    policy: Policy, optimizer: Optimizer, result: StepResult, config: TrainConfig, step: int
) -> dict[str, float]:
    """The configured number of updates on the step's rollouts, with old log-probabilities frozen before the first."""
    settings = config.optimizer
    sequences = [TokenSequence.of(rollout) for rollout in result.experience.rollouts]
    old = score(policy, sequences, temperature=config.rollouts.temperature, max_tokens=settings.micro_batch_tokens)
    old_log_probs = _flat(old.log_probs)
    engine_log_probs = _flat([list(rollout.log_probs) for rollout in result.experience.rollouts])
    metrics = {
        "entropy": float(np.mean(_flat(old.entropies))),
        "rollout_mismatch": float(np.mean(np.abs(old_log_probs - engine_log_probs))),
        "learning_rate": _learning_rate(config, step),
    }
    for _ in range(settings.updates_per_step):
        update = accumulate_gradients(
            policy,
            sequences,
            result.advantages,
            objective=config.objective.policy_objective(config.rollouts.max_tokens),
            temperature=config.rollouts.temperature,
            old_log_probs=old.log_probs,
            max_tokens=settings.micro_batch_tokens,
        )
        norm = optimizer_step(
            policy,
            optimizer,
            learning_rate=metrics["learning_rate"],
            max_gradient_norm=settings.max_gradient_norm,
        )
    names = ("loss", "active_fraction", "ratio_mean", "ratio_max", "approx_kl")
    metrics |= {name: update[name] for name in names if name in update}
    metrics["clip_fraction"] = update.get("clip_fraction_low", 0.0) + update.get("clip_fraction_high", 0.0)
    metrics["gradient_norm"] = norm
    return metrics


def _learning_rate(config: TrainConfig, step: int) -> float:
    settings = config.optimizer
    share = falling(step, config.run.steps) if settings.schedule == "linear" else 1.0
    return settings.learning_rate * share * rising(step, settings.warmup_steps)


def _flat(values: list[list[float]]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.asarray([value for row in values for value in row])
