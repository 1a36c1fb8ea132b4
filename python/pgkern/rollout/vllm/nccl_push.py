"""Weights sent to a server by NCCL: vLLM's own transfer, for servers with GPUs of their own, here or elsewhere."""

import json
import os
import select
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..engine import EngineFailedError
from . import nccl_sender
from .log_end import log_end
from .weight_push import Ask

_KILLED_HAS_S = 10.0


class NcclPush:
    """Keeps a sender (`nccl_sender`) that has met the server's workers; a `WeightPush`.

    The folder is read by the sender alone, so that server and trainer need not see the same file system. It sends from
    the first GPU that this process sees, which must be none of the server's.

    Args:
        python: the interpreter that has vLLM.
        ask: asks the server, which was started with `--weight-transfer-config '{"backend": "nccl"}'`.
        master_address: of this machine, as the server reaches it.
        log: the sender's output is appended here.
        deadline_s: for the meeting, and for each push.
    """

    def __init__(
        self,
        python: str,
        ask: Ask,
        *,
        master_address: str,
        log: Path,
        deadline_s: float = 300.0,
    ) -> None:
        self._ask, self._log, self._deadline_s = ask, log, deadline_s
        self._unread = b""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._sender = subprocess.Popen(
                [python, nccl_sender.__file__],
                stdin=subprocess.PIPE,  # its end ends the sender
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        try:
            world_size = 1 + int(ask("GET", "/get_world_size", None)["world_size"])
            self._say(
                {"master_address": master_address, "master_port": _free_port(master_address), "world_size": world_size}
            )
            self._serve_until("ready")
        except BaseException:
            self.close()
            raise

    def send(self, folder: Path) -> None:
        """See `WeightPush.send`."""
        self._say({"folder": str(folder.resolve())})
        self._serve_until("sent")

    def close(self) -> None:
        """See `WeightPush.close`."""
        with suppress(ProcessLookupError):
            os.killpg(self._sender.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # a driver may hold on to it
            self._sender.wait(_KILLED_HAS_S)
        for pipe in (self._sender.stdin, self._sender.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _serve_until(self, word: str) -> None:
        """Make the POSTs that the sender wants until it says this word."""
        deadline = time.monotonic() + self._deadline_s
        while word not in (message := self._next_message(deadline)):
            self._ask("POST", message["path"], message["body"])
            self._say({})

    def _say(self, message: dict[str, Any]) -> None:
        assert self._sender.stdin is not None
        try:
            self._sender.stdin.write(json.dumps(message).encode() + b"\n")
            self._sender.stdin.flush()
        except BrokenPipeError as error:
            raise EngineFailedError(f"the sender of weights has ended. {log_end(self._log)}") from error

    def _next_message(self, deadline: float) -> dict[str, Any]:
        assert self._sender.stdout is not None
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self._sender.stdout], [], [], max(0.0, left))
            if not readable:
                raise EngineFailedError(f"weights could not be sent by NCCL within {self._deadline_s:g} s")
            if not (read := os.read(self._sender.stdout.fileno(), 1 << 16)):
                raise EngineFailedError(f"the sender of weights has ended. {log_end(self._log)}")
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        message = json.loads(line)
        assert isinstance(message, dict)
        return message


def own_address(server_address: str) -> str:
    """This machine's address as the server at `http://host:port` or `unix:/path` reaches it."""
    parts = urlsplit(server_address)
    if not parts.hostname:
        return "127.0.0.1"
    family, kind, _, _, place = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as endpoint:
        endpoint.connect(place)  # of a datagram socket: chooses a way, sends nothing
        return str(endpoint.getsockname()[0])


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as listening:
        return int(listening.getsockname()[1])
