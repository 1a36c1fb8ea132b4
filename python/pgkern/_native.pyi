"""The native half of pgkern, in Rust. The public functions around it are in `verification` and `batching`.

Every function releases the interpreter lock while it works. A text with lone surrogates is read with the replacement
character in their place.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

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
    "pack_sequences",
    "verify",
    "verify_many",
]

_Ints: TypeAlias = npt.NDArray[np.int64]
_TokenIds: TypeAlias = Sequence[int] | npt.NDArray[np.integer]
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

def balance(lengths: Sequence[int] | npt.NDArray[np.integer], num_parts: int) -> list[list[int]]:
    """Return `num_parts` parts of indices with nearly equal sums of lengths, by largest differencing.

    Raises:
        ValueError: a length or `num_parts` is below 1.
        TypeError: a length is not an integer.
    """

def collate_packed(prompts: Sequence[_TokenIds], responses: Sequence[_TokenIds]) -> _Collated:
    """Lay all sequences behind one another.

    Returns:
        token_ids, positions, sequence_ids, target_ids (int64 [T]), mask (float32 [T]), and per sequence starts,
        lengths, prompt_lengths (int64 [S]).

    Raises:
        ValueError: the numbers differ, a prompt is empty, a token id is negative or above 2^63 - 1.
        TypeError: a sequence is not one of integers; the message has its index.
    """

def collate_padded(prompts: Sequence[_TokenIds], responses: Sequence[_TokenIds], pad_token_id: int) -> _Collated:
    """Lay each sequence at the begin of a row, filled up with `pad_token_id` to the longest.

    Returns:
        What `collate_packed` returns, the first five flattened from [B, L].

    Raises:
        What `collate_packed` raises.
    """

def align(
    values: Sequence[Sequence[float] | npt.NDArray[np.floating]],
    first: Sequence[int],
    response_lengths: Sequence[int],
    size: int,
) -> npt.NDArray[np.float32]:
    """Return float32 [size] with `values[i]` from place `first[i]` on, and 0 elsewhere.

    Raises:
        ValueError: `values[i]` has not `response_lengths[i]` values, or there is another number of lists.
        TypeError: a list is not one of numbers; the message has its index.
    """
