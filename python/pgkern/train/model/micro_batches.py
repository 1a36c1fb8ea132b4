"""Sequences of a batch as packed rows of tensors, each small enough to go through the model at once.

Names: T packed tokens, R response tokens among them, S sequences of the row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...batching import CollatedBatch, collate_packed, pack_sequences
from ...rollout.engine import Rollout


@dataclass(frozen=True)
class TokenSequence:
    """A prompt and what follows it, as token ids."""

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]

    @classmethod
    def of(cls, rollout: Rollout) -> "TokenSequence":
        """The rollout's ids, as they were sampled."""
        return cls(rollout.prompt.token_ids, rollout.response_ids)

    def __len__(self) -> int:
        return len(self.prompt_ids) + len(self.response_ids)


@dataclass(frozen=True)
class MicroBatch:
    """One packed row, aligned for the loss: position t predicts `target_ids_T[t]`."""

    indices: list[int]
    """Which sequences of the batch these are; sequence id s is `indices[s]`."""
    collated: CollatedBatch
    token_ids_T: Tensor
    positions_T: Tensor
    sequence_ids_T: Tensor
    target_ids_T: Tensor
    mask_T: Tensor

    def split(self, values_R: Tensor) -> list[list[float]]:
        """Values of the row's response tokens, one after another, as a list for each of its sequences."""
        return [values.tolist() for values in self.split_tensor(values_R)]

    def split_tensor(self, values_R: Tensor) -> tuple[Tensor, ...]:
        """The same as tensors, whatever each response token has; they share memory."""
        return torch.split(values_R, self.collated.response_lengths.tolist())

    def align(self, values: Sequence[Sequence[float]]) -> Tensor:
        """`[T]`, the values of the batch's sequences at the positions that predict their tokens; undoes `split`."""
        aligned = self.collated.align([values[index] for index in self.indices])
        return torch.from_numpy(aligned).to(self.token_ids_T.device)


def micro_batches(sequences: Sequence[TokenSequence], max_tokens: int, device: torch.device) -> Iterator[MicroBatch]:
    """Rows of at most `max_tokens` tokens (a longer sequence has a row of its own), in a deterministic order."""
    lengths = [len(sequence) for sequence in sequences]
    short = [index for index, length in enumerate(lengths) if length <= max_tokens]
    packed = pack_sequences([lengths[index] for index in short], max_tokens)
    rows = [[short[place] for place in places] for places in packed]
    rows += [[index] for index, length in enumerate(lengths) if length > max_tokens]
    for indices in rows:
        chosen = [sequences[index] for index in indices]
        collated = collate_packed([s.prompt_ids for s in chosen], [s.response_ids for s in chosen])
        arrays = (collated.token_ids, collated.positions, collated.sequence_ids, collated.target_ids, collated.mask)
        yield MicroBatch(indices, collated, *(torch.from_numpy(array).to(device) for array in arrays))
