import math
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from pgkern.train.logs.jsonl_log import read_jsonl
from pgkern.train.logs.rollout_log import RolloutLog, RolloutRow


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
        "reason": "",
        "tokens": [],
        "log_probs": [],
    }


def test_tokens_and_their_log_probs(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    tokens, log_probs = ["4", "2"], [-0.5, np.float32(-math.inf)]
    with RolloutLog(path) as log:
        log.log(1, [replace(row("42"), reason="is the gold", tokens=tokens, log_probs=log_probs)])
    (logged,) = read_jsonl(path)
    assert (logged["tokens"], logged["log_probs"]) == (["4", "2"], [-0.5, None])
    assert logged["reason"] == "is the gold"
    with pytest.raises(ValueError, match="2 tokens but 1 log-probabilities"):
        replace(row("42"), tokens=tokens, log_probs=[-0.5])


def test_the_middle_of_a_long_response_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    tokens = [f"{number:05d} " for number in range(32_000)]
    long = replace(row("".join(tokens)), tokens=tokens, log_probs=[-float(number) for number in range(32_000)])
    with RolloutLog(path) as log:
        log.log(1, [long])
    (logged,) = read_jsonl(path)
    assert logged["tokens"][0] == tokens[0]
    assert logged["tokens"][-1] == tokens[-1]
    assert len(logged["tokens"]) == len(logged["log_probs"]) == 384 + 1 + 192
    (mark,) = [place for place, log_prob in enumerate(logged["log_probs"]) if log_prob is None]
    assert logged["tokens"][mark] == "\n… 31,424 tokens are left out here …\n"
    assert [logged["log_probs"][mark - 1], logged["log_probs"][mark + 1]] == [-383.0, -(32_000.0 - 192)]
    assert logged["response"].startswith(tokens[0])
    assert logged["response"].endswith(tokens[-1])
    assert "… 172,000 characters are left out here …" in logged["response"]
    assert path.stat().st_size < 60_000


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
