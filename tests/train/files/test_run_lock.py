"""Real processes that want the same run folder."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgkern.train.config_file import ConfigError
from pgkern.train.files.run_lock import run_lock

HOLDER = """
import sys, time
from pathlib import Path
from pgkern.train.files.run_lock import run_lock

with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(folder: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_folder_in_use_is_refused_until_its_process_dies(tmp_path: Path) -> None:
    holder = start_holder(tmp_path)
    try:
        expected = f"{re.escape(str(tmp_path))} is in use by process {holder.pid} on .*; wait for it or stop it first"
        for _ in range(2):
            with pytest.raises(ConfigError, match=expected), run_lock(tmp_path):
                pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with run_lock(tmp_path):
        assert (tmp_path / "run.lock").read_text().startswith(f"process {os.getpid()} on ")
    with run_lock(tmp_path):
        pass


def test_a_worker_that_outlives_its_run_does_not_hold_on_to_the_folder(tmp_path: Path) -> None:
    worker = "[sys.executable, '-c', 'print(1, flush=True); input()']"
    spawning = f"import subprocess; w = subprocess.Popen({worker}, stdout=-1, close_fds=False); w.stdout.readline()"
    source = HOLDER.replace('    print("held"', f'    {spawning}\n    print("held"')
    holder = subprocess.Popen(
        [sys.executable, "-c", source, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait()
    with run_lock(tmp_path):
        pass
    holder.communicate()  # closes the worker's input too, which ends it


def test_a_forked_child_does_not_hold_on_to_it(tmp_path: Path) -> None:
    end, begin = os.pipe()
    with run_lock(tmp_path):
        child = os.fork()
        if child == 0:
            os.close(begin)
            os.read(end, 1)
            os._exit(0)
    with run_lock(tmp_path):
        pass
    os.close(begin)
    os.close(end)
    assert os.waitpid(child, 0)[1] == 0
