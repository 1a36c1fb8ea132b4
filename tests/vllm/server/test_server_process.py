"""A server of our own whose guard does not do its part, with an interpreter that only looks like one with vLLM."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from pgkern.rollout.vllm import server_process
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.server_process import ServerProcess

from ..processes import comes_true
from .processes import descendants, is_alive

# Answers /health, and has a child in a session of its own.
SERVER = """#!{python}
import subprocess, sys
from http.server import BaseHTTPRequestHandler
from socketserver import UnixStreamServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): ...

subprocess.Popen(["sleep", "900"], start_new_session=True)
UnixStreamServer(sys.argv[sys.argv.index("--uds") + 1], Handler).serve_forever()
"""


@pytest.fixture
def server(tmp_path: Path) -> ServerProcess:
    python = tmp_path / "python"
    python.write_text(SERVER.format(python=sys.executable))
    python.chmod(0o755)
    return ServerProcess(str(python), VllmArguments("no model"), tmp_path / "server.log", start_deadline_s=60.0)


def test_a_server_whose_guard_hangs_is_ended_all_the_same(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "_GUARD_HAS_S", 0.5)
    guard, folder = server._guard.pid, Path(server.address.removeprefix("unix:")).parent
    processes = descendants(guard)
    assert len(processes) == 3
    os.kill(guard, signal.SIGSTOP)
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < 15.0
    assert comes_true(lambda: not any(map(is_alive, processes)), 10.0)
    assert not folder.exists()
    assert not server.is_running()
    server.close()
