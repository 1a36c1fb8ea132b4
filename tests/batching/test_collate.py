import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import CollatedBatch, collate_packed, collate_padded

IDS = st.integers(0, 2**40)
PAIRS = st.lists(st.tuples(st.lists(IDS, min_size=1, max_size=6), st.lists(IDS, max_size=6)), max_size=8)


def check_sequence(batch: CollatedBatch, index: int, prompt: list[int], response: list[int]) -> None:
    """What every sequence of a batch must be, token by token."""
    ids, start = prompt + response, int(batch.starts[index])
    flat = {
        name: getattr(batch, name).reshape(-1)
        for name in ("token_ids", "positions", "sequence_ids", "target_ids", "mask")
    }
    for position, token_id in enumerate(ids):
        place = start + position
        predicts = position + 1 < len(ids)
        assert flat["token_ids"][place] == token_id
        assert flat["positions"][place] == position
        assert flat["sequence_ids"][place] == index
        assert flat["target_ids"][place] == (ids[position + 1] if predicts else 0)
        assert flat["mask"][place] == float(predicts and position + 1 >= len(prompt))


@given(PAIRS)
@settings(max_examples=150, deadline=None)
def test_packed_sequences_follow_one_another(pairs: list[tuple[list[int], list[int]]]) -> None:
    batch = collate_packed([prompt for prompt, _ in pairs], [response for _, response in pairs])
    assert batch.token_ids.shape == (sum(len(prompt) + len(response) for prompt, response in pairs),)
    assert batch.attention_mask is None
    for index, (prompt, response) in enumerate(pairs):
        check_sequence(batch, index, prompt, response)
    assert batch.mask.sum() == sum(len(response) for _, response in pairs)
    assert batch.response_lengths.tolist() == [len(response) for _, response in pairs]


@given(PAIRS, st.integers(0, 9))
@settings(max_examples=150, deadline=None)
def test_padded_sequences_begin_their_rows(pairs: list[tuple[list[int], list[int]]], pad_token_id: int) -> None:
    batch = collate_padded(
        [prompt for prompt, _ in pairs], [response for _, response in pairs], pad_token_id=pad_token_id
    )
    row_length = max((len(prompt) + len(response) for prompt, response in pairs), default=0)
    assert batch.attention_mask is not None
    assert batch.token_ids.shape == batch.mask.shape == batch.attention_mask.shape == (len(pairs), row_length)
    for index, (prompt, response) in enumerate(pairs):
        check_sequence(batch, index, prompt, response)
        length = len(prompt) + len(response)
        assert batch.attention_mask[index].tolist() == [1] * length + [0] * (row_length - length)
        assert (batch.token_ids[index, length:] == pad_token_id).all()
        assert (batch.sequence_ids[index] == index).all()
        for array in (batch.positions, batch.target_ids, batch.mask):
            assert (array[index, length:] == 0).all()


@given(PAIRS.filter(bool))
@settings(max_examples=100, deadline=None)
def test_aligned_values_stand_under_the_mask(pairs: list[tuple[list[int], list[int]]]) -> None:
    prompts, responses = [prompt for prompt, _ in pairs], [response for _, response in pairs]
    values = [[float(index) - place / 4 - 0.125 for place in range(len(ids))] for index, ids in enumerate(responses)]
    for batch in (collate_packed(prompts, responses), collate_padded(prompts, responses)):
        aligned = batch.align(values)
        assert aligned.dtype == np.float32
        assert aligned.shape == batch.mask.shape
        assert aligned[batch.mask == 1].tolist() == [value for row in values for value in row]
        assert (aligned[batch.mask == 0] == 0).all()
        assert np.array_equal(batch.align([np.array(row, dtype=np.float32) for row in values]), aligned)


def test_arrays_of_any_integer_type_are_taken() -> None:
    lists = collate_packed([[1, 2], [3]], [[4], [5, 6]])
    for dtype in (np.int64, np.int32, np.uint16):
        arrays = collate_packed(
            [np.array([1, 2], dtype), np.array([3], dtype)], [np.array([4], dtype), np.array([5, 9, 6], dtype)[::2]]
        )
        assert arrays.token_ids.tolist() == lists.token_ids.tolist() == [1, 2, 4, 3, 5, 6]


def test_arrays_have_the_types_the_loss_takes() -> None:
    batch = collate_padded([[1], [2]], [[3], []])
    assert batch.attention_mask is not None
    for array in (batch.token_ids, batch.positions, batch.sequence_ids, batch.target_ids, batch.attention_mask):
        assert array.dtype == np.int64
        assert array.flags.c_contiguous
        assert array.flags.writeable
    assert batch.mask.dtype == np.float32


def test_torch_shares_the_memory() -> None:
    torch = pytest.importorskip("torch")
    for batch in (collate_packed([[1]], [[2, 3]]), collate_padded([[1]], [[2, 3]])):
        tensor = torch.from_numpy(batch.token_ids)
        assert tensor.data_ptr() == batch.token_ids.ctypes.data
        tensor[...] = 7
        assert (batch.token_ids == 7).all()
        assert torch.from_numpy(batch.mask).data_ptr() == batch.mask.ctypes.data


def test_mistakes_name_their_place() -> None:
    with pytest.raises(ValueError, match="2 prompts but 1 responses"):
        collate_packed([[1], [2]], [[3]])
    with pytest.raises(ValueError, match=r"prompts\[1\] is empty"):
        collate_packed([[1], []], [[3], [4]])
    with pytest.raises(ValueError, match=r"responses\[0\]\[1\] is -7: a token id is at least 0"):
        collate_padded([[1]], [[3, -7]])
    with pytest.raises(ValueError, match=r"responses\[0\].*too large"):
        collate_padded([[1]], [[2**70]])
    with pytest.raises(TypeError, match=r"prompts\[0\] must be one of lists or 1-D arrays of integers"):
        collate_packed([["a"]], [[1]])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"responses\[0\] must be one of lists or 1-D arrays of integers"):
        collate_packed([[1]], [np.array([1.0])])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="prompts must be a sequence of lists or 1-D arrays of integers, not int"):
        collate_packed(5, [[1]])  # type: ignore[arg-type]
    batch = collate_packed([[1], [2]], [[3], [4, 5]])
    with pytest.raises(ValueError, match=r"values\[1\] has 1 values, but that response has 2 tokens"):
        batch.align([[0.5], [0.5]])
    with pytest.raises(ValueError, match="1 lists of values for 2 sequences"):
        batch.align([[0.5]])
