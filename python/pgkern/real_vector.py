"""Rewards, values and the like as one vector of real numbers, or refused by name."""

import torch
from torch import Tensor

from .require_instance import require_instance


def real_vector(name: str, values: Tensor, length: str, *, like: Tensor | None = None) -> Tensor:
    """The same numbers, detached, in fp32 at least: integers, booleans, fp16 and bf16 become fp32.

    Sums run over them, and 257 is no number of bf16.

    Args:
        name: of the argument.
        values: one dimension.
        length: the letter of its length.
        like: another vector of the same arguments, whose shape and device this one must have.
    Raises:
        ValueError: no tensor, another shape or device, complex numbers, numbers that are not finite.
    """
    require_instance(name, values, Tensor)
    if values.dim() != 1:
        raise ValueError(f"{name} must have shape [{length}], got {list(values.shape)}")
    if like is not None and (values.shape != like.shape or values.device != like.device):
        raise ValueError(
            f"{name} has shape {list(values.shape)} on {values.device}, expected {list(like.shape)} on {like.device}"
        )
    if values.is_complex():
        raise ValueError(f"{name} must be real, got {values.dtype}")
    real = values.detach()
    real = real.to(torch.promote_types(real.dtype, torch.float32) if real.is_floating_point() else torch.float32)
    finite = real.isfinite()
    if not bool(finite.all()):
        where = int((~finite).nonzero()[0, 0])
        raise ValueError(f"{name} must be finite, got {real[where].item()} at index {where}")
    return real
