"""With real processes, and real ways of ending them."""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from pgkern.rewards import TimeLimited
from pgkern.rewards.worker_process import WorkerProcess


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


def test_a_process_is_kept_until_it_fails(limited: TimeLimited) -> None:
    pids = limited.many(["pid", "raise", "pid", "leave", "pid", "calls"], [""] * 6).rewards
    assert pids[0] == pids[2] != pids[4]
    assert pids[5] == 2


def test_what_the_processes_hold_is_given_back(file: str, tmp_path: Path) -> None:
    limited = TimeLimited(f"{file}:score", seconds=5, workers=2)
    first, second = limited.many(["pid"] * 2, [""] * 2).rewards[:2]
    assert limited("leave a child", str(tmp_path / "pid")) == 0
    assert gone_within(10, int((tmp_path / "pid").read_text()))
    limited.close()
    assert not alive(int(first))
    assert not alive(int(second))
    limited.close()
    with pytest.raises(RuntimeError, match="the reward score is closed"):
        limited("a", "a")


def test_closed_now_a_batch_under_way_ends(file: str) -> None:
    limited = TimeLimited(f"{file}:score", seconds=50, workers=2)
    pid = int(limited("pid", ""))
    results: list[Any] = []
    batch = threading.Thread(target=lambda: results.append(limited.many(["a", *["sleep"] * 9], ["a"] * 10)))
    batch.start()
    time.sleep(0.5)  # the second process may be there or still load the function: it must end in either case
    limited.close(now=True)
    batch.join(10)
    (result,) = results
    assert result.rewards[0] == 1
    assert {failure and failure.value for failure in result.failures[1:]} <= {"died", "not started"}
    assert gone_within(5, pid)
    with pytest.raises(RuntimeError, match="the reward score is closed"):
        limited("a", "a")


def test_a_worker_killed_between_calls_is_replaced_at_no_samples_cost(limited: TimeLimited) -> None:
    pid = int(limited("pid", ""))
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # /proc calls it a zombie before its last thread has ended
    assert not alive(pid)
    result = limited.many(["a", "a"], ["a", "a"])
    assert (result.rewards, result.reasons) == ([1, 1], [None, None])
    assert limited("pid", "") != pid


@pytest.mark.parametrize("what", ["sleep", "hold the lock", "pid"])
def test_when_the_parent_is_killed_its_workers_end(file: str, tmp_path: Path, what: str) -> None:
    """Whether they are asleep, hold the interpreter's lock, or wait for work; and long before their limit."""
    code = (
        "import sys, time; from pgkern.rewards import TimeLimited\n"
        "limited = TimeLimited(sys.argv[1], seconds=600)\n"
        "print(int(limited('pid', '')), flush=True)\n"
        "limited(sys.argv[2], ''); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, f"{file}:score", what], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.3)  # it may or may not have begun: it must end in either case
        assert alive(pid)
        parent.kill()
    assert gone_within(10, pid)


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
        time.sleep(0.5)  # likewise
        parent.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in parent.stderr.read()
    assert all(gone_within(10, pid) for pid in pids)


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


@pytest.mark.parametrize("what", ["many", "close"])
def test_a_fork_made_while_a_thread_judges_does_not_wait_for_it(file: str, what: str) -> None:
    code = (
        "import os, sys, threading, time, warnings; from pgkern.rewards import TimeLimited\n"
        "warnings.simplefilter('ignore')\n"
        "limited = TimeLimited(sys.argv[1], seconds=30)\n"
        "thread = threading.Thread(target=limited, args=('sleep', ''), daemon=True); thread.start()\n"
        "while not limited._one_batch_at_a_time.locked(): time.sleep(0.01)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    status = 1\n"
        "    try:\n"
        "        limited.close() if sys.argv[2] == 'close' else limited('a', 'a')\n"
        "        status = 0\n"
        "    except RuntimeError as error: status = 0 if 'another process' in str(error) else 2\n"
        "    finally: os._exit(status)\n"
        "until = time.monotonic() + 20\n"
        "ended, status = os.waitpid(child, os.WNOHANG)\n"
        "while not ended and time.monotonic() < until:\n"
        "    time.sleep(0.02); ended, status = os.waitpid(child, os.WNOHANG)\n"
        "if not ended: os.kill(child, 9); os.waitpid(child, 0); status = 'it hangs'\n"
        "limited._workers[0].end()\n"
        "print(status, flush=True); os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"{file}:score", what], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "0\n", done.stderr


def test_a_worker_that_cannot_be_started_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any, **options: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", fails)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(OSError, match="no more processes"):
            WorkerProcess()
        gc.collect()


@pytest.mark.parametrize("missing", ["waitid", "killpg"])
def test_where_the_system_lacks_something_it_says_so(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delattr(os, missing)
    with pytest.raises(RuntimeError, match=r"needs os\.waitid and os\.killpg .Linux, or macOS with Python 3\.13"):
        TimeLimited("operator:truediv")
