"""Messages over a socket between the trainer and vLLM's process: JSON, with its length in front."""

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("<Q")


class Channel:
    """One end of it. Nothing that comes is ever unpickled."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = bytearray()

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def send(self, message: dict[str, Any], seconds: float | None = None) -> None:
        """Send a message.

        Raises `TimeoutError` when the other side does not take it in time, `OSError` when it is gone.
        """
        payload = json.dumps(message, allow_nan=False).encode()
        self._socket.settimeout(seconds)
        self._socket.sendall(_LENGTH.pack(len(payload)) + payload)

    def receive(self) -> dict[str, Any]:
        """The next message, when it has come. Raises `EOFError` when the other side has closed."""
        self._socket.settimeout(None)
        while (message := self.next_message()) is None:
            self.take_what_is_there()
        return message

    def next_message(self) -> dict[str, Any] | None:
        """A message that has come whole, or None."""
        if len(self._received) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(self._received)
        if len(self._received) < _LENGTH.size + size:
            return None
        payload = bytes(self._received[_LENGTH.size : _LENGTH.size + size])
        del self._received[: _LENGTH.size + size]
        message = json.loads(payload)
        if not isinstance(message, dict):
            raise ValueError(f"a message is a {type(message).__name__}, expected an object")
        return message

    def take_what_is_there(self) -> None:
        """Read once, which does not wait after `select` has found something. Raises `EOFError` at the end."""
        piece = self._socket.recv(1 << 20)
        if not piece:
            raise EOFError("the other side has closed the socket")
        self._received += piece

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
