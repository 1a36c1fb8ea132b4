"""HTTP with a vLLM server: over TCP, or over a socket file that no other user of the machine can reach."""

import http.client
import json
import math
import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ..cancellation import Cancellation
from ..engine import EngineFailedError

_BODY_CHARACTERS = 2000  # of an error's body, in the message


class RefusedError(ValueError):
    """The server refuses a request (a status of 400 to 499)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.is_the_requests_fault = status in (400, 413, 422)
        """Rather than of a server that does not know or allow what it is asked for."""


class ServerConnection:
    """One connection to a server, kept open from request to request; one thread uses it, any may `abort` it.

    Args:
        address: `http://host:port`, `https://host:port` or `unix:/path/of/the.sock`.
        timeout_s: for connecting.
    """

    def __init__(self, address: str, timeout_s: float) -> None:
        self._address = address
        self._http, self._prefix = _connection(address, timeout_s)
        self._lock = threading.Lock()
        self._aborted = False

    def request(self, method: str, path: str, body: object = None, *, timeout_s: float = math.inf) -> str:
        """The text of the server's answer.

        `timeout_s`: without a byte from the server; infinite waits until `abort`.
        Raises `EngineFailedError` when the server cannot be reached, does not answer in time or answers with an error
        of its own, and `RefusedError`, a `ValueError`, when it refuses the request.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        try:
            self._open()
            self._http.sock.settimeout(None if math.isinf(timeout_s) else timeout_s)
            self._http.request(method, self._prefix + path, content, headers)
            response = self._http.getresponse()
            text = response.read().decode(errors="replace")
        except TimeoutError as error:
            self.close()
            raise EngineFailedError(
                f"{method} {path} of the vLLM server {self._address} had no answer in {timeout_s:g} s"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            reason = str(error) or type(error).__name__
            raise EngineFailedError(f"{method} {path} of the vLLM server {self._address} failed: {reason}") from error
        if response.status < 400:
            return text
        message = (
            f"{method} {path} of the vLLM server {self._address} gave HTTP status {response.status}: "
            f"{text[:_BODY_CHARACTERS]}"
        )
        # 408 and 429 speak of the server's state, not of the request.
        if response.status < 500 and response.status not in (408, 429):
            raise RefusedError(message, response.status)
        raise EngineFailedError(message)

    def abort(self) -> None:
        """From another thread: end the request under way, which then fails, and refuse all that follow."""
        with self._lock:
            self._aborted = True
            connected = self._http.sock  # the thread whose request it is may close it at any moment
            if connected is not None:
                _shut_down(connected)

    def close(self) -> None:
        """End the connection; another `request` opens it again."""
        self._http.close()

    def _open(self) -> None:
        if self._http.sock is None:
            self._http.connect()
        with self._lock:
            if self._aborted:
                raise ConnectionAbortedError("the request was given up")


def ask(
    address: str,
    method: str,
    path: str,
    body: object = None,
    *,
    timeout_s: float,
    cancellation: Cancellation | None = None,
) -> dict[str, Any]:
    """What a server answers to one request: an object; empty for nothing. Raises as `ServerConnection.request`."""
    text = ask_for_text(address, method, path, body, timeout_s=timeout_s, cancellation=cancellation)
    return read_object(text, f"{method} {path} of the vLLM server {address}") if text else {}


def ask_for_text(
    address: str,
    method: str,
    path: str,
    body: object = None,
    *,
    timeout_s: float,
    cancellation: Cancellation | None = None,
) -> str:
    """What a server answers to one request over a connection of its own. Raises as `ServerConnection.request`."""
    connection = ServerConnection(address, timeout_s)
    try:
        with (cancellation or Cancellation()).ends(connection.abort):
            return connection.request(method, path, body, timeout_s=timeout_s)
    finally:
        connection.close()


def read_object(text: str, source: str) -> dict[str, Any]:
    """Raises `EngineFailedError` when `text`, which came from `source`, is not a JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise EngineFailedError(f"{source} gave something else than JSON: {text[:200]!r}") from error
    if not isinstance(value, dict):
        raise EngineFailedError(f"{source} gave something else than an object: {text[:200]!r}")
    return value


class _SocketFileConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.settimeout(self.timeout)
        try:
            connected.connect(self._path)
        except BaseException:
            connected.close()
            raise
        self.sock = connected


def _connection(address: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    if address.startswith("unix:"):
        return _SocketFileConnection(address.removeprefix("unix:"), timeout_s), ""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"the address of a vLLM server is {address!r}, expected http://host:port or unix:/path")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=timeout_s), parts.path.rstrip("/")


def _shut_down(connected: socket.socket) -> None:
    with suppress(OSError):  # the other side was quicker
        connected.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it, as closing would not
