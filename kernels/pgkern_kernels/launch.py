"""How the row kernels are launched, whatever they do in a row."""

import torch
import triton

BLOCK = 4096
"""Logits a program takes at a time: 16 a thread, four 16-byte loads of fp32."""
NUM_WARPS = 8


def row_block(columns: int) -> int:
    """A power of two: small vocabularies are one block."""
    block: int = triton.next_power_of_2(max(columns, 16))
    return min(BLOCK, block)


def check_rows(name: str, tensor: torch.Tensor | None, rows: int, dtype: torch.dtype | None = None) -> None:
    """One contiguous entry per row: what the kernels index without strides. An input left out is fine."""
    if tensor is None:
        return
    assert tensor.shape == (rows,), f"{name} has shape {tuple(tensor.shape)}, expected ({rows},)"
    assert tensor.is_contiguous(), f"{name} is not contiguous"
    assert dtype is None or tensor.dtype == dtype, f"{name} is {tensor.dtype}, expected {dtype}"


def check_logits(name: str, tensor: torch.Tensor, rows: int, vocabulary: int) -> None:
    """Rows may lie apart and be wider than the vocabulary, but a row's numbers lie side by side."""
    assert tensor.ndim == 2, f"{name} has shape {tuple(tensor.shape)}, expected rows of logits"
    assert tensor.shape[0] == rows, f"{name} has {tensor.shape[0]} rows, expected {rows}"
    assert 0 <= vocabulary <= tensor.shape[1], f"{name} has {tensor.shape[1]} columns for a vocabulary of {vocabulary}"
    assert tensor.stride(1) == 1 or tensor.shape[1] <= 1, f"{name} has stride {tensor.stride(1)} within a row"


def temperature_stride(temperatures: torch.Tensor, rows: int) -> int:
    """How far one row's temperature lies from the next: 0 where all rows share one."""
    check_rows("temperatures", temperatures, 1 if temperatures.shape == (1,) else rows, torch.float32)
    return 0 if temperatures.shape == (1,) else 1
