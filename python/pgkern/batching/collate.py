"""Prompts and responses as arrays, aligned for the loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _native
from .ragged import Ragged

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]
TokenIds: TypeAlias = Sequence[int] | npt.NDArray[np.integer]
Lists: TypeAlias = Sequence[TokenIds] | Ragged[np.integer]
Values: TypeAlias = Sequence[float] | npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class CollatedBatch:
    """Sequences (prompt then response) as arrays that stand ready for the loss.

    A packed batch has shape [T], all sequences behind one another; a padded one [B, L], filled up on the right.
    Position t predicts the token after it in its own sequence, so whatever belongs to a response token stands at the
    position *before* it. `torch.from_numpy` shares the memory of every array.

    Attributes:
        token_ids: int64, the model's input; the pad id on padding.
        positions: int64, the place within the own sequence, from 0; 0 on padding.
        sequence_ids: int64, which sequence, 0 to S - 1 in input order; padding carries its row's.
        target_ids: int64, the next token of the same sequence; 0 at its last position and on padding.
        mask: float32, 1 exactly where `target_ids` is a response token.
        lengths: int64 [S], tokens of each sequence.
        prompt_lengths: int64 [S], how many of them are the prompt's.
        starts: int64 [S], where each sequence begins in the flattened arrays.
        attention_mask: int64 [B, L], 1 on tokens and 0 on padding; None for a packed batch, which has no padding.
    """

    token_ids: Ints
    positions: Ints
    sequence_ids: Ints
    target_ids: Ints
    mask: Floats
    lengths: Ints
    prompt_lengths: Ints
    starts: Ints
    attention_mask: Ints | None = None

    @property
    def num_sequences(self) -> int:
        """S, the number of sequences."""
        return len(self.lengths)

    @property
    def response_lengths(self) -> Ints:
        """int64 [S]: `lengths - prompt_lengths`."""
        return self.lengths - self.prompt_lengths

    def align(self, values: Sequence[Values] | Ragged[np.floating]) -> Floats:
        """Put one value per response token where `mask` is 1, and 0 elsewhere: `aligned[mask == 1] = concat(values)`.

        For rollout log-probabilities, advantages per token and the like. Returns float32 in the shape of `mask`.

        Raises `ValueError` when a list's length is not its response's (with the index and both numbers).
        """
        first = self.starts + self.prompt_lengths - 1
        aligned = _native.align(values, first, self.response_lengths, self.mask.size)
        return aligned.reshape(self.mask.shape)


def collate_packed(prompts: Lists, responses: Lists) -> CollatedBatch:
    """Lay all sequences behind one another in one row of T tokens, without padding.

    Prompts and responses are lists of token ids, 1-D integer arrays, or all of them in one `Ragged`. Arrays of int64
    are read where they lie; a list costs a conversion per token.

    Raises `ValueError` for counts that differ, an empty prompt or a negative token id, and `TypeError` for anything
    that is not a sequence of integers, each with its index. An empty response is allowed: nothing of it is masked in.
    """
    token_ids, positions, sequence_ids, target_ids, mask, starts, lengths, prompt_lengths = _native.collate_packed(
        prompts, responses
    )
    return CollatedBatch(token_ids, positions, sequence_ids, target_ids, mask, lengths, prompt_lengths, starts)


def collate_padded(prompts: Lists, responses: Lists, *, pad_token_id: int = 0) -> CollatedBatch:
    """Lay one sequence in each of B rows, filled up on the right to the longest, L.

    The same arrays as `collate_packed` and `attention_mask`. Raises what `collate_packed` raises.
    """
    *arrays, mask, starts, lengths, prompt_lengths = _native.collate_padded(prompts, responses, pad_token_id)
    shape = (len(lengths), int(lengths.max(initial=0)))
    token_ids, positions, sequence_ids, target_ids = (array.reshape(shape) for array in arrays)
    attention_mask = (np.arange(shape[1]) < lengths[:, None]).astype(np.int64)
    return CollatedBatch(
        token_ids,
        positions,
        sequence_ids,
        target_ids,
        mask.reshape(shape),
        lengths,
        prompt_lengths,
        starts,
        attention_mask,
    )
