"""Lists of different lengths in two arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Element = TypeVar("Element", bound=np.generic, covariant=True)


@dataclass(frozen=True, eq=False)
class Ragged(Generic[Element]):
    """Lists of different lengths behind one another: list i is `values[offsets[i]:offsets[i + 1]]`.

    What ragged token ids look like in Arrow, and what packing returns: nothing of it is a Python object per token. A
    view, not a copy, of the arrays it is made of.

    Attributes:
        values: [T], the elements of all lists.
        offsets: int64 [N + 1], where each list begins and, at last, T.

    Raises `ValueError` where the arrays are not of one dimension or the offsets do not ascend from 0 to T, with the
    first place where they do not.
    """

    values: npt.NDArray[Element]
    offsets: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        values, offsets = np.asarray(self.values), np.asarray(self.offsets)
        if values.ndim != 1 or offsets.ndim != 1:
            raise ValueError(f"values and offsets must have 1 dimension each, not {values.ndim} and {offsets.ndim}")
        if offsets.dtype.kind not in "iu":
            raise ValueError(f"offsets must be integers, not {offsets.dtype}")
        offsets = offsets.astype(np.int64, copy=False)
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(values):
            ends = f"go from {offsets[0]} to {offsets[-1]}" if len(offsets) else "are empty"
            raise ValueError(f"offsets {ends}, but there are {len(values)} values: they must go from 0 to that")
        falling = np.flatnonzero(np.diff(offsets) < 0)
        if len(falling):
            place = int(falling[0])
            raise ValueError(f"offsets[{place + 1}] is {offsets[place + 1]}, less than the {offsets[place]} before it")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "offsets", offsets)

    @classmethod
    def from_lengths(
        cls, values: npt.NDArray[Element], lengths: Sequence[int] | npt.NDArray[np.integer]
    ) -> "Ragged[Element]":
        """Lists of these lengths, which sum to the number of values."""
        return cls(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """int64 [N]: `diff(offsets)`."""
        lengths: npt.NDArray[np.int64] = np.diff(self.offsets)
        return lengths

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> npt.NDArray[Element]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"list {index} of {len(self)}")
        begin = index % len(self)
        return self.values[self.offsets[begin] : self.offsets[begin + 1]]

    def __iter__(self) -> Iterator[npt.NDArray[Element]]:
        return (self.values[begin:end] for begin, end in zip(self.offsets[:-1], self.offsets[1:], strict=True))

    def to_lists(self) -> list[list[Any]]:
        """The same as lists of Python numbers."""
        return [row.tolist() for row in self]
