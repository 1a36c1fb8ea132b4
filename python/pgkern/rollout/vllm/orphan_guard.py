"""Runs a command so that nothing of it outlives the process that asked for it. Run as a script, standard library only.

    python -I -S orphan_guard.py PARENT_PID FOLDER COMMAND...

The command is the guard's child in a session of its own. The guard ends it, with every process that came of it, when
the parent process is gone, when standard input ends, when the command itself ends, and on a signal; then it removes
FOLDER and exits as the command did. Killed itself, it takes the command along; what the command started is then on its
own, which only somebody who kills guard and command at one moment sees.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LOOK_EVERY_S = 0.1
_TRACKERS_HAVE_S = 10.0
_LONGEST_END_S = 20.0  # a killed process may wait for a disk or a driver, and for ever


def main(parent: int, folder: str, command: list[str]) -> int:
    """Returns the command's exit status, as a shell gives it."""
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, _exit)
    # Orphans of the command become children of this process, so that none of them is lost from sight.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent)
        while child.poll() is None and os.getppid() == parent and not _input_has_ended():
            pass
        status = child.returncode
    finally:
        end_descendants(os.getpid())
        _reap()
        shutil.rmtree(folder, ignore_errors=True)
    return 128 + signal.SIGKILL if status is None else status if status >= 0 else 128 - status


def _exit(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _input_has_ended() -> bool:
    readable, _, _ = select.select([sys.stdin.fileno()], [], [], _LOOK_EVERY_S)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1)


def end_descendants(ancestor: int) -> None:
    """Kill until none runs, as one that is being killed may have started another, or until it has taken too long.

    Python's resource trackers come last and have a moment of their own: they end by themselves when those they serve
    are gone, and remove the shared memory these have left behind.
    """
    began = time.monotonic()
    while running := _descendants(ancestor):
        seconds = time.monotonic() - began
        if seconds > _LONGEST_END_S:
            return
        for pid in running:
            if seconds > _TRACKERS_HAVE_S or not _is_resource_tracker(pid):
                with suppress(OSError):  # it ended by itself, or is none that this user may end
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _is_resource_tracker(pid: int) -> bool:
    with suppress(OSError):
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _descendants(ancestor: int) -> list[int]:
    """Those that run: what is left of one that has ended goes with its parent."""
    parent_of, ended = {}, set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()  # the name before it may hold spaces
        except OSError:
            continue  # it ended meanwhile
        parent_of[int(stat.parent.name)] = int(fields[1])
        if fields[0] in "ZX":
            ended.add(int(stat.parent.name))
    found = [ancestor]
    for pid in found:
        found.extend(child for child, parent in parent_of.items() if parent == pid)
    return [pid for pid in found[1:] if pid not in ended]


def _reap() -> None:
    with suppress(ChildProcessError):  # none is left
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
