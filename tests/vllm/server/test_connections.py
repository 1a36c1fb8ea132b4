"""What goes wrong between a trainer and its server, with a server that only answers like vLLM's."""

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import cast
from unittest.mock import PropertyMock

import pytest

from pgkern.rollout.cancellation import Cancellation
from pgkern.rollout.engine import EngineFailedError, Prompt, Sampling
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.concurrent_posts import connections_each
from pgkern.rollout.vllm.server_connection import ServerConnection, ask
from pgkern.rollout.vllm.server_process import ServerProcess
from pgkern.rollout.vllm.server_replica import ServerReplica

from ..by_hand import requests
from ..processes import comes_true
from .processes import descendants

ASKED = requests([Prompt("", (1, 2))], num_samples=300)
ONE_TOKEN = Sampling(max_tokens=1)


@pytest.fixture
def address() -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).parent / "no_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


@pytest.fixture
def few_files() -> Iterator[None]:
    """This process may open as many again as it has, and some."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * opened + 32, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("few_files")
def test_more_requests_than_this_process_may_open_files(address: str) -> None:
    replica = ServerReplica(address, lambda ids: "", connections=len(ASKED))
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] < len(ASKED)
    assert len(list(replica.generate(ASKED, ONE_TOKEN, 60.0))) == len(ASKED)


@pytest.mark.parametrize(
    ("files", "servers", "connections"),
    [(1024, 1, 512), (1024, 4, 128), (1 << 20, 1, 512), (resource.RLIM_INFINITY, 2, 256), (64, 100, 1)],
)
def test_servers_share_half_of_the_files(
    monkeypatch: pytest.MonkeyPatch, files: int, servers: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (files, files))
    assert connections_each(servers) == connections


def test_a_newer_vllm_is_a_doubt(address: str) -> None:
    (doubt,) = ServerReplica(address, lambda ids: "").doubts
    assert "vLLM is 0.99.0" in doubt


def test_a_server_that_has_become_another_is_an_engine_that_failed(address: str) -> None:
    replica = ServerReplica(address, lambda ids: "")
    ask(address, "POST", "/forget", timeout_s=10.0)
    with pytest.raises(EngineFailedError, match=r"/weight_info .* gave HTTP status 404"):
        replica.version()
    with pytest.raises(EngineFailedError, match=r"/weight_info .* gave HTTP status 404"):
        list(replica.generate(ASKED[:1], ONE_TOKEN, 60.0))
    with pytest.raises(ValueError, match="start it with VLLM_SERVER_DEV_MODE=1"):
        ServerReplica(address, lambda ids: "")


def test_a_server_that_hangs_while_it_is_looked_at_is_left_when_that_is_cancelled(address: str) -> None:
    ask(address, "POST", "/hang", timeout_s=10.0)
    cancellation = Cancellation()
    threading.Timer(1.0, cancellation.cancel).start()
    began = time.monotonic()
    with pytest.raises(EngineFailedError, match=r"/version of the vLLM server .* failed"):
        ServerReplica(address, lambda ids: "", cancellation=cancellation)
    assert time.monotonic() - began < 60.0  # not by its deadline, 300 s


def test_a_connection_that_is_aborted_while_its_own_thread_closes_it() -> None:
    connection = ServerConnection("http://127.0.0.1:1", 1.0)
    with socket.socket() as connected:
        sock = PropertyMock(side_effect=[connected, None])
        connection._http = cast("HTTPConnection", type("Closing", (), {"sock": sock})())
        connection.abort()
    assert sock.called


def test_a_server_that_is_still_starting_is_ended_when_that_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = tmp_path / "vllm" / "entrypoints" / "openai" / "api_server.py"
    server.parent.mkdir(parents=True)
    server.write_text("import time\ntime.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before, cancellation = set(descendants(os.getpid())), Cancellation()

    def started() -> bool:
        return len(set(descendants(os.getpid())) - before) == 2  # the guard and the server

    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(
            ServerProcess, sys.executable, VllmArguments("no model"), tmp_path / "log", cancellation=cancellation
        )
        assert comes_true(started)
        began = time.monotonic()
        cancellation.cancel()
        with pytest.raises(EngineFailedError, match="did not start"):
            starting.result(120.0)
    assert time.monotonic() - began < 60.0
    assert not set(descendants(os.getpid())) - before
