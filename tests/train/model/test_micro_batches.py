import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgkern.train.model.micro_batches import TokenSequence, micro_batches

IDS = st.integers(0, 99)
SEQUENCES = st.lists(
    st.builds(
        TokenSequence,
        st.lists(IDS, min_size=1, max_size=8).map(tuple),
        st.lists(IDS, max_size=8).map(tuple),
    ),
    max_size=12,
)


@given(SEQUENCES, st.integers(1, 40))
def test_rows_hold_every_sequence_once_within_the_budget(sequences: list[TokenSequence], max_tokens: int) -> None:
    rows = list(micro_batches(sequences, max_tokens, torch.device("cpu")))
    assert sorted(index for row in rows for index in row.indices) == list(range(len(sequences)))
    for row in rows:
        assert row.token_ids_T.numel() <= max_tokens or len(row.indices) == 1
        expected = [t for index in row.indices for t in sequences[index].prompt_ids + sequences[index].response_ids]
        assert row.token_ids_T.tolist() == expected


@given(SEQUENCES)
def test_targets_are_the_responses_and_align_undoes_split(sequences: list[TokenSequence]) -> None:
    values = [[float(token) for token in sequence.response_ids] for sequence in sequences]
    for row in micro_batches(sequences, 20, torch.device("cpu")):
        response_T = row.mask_T.bool()
        assert row.split(row.target_ids_T[response_T].float()) == [values[index] for index in row.indices]
        aligned_T = row.align(values)
        assert torch.equal(aligned_T[response_T], row.target_ids_T[response_T].float())
        assert not aligned_T[~response_T].any()


def test_tensors_share_the_memory_of_the_collated_arrays() -> None:
    (row,) = micro_batches([TokenSequence((1, 2), (3,))], 10, torch.device("cpu"))
    row.collated.token_ids[0] = 77
    assert row.token_ids_T.tolist() == [77, 2, 3]


def test_no_sequences_no_rows() -> None:
    assert list(micro_batches([], 10, torch.device("cpu"))) == []


def test_a_prompt_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="prompt"):
        list(micro_batches([TokenSequence((), (1,))], 10, torch.device("cpu")))
