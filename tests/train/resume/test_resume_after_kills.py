"""Ten SIGKILLs in a row, each followed by `--resume`: the run is the one that nothing disturbed, bit for bit."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..documented_metrics import undocumented
from .processes import RunProcess, Runs
from .same_run import assert_same_run, events, last_step, rows

# What has a state of its own, beside weights and moments: a mean of returns and the number of draws; V(s) with its
# optimiser, old log-probabilities of several updates, and a reference that was made at the first step; rollouts that
# were drawn ahead, by a policy that is gone.
KINDS = {
    "running_mean": [
        "objective.name=reinforce",
        "advantages.baseline=running_mean",
        "advantages.normalize_std=false",
        "rollouts.dynamic_sampling=true",
        "rollouts.max_draws=2",
    ],
    "value": [
        "objective.name=ppo",
        "objective.kl_coef=0.1",
        "optimizer.updates_per_step=2",
        "advantages.baseline=value",
        "advantages.normalize_std=false",
        "value.gae_lambda=0.9",
    ],
    "ahead": [
        "rollouts.staleness=1",
        "rollouts.dynamic_sampling=true",
        "rollouts.max_draws=2",
        "optimizer.updates_per_step=2",
    ],
}

Moment = Callable[[Path], bool]


def soon_after_step(step: int) -> Moment:
    return lambda run: last_step(run) >= step


def while_writing_checkpoint(step: int) -> Moment:
    return lambda run: (run / "checkpoints" / f".step-{step:08d}.new").exists()


def while_removing_one(before: int) -> Moment:
    """Or at a step where that was over too soon to be seen."""

    def moment(run: Path) -> bool:
        names = os.listdir(run / "checkpoints") if (run / "checkpoints").exists() else []
        return any(name.endswith(".gone") for name in names) or last_step(run) >= before

    return moment


# The checkpoints are those of steps 2, 4, … 22; 10 is the end of the warm-up.
KILLS: list[tuple[Moment, float]] = [  # and how many seconds later at most
    (lambda run: run.exists(), 0.02),
    (while_writing_checkpoint(2), 0.0),  # the first: what was done is done again
    (soon_after_step(3), 0.05),
    (while_writing_checkpoint(6), 0.005),
    (soon_after_step(9), 0.05),
    (while_writing_checkpoint(10), 0.0),
    (soon_after_step(13), 0.1),
    (while_removing_one(before=17), 0.0),
    (while_writing_checkpoint(20), 0.005),
    (lambda run: (run / "checkpoints" / "step-00000022").exists(), 0.05),  # before or while the report is made
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_ten_kills_change_nothing(runs: Runs, tmp_path: Path, kind: str) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    assert runs.finish(unbroken, *KINDS[kind]).code == 0
    assert last_step(unbroken) == 22
    assert undocumented(rows(unbroken)) == set()
    assert sum(row["gradient_norm"] > 0 for row in rows(unbroken)) == 22  # every step was one
    generator = random.Random(kind)
    for number, (moment, later) in enumerate(KILLS):
        resumed = (broken / "config.toml").exists()
        process = runs.start(broken, *([] if resumed else KINDS[kind]), resumed=resumed)
        process.wait_until(lambda moment=moment: moment(broken))  # type: ignore[misc]
        time.sleep(generator.uniform(0.0, later))
        process.kill()
        assert "warning" not in process.output, number  # nothing half-written is ever taken for a checkpoint
    last = runs.finish(broken, resumed=True)
    assert last.code == 0, last.output
    assert "finished: all 12 steps were done before" in last.output
    assert_same_run(broken, unbroken)
    assert set(events(broken)) == {"resumed"}
    assert "</html>" in (broken / "report.html").read_text()


def test_fresh_processes_do_the_same(runs: Runs, tmp_path: Path) -> None:
    """The same once more as its users start it, without anything forked."""
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    assert runs.finish(unbroken, "run.steps=4").code == 0
    command = [sys.executable, "-m", "pgkern", "train", "--folder", str(broken)]
    config = [str(runs.folder / "run.toml"), "--set", "run.steps=4"]
    with subprocess.Popen([*command, *config], stdout=subprocess.PIPE) as process:
        while last_step(broken) < 11:
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert "resumed: after step 1" in resumed.stdout
    assert_same_run(broken, unbroken)


def test_adapters_go_on_too(runs: Runs, tmp_path: Path) -> None:
    """Their checkpoints hold the path of their base instead of its weights."""
    base, unbroken, broken = tmp_path / "base", tmp_path / "unbroken", tmp_path / "broken"
    assert runs.finish(base, "run.steps=0").code == 0
    settings = ["run.steps=4", "warmup.steps=2", "lora.rank=2", f"model.path={base / 'checkpoint'}"]
    finished = runs.finish(unbroken, *settings)
    assert finished.code == 0, finished.output
    process = runs.start(broken, *settings)
    process.wait_until(lambda: last_step(broken) >= 5)
    process.kill()
    assert runs.finish(broken, resumed=True).code == 0
    assert not (broken / "checkpoint" / "model.safetensors").exists()
    assert_same_run(broken, unbroken)


def test_a_signal_stops_after_the_step_under_way(runs: Runs, tmp_path: Path) -> None:
    """In the warm-up and after it; a second one does not wait."""
    unbroken, stopped = tmp_path / "unbroken", tmp_path / "stopped"
    assert runs.finish(unbroken).code == 0

    def stop(process: RunProcess, step: int) -> None:
        process.wait_until(lambda: last_step(stopped) >= step)
        process.send(15)
        assert process.wait() == 130, process.output
        assert process.output.splitlines()[-1] == f"stopped; go on with: pgkern train --resume --folder {stopped}"
        saved = (stopped / "checkpoint").resolve().name
        assert saved == f"step-{last_step(stopped):08d}"  # whatever `checkpoint_every` is
        assert f"stopped: by a signal, after step {last_step(stopped)}" in process.output

    stop(runs.start(stopped, "run.checkpoint_every=100"), 3)
    stop(runs.start(stopped, resumed=True), 13)
    assert events(stopped) == ["stopped", "resumed", "stopped"]
    assert runs.finish(stopped, "run.checkpoint_every=2", resumed=True).code == 0
    assert_same_run(stopped, unbroken)
