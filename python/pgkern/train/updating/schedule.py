"""The learning rate over the steps of a phase, as a share of the configured one. Steps count from 0."""

import math

from ..config.optimizer import Schedule


def learning_rate_factor(
    step: int,
    *,
    steps: int,
    schedule: Schedule,
    warmup_steps: int = 0,
    decay_steps: int = 0,
    final_share: float = 0.0,
) -> float:
    """`rising(step, warmup_steps) * (final_share + (1 - final_share) * s(step))`, with n = `steps` and

        linear               s = 1 - step / n
        constant             1, and no final_share
        cosine               s = (1 + cos(π · step / n)) / 2
        warmup_stable_decay  s = min(1, (n - step) / d),  d = min(decay_steps, n); 1 where decay_steps is 0

    Each but constant would reach `final_share` at step n, one after the last, so that the last step still learns.

    Raises:
        ValueError: a step outside 0 to n - 1; another schedule than these.
    """
    if not 0 <= step < steps:
        raise ValueError(f"step is {step}, expected 0 to {steps - 1}")
    if schedule == "constant":
        return rising(step, warmup_steps)
    if schedule == "linear":
        share = falling(step, steps)
    elif schedule == "cosine":
        share = (1.0 + math.cos(math.pi * step / steps)) / 2.0
    elif schedule == "warmup_stable_decay":
        share = min(1.0, (steps - step) / min(decay_steps, steps)) if decay_steps else 1.0
    else:
        raise ValueError(f"unknown schedule {schedule!r}")
    return rising(step, warmup_steps) * (final_share + (1.0 - final_share) * share)


def rising(step: int, warmup_steps: int) -> float:
    """1/w, 2/w, … up to 1 at step w - 1, and 1 from there on."""
    return min(1.0, (step + 1) / max(1, warmup_steps))


def falling(step: int, steps: int) -> float:
    """1 at step 0, down linearly to 1/n at step n - 1, the last."""
    return 1.0 - step / steps
