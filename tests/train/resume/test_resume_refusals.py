"""What `--resume` says of a run that is in use, finished, changed, damaged, or has no room."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .processes import Runs
from .same_run import assert_same_run, events, last_step, rows

NOBODY = 65534
SETTINGS = ["run.steps=4", "warmup.steps=4"]


@pytest.fixture(scope="module")
def finished(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    process = runs.finish(run, *SETTINGS)
    assert process.code == 0, process.output
    return run


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run", symlinks=True)
    return tmp_path / "run"


@pytest.mark.parametrize("setting", ["data.num_validation=20", "run.seed=7"])
def test_problems_that_were_trained_on_are_not_held_out_later(runs: Runs, copy: Path, setting: str) -> None:
    process = runs.finish(copy, "run.steps=5", setting, resumed=True)
    assert process.code == 2
    assert "held-out problems were trained on before these settings, such as 'What is " in process.output
    assert last_step(copy) == 8


def test_fewer_held_out_problems_are_held_out_still(runs: Runs, copy: Path) -> None:
    process = runs.finish(copy, "run.steps=5", "data.num_validation=6", resumed=True)
    assert process.code == 0, process.output


def test_a_finished_run_says_so(runs: Runs, copy: Path, finished: Path) -> None:
    process = runs.finish(copy, resumed=True)
    assert process.code == 0, process.output
    assert "finished: all 4 steps were done before" in process.output
    assert process.output.splitlines()[-1].startswith("validation reward: ")
    assert_same_run(copy, finished)


def test_a_reward_that_was_chosen_for_the_prompt_follows_it(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert runs.finish(run, *SETTINGS, "rewards=[]").code == 0
    process = runs.finish(run, "run.steps=5", "data.prompt=question_only", resumed=True)
    assert process.code == 0, process.output
    assert "rewards[0].function r1_zero -> boxed" in process.output


def test_a_run_in_use_is_refused(runs: Runs, tmp_path: Path, finished: Path) -> None:
    run = tmp_path / "run"
    first = runs.start(run, *SETTINGS)
    first.wait_until(lambda: last_step(run) >= 1)
    second = runs.finish(run, resumed=True)
    assert second.code == 2
    assert f"pgkern: error: {run} is in use by process {first.process} on " in second.output
    assert first.wait() == 0, first.output
    assert_same_run(run, finished)


def test_other_settings_are_said(runs: Runs, copy: Path) -> None:
    process = runs.finish(copy, "run.steps=6", "optimizer.learning_rate=1e-4", resumed=True)
    assert process.code == 0, process.output
    told = "after step 8 with other settings: run.steps 4 -> 6, optimizer.learning_rate 0.0003 -> 0.0001"
    assert f"resumed: {told}" in process.output
    assert rows(copy, "events.jsonl")[-1] == {"step": 8, "event": "resumed", "message": told}
    assert last_step(copy) == 10


def test_another_model_is_refused_and_nothing_is_changed(runs: Runs, copy: Path) -> None:
    before = (copy / "config.toml").read_bytes()
    process = runs.finish(copy, "model.hidden_size=64", resumed=True)
    assert process.code == 2
    assert "model.hidden_size cannot change in a run that goes on (32 -> 64)" in process.output
    assert (copy / "config.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["advantages.baseline=value", "advantages.normalize_std=false"], "has no value function"),
        (["objective.kl_coef=0.1"], "the policy before its first step cannot be known at step 4"),
    ],
)
def test_what_is_refused_leaves_a_run_that_goes_on(
    runs: Runs, copy: Path, finished: Path, settings: list[str], reason: str
) -> None:
    before = (copy / "config.toml").read_bytes()
    process = runs.finish(copy, *settings, resumed=True)
    assert process.code == 2, process.output
    assert reason in process.output
    assert (copy / "config.toml").read_bytes() == before
    assert runs.finish(copy, resumed=True).code == 0
    assert_same_run(copy, finished)


def test_fewer_steps_than_are_done_are_done(runs: Runs, copy: Path) -> None:
    process = runs.finish(copy, "run.steps=2", resumed=True)
    assert process.code == 0, process.output
    assert "finished: all 2 steps were done before" in process.output
    assert process.output.splitlines()[-1].startswith("validation reward: ")
    assert "stopped" not in process.output
    assert last_step(copy) == 8


def test_a_damaged_checkpoint_is_passed_over(runs: Runs, copy: Path, finished: Path) -> None:
    weights = copy / "checkpoint" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    process = runs.finish(copy, resumed=True)
    assert process.code == 0, process.output
    damage = "is damaged and passed over: model.safetensors has other content than when it was written"
    assert f"checkpoint damaged: the checkpoint {copy}/checkpoints/step-00000008 {damage}" in process.output
    assert "resumed: after step 6" in process.output
    assert events(copy) == ["checkpoint_damaged", "resumed"]
    assert_same_run(copy, finished)


def test_without_a_whole_one_the_run_is_not_begun_anew(runs: Runs, copy: Path) -> None:
    for weights in (copy / "checkpoints").glob("step-*/model.safetensors"):
        os.truncate(weights, 100)
    process = runs.finish(copy, resumed=True)
    assert process.code == 2
    assert process.output.count("is damaged and passed over: model.safetensors has 100 bytes instead of ") == 3
    assert last_step(copy) == 8  # nothing was dropped


def test_a_torn_row_is_written_again(runs: Runs, copy: Path, finished: Path) -> None:
    shutil.rmtree(copy / "checkpoints" / "step-00000008")
    for name in ("metrics.jsonl", "rollouts.jsonl"):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:-30])
    process = runs.finish(copy, resumed=True)
    assert process.code == 0, process.output
    assert_same_run(copy, finished)


def assert_stopped_for_room(code: int | None, output: str, run: Path, reason: str) -> None:
    assert code == 2, output
    (line,) = [line for line in output.splitlines() if line.startswith("pgkern: error: ")]
    assert reason in line
    assert "MB free" in line
    assert line.endswith(f"once it can: pgkern train --resume --folder {run}")
    assert "Traceback" not in output


def test_a_checkpoint_too_large_for_its_disk(runs: Runs, tmp_path: Path, finished: Path) -> None:
    """The kernel cuts the files off; without that limit the run goes on as if nothing had happened."""
    run = tmp_path / "run"
    process = runs.finish(run, *SETTINGS, max_file_bytes=200_000)
    assert_stopped_for_room(
        process.code, process.output, run, f"the checkpoint of step 2 could not be written to {run}/checkpoints/"
    )
    assert "File too large" in process.output
    assert events(run) == ["checkpoint_failed"]
    assert os.listdir(run / "checkpoints") == []
    process = runs.finish(run, resumed=True)
    assert process.code == 0, process.output
    assert_same_run(run, finished)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_disk_that_fills_up(runs: Runs, disk: Path, finished: Path) -> None:
    run = disk / "run"
    started = runs.start(run, *SETTINGS)
    started.wait_until(lambda: (run / "checkpoints" / "step-00000004").exists())
    fill(disk / "somebody-elses")
    assert_stopped_for_room(started.wait(), started.output, run, "No space left on device")
    assert run.joinpath("checkpoint").resolve().name >= "step-00000004"
    (disk / "somebody-elses").unlink()
    process = runs.finish(run, resumed=True)
    assert process.code == 0, process.output
    assert_same_run(run, finished)


def test_a_read_only_run_folder(runs: Runs, copy: Path, finished: Path) -> None:
    limits: dict[str, int] = {}
    if os.getuid() == 0:  # root writes everywhere
        for parent in (copy, *copy.parents[:3]):
            parent.chmod(0o755)
        limits = {"user": NOBODY}
    folders = [path for path in (copy, *copy.rglob("*")) if path.is_dir() and not path.is_symlink()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        process = runs.finish(copy, "run.steps=5", resumed=True, **limits)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert_stopped_for_room(process.code, process.output, copy, f"could not be written to {copy}/")
    assert "Permission denied" in process.output
    assert_same_run(copy, finished)
