import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import balance, pack_sequences

LENGTHS = st.lists(st.integers(1, 100), max_size=60)


def naive_pack(lengths: list[int], max_tokens: int) -> list[list[int]]:
    """Best fit decreasing by looking at every row."""
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        fitting = [row for row in range(len(rows)) if room[row] >= lengths[index]]
        if not fitting:
            rows.append([])
            room.append(max_tokens)
            fitting = [len(rows) - 1]
        best = min(fitting, key=lambda row: (room[row], row))
        rows[best].append(index)
        room[best] -= lengths[index]
    return [sorted(row) for row in rows]


@given(LENGTHS, st.integers(100, 300))
@settings(max_examples=200, deadline=None)
def test_packing_is_best_fit_decreasing(lengths: list[int], max_tokens: int) -> None:
    rows = pack_sequences(lengths, max_tokens)
    assert rows == naive_pack(lengths, max_tokens)
    assert rows == pack_sequences(np.array(lengths, dtype=np.int64), max_tokens)


@given(LENGTHS, st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_parts_are_nearly_equal(lengths: list[int], num_parts: int) -> None:
    parts = balance(lengths, num_parts)
    assert len(parts) == num_parts
    assert sorted(index for part in parts for index in part) == list(range(len(lengths)))
    totals = [sum(lengths[index] for index in part) for part in parts]
    assert max(totals) - min(totals) <= max(lengths, default=0)
    assert totals == sorted(totals, reverse=True)
    assert sum(not part for part in parts) == max(0, num_parts - len(lengths))


def test_large_batches_take_no_quadratic_time() -> None:
    lengths = np.random.default_rng(0).integers(1, 4096, 200_000)
    begin = time.perf_counter()
    rows = pack_sequences(lengths, 8192)
    parts = balance(lengths, 64)
    assert time.perf_counter() - begin < 20  # 0.2 s; a quadratic way takes minutes
    assert sum(map(len, rows)) == sum(map(len, parts)) == 200_000
    totals = [int(lengths[part].sum()) for part in parts]
    assert max(totals) - min(totals) <= 1


def test_mistakes_name_their_numbers() -> None:
    with pytest.raises(ValueError, match=r"lengths\[1\] is 9, more than max_tokens = 8"):
        pack_sequences([1, 9], 8)
    for length in (0, -3):
        with pytest.raises(ValueError, match=rf"lengths\[0\] is {length}: a sequence has at least 1 token"):
            pack_sequences([length], 8)
        with pytest.raises(ValueError, match=rf"lengths\[0\] is {length}"):
            balance([length], 2)
    with pytest.raises(ValueError, match="max_tokens is 0"):
        pack_sequences([], 0)
    with pytest.raises(ValueError, match="num_parts is 1000000000000: it may be at most 1048576"):
        balance([1], 10**12)
    with pytest.raises(ValueError, match="num_parts is -1"):
        balance([1], -1)
    with pytest.raises(TypeError, match="lengths must be a sequence of integers"):
        pack_sequences([1.5], 8)  # type: ignore[list-item]
