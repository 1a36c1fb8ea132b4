"""AdamW, its learning rate over the steps, and one guarded step."""

import math

import torch
from torch.optim import AdamW, Optimizer

from .policy_model import Policy


def new_optimizer(policy: Policy, *, learning_rate: float, weight_decay: float = 0.0) -> AdamW:
    """AdamW over the policy's trainable parameters."""
    trainable = [parameter for parameter in policy.model.parameters() if parameter.requires_grad]
    return AdamW(trainable, lr=learning_rate, weight_decay=weight_decay)


def rising(step: int, warmup_steps: int) -> float:
    """1/w, 2/w, … up to 1 at step w - 1 (steps from 0), and 1 from there on."""
    return min(1.0, (step + 1) / max(1, warmup_steps))


def falling(step: int, steps: int) -> float:
    """1 at step 0, down linearly to 1/n at step n - 1, the last."""
    return 1.0 - step / steps


def optimizer_step(policy: Policy, optimizer: Optimizer, *, learning_rate: float, max_gradient_norm: float) -> float:
    """Clip the gradient's norm, step, clear the gradient; the norm before clipping.

    Raises `FloatingPointError` for a gradient that is not finite, and then leaves the parameters as they are.
    """
    norm = float(torch.nn.utils.clip_grad_norm_(policy.model.parameters(), max_gradient_norm))
    if not math.isfinite(norm):
        optimizer.zero_grad(set_to_none=True)
        raise FloatingPointError(f"the gradient's norm is {norm}; the parameters are left as they are")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm
