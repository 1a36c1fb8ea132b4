from collections.abc import Callable
from typing import Any

import pytest
from benches.trainer_task import addition_task

from pgkern.rewards import gsm8k


@pytest.mark.filterwarnings("ignore::FutureWarning")  # TRL's, of names that transformers will rename
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quick_form_trains_both(run_quick: Callable[..., dict[str, Any]]) -> None:
    pytest.importorskip("trl", reason="TRL is not installed")
    record = run_quick("trainer_peer")
    assert [row["trainer"] for row in record["rows"]] == ["pgkern", "TRL"]
    for row in record["rows"]:
        assert len(row["train_reward"]) == 3
        assert row["step_seconds"]
        assert min(row["step_seconds"]) > 0
        assert 0 <= row["held_out_reward"] <= 1
    assert record["time_ratio"][0] > 0


def test_a_solution_without_slips_is_right() -> None:
    problems = addition_task(200, seed=0)
    assert len({problem.question for problem in problems}) == 200
    right = [gsm8k(problem.solution or "", problem.gold).reward for problem in problems]
    assert 0.2 < sum(right) / len(right) < 0.8
