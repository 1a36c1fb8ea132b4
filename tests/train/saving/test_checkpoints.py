"""Which checkpoints there are, after every way in which they can be cut short, damaged or superseded."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pgkern.train.saving.checkpoints import Checkpoints

WRITER = """
import os, shutil, signal, sys
from pathlib import Path
from pgkern.train.saving.checkpoints import Checkpoints

folder, kill_at, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
calls = 0

def killing(function):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

names = [(os, "rename"), (os, "unlink"), (os, "rmdir"), (os, "mkdir"), (os, "symlink"), (os, "replace"), (os, "fsync")]
for module, name in [*names, (Path, "write_text")]:
    setattr(module, name, killing(getattr(module, name)))

def write(new, step):
    (new / "sub").mkdir()
    for name in ("a", "sub/b"):
        (new / name).write_text(f"{step} " * 20_000)

checkpoints = Checkpoints(folder, keep=1)
newest = checkpoints.newest()
first = int(newest.name[5:]) + 1 if newest else 0
for step in range(first, first + count):
    checkpoints.save(step, lambda new: write(new, step), reward=float(step == 1))
    print(step, flush=True)
print("calls", calls)
"""


def start_writer(folder: Path, kill_at: int, count: int) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", WRITER, str(folder), str(kill_at), str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def refuse(message: str) -> None:
    raise AssertionError(message)


def newest_step(folder: Path) -> int | None:
    """The newest checkpoint, which must be whole, and nothing else may be left in the folder."""
    path = Checkpoints(folder, keep=1, warn=refuse).newest()
    if path is None:
        return None
    assert (folder / "latest").resolve() == path.resolve()
    assert not [name for name in os.listdir(folder) if name.startswith(".step")]
    (step,) = {int(number) for name in ("a", "sub/b") for number in (path / name).read_text().split()}
    assert path.name == f"step-{step:08d}"
    return step


def text(content: str) -> Callable[[Path], None]:
    def write(new: Path) -> None:
        (new / "weights").write_text(content)

    return write


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.is_symlink())


def test_killed_at_every_step(tmp_path: Path) -> None:
    """A SIGKILL before each call that changes the disk, over three saves with removals and links between them."""
    writer = start_writer(tmp_path / "whole", 0, 3)
    calls = int(writer.communicate()[0].split()[-1])
    assert writer.returncode == 0
    assert names(tmp_path / "whole") == ["step-00000001", "step-00000002"]  # the best and the last
    assert calls > 50
    seen = []
    for kill_at in range(1, calls + 1, 2):
        writer = start_writer(tmp_path / str(kill_at), kill_at, 3)
        finished = [int(line) for line in writer.communicate()[0].split()]
        assert writer.returncode == -signal.SIGKILL
        seen.append(newest_step(tmp_path / str(kill_at)))
        assert seen[-1] is None or seen[-1] >= max(finished, default=0)
    assert set(seen) == {None, 0, 1, 2}
    assert seen == sorted(seen, key=lambda step: -1 if step is None else step)  # killed later: never older


def test_killed_at_random_moments(tmp_path: Path) -> None:
    generator = random.Random(0)
    newest = -1
    for _ in range(6):
        writer = start_writer(tmp_path / "checkpoints", 0, 1_000_000)
        assert writer.stdout is not None
        finished = int(writer.stdout.readline())
        assert finished == newest + 1
        time.sleep(generator.uniform(0, 0.05))
        writer.kill()
        for line in writer.communicate()[0].splitlines():
            finished = int(line)
        step = newest_step(tmp_path / "checkpoints")
        assert step is not None
        assert step >= finished
        newest = step
    assert newest >= 5


def test_the_last_and_the_best_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    assert checkpoints.newest() is None
    assert checkpoints.best() is None
    for step, reward in enumerate([0.1, 0.5, 0.5, None, float("nan"), 0.2]):
        path = checkpoints.save(step * 10, text(str(step)), reward=reward)
        assert checkpoints.newest() == path
        assert os.readlink(tmp_path / "latest") == path.name
    assert names(tmp_path) == ["step-00000020", "step-00000040", "step-00000050"]
    assert os.readlink(tmp_path / "best") == "step-00000020"  # the later of the two with 0.5
    assert checkpoints.best() == tmp_path / "step-00000020"


def test_a_step_saved_again_replaces_what_was_there_and_all_later_ones(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=5)
    for step in (1, 2, 3):
        checkpoints.save(step, text("old"), reward=float(step))
    path = checkpoints.save(2, text("new"), reward=None)
    assert names(tmp_path) == ["step-00000001", "step-00000002"]
    assert (path / "weights").read_text() == "new"
    assert [os.readlink(tmp_path / name) for name in ("latest", "best")] == ["step-00000002", "step-00000001"]


@pytest.mark.parametrize("keep", [1, 2])
def test_a_run_in_trouble_keeps_what_it_goes_back_to(tmp_path: Path, keep: int) -> None:
    checkpoints = Checkpoints(tmp_path, keep=keep)
    for step in range(1, 7):
        checkpoints.save(step, text(str(step)), reward=None, sound=step < 3)
    assert checkpoints.newest() == tmp_path / "step-00000006"
    assert checkpoints.roll_back(7) == tmp_path / "step-00000002"
    assert checkpoints.newest() == tmp_path / "step-00000002"
    assert names(tmp_path) == ["step-00000002"]
    assert os.readlink(tmp_path / "latest") == "step-00000002"


@pytest.mark.parametrize(("went_wrong", "goes_back_to"), [(8, 6), (7, 4), (6, 4), (5, 4)])
def test_what_the_step_before_has_made_is_not_trusted(tmp_path: Path, went_wrong: int, goes_back_to: int) -> None:
    """The step that went wrong was the first to use it. Where nothing older is left, the oldest is."""
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (2, 4, 6):
        checkpoints.save(step, text(str(step)), reward=None)
    assert checkpoints.roll_back(went_wrong) == tmp_path / f"step-{goes_back_to:08d}"


def test_without_a_sound_one_nothing_is_rolled_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save(1, text("1"), reward=None, sound=False)
    assert checkpoints.roll_back(2) is None
    assert checkpoints.newest() == tmp_path / "step-00000001"


def flip_a_bit(checkpoint: Path) -> None:
    content = bytearray((checkpoint / "weights").read_bytes())
    content[3] ^= 1
    (checkpoint / "weights").write_bytes(content)


def cut_short(checkpoint: Path) -> None:
    os.truncate(checkpoint / "weights", 3)


def remove(checkpoint: Path) -> None:
    (checkpoint / "weights").unlink()


def remove_manifest(checkpoint: Path) -> None:
    (checkpoint / "manifest.json").unlink()


def tear_manifest(checkpoint: Path) -> None:
    os.truncate(checkpoint / "manifest.json", 40)


def change_reward(checkpoint: Path) -> None:
    manifest = checkpoint / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"reward": 0.5', '"reward": 0.9'))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_a_bit, "weights has other content than when it was written"),
        (cut_short, "weights has 3 bytes instead of 10"),
        (remove, "weights is missing"),
        (remove_manifest, "manifest.json is missing"),
        (tear_manifest, "manifest.json cannot be read"),
        (change_reward, "manifest.json has other content than when it was written"),
    ],
)
def test_a_damaged_one_is_passed_over_and_named(tmp_path: Path, damage: Callable[[Path], None], reason: str) -> None:
    warnings: list[str] = []
    Checkpoints(tmp_path, keep=2).save(1, text("0123456789"), reward=0.25)
    newer = Checkpoints(tmp_path, keep=2).save(2, text("0123456789"), reward=0.5)
    damage(newer)
    checkpoints = Checkpoints(tmp_path, keep=2, warn=warnings.append)
    assert checkpoints.newest() == tmp_path / "step-00000001"
    assert checkpoints.best() == tmp_path / "step-00000001"
    assert len(warnings) == 1  # once, however often it is looked at
    assert warnings[0].startswith(f"the checkpoint {newer} is damaged and passed over: {reason}")
    assert os.readlink(tmp_path / "latest") == "step-00000001"
    checkpoints.save(2, text("again"), reward=None)
    assert checkpoints.newest() == newer


def test_where_all_are_damaged_there_is_none(tmp_path: Path) -> None:
    warnings: list[str] = []
    for step in (1, 2):
        flip_a_bit(Checkpoints(tmp_path, keep=2).save(step, text("0123456789"), reward=None))
    assert Checkpoints(tmp_path, keep=2, warn=warnings.append).newest() is None
    assert len(warnings) == 2


def test_a_failing_write_leaves_what_was_there(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    good = checkpoints.save(1, text("good"), reward=None)

    def write(new: Path) -> None:
        (new / "half").write_text("of it")
        raise KeyError("no such weight")

    with pytest.raises(KeyError, match="no such weight"):
        checkpoints.save(2, write, reward=None)
    assert checkpoints.newest() == good
    assert names(tmp_path) == [good.name]


def test_other_things_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "step-7").mkdir()
    checkpoints = Checkpoints(tmp_path, keep=1)
    for step in (1, 2):
        (checkpoints.save(step, text("weights"), reward=None) / "mine.txt").touch()
    assert names(tmp_path) == ["notes.txt", "step-00000002", "step-7"]
    assert checkpoints.newest() == tmp_path / "step-00000002"


def test_keep_is_at_least_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep is 0, expected at least 1"):
        Checkpoints(tmp_path, keep=0)
