"""AdamW, and one guarded step of it."""

import math
from collections.abc import Iterable

import torch
from torch.nn import Parameter
from torch.optim import AdamW, Optimizer

from ..model.policy_model import Policy
from .master_weights import HALF_PRECISION, MasterAdamW


def adamw(
    parameters: Iterable[Parameter],
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
) -> AdamW:
    """AdamW over those of the parameters that are trained, with fp32 masters of half-precision ones.

    On a GPU a step is one kernel.

    Raises `ValueError` when none of them is trained.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if not trained:
        raise ValueError("none of the parameters is trained")
    on_gpu = all(parameter.is_cuda for parameter in trained)
    kind = MasterAdamW if any(parameter.dtype in HALF_PRECISION for parameter in trained) else AdamW
    return kind(trained, lr=learning_rate, weight_decay=weight_decay, betas=betas, fused=on_gpu or None)


def new_optimizer(
    policy: Policy, *, learning_rate: float, weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.999)
) -> AdamW:
    """`adamw` over the policy's trained parameters: all of them, or its adapters alone."""
    return adamw(policy.model.parameters(), learning_rate=learning_rate, weight_decay=weight_decay, betas=betas)


def guarded_step(optimizer: Optimizer, *, learning_rate: float, max_gradient_norm: float) -> float:
    """Clip the norm of the gradient of all the optimiser's parameters, step, clear it; the norm before clipping.

    Raises `FloatingPointError` for a gradient that is not finite, and then leaves the parameters as they are.
    """
    if isinstance(optimizer, MasterAdamW):
        optimizer.take_gradients()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, max_gradient_norm))
    if not math.isfinite(norm):
        optimizer.zero_grad(set_to_none=True)
        raise FloatingPointError(f"the gradient's norm is {norm}; the parameters are left as they are")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm
