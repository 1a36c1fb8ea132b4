"""How the row kernels are launched, whatever they do in a row."""

import torch
import triton

BLOCK = 4096
"""Logits a program takes at a time: 16 a thread, four 16-byte loads of fp32."""
NUM_WARPS = 8


def row_block(vocabulary: int) -> int:
    """A power of two: small vocabularies are one block."""
    block: int = triton.next_power_of_2(max(vocabulary, 16))
    return min(BLOCK, block)


def check_rows(name: str, tensor: torch.Tensor, rows: int, dtype: torch.dtype | None = None) -> None:
    """One contiguous entry per row: what the kernels index without strides."""
    assert tensor.shape == (rows,), f"{name} has shape {tuple(tensor.shape)}, expected ({rows},)"
    assert tensor.is_contiguous(), f"{name} is not contiguous"
    assert dtype is None or tensor.dtype == dtype, f"{name} is {tensor.dtype}, expected {dtype}"


def check_logits(name: str, tensor: torch.Tensor, rows: int, vocabulary: int) -> None:
    """Rows may lie apart, but a row's numbers lie side by side."""
    assert tensor.shape == (rows, vocabulary), f"{name} has shape {tuple(tensor.shape)}, not ({rows}, {vocabulary})"
    assert tensor.stride(1) == 1 or vocabulary == 1, f"{name} has stride {tensor.stride(1)} within a row"
