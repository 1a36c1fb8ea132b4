"""How many logits are alive at a time.

Names: N rows in all, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from numbers import Integral

import torch
from torch import Tensor

# One chunk of logits. CPU: few percent of what all logits would take, and not so thin that the products get slow.
# GPU: fp32 sums of the weight's gradient are read and written once a chunk, so chunks are as large as memory lets them.
_CHUNK_BYTES = {"cpu": 112 << 20, "cuda": 2 << 30}

_NARROWEST = 64  # columns; thinner blocks make slow products, and save nothing beside the rows' own hidden states


def chunk_length(rows: int, vocabulary: int, dtype: torch.dtype, device: torch.device, chunk_tokens: int | None) -> int:
    """Rows per chunk: all chunks are about as long, and none is longer than `chunk_tokens` or the memory budget."""
    longest = longest_chunk(vocabulary, dtype, device, chunk_tokens)
    chunks = max(1, -(-rows // longest))
    return max(1, -(-rows // chunks))


def longest_chunk(vocabulary: int, dtype: torch.dtype, device: torch.device, chunk_tokens: int | None) -> int:
    """Rows whose logits may be alive together."""
    if chunk_tokens is not None:
        return chunk_tokens
    budget = _CHUNK_BYTES.get(device.type, _CHUNK_BYTES["cuda"])
    return max(1, budget // max(1, vocabulary * dtype.itemsize))


def checked_chunk_tokens(chunk_tokens: int | None) -> int | None:
    """What the caller said of it.

    Raises:
        ValueError: neither None nor an integer of at least 1.
    """
    if chunk_tokens is None:
        return None
    if isinstance(chunk_tokens, bool) or not isinstance(chunk_tokens, Integral) or chunk_tokens < 1:
        raise ValueError(f"chunk_tokens must be an integer of at least 1, got {chunk_tokens!r}")
    return int(chunk_tokens)


def vocabulary_blocks(
    rows: int, vocabulary: int, dtype: torch.dtype, device: torch.device, chunk_tokens: int | None
) -> Iterator[slice]:
    """Blocks of the vocabulary whose logits, of all rows, are half as many as one chunk's would be.

    What is converted on the way, and the sums of hidden's gradient, stand beside them.
    """
    numbers = longest_chunk(vocabulary, dtype, device, chunk_tokens) * vocabulary // 2
    width = min(vocabulary, max(_NARROWEST, numbers // max(1, rows)))
    blocks = max(1, -(-vocabulary // max(1, width)))
    # Even blocks, of a multiple of 64 columns, so that rows of logits and of the weight begin where reads like them to.
    width = -(-max(1, -(-vocabulary // blocks)) // 64) * 64
    for start in range(0, max(1, vocabulary), width):
        yield slice(start, min(start + width, vocabulary))


def widest(blocks: Sequence[slice]) -> int:
    """Columns of the widest block."""
    widths: list[int] = [block.stop - block.start for block in blocks]
    return max(widths)


def ends_of(blocks: Sequence[slice], before: int, device: torch.device) -> Tensor:
    """The first column after each block, and where `before` is 1 of all that lies before them.

    Counted, not copied to the device: the host would wait for that.
    """
    steps_W = torch.arange(1 - before, len(blocks) + 1, device=device)
    ends_W: Tensor = blocks[0].start + steps_W * widest(blocks)
    return ends_W.clamp_(max=blocks[-1].stop)


def whole_sequences(lengths: Sequence[int], longest: int) -> Iterator[slice]:
    """Rows of one sequence after the other, as many sequences a chunk as fit; one that is too long is a chunk alone."""
    start = stop = 0
    for length in lengths:
        if stop > start and stop + length - start > longest:
            yield slice(start, stop)
            start = stop
        stop += length
    if stop > start:
        yield slice(start, stop)
