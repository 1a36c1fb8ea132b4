"""The logits, a chunk of tokens at a time, and how many tokens that is.

Names: N rows in all, T rows of one chunk, D hidden size, V vocabulary.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .linear_head import LinearHead
from .linear_products import project

# One chunk of logits. CPU: few percent of what all logits would take, and not so thin that the products get slow.
# GPU: fp32 sums of the weight's gradient are read and written once a chunk, so chunks are as large as memory lets them.
_CHUNK_BYTES = {"cpu": 112 << 20, "cuda": 2 << 30}


def chunk_length(
    tokens: int, vocabulary: int, dtype: torch.dtype, device: torch.device, chunk_tokens: int | None
) -> int:
    """Tokens per chunk: all chunks are about as long, and none is longer than `chunk_tokens` or the memory budget.

    Raises:
        ValueError: `chunk_tokens` is not an integer of at least 1.
    """
    if chunk_tokens is None:
        budget = _CHUNK_BYTES.get(device.type, _CHUNK_BYTES["cuda"])
        chunk_tokens = max(1, budget // max(1, vocabulary * dtype.itemsize))
    elif isinstance(chunk_tokens, bool) or not isinstance(chunk_tokens, int) or chunk_tokens < 1:
        raise ValueError(f"chunk_tokens must be an integer of at least 1, got {chunk_tokens!r}")
    chunks = max(1, -(-tokens // chunk_tokens))
    return max(1, -(-tokens // chunks))


def logit_chunks(head: LinearHead, rows_N: Tensor, chunk_tokens: int | None) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Row numbers, hidden states and logits, a chunk at a time; the logits' memory is one buffer for all chunks."""
    vocabulary = head.weight_VD.shape[0]
    length = chunk_length(rows_N.numel(), vocabulary, head.compute_dtype, head.hidden_TD.device, chunk_tokens)
    buffer_TV = head.hidden_TD.new_empty(min(length, rows_N.numel()), vocabulary, dtype=head.compute_dtype)
    for start in range(0, rows_N.numel(), length):
        rows_T = rows_N[start : start + length]
        hidden_TD = head.hidden_TD[rows_T]
        yield rows_T, hidden_TD, project(hidden_TD, head.weight_VD, head.bias_V, out=buffer_TV[: rows_T.numel()])
