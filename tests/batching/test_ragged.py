import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import CollatedBatch, Ragged, collate_packed, collate_padded

IDS = st.lists(st.integers(0, 2**31 - 1), max_size=6)
PAIRS = st.lists(st.tuples(IDS.filter(bool), IDS), max_size=8)


def ragged(lists: list[list[int]], dtype: type[np.integer] = np.int64) -> Ragged[np.integer]:
    flat = np.array([element for row in lists for element in row], dtype)
    return Ragged.from_lengths(flat, [len(row) for row in lists])


def same(one: CollatedBatch, other: CollatedBatch) -> bool:
    return all(
        np.array_equal(array, getattr(other, name)) and array.dtype == getattr(other, name).dtype
        for name, array in vars(one).items()
        if array is not None
    )


@given(PAIRS, st.sampled_from([np.int64, np.int32, np.uint32]))
@settings(max_examples=150, deadline=None)
def test_flat_ids_are_collated_as_lists_are(pairs: list[tuple[list[int], list[int]]], dtype: type[np.integer]) -> None:
    prompts, responses = [prompt for prompt, _ in pairs], [response for _, response in pairs]
    flat_prompts, flat_responses = ragged(prompts, dtype), ragged(responses, dtype)
    assert flat_prompts.to_lists() == prompts
    assert same(collate_packed(prompts, responses), collate_packed(flat_prompts, flat_responses))
    padded = collate_padded(prompts, responses, pad_token_id=7)
    assert same(padded, collate_padded(flat_prompts, responses, pad_token_id=7))
    assert same(padded, collate_padded(list(flat_prompts), flat_responses, pad_token_id=7))


@given(PAIRS, st.sampled_from([np.float32, np.float64]))
@settings(max_examples=50, deadline=None)
def test_flat_values_are_aligned_as_lists_are(
    pairs: list[tuple[list[int], list[int]]], dtype: type[np.floating]
) -> None:
    prompts, responses = [prompt for prompt, _ in pairs], [response for _, response in pairs]
    values = [[index + place / 8 + 0.125 for place in range(len(row))] for index, row in enumerate(responses)]
    flat = Ragged.from_lengths(
        np.array([value for row in values for value in row], dtype), [len(row) for row in responses]
    )
    for batch in (collate_packed(prompts, responses), collate_padded(prompts, responses)):
        aligned = batch.align(values)
        assert np.array_equal(batch.align(flat), aligned)
        assert np.array_equal(
            batch.align([row[::-1] for row in (np.array(row[::-1], dtype) for row in values)]), aligned
        )


def test_lists_are_views_in_order() -> None:
    lists = Ragged(np.arange(5), np.array([0, 2, 2, 5]))
    assert len(lists) == 3
    assert [row.tolist() for row in lists] == lists.to_lists() == [[0, 1], [], [2, 3, 4]]
    assert lists.lengths.tolist() == [2, 0, 3]
    assert lists[-1].tolist() == [2, 3, 4]
    assert lists[0].base is lists.values or np.shares_memory(lists[0], lists.values)
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"list {index} of 3"):
            lists[index]
    assert len(Ragged.from_lengths(np.zeros(0), [])) == 0


def test_a_slice_of_an_arrow_column_is_read() -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    column = arrow.array([[1, 2], [3], [4, 5, 6]])
    prompts = Ragged(column.values.to_numpy(), column.offsets.to_numpy())
    assert collate_packed(prompts, [[7], [], [8]]).token_ids.tolist() == [1, 2, 7, 3, 4, 5, 6, 8]


def test_mistakes_name_their_numbers() -> None:
    values = np.arange(4)
    with pytest.raises(ValueError, match="offsets go from 0 to 5, but there are 4 values"):
        Ragged.from_lengths(values, [2, 3])
    with pytest.raises(ValueError, match="offsets go from 1 to 4"):
        Ragged(values, np.array([1, 4]))
    with pytest.raises(ValueError, match="offsets are empty, but there are 4 values"):
        Ragged(values, np.array([], dtype=np.int64))
    with pytest.raises(ValueError, match=r"offsets\[2\] is 1, less than the 3 before it"):
        Ragged(values, np.array([0, 3, 1, 4]))
    with pytest.raises(ValueError, match="1 dimension each, not 2 and 1"):
        Ragged(values.reshape(2, 2), np.array([0, 2]))
    with pytest.raises(ValueError, match="offsets must be integers, not float64"):
        Ragged(values, np.array([0.0, 4.0]))
    with pytest.raises(ValueError, match=r"prompts\[1\] is empty"):
        collate_packed(Ragged(values, np.array([0, 4, 4])), [[1], [2]])
    with pytest.raises(TypeError, match=r"prompts.values must be one of lists or 1-D arrays of integers"):
        collate_packed(Ragged(np.ones(2), np.array([0, 2])), [[1]])  # type: ignore[arg-type]
    batch = collate_packed([[1], [2]], [[3], [4, 5]])
    with pytest.raises(ValueError, match=r"values\[0\] has 2 values, but that response has 1 tokens"):
        batch.align(Ragged(np.zeros(3, np.float32), np.array([0, 2, 3])))


def test_arrays_that_change_under_a_ragged_list_are_refused_and_not_read_past() -> None:
    prompts = Ragged(np.arange(1, 5), np.array([0, 2, 4]))
    prompts.offsets[1] = 2**40
    with pytest.raises(ValueError, match=r"prompts.offsets must ascend from 0 to the 4 values"):
        collate_packed(prompts, [[1], [2]])
