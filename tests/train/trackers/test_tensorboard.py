import math
import sys
from pathlib import Path

import pytest

from pgkern.train.trackers.tensorboard import TensorBoard

pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_metrics_are_there_when_log_returns(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, resume_after=None)
    board.log(0, "warmup", {"validation_reward": 0.25})
    board.log(1, "policy_gradient", {"validation_reward": 0.5, "loss": None, "entropy": math.nan})
    assert scalars(tmp_path, "warmup/validation_reward") == [(0, 0.25)]
    assert scalars(tmp_path, "policy_gradient/validation_reward") == [(1, 0.5)]
    for tag in ("policy_gradient/loss", "policy_gradient/entropy"):
        ((step, value),) = scalars(tmp_path, tag)
        assert step == 1
        assert math.isnan(value)
    board.close()


def test_a_resumed_run_takes_back_the_steps_after_its_checkpoint(tmp_path: Path) -> None:
    killed = TensorBoard(tmp_path, resume_after=None)  # and never closed
    for step in range(1, 6):
        killed.log(step, "policy_gradient", {"train_reward": 0.5})
    resumed = TensorBoard(tmp_path, resume_after=3)
    for step in range(4, 7):
        resumed.log(step, "policy_gradient", {"train_reward": 0.75})
    expected = [(1, 0.5), (2, 0.5), (3, 0.5), (4, 0.75), (5, 0.75), (6, 0.75)]
    assert scalars(tmp_path, "policy_gradient/train_reward") == expected
    resumed.close()
    killed.close()


def test_the_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ValueError, match=r"watch.tensorboard needs tensorboard; pip install 'pgkern\[tensorboard\]'"):
        TensorBoard(tmp_path, resume_after=None)
