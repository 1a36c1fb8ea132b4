from collections.abc import Callable
from typing import Any

import pytest

from pgkern.train.engines.configured_engine import interpreter


def test_quick_form_trains_pushes_and_judges(run_quick: Callable[..., dict[str, Any]]) -> None:
    try:
        interpreter(None)
    except ValueError as error:
        pytest.skip(str(error))
    rows = run_quick("engines")["rows"]
    steps, pushes, rewards = ([row for row in rows if row["part"] == part] for part in ("step", "push", "rewards"))
    assert [row["engine"] for row in steps] == ["transformers", "vllm"]
    for row in steps:
        assert 0 < row["generate"] + row["score"] + row["train"] < row["seconds"]
        assert row["tokens_per_second"] > 0
        assert len(row["train_reward"]) == 2
        assert row["rollout_mismatch"] < 1e-4
    assert steps[0]["sync"] < steps[1]["sync"]  # the one has the trained module, the other gets a file
    assert all(row[name] > 0 for row in pushes for name in ("write", "check", "load"))
    assert [row["overlapped"] for row in rewards] == [False, True, False, True]
    assert rewards[0]["at_once"] > rewards[2]["at_once"]
