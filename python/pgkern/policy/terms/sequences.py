"""Sums and means over the unmasked tokens of every sequence.

Names: T tokens, S sequences.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sequences:
    """Which sequence every token belongs to. Results are given to each token of the sequence, masked ones too.

    Sums repeat bit for bit: on a GPU those of `index_put` do, on the CPU those of `index_add`, and not the other way.
    A token whose number is none of 0 to count - 1, which only the CPU can refuse, has NaN for a result.
    """

    index_T: Tensor  # int64
    mask_T: Tensor  # bool
    count: int  # at least 1

    def at(self, rows_T: Tensor | slice) -> "Sequences":
        """Of these tokens only."""
        return Sequences(self.index_T[rows_T], self.mask_T[rows_T], self.count)

    def sums(self, values_T: Tensor) -> Tensor:
        """One sum per sequence, `[S]`."""
        kept_T = values_T.where(self.mask_T, 0)
        zeros_S = values_T.new_zeros(self.count)
        if values_T.device.type == "cpu":
            return zeros_S.index_add(0, self._inside, kept_T)
        return zeros_S.index_put((self._inside,), kept_T, accumulate=True)

    def spread(self, values_S: Tensor) -> Tensor:
        """`[T]`: for each token the value of its sequence."""
        if values_S.shape[0] == 0:
            return values_S.new_full(self.index_T.shape, torch.nan)
        return values_S[self._inside].where(self._inside == self.index_T, torch.nan)

    def sum(self, values_T: Tensor) -> Tensor:
        """`[T]`: for each token the sum over its sequence."""
        return self.spread(self.sums(values_T))

    def mean(self, values_T: Tensor) -> Tensor:
        """`[T]`: for each token the mean over its sequence, 0 where that has no unmasked token."""
        return self.spread(self.sums(values_T) / self.lengths(values_T).clamp(min=1))

    def lengths(self, like: Tensor) -> Tensor:
        """Unmasked tokens of every sequence, `[S]`, in the dtype of `like`."""
        return self.sums(like.new_ones(()).expand(self.index_T.shape[0]))

    @property
    def _inside(self) -> Tensor:
        return self.index_T.clamp(0, self.count - 1)
