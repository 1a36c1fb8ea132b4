"""From hidden states to log-probabilities and what else the softmax of every row is told by: one product.

Names: R rows that are visited, D hidden size, V vocabulary or a block of it, W blocks.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..logits.logit_statistics import logit_statistics
from ..logits.vocabulary_parallel import VocabularySlice, of_all_slices
from ..logits.vocabulary_slices import merged_statistics
from ..taken import taken
from .linear_chunks import ends_of, vocabulary_blocks, widest
from .linear_head import LinearHead
from .linear_products import project
from .logit_buffer import LogitBuffer
from .low_rank import LowRank
from .rounded_logits import NearRows, rounds_logits

_BLOCKS_TOGETHER = 16  # blocks whose statistics are kept until they are put together: four numbers a row each


class Statistics(NamedTuple):
    """See the operator `logit_statistics`; `entropy` may be anything where it was not asked for."""

    log_probs: Tensor
    entropy: Tensor
    largest: Tensor
    log_sums: Tensor

    def at(self, rows: Tensor) -> "Statistics":
        """Of these rows only."""
        return Statistics(*(values[rows] for values in self))


def linear_statistics(
    head: LinearHead, rows_R: Tensor, *, with_entropy: bool, chunk_tokens: int | None, part: VocabularySlice | None
) -> Statistics:
    """Of these rows, `[R]` each. With `part`, the weight is this rank's slice and the results are of all slices.

    A block of the vocabulary at a time, of all rows together: the products are of large matrices, and each number of
    the weight is read (and converted, where it must be) once.
    """
    rows, vocabulary, dtype, device = rows_R.shape[0], head.weight_VD.shape[0], head.compute_dtype, rows_R.device
    hidden_RD, ids_R, temperature_R = head.hidden(rows_R), head.local_ids(rows_R, part), head.temperatures(rows_R)
    low_rank = LowRank.of(head, hidden_RD)
    blocks = list(vocabulary_blocks(rows, vocabulary, dtype, device, chunk_tokens))
    buffer = LogitBuffer(head, rows * widest(blocks), with_gradient=False)
    rounded = NearRows.of(head, hidden_RD, low_rank, ids_R) if rounds_logits(head, rows, chunk_tokens) else None
    near_R = None if rounded is None else rounded.near_R
    found_W4R = torch.empty(1 + min(_BLOCKS_TOGETHER, len(blocks)), 4, rows, dtype=dtype, device=device)
    found: tuple[Tensor, ...] | None = None
    for start in range(0, len(blocks), _BLOCKS_TOGETHER):
        together, before = blocks[start : start + _BLOCKS_TOGETHER], 0
        if found is not None:  # what is known so far is of a slice like the others
            torch.stack(found, out=found_W4R[0])
            before = 1
        for block, found_4R in zip(together, found_W4R[before:], strict=False):
            columns = block.stop - block.start
            logits_RV, _ = buffer.rows(rows, columns)
            thin = None if low_rank is None else low_rank.factors(block)
            bias_V = taken(head.bias_V, block)
            project(hidden_RD, head.weight_VD[block], bias_V, out=logits_RV, thin=thin, near_T=near_R)
            ids_of_block_R = ids_R - block.start
            of_block = logit_statistics(logits_RV, ids_of_block_R, temperature_R, head.softcap, columns, with_entropy)
            torch.stack(of_block, out=found_4R)
        ends_W = ends_of(together, before, device)
        found = merged_statistics(found_W4R[: before + len(together)], ids_R, temperature_R, ends_W)
    assert found is not None
    if rounded is not None:
        found = rounded.log_probs(head, ids_R, temperature_R, *found[2:]), *found[1:]
    if part is not None:
        found = of_all_slices(torch.stack(found), head.token_ids_T[rows_R], temperature_R, part)
    return Statistics(*found)
