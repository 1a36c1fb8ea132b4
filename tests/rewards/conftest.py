"""A function to be called under a time limit, which fails in every way that it is asked to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgkern.rewards import TimeLimited

SCORE = """
import ctypes, os, re, signal, subprocess, sys, time
import numpy as np
from beside import FACTOR
calls = 0

class Scorer:
    def __call__(self, completion, gold):
        return 2.5

def score(completion, gold, **columns):
    global calls
    calls += 1
    print("to be seen on stderr")
    assert sys.stdin.read() == ""
    if completion == "raise":
        raise ValueError("no " + "x" * 10_000)
    if completion == "sleep":
        time.sleep(60)
    if completion == "hold the lock":
        re.match("(a+)+$", "a" * 50 + "b")
    if completion == "ignore signals":
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
        time.sleep(60)
    if completion == "exit":
        sys.exit(3)
    if completion == "leave":
        os._exit(3)
    if completion == "crash":
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    if completion == "leave a child":
        child = subprocess.Popen(["sleep", "60"])
        with open(gold, "w") as file:
            file.write(str(child.pid))
        os.kill(os.getpid(), signal.SIGKILL)
    if completion == "fork and leave":  # the fork holds the socket open
        if os.fork() == 0:
            time.sleep(60)
        os._exit(4)
    if completion == "pid":
        return os.getpid()
    if completion == "calls":
        return calls
    if completion == "return":
        return eval(gold)
    return FACTOR * float(completion == gold) + sum(columns.values())
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "beside.py").write_text("FACTOR = 1\n")
    (tmp_path / "score.py").write_text(SCORE)
    return str(tmp_path / "score.py")


@pytest.fixture
def limited(file: str) -> Iterator[TimeLimited]:
    with TimeLimited(f"{file}:score", seconds=1) as limited:
        yield limited
