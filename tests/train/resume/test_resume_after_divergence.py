"""A run that diverges: what is said, which checkpoint counts, and that a kill changes nothing of it."""

import os
from contextlib import ExitStack
from pathlib import Path

from pgkern.rollout.engine import Sampling
from pgkern.train.config import TrainConfig
from pgkern.train.config_file import load_config
from pgkern.train.divergence.reward_history import RewardHistory
from pgkern.train.divergence.validation_history import Validation, ValidationHistory
from pgkern.train.loop import train
from pgkern.train.opening import open_run
from pgkern.train.saving.checkpoint import load_state
from pgkern.train.state import TrainerState

from .processes import CONFIG, Runs
from .same_run import assert_same_run, events, last_step, rows

TOO_FAST = ["run.steps=4", "warmup.steps=2", "run.checkpoint_every=1", "optimizer.warmup_steps=0"]
# Two updates: the second sees how far the first has moved the ratio. The rate after one roll-back moves it no more.
MOVES_FAR = [
    *TOO_FAST,
    "optimizer.updates_per_step=2",
    "optimizer.learning_rate=3e-2",
    "optimizer.schedule=constant",
    "divergence.max_ratio=1.2",
    "divergence.patience=2",
    "divergence.learning_rate_factor=1e-4",
]


def test_a_run_that_diverges_stops_before_its_checkpoint_is_spoiled(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = runs.finish(run, *TOO_FAST, "optimizer.learning_rate=1e30")
    assert process.code == 3, process.output
    assert "diverged: " in process.output
    assert events(run) == ["diverged"]
    assert process.output.splitlines()[-1].endswith(f"pgkern train --resume --folder {run} --set KEY=VALUE")
    assert os.listdir(run / "checkpoints") != []
    resumed = runs.finish(run, "optimizer.learning_rate=1e-4", resumed=True)
    assert resumed.code == 0, resumed.output
    assert "resumed: after step 2 with other settings: optimizer.learning_rate 1e+30 -> 0.0001" in resumed.output
    assert last_step(run) == 6


def test_a_run_goes_back_to_before_the_trouble_and_on_with_less(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = runs.finish(run, *MOVES_FAR, "divergence.action=roll_back")
    assert process.code == 0, process.output
    assert events(run) == ["diverged", "rolled_back"]
    diverged, rolled_back = rows(run, "events.jsonl")
    assert "is above 1.2 for 2 steps in a row" in diverged["message"]
    assert rolled_back["message"] == "to step 2; learning rate × 0.0001, other samples"
    metrics = rows(run)
    assert [row["step"] for row in metrics] == [1, 2, 3, 4, 5, 6]  # those of the lost steps are gone
    assert all(row["ratio_max"] < 1.2 for row in metrics[2:])
    assert all(row["learning_rate"] == 3e-2 * 1e-4 for row in metrics[2:])


def test_roll_backs_come_to_an_end(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ["divergence.action=roll_back", "divergence.max_roll_backs=2", "optimizer.learning_rate=1e30"]
    process = runs.finish(run, *TOO_FAST, *settings)
    assert process.code == 3, process.output
    assert events(run) == ["diverged", "rolled_back", "diverged", "rolled_back", "diverged"]


def test_a_kill_after_a_roll_back_changes_nothing(runs: Runs, tmp_path: Path) -> None:
    """Nor does it forget the roll-back, before there is another checkpoint."""
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    settings = [*MOVES_FAR, "divergence.action=roll_back"]
    assert runs.finish(unbroken, *settings).code == 0
    process = runs.start(broken, *settings)
    process.wait_until(lambda: "rolled_back" in events(broken))
    process.kill()
    process = runs.start(broken, resumed=True)
    process.wait_until(lambda: last_step(broken) >= 5 and events(broken)[-1] == "resumed")
    process.kill()
    assert runs.finish(broken, resumed=True).code == 0
    assert_same_run(broken, unbroken)
    assert events(broken) == ["diverged", "rolled_back", "resumed", "resumed"]  # and it does not diverge again


def test_a_warm_up_that_diverges_before_its_first_checkpoint_begins_anew_with_less(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ["run.steps=1", "run.checkpoint_every=100", "warmup.steps=8", "warmup.learning_rate=1e30"]
    process = runs.finish(run, *settings, "divergence.action=roll_back", "divergence.learning_rate_factor=1e-33")
    assert process.code == 0, process.output
    assert events(run) == ["diverged", "rolled_back"]
    assert rows(run, "events.jsonl")[1]["step"] == 0
    assert "rolled back: to step 0; learning rate × 1e-33, other samples" in process.output
    metrics = rows(run)
    assert [row["step"] for row in metrics] == list(range(1, 10))
    assert all(0 < row["learning_rate"] < 1e-2 for row in metrics)
    assert load_state((run / "checkpoint").resolve()).roll_backs == 1  # it counts after the warm-up too


SENDS_A_SIGNAL = """
import os, signal
from pathlib import Path
FOLDER = Path({folder!r})
def early_letters(completion, gold):
    metrics, sent = FOLDER / "run" / "metrics.jsonl", FOLDER / "sent"
    if not sent.exists() and metrics.exists() and len(metrics.read_text().splitlines()) == 3:
        sent.touch()
        os.kill({process}, signal.SIGTERM)
    return sum(letter < "m" for letter in completion) / max(1, len(completion))
"""


def test_a_signal_in_the_step_that_diverges_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SENDS_A_SIGNAL.format(folder=str(tmp_path), process=os.getpid()))
    (tmp_path / "run.toml").write_text(CONFIG.format(folder=tmp_path))
    config = load_config(TrainConfig, tmp_path / "run.toml", [*MOVES_FAR, "divergence.action=roll_back"])
    run = tmp_path / "run"
    stopped = train(config, run)
    assert (tmp_path / "sent").exists()
    assert (stopped.finished, stopped.diverged, stopped.roll_backs) == (False, None, 1)
    assert events(run) == ["diverged", "rolled_back", "stopped"]
    assert rows(run, "events.jsonl")[-1] == {"step": 2, "event": "stopped", "message": "by a signal, after step 2"}
    assert train(config, run, resumed=True).finished
    assert last_step(run) == 6
    with ExitStack() as stack:  # the engine says of which weights its rollouts are, as one that was never stopped
        parts = open_run(config, run, stack, resumed=True).parts
        (rollout,) = parts.engine.generate([parts.policy.prompt(parts.task.train[0])], Sampling(max_tokens=1))
        assert rollout.weights_version == 4


COLLAPSES = """
import os, signal
from pathlib import Path
FOLDER = Path({folder!r})
def early_letters(completion, gold):
    metrics, events, sent = FOLDER / "run" / "metrics.jsonl", FOLDER / "run" / "events.jsonl", FOLDER / "sent"
    steps = len(metrics.read_text().splitlines()) if metrics.exists() else 0
    if steps == {healthy} and not sent.exists():
        sent.touch()
        os.kill({process}, signal.SIGTERM)
    recovered = events.exists() and "rolled_back" in events.read_text()
    return 1.0 if steps < {healthy} or recovered else 0.0
"""


def test_a_reward_that_collapses_is_remembered_over_a_stop_and_rolled_back(tmp_path: Path) -> None:
    """The steps 9 and 10 earn nothing, and the run is stopped between them."""
    (tmp_path / "own.py").write_text(COLLAPSES.format(folder=str(tmp_path), process=os.getpid(), healthy=8))
    (tmp_path / "run.toml").write_text(CONFIG.format(folder=tmp_path))
    settings = ["warmup.steps=2", "run.checkpoint_every=1", "run.kept_checkpoints=5", "divergence.action=roll_back"]
    settings += ["divergence.reward_window=2", "divergence.reward_patience=2"]
    config = load_config(TrainConfig, tmp_path / "run.toml", settings)
    run = tmp_path / "run"
    assert train(config, run).finished is False
    assert events(run) == ["stopped"]
    lost = load_state((run / "checkpoint").resolve()).reward_history
    assert (lost.lost, lost.best, lost.recent, lost.good_step) == (1.0, [1.0, 1.0], [1.0, 0.0], 8)
    outcome = train(config, run, resumed=True)
    assert (outcome.finished, outcome.roll_backs) == (True, 1)
    assert events(run) == ["stopped", "resumed", "diverged", "rolled_back"]
    *_, diverged, rolled_back = rows(run, "events.jsonl")
    assert diverged["message"] == (
        "train_reward has fallen from 1 to 0 since step 8 (means of 2 steps) and has not come back by step 10"
    )
    assert rolled_back["message"] == "to step 6; learning rate × 0.5, other samples"  # before the last good window
    assert last_step(run) == 14


def test_a_validation_reward_that_collapses_at_once_is_remembered_and_rolled_back(tmp_path: Path) -> None:
    """All from step 4 on earns nothing, and the run is stopped after that step."""
    (tmp_path / "own.py").write_text(COLLAPSES.format(folder=str(tmp_path), process=os.getpid(), healthy=3))
    (tmp_path / "run.toml").write_text(CONFIG.format(folder=tmp_path))
    settings = ["warmup.steps=2", "run.steps=6", "run.evaluate_every=1", "data.num_validation=20"]
    settings += ["run.checkpoint_every=1", "run.kept_checkpoints=5", "divergence.action=roll_back"]
    config = load_config(TrainConfig, tmp_path / "run.toml", settings)
    run = tmp_path / "run"
    assert train(config, run).finished is False
    state = load_state((run / "checkpoint").resolve())
    assert state.troubled_steps["validation_reward"] == 1
    assert state.validation_history == ValidationHistory(best=Validation(1.0, 0.0, 20), first=1.0, good_step=3)
    outcome = train(config, run, resumed=True)
    assert (outcome.finished, outcome.roll_backs) == (True, 1)
    assert events(run) == ["stopped", "resumed", "diverged", "rolled_back"]
    *_, diverged, rolled_back = rows(run, "events.jsonl")
    assert diverged["message"] == (
        "validation_reward has fallen from 1 to 0 since step 3 for 3 evaluations in a row, the last of them step 6"
    )
    assert rolled_back["message"] == "to step 3; learning rate × 0.5, other samples"
    assert last_step(run) == 8


def test_other_rewards_data_or_sampling_make_no_fall(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert runs.finish(run, "warmup.steps=2", "run.steps=2").code == 0

    def taken_up(setting: str) -> TrainerState:
        config = load_config(TrainConfig, run / "config.toml", [setting, "run.steps=3"])
        with ExitStack() as stack:
            return open_run(config, run, stack, resumed=True).parts.state

    same = taken_up("optimizer.learning_rate=1e-5")
    assert len(same.reward_history.recent) == 2
    assert same.validation_history.best is not None
    other = taken_up("rollouts.temperature=0.8")
    assert (other.reward_history, other.validation_history) == (RewardHistory(), ValidationHistory())
