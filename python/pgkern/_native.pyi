"""The native half of pgkern, in Rust. The public functions around it are in `verification` and `batching`.

Every function releases the interpreter lock while it works. A text with lone surrogates is read with the replacement
character in their place.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "align",
    "balance",
    "collate_packed",
    "collate_padded",
    "equivalent",
    "explain",
    "extract_answer",
    "pack_balanced",
    "pack_sequences",
    "pack_sequences_flat",
    "verify",
    "verify_many",
]

_Ints: TypeAlias = npt.NDArray[np.int64]
_TokenIds: TypeAlias = Sequence[int] | npt.NDArray[np.integer]

class _Ragged(Protocol):
    """Lists behind one another: list i is `values[offsets[i]:offsets[i + 1]]`."""

    @property
    def values(self) -> npt.NDArray[Any]: ...
    @property
    def offsets(self) -> _Ints: ...

_Lists: TypeAlias = Sequence[_TokenIds] | _Ragged
_Options: TypeAlias = tuple[float | None, str, str, str]  # tolerance, percent, units, order
_Explained: TypeAlias = tuple[int, str | None, str | None, list[tuple[str, str, int, str]], int]
_Collated: TypeAlias = tuple[_Ints, _Ints, _Ints, _Ints, npt.NDArray[np.float32], _Ints, _Ints, _Ints]

def extract_answer(completion: str, mode: str) -> str | None:
    """Return the answer a completion gives, trimmed, or None.

    Args:
        completion: the text; only what follows its last `</think>` counts.
        mode: `auto`, `boxed`, `answer_tag`, `gsm8k`, `last_number`, `choice` or `whole`.

    Raises:
        ValueError: `mode` is none of these.
    """

def equivalent(answer: str, gold: str | Sequence[str], options: _Options) -> int:
    """Return the verdict code of a bare answer; see `pgkern.Verdict`.

    Raises:
        ValueError: `gold` is an empty sequence, or an option has a value it cannot have.
        TypeError: `gold` is neither text nor a sequence of text, or an option is of another type.
    """

def verify(completion: str, gold: str | Sequence[str], mode: str, options: _Options) -> int:
    """Return the verdict code of a completion. Raises what `extract_answer` and `equivalent` raise."""

def explain(completion: str, gold: str | Sequence[str], mode: str, options: _Options) -> _Explained:
    """Verify and say why.

    Returns:
        The verdict code, what was extracted, how that was read; for each gold its text, how it was read, its verdict
        code and the rule that decided; the units of work spent.

    Raises:
        What `verify` raises.
    """

def verify_many(
    completions: Iterable[str],
    golds: Iterable[str | Sequence[str]],
    mode: str,
    num_threads: int | None,
    options: _Options,
) -> npt.NDArray[np.uint8]:
    """Return the verdict codes of many completions, in their order.

    Args:
        completions: the texts; also a NumPy array of text or a pyarrow array of strings.
        golds: for each of them one gold, or a sequence of accepted golds; also a pyarrow array of lists of strings.
        mode: as for `extract_answer`.
        num_threads: 1 to 1024; None for as many as there are cores. Verdicts do not depend on it.
        options: as for `equivalent`.

    Raises:
        ValueError: the numbers differ, `mode` or `num_threads` is out of range, a sequence of golds is empty.
        TypeError: an element is not text; the message has its index.
        RuntimeError: the operating system refused to start the threads.
        KeyboardInterrupt: somebody asked to stop.
    """

def pack_sequences(lengths: Sequence[int] | npt.NDArray[np.integer], max_tokens: int) -> list[list[int]]:
    """Return rows of indices whose lengths sum to at most `max_tokens`, by best fit decreasing.

    Raises:
        ValueError: a length is below 1 or above `max_tokens`, or `max_tokens` is below 1.
        TypeError: a length is not an integer.
    """

def pack_sequences_flat(
    lengths: Sequence[int] | npt.NDArray[np.integer], max_tokens: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what `pack_sequences` returns as two arrays: all indices, and where each row begins, and the end.

    Raises:
        What `pack_sequences` raises.
    """

def balance(
    lengths: Sequence[int] | npt.NDArray[np.integer],
    num_parts: int,
    attention_crossover: int | None = None,
    equal_size: bool = False,
) -> list[list[int]]:
    """Return `num_parts` parts of indices with nearly equal sums of work, by largest differencing.

    Args:
        lengths: tokens of each sequence.
        num_parts: how many parts.
        attention_crossover: None for work n, or c for work n + n² / c.
        equal_size: whether parts differ by one sequence at most; evened out by swaps.

    Raises:
        ValueError: a length, `num_parts` or `attention_crossover` is below 1, or a number is too large.
        TypeError: a length is not an integer.
    """

def pack_balanced(
    lengths: Sequence[int] | npt.NDArray[np.integer],
    max_tokens: int,
    num_ranks: int,
    attention_crossover: int | None = None,
) -> list[list[list[int]]]:
    """Return for each rank as many rows of at most `max_tokens` tokens, with nearly equal sums of work.

    Raises:
        What `pack_sequences` and `balance` raise.
    """

def collate_packed(prompts: _Lists, responses: _Lists) -> _Collated:
    """Lay all sequences behind one another.

    Args:
        prompts: lists or 1-D arrays of integers, or an object with the arrays `values` and `offsets`.
        responses: the same.

    Returns:
        token_ids, positions, sequence_ids, target_ids (int64 [T]), mask (float32 [T]), and per sequence starts,
        lengths, prompt_lengths (int64 [S]).

    Raises:
        ValueError: the numbers differ, a prompt is empty, a token id is negative or above 2^63 - 1, or offsets do not
            ascend from 0 to the number of values.
        TypeError: a sequence is not one of integers; the message has its index.
    """

def collate_padded(prompts: _Lists, responses: _Lists, pad_token_id: int) -> _Collated:
    """Lay each sequence at the begin of a row, filled up with `pad_token_id` to the longest.

    Returns:
        What `collate_packed` returns, the first five flattened from [B, L].

    Raises:
        What `collate_packed` raises.
    """

def align(
    values: Sequence[Sequence[float] | npt.NDArray[np.floating]] | _Ragged,
    first: Sequence[int] | npt.NDArray[np.integer],
    response_lengths: Sequence[int] | npt.NDArray[np.integer],
    size: int,
) -> npt.NDArray[np.float32]:
    """Return float32 [size] with `values[i]` from place `first[i]` on, and 0 elsewhere.

    Raises:
        ValueError: `values[i]` has not `response_lengths[i]` values, or there is another number of lists.
        TypeError: a list is not one of numbers; the message has its index.
    """
