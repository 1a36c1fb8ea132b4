import time
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import pack_sequences, pack_sequences_flat

LENGTHS = st.lists(st.integers(1, 100), max_size=60)


def naive_pack(lengths: list[int], max_tokens: int) -> list[list[int]]:
    """Best fit decreasing by looking at every row."""
    rows: list[list[int]] = []
    room: list[int] = []
    since: list[int] = []  # when a row came to have the room it has
    clock = count()
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        fitting = [row for row in range(len(rows)) if room[row] >= lengths[index]]
        if not fitting:
            rows.append([])
            room.append(max_tokens)
            since.append(next(clock))
            fitting = [len(rows) - 1]
        best = min(fitting, key=lambda row: (room[row], since[row]))
        rows[best].append(index)
        room[best] -= lengths[index]
        since[best] = next(clock)
    return [sorted(row) for row in rows]


@given(LENGTHS, st.integers(100, 300))
@settings(max_examples=200, deadline=None)
def test_packing_is_best_fit_decreasing(lengths: list[int], max_tokens: int) -> None:
    rows = pack_sequences(lengths, max_tokens)
    assert rows == naive_pack(lengths, max_tokens)
    for dtype in (np.int64, np.int32, np.uint16):
        assert rows == pack_sequences(np.array(lengths, dtype=dtype), max_tokens)
    assert rows == pack_sequences(np.repeat(np.array(lengths, dtype=np.int64), 2)[::2], max_tokens)


@given(LENGTHS, st.integers(100, 300))
@settings(max_examples=50, deadline=None)
def test_flat_rows_are_the_same_rows(lengths: list[int], max_tokens: int) -> None:
    rows = pack_sequences_flat(lengths, max_tokens)
    assert rows.values.dtype == rows.offsets.dtype == np.int64
    assert rows.to_lists() == pack_sequences(lengths, max_tokens)


def test_a_million_lengths_leave_rows_full_and_take_no_quadratic_time() -> None:
    lengths = np.random.default_rng(0).lognormal(np.log(512), 1, 1_000_000).round().clip(1, 8192).astype(np.int64)
    begin = time.perf_counter()
    rows = pack_sequences_flat(lengths, 8192)
    assert time.perf_counter() - begin < 20  # 0.2 s; a quadratic way takes hours
    assert np.array_equal(np.sort(rows.values), np.arange(len(lengths)))
    tokens = np.add.reduceat(lengths[rows.values], rows.offsets[:-1])
    assert tokens.max() <= 8192
    assert lengths.sum() >= 0.9999 * 8192 * len(rows)


def test_mistakes_name_their_numbers() -> None:
    for pack in (pack_sequences, pack_sequences_flat):
        with pytest.raises(ValueError, match=r"lengths\[1\] is 9, more than max_tokens = 8"):
            pack([1, 9], 8)
        for length in (0, -3):
            with pytest.raises(ValueError, match=rf"lengths\[0\] is {length}: a sequence has at least 1 token"):
                pack([length], 8)
        with pytest.raises(ValueError, match="max_tokens is 0"):
            pack([], 0)
        for wrong in ([1.5], np.array([1.0]), np.ones((1, 1), dtype=np.int64), ["1"], 3):
            with pytest.raises(TypeError, match="lengths must be a sequence of integers"):
                pack(wrong, 8)  # type: ignore[arg-type]
