"""Who does the row work: Triton kernels, or plain torch."""

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor


def use_triton(tensor: Tensor, compute_dtype: torch.dtype) -> bool:
    """Triton for GPU tensors that are computed in fp32. fp64, the CPU, and machines without Triton take plain torch.

    With TRITON_INTERPRET=1 in the environment, Triton's interpreter runs the kernels on CPU tensors: slow, for tests.
    """
    on_device = tensor.is_cuda or (tensor.device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1")
    return on_device and compute_dtype == torch.float32 and _has_triton()


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None
