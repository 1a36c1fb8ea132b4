"""Whatever happens to those above: of a guarded command nothing is left, not its processes, not its folder."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pgkern.rollout.vllm import orphan_guard

from ..processes import comes_true
from .processes import is_alive

# A command with a child in a session of its own, a grandchild that is nobody's, and one that will not go when asked.
FAMILY = """
import signal, subprocess, sys, time
from multiprocessing import shared_memory
signal.signal(signal.SIGTERM, signal.SIG_IGN)
shared_memory.SharedMemory(sys.argv[2], create=True, size=4096)
subprocess.Popen(["sleep", "986"], start_new_session=True)
subprocess.run(["sh", "-c", "setsid sleep 987 & "])
print("ready", file=open(sys.argv[1], "w"))
time.sleep(985)
"""

# The parent, which is killed: it starts the guard as the trainer does and holds the other end of its standard input.
PARENT = """
import os, subprocess, sys, time
guard = subprocess.Popen([sys.argv[1], "-I", "-S", sys.argv[2], str(os.getpid()), *sys.argv[3:]], stdin=subprocess.PIPE)
time.sleep(900)
"""


class Family:
    def __init__(self, folder: Path) -> None:
        self.folder, self.ready = folder / "own", folder / "ready"
        self.memory = f"pgkern-test-{os.getpid()}-{time.monotonic_ns()}"
        self.folder.mkdir()
        (self.folder / "a-socket").write_text("")
        self.command = [str(self.folder), sys.executable, "-c", FAMILY, str(self.ready), self.memory]

    def wait_until_ready(self) -> None:
        assert comes_true(self.ready.exists)
        assert comes_true(lambda: len(self.sleepers()) == 2)

    def sleepers(self) -> list[int]:
        """The processes of this family, by an environment variable that all inherit."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.memory.encode() in (process / "environ").read_bytes() and b"sleep" in (
                    process / "cmdline"
                ).read_bytes().split(b"\0"):
                    found.append(int(process.name))
        return found

    def nothing_is_left(self) -> bool:
        return not self.sleepers() and not self.folder.exists() and not Path("/dev/shm", self.memory).exists()


@pytest.fixture
def family(tmp_path: Path) -> Family:
    return Family(tmp_path)


def guarded(family: Family, parent: int | None = None) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-I", "-S", orphan_guard.__file__, str(parent or os.getpid()), *family.command]
    return subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "FAMILY": family.memory})


@pytest.mark.parametrize("end", ["its input ends", "SIGTERM", "SIGINT"])
def test_the_guard_goes_with_everything(family: Family, end: str) -> None:
    with guarded(family) as guard:
        family.wait_until_ready()
        assert Path("/dev/shm", family.memory).exists()
        if end == "its input ends":
            assert guard.stdin is not None
            guard.stdin.close()
        else:
            guard.send_signal(getattr(signal, end))
        guard.wait(120)
    assert family.nothing_is_left()


@pytest.mark.parametrize("stopped", [False, True])
def test_the_parent_is_killed(family: Family, stopped: bool) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, sys.executable, orphan_guard.__file__, *family.command],
        env={**os.environ, "FAMILY": family.memory},
    )
    family.wait_until_ready()
    if stopped:  # as one that hangs in the debugger, or was suspended
        for pid in family.sleepers():
            os.kill(pid, signal.SIGSTOP)
    parent.kill()
    parent.wait()
    assert comes_true(family.nothing_is_left)


def test_a_parent_that_is_gone_before_the_guard_looks(family: Family) -> None:
    with guarded(family, parent=1) as guard:
        guard.wait(120)
    assert family.nothing_is_left()


# As those that wait for a disk are: what is sent to them does not end them.
UNKILLABLE = """
import os, sys
from pgkern.rollout.vllm import orphan_guard
orphan_guard._LONGEST_END_S = 0.5
os.kill = lambda pid, signum: None
sys.exit(orphan_guard.main(os.getppid(), sys.argv[1], sys.argv[2:]))
"""


def test_a_process_that_cannot_be_killed_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    own, ready = tmp_path / "own", tmp_path / "ready"
    own.mkdir()
    command = [sys.executable, "-c", UNKILLABLE, str(own), "sh", "-c", f"echo > {ready}; exec sleep 900"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guard:
        assert comes_true(ready.exists)
        assert guard.stdin is not None
        guard.stdin.close()
        try:
            assert guard.wait(60) == 128 + 9
        finally:
            guard.kill()
    assert not own.exists()


@pytest.mark.parametrize(("ending", "status"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 128 + 9)])
def test_the_command_ends_by_itself(tmp_path: Path, ending: str, status: int) -> None:
    script = f"import os, subprocess, sys; subprocess.Popen(['sleep', '900']); {ending}"
    command = [str(tmp_path / "own"), sys.executable, "-c", script]
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", orphan_guard.__file__, str(os.getpid()), *command], stdin=subprocess.PIPE
    )
    with guard:
        assert guard.wait(120) == status


def test_a_killed_guard_takes_the_command_along(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(900)"
    command = [str(tmp_path / "own"), sys.executable, "-c", script, str(ready)]
    with subprocess.Popen(
        [sys.executable, "-I", "-S", orphan_guard.__file__, str(os.getpid()), *command], stdin=subprocess.PIPE
    ) as guard:
        assert comes_true(lambda: ready.exists() and ready.read_text().endswith("\n"))
        guard.kill()
        guard.wait()
    assert comes_true(lambda: not is_alive(int(ready.read_text())))
