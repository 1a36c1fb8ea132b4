from collections.abc import Callable
from typing import Any

import pytest
from benches.demo import train_once

# Small enough for a test on a busy machine.
TINY = ("--set", "model.hidden_size=32", "--set", "rollouts.max_tokens=8", "--set", "warmup.batch_size=4")


def test_quick_form_keeps_the_curves(run_quick: Callable[..., dict[str, Any]]) -> None:
    record = run_quick("demo", "--seeds", "3", *TINY)
    (row,) = record["rows"]
    assert row["seed"] == 3
    assert 0 <= row["before"] <= 1
    assert 0 <= row["after"] <= 1
    assert row["seconds"] > 0
    assert len(row["train_reward"]) == 2
    assert row["validation_reward"][0][1] == pytest.approx(row["before"], abs=0.006)
    assert row["validation_reward"][-1][1] == pytest.approx(row["after"], abs=0.006)
    assert record["goals"] == []  # other settings than the defaults are held to nothing
    assert "warmup.steps=5" in record["notes"][0]


def test_a_run_that_fails_is_told_with_its_own_words() -> None:
    with pytest.raises(RuntimeError, match=r"seed 0 ended with [1-9].*\n.*no_such_key"):
        train_once(0, ["run.no_such_key=1"])
