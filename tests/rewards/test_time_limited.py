"""With real processes, and real ways of ending them."""

import asyncio
import contextlib
import functools
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgkern.rewards import Failure, TimeLimited

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


def alive(pid: int) -> bool:
    """Whether there is such a process, and it is not only waiting to be taken notice of."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(seconds: float, pid: int) -> bool:
    until = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


FAILURES = [
    ("raise", Failure.RAISED, "raised ValueError: no xxx"),
    ("sleep", Failure.TIMED_OUT, "timed out after 1.0 s"),
    ("hold the lock", Failure.TIMED_OUT, "timed out after 1.0 s"),
    ("ignore signals", Failure.TIMED_OUT, "timed out after 1.0 s"),
    ("exit", Failure.RAISED, "raised SystemExit: 3"),
    ("leave", Failure.DIED, "worker died (exit status 3)"),
    ("crash", Failure.DIED, "worker died (signal 11)"),
    ("fork and leave", Failure.DIED, "worker died (exit status 4)"),
]


@pytest.mark.parametrize(("completion", "failure", "reason"), FAILURES)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_costs_its_own_sample(
    file: str, completion: str, failure: Failure, reason: str, workers: int
) -> None:
    with TimeLimited(f"{file}:score", seconds=1, workers=workers, default=-1) as limited:
        result = limited.many(["a", "b", completion, "c", "d"], ["a", "x", "", "c", "x"])
    assert result.rewards == [1, 0, -1, 1, 0]
    assert result.failures == [None, None, failure, None, None]
    assert result.reasons[:2] == result.reasons[3:] == [None, None]
    assert str(result.reasons[2]).startswith(reason)
    assert len(str(result.reasons[2])) < 400
    assert result.counts == {failure: 1}


VALUES = [
    ("1", 1),
    ("True", 1),
    ("np.float32(0.5)", 0.5),
    ("np.array(0.5)", 0.5),
    ("np.array([0.5])", 0.5),
    ("[0.5]", 0.5),
    ("__import__('fractions').Fraction(1, 4)", 0.25),
    ("type('R', (), {'reward': 0.75})", 0.75),
    ("float('nan')", "returned nan"),
    ("-float('inf')", "returned -inf"),
    ("None", "returned None"),
    ("[None]", "returned NoneType, expected a finite number"),
    ("'1'", "returned str, expected a number"),
    ("{'reward': 1}", "returned dict, expected a number"),
    ("[]", "returned 0 values, expected 1"),
    ("[1, 2]", "returned 2 values, expected 1"),
    ("np.zeros(3)", "returned 3 values, expected 1"),
    ("10 ** 400", "returned int, expected a finite number"),
    ("1j", "returned complex, expected a finite number"),
    ("(x for x in [1])", "returned generator, expected a finite number"),
]


def test_what_a_function_returns(limited: TimeLimited) -> None:
    result = limited.many(["return"] * len(VALUES), [expression for expression, _ in VALUES])
    for (expression, expected), reward, reason in zip(VALUES, result.rewards, result.reasons, strict=True):
        assert (reason or reward) == expected, expression
    assert set(result.counts) == {Failure.BAD_VALUE}


def test_order_is_kept_by_any_number_of_workers(file: str) -> None:
    completions = [str(number) for number in range(100)]
    golds = [str(number - number % 3) for number in range(100)]
    for workers in (1, 3):
        with TimeLimited(f"{file}:score", workers=workers) as limited:
            result = limited.many(completions, golds, bonus=list(range(100)))
        assert result.rewards == [number + (number % 3 == 0) for number in range(100)]
        assert result.counts == {}


def test_a_process_is_kept_until_it_fails(limited: TimeLimited) -> None:
    pids = limited.many(["pid", "raise", "pid", "leave", "pid", "calls"], [""] * 6).rewards
    assert pids[0] == pids[2] != pids[4]
    assert pids[5] == 2


def test_what_the_processes_hold_is_given_back(file: str, tmp_path: Path) -> None:
    limited = TimeLimited(f"{file}:score", seconds=5, workers=2)
    first, second = limited.many(["pid"] * 2, [""] * 2).rewards[:2]
    assert limited("leave a child", str(tmp_path / "pid")) == 0
    assert gone_within(1, int((tmp_path / "pid").read_text()))
    limited.close()
    assert not alive(int(first))
    assert not alive(int(second))
    limited.close()
    with pytest.raises(RuntimeError, match="the reward score is closed"):
        limited("a", "a")


def test_a_killed_worker_is_replaced(limited: TimeLimited) -> None:
    os.kill(int(limited("pid", "")), signal.SIGKILL)
    time.sleep(0.1)
    result = limited.many(["a", "a"], ["a", "a"])
    assert result.rewards == [0, 1]
    assert result.reasons == ["worker died (signal 9)", None]


def test_a_stopped_worker_with_a_full_socket_is_ended(limited: TimeLimited) -> None:
    os.kill(int(limited("pid", "")), signal.SIGSTOP)
    result = limited.many(["a" * 5_000_000, "a"], ["a", "a"])
    assert result.rewards == [0, 1]
    assert result.reasons == ["timed out after 1.0 s", None]


@pytest.mark.parametrize("what", ["sleep", "hold the lock", "pid"])
def test_when_the_parent_is_killed_its_workers_end(file: str, tmp_path: Path, what: str) -> None:
    """Whether they are asleep, hold the interpreter's lock, or wait for work."""
    code = (
        "import sys, time; from pgkern.rewards import TimeLimited\n"
        "limited = TimeLimited(sys.argv[1], seconds=1.5)\n"
        "print(int(limited('pid', '')), flush=True)\n"
        "limited(sys.argv[2], ''); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, f"{file}:score", what], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.3)
        assert alive(pid)
        parent.kill()
    assert gone_within(6, pid)


def test_a_program_that_ends_without_closing_leaves_nothing(file: str) -> None:
    code = (
        "import sys; from pgkern.rewards import TimeLimited\n"
        "limited = TimeLimited(sys.argv[1]); print(int(limited('pid', '')))"
    )
    done = subprocess.run([sys.executable, "-c", code, f"{file}:score"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert "to be seen on stderr" in done.stderr
    assert not alive(int(done.stdout))


def test_off_the_main_thread_and_from_several_at_once(limited: TimeLimited) -> None:
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(limited.many(["a", "sleep"], ["a", ""]).rewards))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[1, 0]] * 3


def test_within_asyncio(limited: TimeLimited) -> None:
    async def judged() -> Any:
        ticks = 0
        batch = asyncio.create_task(asyncio.to_thread(limited.many, ["a", "sleep"], ["a", ""]))
        while not batch.done():
            ticks += 1
            await asyncio.sleep(0.05)
        assert ticks > 5  # the loop went on meanwhile
        return batch.result().rewards, limited("a", "a")  # and a call that lets it wait

    assert asyncio.run(judged()) == ([1, 0], 1)


def test_interrupted_it_lets_go(file: str) -> None:
    code = (
        "import sys; from pgkern.rewards import TimeLimited\n"
        "limited = TimeLimited(sys.argv[1], seconds=50, workers=2)\n"
        "print(*map(int, limited.many(['pid'] * 9, [''] * 9).rewards), flush=True)\n"
        "limited.many(['sleep'] * 4, [''] * 4)"
    )
    command = [sys.executable, "-c", code, f"{file}:score"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        pids = {int(pid) for pid in parent.stdout.readline().split()}
        time.sleep(0.5)
        parent.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in parent.stderr.read()
    assert all(gone_within(1, pid) for pid in pids)


def defined_here(completion: str, gold: str, extra: float = 0) -> float:
    return float(completion == gold) + extra


def test_functions_of_every_origin(file: str) -> None:
    spec = importlib.util.spec_from_file_location("loaded_by_path", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["loaded_by_path"] = module
    sys.path.insert(0, str(Path(file).parent))
    try:
        spec.loader.exec_module(module)
        for function, expected in (
            (module.score, 1.0),
            (module.Scorer(), 2.5),
            (functools.partial(defined_here, extra=3), 4.0),
            ("pgkern.rewards:text_match", 1.0),
        ):
            with TimeLimited(function) as limited:
                assert limited("a", "a") == expected
    finally:
        sys.path.remove(str(Path(file).parent))
        del sys.modules["loaded_by_path"]


@pytest.mark.parametrize("guarded", [True, False])
def test_a_function_of_the_program_itself(tmp_path: Path, guarded: bool) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from pgkern.rewards import TimeLimited\n"
        "def score(completion, gold):\n"
        "    return float(completion == gold)\n"
        f"if {'__name__ == ' + repr('__main__') if guarded else 'True'}:\n"
        "    print(TimeLimited(score)('a', 'a'))\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=30)
    if guarded:
        assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
    else:
        assert done.returncode == 1
        assert 'put what the program does under if __name__ == "__main__"' in done.stderr


def test_what_no_worker_can_find_is_refused_at_once(tmp_path: Path) -> None:
    def inner(completion: str, gold: str) -> float:
        return 1.0

    (tmp_path / "broken.py").write_text("import no_such_module")
    (tmp_path / "fine.py").write_text("score = 3")
    for function, error, message in (
        (lambda completion, gold: 1.0, ValueError, "cannot be sent to a worker process .*write it as a function at"),
        (inner, ValueError, "cannot be sent to a worker process"),
        (functools.partial(defined_here, extra=threading.Lock()), ValueError, "cannot be sent to a worker process"),
        (3, ValueError, "reward must be a function or 'path/to/file.py:function', got int"),
        ("score", ValueError, "reward is 'score': it must be 'path/to/file.py:function'"),
        ("no/such.py:score", ValueError, "there is no file .*no/such.py"),
        (f"{tmp_path}/broken.py:score", RuntimeError, "ModuleNotFoundError: No module named 'no_such_module'"),
        (f"{tmp_path}/fine.py:scores", RuntimeError, "AttributeError: module .* has no attribute 'scores'"),
        (f"{tmp_path}/fine.py:score", RuntimeError, "score is a int, not a function"),
        ("no_such_module:score", RuntimeError, "No module named 'no_such_module'"),
    ):
        with pytest.raises(error, match=message):
            TimeLimited(function)  # type: ignore[arg-type]


def test_a_file_that_no_longer_loads_costs_samples_and_not_the_run(file: str) -> None:
    with TimeLimited(f"{file}:score") as limited:
        Path(file).write_text("raise OSError('gone')")
        result = limited.many(["a", "leave", "a"], ["a", "", "a"])
    assert result.rewards == [1, 0, 0]
    assert result.failures == [None, Failure.DIED, Failure.NOT_STARTED]
    assert result.reasons[2] == "worker did not start: OSError: gone"


def test_a_file_that_takes_too_long_to_load(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)")
    with pytest.raises(RuntimeError, match=r"cannot be loaded: it was not loaded within 0\.5 s"):
        TimeLimited(f"{tmp_path}/slow.py:score", startup_seconds=0.5)


def test_a_sample_that_cannot_be_sent(limited: TimeLimited) -> None:
    result = limited.many(["a", "a"], ["a", "a"], bonus=[threading.Lock(), 1])
    assert result.rewards == [0, 2]
    assert result.failures == [Failure.RAISED, None]


def test_arguments_out_of_range_are_refused(file: str, limited: TimeLimited) -> None:
    for options, message in (
        ({"seconds": 0}, "seconds is 0"),
        ({"seconds": float("inf")}, "seconds is inf"),
        ({"workers": 0}, "workers is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            TimeLimited(f"{file}:score", **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 completions but 2 golds"):
        limited.many(["a"], ["a", "b"])
    assert limited.many([], []).rewards == []


def test_a_fork_leaves_the_workers_to_their_owner(limited: TimeLimited) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # another test may have left a thread
        child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            try:
                limited("a", "a")
            except RuntimeError:
                limited.close()
                status = 0
        os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert limited("a", "a") == 1


def test_the_readmes_lines(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(from pgkern.rewards import TimeLimited.*?)```", readme, re.DOTALL)
    assert code is not None
    Path(file).rename(tmp_path / "my_rewards.py")
    monkeypatch.chdir(tmp_path)
    exec(compile(code[1], "README.md", "exec"), {"completions": ["a", "sleep"], "golds": ["a", ""]})
    assert capsys.readouterr().out.startswith("[1.0, 0.0] [None, 'timed out after 2.0 s'] {<Failure.TIMED_OUT")
