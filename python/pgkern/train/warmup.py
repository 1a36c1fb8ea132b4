"""The supervised warm-up: the policy imitates worked solutions, so that some of its rollouts are right.

Its loss is the mean of -log π over the solutions' tokens: REINFORCE where every advantage is 1.
"""

import time

from torch.optim import Optimizer

from ..data.order import batch_indices
from ..data.problem import Problem
from ..policy.objective import PolicyObjective
from .config import TrainConfig
from .model.micro_batches import TokenSequence
from .model.policy_model import Policy
from .seeds import derive_seed
from .updating.gradients import accumulate_gradients
from .updating.optimizer import guarded_step
from .updating.schedule import falling, rising

_RISE = 20  # steps in which the learning rate rises


def check_solutions(problems: list[Problem]) -> None:
    """Raise `ValueError` for the first problem that has no worked solution to imitate."""
    for problem in problems:
        if problem.solution is None:
            raise ValueError(
                f"the problem {problem.question!r} has no worked solution to warm up on; set warmup.steps to 0"
            )


def warmup_step(
    policy: Policy,
    optimizer: Optimizer,
    problems: list[Problem],
    config: TrainConfig,
    step: int,
    *,
    learning_rate_factor: float = 1.0,
) -> dict[str, float]:
    """One step (counted from 0) on the next `warmup.batch_size` worked solutions; its metrics.

    `learning_rate_factor` is what roll-backs have made of the learning rate. Raises `FloatingPointError` for a gradient
    that is not finite.
    """
    started = time.perf_counter()
    settings = config.warmup
    indices = batch_indices(
        step,
        batch_size=settings.batch_size,
        num_problems=len(problems),
        seed=derive_seed(config.run.seed, "warmup order"),
    )
    batch, stop = [problems[index] for index in indices], config.rollouts.stop
    sequences = [TokenSequence(policy.prompt(each).token_ids, policy.solution_ids(each, stop)) for each in batch]
    metrics = accumulate_gradients(
        policy,
        sequences,
        [[1.0] * len(sequence.response_ids) for sequence in sequences],
        objective=PolicyObjective.reinforce(),
        max_tokens=config.optimizer.micro_batch_tokens,
    )
    scheduled = rising(step, _RISE) * falling(step, settings.num_steps)
    learning_rate = settings.learning_rate * learning_rate_factor * scheduled
    norm = guarded_step(optimizer, learning_rate=learning_rate, max_gradient_norm=config.optimizer.max_gradient_norm)
    seconds = time.perf_counter() - started
    return {
        "loss": metrics["loss"],
        "entropy": metrics["entropy"],
        "gradient_norm": norm,
        "learning_rate": learning_rate,
        "tokens_per_second": sum(map(len, sequences)) / seconds,
        "seconds": seconds,
    }
