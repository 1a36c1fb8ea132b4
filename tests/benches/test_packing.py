from collections.abc import Callable
from typing import Any

from benches.packing_plain import collate_packed, first_fit_decreasing


def test_quick_form(run_quick: Callable[..., dict[str, Any]]) -> None:
    alone, beside, collate = run_quick("packing")["rows"]
    assert 0.95 < alone["fill"] <= 1
    assert beside["fill"] >= beside["plain_fill"] - 0.01
    for row in (beside, collate):
        assert row["time_ratio"][0] > 0
        assert row["seconds"][1] <= row["seconds"][0] <= row["seconds"][2]
    assert collate["tokens"] > collate["sequences"] * 32


def test_first_fit_decreasing_puts_the_longest_first() -> None:
    assert first_fit_decreasing([3, 6, 4, 7], 10) == [[3, 0], [1, 2]]


def test_plain_collation_masks_the_response_one_place_early() -> None:
    arrays = collate_packed([[5, 6]], [[7, 8]])
    assert arrays["target_ids"].tolist() == [6, 7, 8, 0]
    assert arrays["mask"].tolist() == [0, 1, 1, 0]
