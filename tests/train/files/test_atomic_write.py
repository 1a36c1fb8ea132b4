"""A writer process is killed by SIGKILL at every step of the exchange, and at random moments.

Each checkpoint is three files that all hold its number, so a mixture of two checkpoints or a partial one is seen.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pgkern.train.files.atomic_write import atomic_directory, recover_directory, write_file_atomically

WRITER = """
import os, shutil, signal, sys
from pathlib import Path
from pgkern.train.files import atomic_write

final, kill_at, checkpoints = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
calls = 0

def killing(function):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

for module, name in [(os, "rename"), (os, "fsync"), (os, "unlink"), (os, "rmdir"), (os, "mkdir"), (Path, "write_text")]:
    setattr(module, name, killing(getattr(module, name)))

first = int((final / "a").read_text().split()[0]) + 1 if atomic_write.recover_directory(final) else 0
for number in range(first, first + checkpoints):
    with atomic_write.atomic_directory(final) as folder:
        (folder / "sub").mkdir()
        for name in ("a", "b", "sub/c"):
            (folder / name).write_text(f"{number} " * 20_000)
    print(number, flush=True)
print("calls", calls)
"""


def start_writer(final: Path, kill_at: int, checkpoints: int) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", WRITER, str(final), str(kill_at), str(checkpoints)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def number_of(folder: Path) -> int:
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == ["a", "b", "sub", "sub/c"]
    numbers = [(folder / name).read_text().split() for name in ("a", "b", "sub/c")]
    assert all(len(each) == 20_000 for each in numbers)
    (number,) = {value for each in numbers for value in each}
    return int(number)


def check_after_kill(final: Path, finished: int) -> int | None:
    """The final name never holds half a checkpoint, and recovery gives one that is at least as new as the last."""
    if final.exists():
        number_of(final)
    if not recover_directory(final):
        assert finished == -1
        return None
    assert os.listdir(final.parent) == [final.name]
    number = number_of(final)
    assert number >= finished
    return number


def test_killed_at_every_step(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    writer = start_writer(tmp_path / "whole" / "checkpoint", 0, 2)
    calls = int(writer.communicate()[0].split()[-1])
    assert writer.returncode == 0
    assert calls > 25
    seen = []
    for kill_at in range(1, calls + 1):
        final = tmp_path / str(kill_at) / "checkpoint"
        final.parent.mkdir()
        writer = start_writer(final, kill_at, 2)
        finished = [int(line) for line in writer.communicate()[0].split()]
        assert writer.returncode == -signal.SIGKILL
        seen.append(check_after_kill(final, max(finished, default=-1)))
    assert seen[0] is None
    assert seen[-1] == 1
    assert set(seen) == {None, 0, 1}
    assert seen == sorted(seen, key=lambda number: -1 if number is None else number)  # killed later: never older


def test_killed_at_random_moments(tmp_path: Path) -> None:
    final = tmp_path / "run" / "checkpoint"
    generator = random.Random(0)
    newest = -1
    for _ in range(8):
        writer = start_writer(final, 0, 1_000_000)
        assert writer.stdout is not None
        finished = int(writer.stdout.readline())  # it runs
        assert finished == newest + 1
        time.sleep(generator.uniform(0, 0.05))
        writer.kill()
        for line in writer.communicate()[0].splitlines():
            finished = int(line)
        newest = check_after_kill(final, finished) or 0
    assert newest >= 7


def test_an_exception_leaves_the_old_folder(tmp_path: Path) -> None:
    final = tmp_path / "checkpoint"
    with atomic_directory(final) as folder:
        (folder / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_directory(final) as folder:  # noqa: PT012
        (folder / "a").write_text("new")
        raise KeyboardInterrupt
    assert (final / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["checkpoint"]


def test_recover_restores_an_old_folder_that_stands_alone(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint.old").mkdir()
    assert recover_directory(tmp_path / "checkpoint")
    assert os.listdir(tmp_path) == ["checkpoint"]


def test_recover_without_anything(tmp_path: Path) -> None:
    assert not recover_directory(tmp_path / "absent" / "checkpoint")


def test_write_file_atomically_replaces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file_atomically(path, b"one, long")
    write_file_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["file"]
