import io
import math
import time

import pytest
from rich.console import Console

from pgkern.train.logs.progress import TrainingProgress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pgkern.train.logs.progress.time.monotonic", clock)
    return clock


def console(*, terminal: bool, width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, height=30, color_system=None)


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


METRICS = {
    "train_reward": 0.8125,
    "response_length": 143.25,
    "entropy": 0.0005,
    "clip_fraction": 0.0,
    "gradient_norm": 12345.0,
    "tokens_per_second": 12345.6,
    "a metric without a column": 1.0,
}


def test_plain_lines(clock: Clock) -> None:
    to = console(terminal=False)
    with TrainingProgress(25, "policy gradient", plain_every=10, console=to) as progress:
        for step in range(1, 26):
            clock.now += 2.0
            progress.update(step, {**METRICS, "validation_reward": 0.5} if step == 13 else METRICS)
    lines = written(to).splitlines()
    assert [line.split()[2] for line in lines] == ["1/25", "10/25", "13/25", "20/25", "25/25"]
    assert lines[0] == (
        "policy gradient 1/25  train reward 0.812  length 143.2  entropy 5.0e-04  clipped 0.000  "
        "gradient norm 1.2e+04  tokens/s 12,346  left 0:00:48"
    )
    assert "validation 0.500" in lines[3]  # kept from step 13
    assert lines[4].endswith("left 0:00:00")


def test_the_best_validation_reward_is_shown_when_it_is_not_the_last(clock: Clock) -> None:
    to = console(terminal=False)
    with TrainingProgress(3, "policy gradient", plain_every=1, console=to) as progress:
        for step, reward in enumerate([0.25, 0.75, 0.5], start=1):
            progress.update(step, {"validation_reward": reward})
    assert [line.split("  left")[0].split("validation ")[1] for line in written(to).splitlines()] == [
        "0.250",
        "0.750",
        "0.500  best 0.750",
    ]


def test_failed_rewards_are_shown_once_there_are_any(clock: Clock) -> None:
    to = console(terminal=False)
    with TrainingProgress(3, "policy gradient", plain_every=1, console=to) as progress:
        progress.update(1, {"outcome_correct": 1.0, "outcome_raised": 0.0})
        progress.update(2, {"outcome_timed_out": 0.03125, "outcome_died": 0.0625})
        progress.update(3, {"outcome_correct": 1.0})
    first, second, third = written(to).splitlines()
    assert "failed" not in first
    assert "rewards failed 9.4%" in second
    assert "rewards failed 0.0%" in third


def test_plain_output_has_no_control_characters(clock: Clock) -> None:
    to = console(terminal=False)
    with TrainingProgress(1, "warmup", console=to) as progress:
        progress.update(1, {"loss": math.nan, "validation_reward": None})
    assert written(to) == "warmup 1/1  loss not finite  greedy reward not finite  left 0:00:00\n"


def test_time_left_of_a_resumed_phase_counts_only_its_own_steps(clock: Clock) -> None:
    to = console(terminal=False)
    with TrainingProgress(400, "policy gradient", start_step=200, console=to) as progress:
        clock.now += 30.0
        progress.update(201, {})
    assert written(to) == "policy gradient 201/400  left 1:39:30\n"


def test_time_left_follows_the_last_steps(clock: Clock) -> None:
    to = console(terminal=False)
    with TrainingProgress(200, "policy gradient", plain_every=100, console=to) as progress:
        for step in range(1, 101):
            clock.now += 1.0 if step <= 50 else 10.0
            progress.update(step, {})
    assert written(to).splitlines()[-1].endswith("left 0:16:40")  # 100 steps of 10 s


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_terminal_display_fits_the_width(clock: Clock, width: int) -> None:
    to = console(terminal=True, width=width)
    with TrainingProgress(400, "policy gradient", console=to) as progress:
        clock.now += 10
        progress.update(100, {**METRICS, "validation_reward": 0.7})
    last_frame = written(to).split("\x1b[2K")[-1]
    assert all(len(line) <= width for line in last_frame.splitlines())
    assert "…" not in last_frame
    for text in ["policy gradient", "100/400", "0:00:30 left", "train reward", "0.812", "validation", "0.700"]:
        assert text in last_frame
    assert ("tokens/s" in last_frame) == (width >= 100)


def test_terminal_display_before_the_first_step(clock: Clock) -> None:
    to = console(terminal=True)
    with TrainingProgress(400, "warmup", console=to):
        pass
    assert "0/400" in written(to)
    assert "-:--:-- left" in written(to)
    assert "–" in written(to)


def test_display_ends_when_the_block_raises() -> None:
    to = console(terminal=True)
    with pytest.raises(ZeroDivisionError), TrainingProgress(400, "warmup", console=to):
        raise ZeroDivisionError
    assert written(to).endswith("\x1b[?25h")  # the cursor is shown again


def test_zero_steps() -> None:
    with TrainingProgress(0, "policy gradient", console=console(terminal=True)):
        time.sleep(0)


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown phase 'policy', expected one of 'warmup', 'policy gradient'"):
        TrainingProgress(1, "policy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="plain_every must be at least 1, got 0"):
        TrainingProgress(1, "warmup", plain_every=0)
