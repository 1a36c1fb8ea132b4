import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pgkern.train.config import TrainConfig, WatchConfig
from pgkern.train.files.run_folder import RunFolder
from pgkern.train.trackers import Trackers, open_trackers


class Recorder:
    """Remembers what it is told, and raises from the step `fails_at` on, or when closed."""

    def __init__(self, fails_at: float = float("inf"), *, fails_to_close: bool = False) -> None:
        self.steps: list[int] = []
        self.closed = 0
        self._fails_at, self._fails_to_close = fails_at, fails_to_close

    def log(self, step: int, phase: str, metrics: Mapping[str, float | None]) -> None:
        if step >= self._fails_at:
            raise ConnectionError("the server is gone")
        self.steps.append(step)

    def close(self) -> None:
        self.closed += 1
        if self._fails_to_close:
            raise TimeoutError("waited for a minute")


def test_a_tracker_that_fails_is_named_and_left_out() -> None:
    first, broken, last = Recorder(), Recorder(fails_at=2, fails_to_close=True), Recorder()
    told: list[str] = []
    with Trackers([first, broken, last], told.append) as trackers:
        for step in (1, 2, 3):
            trackers.log(step, "policy_gradient", {"train_reward": 0.5})
    assert (first.steps, broken.steps, last.steps) == ([1, 2, 3], [1], [1, 2, 3])
    assert (first.closed, broken.closed, last.closed) == (1, 1, 1)
    assert told == ["Recorder gets no more metrics: ConnectionError: the server is gone"]


def test_one_that_cannot_be_closed_keeps_no_other_from_it() -> None:
    first, last = Recorder(), Recorder(fails_to_close=True)
    told: list[str] = []
    Trackers([first, last], told.append).close()
    assert (first.closed, last.closed) == (1, 1)
    assert told == ["Recorder may lack the last metrics: TimeoutError: waited for a minute"]


def test_none_is_opened_unless_asked_for(tmp_path: Path) -> None:
    with open_trackers(TrainConfig(), RunFolder(tmp_path), resume_after=None, on_failure=pytest.fail) as trackers:
        trackers.log(1, "policy_gradient", {"train_reward": 0.5})
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_missing_ends_the_run_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    config = TrainConfig(watch=WatchConfig(wandb_project="addition"))
    with pytest.raises(ValueError, match=r"watch.wandb_project needs wandb; pip install 'pgkern\[wandb\]'"):
        open_trackers(config, RunFolder(tmp_path), resume_after=None, on_failure=pytest.fail)
