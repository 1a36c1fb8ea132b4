"""A long call leaves room for Ctrl-C and for other threads."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from pgkern import verify_many

PROGRAM = """
import pgkern
completions = ["so it is " * 2000 + "\\\\boxed{5}"] * 2000
golds = ["5"] * 2000
print("ready", flush=True)
try:
    while True:
        pgkern.verify_many(completions * 200, golds * 200, num_threads=%s)
except KeyboardInterrupt:
    raise SystemExit(7)
"""


@pytest.mark.parametrize("num_threads", [1, 2])
def test_an_interrupt_stops_a_long_call(num_threads: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM % num_threads], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 7
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_other_threads_run_meanwhile() -> None:
    completions, golds = ["so it is " * 2000 + "\\boxed{5}"] * 20_000, ["5"] * 20_000
    calling = threading.Thread(target=verify_many, args=(completions, golds), kwargs={"num_threads": 1})
    calling.start()
    steps = 0
    while calling.is_alive():
        time.sleep(0.001)
        steps += 1
    calling.join()
    assert steps > 20
