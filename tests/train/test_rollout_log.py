from itertools import count
from pathlib import Path

import pytest

from pgkern.train.jsonl_log import read_jsonl
from pgkern.train.rollout_log import RolloutLog, RolloutRow


def row(response: str) -> RolloutRow:
    return RolloutRow("1+1=", response, "2", None, "no_answer", 0.0, -0.5, "length")


def test_the_first_rollouts_of_each_step_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    with RolloutLog(path, per_step=2) as log:
        log.log(1, [row("a")])
        log.log(5, (row(str(number)) for number in count()))  # an endless generator is read no further than needed
    rows = list(read_jsonl(path))
    assert [(each["step"], each["response"]) for each in rows] == [(1, "a"), (5, "0"), (5, "1")]
    assert rows[0] == {
        "step": 1,
        "prompt": "1+1=",
        "response": "a",
        "gold": "2",
        "answer": None,
        "verdict": "no_answer",
        "reward": 0.0,
        "advantage": -0.5,
        "finish_reason": "length",
    }


def test_resume_drops_later_steps(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    for step, resume_after in ((3, None), (6, 3), (9, 3)):
        with RolloutLog(path, resume_after) as log:
            log.log(step, [row("a")])
    assert [each["step"] for each in read_jsonl(path)] == [3, 9]


def test_none_per_step(tmp_path: Path) -> None:
    with RolloutLog(tmp_path / "rollouts.jsonl", per_step=0) as log:
        log.log(1, [row("a")])
    assert (tmp_path / "rollouts.jsonl").read_bytes() == b""
    with pytest.raises(ValueError, match="per_step must not be negative, got -1"):
        RolloutLog(tmp_path / "rollouts.jsonl", per_step=-1)
