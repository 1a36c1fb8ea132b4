import math
from pathlib import Path

import pytest

from pgkern.train.logs.metrics import MetricsLog, read_metrics


def test_rows(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "metrics.jsonl") as log:
        log.log(1, "warmup", {"loss": 2.5})
        log.log(2, "policy_gradient", {"train_reward": 0.25, "entropy": math.nan})
    assert read_metrics(tmp_path / "metrics.jsonl") == [
        {"step": 1, "phase": "warmup", "loss": 2.5},
        {"step": 2, "phase": "policy_gradient", "train_reward": 0.25, "entropy": None},
    ]


def test_steps_must_increase_also_over_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        for step in (1, 2, 3, 4):
            log.log(step, "policy_gradient", {"train_reward": step / 10})
        with pytest.raises(ValueError, match="step 4 of the metrics follows step 4; steps must increase"):
            log.log(4, "policy_gradient", {})
    with MetricsLog(path, resume_after=2) as log:
        with pytest.raises(ValueError, match="step 2 of the metrics follows step 2"):
            log.log(2, "policy_gradient", {})
        log.log(3, "policy_gradient", {"train_reward": 0.9})
    assert [(row["step"], row["train_reward"]) for row in read_metrics(path)] == [(1, 0.1), (2, 0.2), (3, 0.9)]


def test_step_and_phase_are_arguments(tmp_path: Path) -> None:
    expected = pytest.raises(ValueError, match="phase among the metrics of step 1")
    with MetricsLog(tmp_path / "metrics.jsonl") as log, expected:
        log.log(1, "warmup", {"phase": 1.0})


def test_pandas_loads_the_file(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        log.log(1, "warmup", {"loss": math.inf})
        log.log(2, "policy_gradient", {"loss": -1e-300, "train_reward": 0.5, "validation_reward": 0.75})
        log.log(3, "policy_gradient", {"loss": 1e308, "train_reward": 0.625})
    frame = pandas.read_json(path, lines=True)
    assert frame["step"].tolist() == [1, 2, 3]
    assert frame["phase"].tolist() == ["warmup", "policy_gradient", "policy_gradient"]
    assert frame["loss"].isna().tolist() == [True, False, False]
    assert frame["train_reward"].tolist()[1:] == [0.5, 0.625]
    assert frame["validation_reward"].dropna().tolist() == [0.75]
