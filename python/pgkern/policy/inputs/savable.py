"""Rollouts are often made in inference mode, and autograd cannot save what was made there."""

import torch
from torch import Tensor


def savable(tensor: Tensor) -> Tensor:
    """The tensor, or outside of inference mode a copy of one that was made within."""
    if torch.compiler.is_compiling() or torch.is_inference_mode_enabled() or not tensor.is_inference():
        return tensor
    return tensor.clone()
