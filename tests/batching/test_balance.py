import time
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import attention_crossover, balance, imbalance, pack_balanced, pack_sequences
from pgkern.batching import sequence_work

from .differencing_twin import divide

LENGTHS = st.lists(st.integers(1, 100), max_size=60)
CROSSOVERS = st.none() | st.integers(1, 1000)


def whole_works(lengths: list[int], crossover: int | None) -> list[int]:
    """Work in whole numbers, as it is summed: n, or c·n + n²."""
    return lengths if crossover is None else [crossover * length + length**2 for length in lengths]


def log_normal(count: int, seed: int) -> npt.NDArray[np.int64]:
    lengths: npt.NDArray[np.int64] = (
        np.random.default_rng(seed).lognormal(np.log(512), 1, count).round().clip(1, 8192).astype(np.int64)
    )
    return lengths


@given(LENGTHS, st.integers(1, 9), CROSSOVERS, st.booleans())
@settings(max_examples=400, deadline=None)
def test_parts_are_nearly_equal_and_no_swap_would_help(
    lengths: list[int], num_parts: int, crossover: int | None, equal_size: bool
) -> None:
    parts = balance(lengths, num_parts, attention_crossover=crossover, equal_size=equal_size)
    assert len(parts) == num_parts
    assert sorted(index for part in parts for index in part) == list(range(len(lengths)))
    assert all(part == sorted(part) for part in parts)
    works = whole_works(lengths, crossover)
    totals = [sum(works[index] for index in part) for part in parts]
    assert totals == sorted(totals, reverse=True)
    gap = totals[0] - totals[-1]
    assert gap <= max(works, default=0)
    assert sum(not part for part in parts) == max(0, num_parts - len(lengths))
    sizes = [len(part) for part in parts]
    assert not equal_size or max(sizes) - min(sizes) <= 1
    one_heaviest_and_lightest = totals.count(totals[0]) == totals.count(totals[-1]) == 1
    if one_heaviest_and_lightest and gap * 10_000 * num_parts > sum(works):
        for heavy, light in product(parts[0], parts[-1]):
            assert not 0 < works[heavy] - works[light] < gap
    if sum(works):
        assert imbalance(parts, lengths, attention_crossover=crossover) == pytest.approx(
            totals[0] * num_parts / sum(works) - 1, abs=1e-9
        )


@pytest.mark.parametrize("equal_size", [False, True])
@pytest.mark.parametrize("crossover", [None, 300])
def test_parts_are_those_of_largest_differencing(crossover: int | None, equal_size: bool) -> None:
    untouched = 0
    for seed, num_parts in product(range(12), (1, 2, 3, 5)):
        lengths = np.random.default_rng(seed).integers(1, 200, 120 + seed).tolist()
        works = whole_works(lengths, crossover)
        expected = divide(works, num_parts, equal_size)
        totals = [sum(works[index] for index in part) for part in expected]
        found = balance(lengths, num_parts, attention_crossover=crossover, equal_size=equal_size)
        if (totals[0] - totals[-1]) * 10_000 * num_parts <= sum(works):  # equal enough: swaps have nothing to do
            untouched += 1
            assert found == expected
        else:
            of_found = [sum(works[index] for index in part) for part in found]
            assert totals[-1] <= of_found[-1] <= of_found[0] <= totals[0]
    assert untouched >= 12


@pytest.mark.parametrize("equal_size", [False, True])
@pytest.mark.parametrize("crossover", [None, 36_000, 3_000])
def test_realistic_loads_are_equal_within_a_hundredth(crossover: int | None, equal_size: bool) -> None:
    for num_parts, seed in product((2, 8, 64), range(10)):
        lengths = log_normal(50 * num_parts + seed, seed)
        parts = balance(lengths, num_parts, attention_crossover=crossover, equal_size=equal_size)
        assert imbalance(parts, lengths, attention_crossover=crossover) < 0.001  # at most 0.00008 in these


def test_attention_counts_by_the_square() -> None:
    # One of 4,000 tokens costs 4000 + 4000²/1000 = 20,000; each of 1,000 costs 2,000: ten of them are as much.
    lengths = [4_000, *[1_000] * 10]
    assert sequence_work(lengths, 1_000).tolist() == [20_000, *[2_000] * 10]
    parts = balance(lengths, 2, attention_crossover=1_000)
    assert sorted(map(len, parts)) == [1, 10]
    assert imbalance(parts, lengths, attention_crossover=1_000) == 0
    assert imbalance(parts, lengths) == pytest.approx(10_000 / 7_000 - 1)
    assert sorted(map(len, balance(lengths, 2))) == [4, 7]
    assert sorted(map(len, balance(lengths, 2, attention_crossover=1_000, equal_size=True))) == [5, 6]


def test_the_crossover_of_a_plain_model_is_twelve_widths() -> None:
    width, layers = 64, 3
    assert attention_crossover(12 * width**2 * layers, layers, width) == 12 * width
    assert attention_crossover(12 * width**2 * layers, layers, width, causal=False) == 6 * width
    # Qwen2.5-1.5B: 28 layers of 1536, 1.54e9 weights with the tied head.
    assert 35_000 < attention_crossover(1_543_000_000, 28, 1536) < 37_000
    with pytest.raises(ValueError, match="num_layers is 0: it must be at least 1"):
        attention_crossover(10, 0, 4)


def test_one_giant_is_alone_and_equal_sequences_are_dealt_out() -> None:
    assert balance([1, 1, 1_000_000, 1, 1], 2) == [[2], [0, 1, 3, 4]]
    for equal_size in (False, True):
        assert list(map(len, balance([7] * 9, 3, equal_size=equal_size))) == [3, 3, 3]
    parts = balance([5, 3], 4, equal_size=True, attention_crossover=1)
    assert parts == [[0], [1], [], []]
    assert balance([], 3, equal_size=True) == [[], [], []]


def test_sums_of_squares_are_exact_where_64_bits_are_not_enough() -> None:
    half = 2**60
    lengths = [half, half - 1, half + 1, half]
    parts = balance(lengths, 2, attention_crossover=2**63 - 1)
    assert parts == [[1, 2], [0, 3]]  # (h - 1)² + (h + 1)² is 2h² + 2
    with pytest.raises(ValueError, match=r"the lengths up to lengths\[1\] sum to more than 2\^63 - 1"):
        balance([2**62, 2**62], 2, attention_crossover=1)


def test_many_parts_take_no_quadratic_time() -> None:
    lengths = log_normal(200_000, 0)
    begin = time.perf_counter()
    for num_parts, equal_size in ((64, False), (64, True), (4_000, False), (4_000, True)):
        parts = balance(lengths, num_parts, attention_crossover=36_000, equal_size=equal_size)
        assert sum(map(len, parts)) == 200_000
        assert imbalance(parts, lengths, attention_crossover=36_000) < 0.01
    assert time.perf_counter() - begin < 40  # 1 s; a quadratic way takes minutes


@given(LENGTHS, st.integers(100, 300), st.integers(1, 9), CROSSOVERS)
@settings(max_examples=300, deadline=None)
def test_every_rank_has_its_share_in_as_many_rows(
    lengths: list[int], max_tokens: int, num_ranks: int, crossover: int | None
) -> None:
    ranks = pack_balanced(lengths, max_tokens, num_ranks, attention_crossover=crossover)
    assert len(ranks) == num_ranks
    assert sorted(index for rows in ranks for row in rows for index in row) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in row) <= max_tokens for rows in ranks for row in rows)
    shares = [sorted(index for row in rows for index in row) for rows in ranks]
    assert shares == balance(lengths, num_ranks, attention_crossover=crossover)
    needed = max(len(pack_sequences([lengths[index] for index in share], max_tokens)) for share in shares)
    works = whole_works(lengths, crossover)
    for rows, share in zip(ranks, shares, strict=True):
        assert len(rows) == needed
        assert sum(not row for row in rows) == max(0, needed - len(share))
        of_rows = [sum(works[index] for index in row) for row in rows]
        assert of_rows == sorted(of_rows, reverse=True)


def test_ranks_step_together_on_a_realistic_batch() -> None:
    lengths = log_normal(2_003, 5)
    ranks = pack_balanced(lengths, 8_192, 8, attention_crossover=36_000)
    shares = [[index for row in rows for index in row] for rows in ranks]
    assert imbalance(shares, lengths, attention_crossover=36_000) < 0.01
    steps = list(zip(*ranks, strict=True))
    assert len(steps) <= len(pack_sequences(lengths, 8_192)) / 8 + 1.5
    for step in steps:  # nor does anybody wait long in any of them
        assert imbalance(step, lengths, attention_crossover=36_000) < 0.15


def test_mistakes_name_their_numbers() -> None:
    with pytest.raises(ValueError, match="num_parts is 1000000000000: it may be at most 1048576"):
        balance([1], 10**12)
    for wrong in (0, -1):
        with pytest.raises(ValueError, match=f"num_parts is {wrong}: it must be at least 1"):
            balance([1], wrong)
        with pytest.raises(ValueError, match=f"num_ranks is {wrong}: it must be at least 1"):
            pack_balanced([1], 4, wrong)
        for balanced in (
            lambda wrong=wrong: balance([1], 1, attention_crossover=wrong),
            lambda wrong=wrong: pack_balanced([1], 1, 1, attention_crossover=wrong),
            lambda wrong=wrong: imbalance([[0]], [1], attention_crossover=wrong),
        ):
            with pytest.raises(ValueError, match=f"attention_crossover is {wrong}: it must be at least 1 token"):
                balanced()
        with pytest.raises(ValueError, match=rf"lengths\[1\] is {wrong}: a sequence has at least 1 token"):
            balance([1, wrong], 2)
    with pytest.raises(TypeError, match="attention_crossover"):
        balance([1], 1, attention_crossover=float("nan"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_tokens is 0"):
        pack_balanced([1], 0, 1)
    with pytest.raises(ValueError, match=r"lengths\[0\] is 5, more than max_tokens = 4"):
        pack_balanced([5], 4, 1)
    with pytest.raises(ValueError, match="imbalance of 0 parts"):
        imbalance([], [1])
