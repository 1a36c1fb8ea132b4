from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from benches.packing_collation import collation_cases
from benches.packing_plain import collate_packed, first_fit_decreasing, largest_differencing


def test_quick_form(run_quick: Callable[..., dict[str, Any]]) -> None:
    rows = run_quick("packing")["rows"]
    beside = {(row["what"], row["peer"]): row for row in rows if "peer" in row}
    million = [row for row in rows if row["what"].startswith("pack_sequences") and "peer" not in row]
    assert [row["what"] for row in million] == ["pack_sequences", "pack_sequences_flat"]
    for row in million:
        assert 0.95 < row["fill"] <= 1
    first_fit = beside["pack_sequences", "first-fit decreasing in Python"]
    assert first_fit["fill"] >= first_fit["peer_fill"] - 0.01
    for row in beside.values():
        assert row["time_ratio"][0] > 0
        assert row["seconds"][1] <= row["seconds"][0] <= row["seconds"][2]
    assert {peer for _, peer in beside} >= {"a Python loop", "NumPy, sequence by sequence", "torch's pad_sequence"}
    shares = [row for row in rows if "peer_imbalance" in row]
    assert len(shares) == 4
    for row in shares:
        assert row["imbalance"] <= row["peer_imbalance"] + 1e-4


@pytest.mark.skipif(find_spec("trl") is None, reason="TRL is not installed")
def test_trl_packs_the_same_sequences_into_as_few_rows() -> None:
    cases, missing = collation_cases(40)
    assert missing == []
    case = cases[-1]
    assert case.peer == "TRL pack_dataset, bfd"
    assert case.theirs() == case.ours() > 1
    assert case.quality(case.ours())["fill"] <= 1


def test_differencing_with_heapq_halves_the_textbook_example() -> None:
    works = [8, 7, 6, 5, 4]
    assert sorted(sum(works[index] for index in part) for part in largest_differencing(works, 2, equal_size=False)) == [
        14,
        16,
    ]
    assert sorted(map(len, largest_differencing(works, 2, equal_size=True))) == [2, 3]


def test_first_fit_decreasing_puts_the_longest_first() -> None:
    assert first_fit_decreasing([3, 6, 4, 7], 10) == [[3, 0], [1, 2]]


def test_plain_collation_masks_the_response_one_place_early() -> None:
    arrays = collate_packed([[5, 6]], [[7, 8]])
    assert arrays["target_ids"].tolist() == [6, 7, 8, 0]
    assert arrays["mask"].tolist() == [0, 1, 1, 0]
