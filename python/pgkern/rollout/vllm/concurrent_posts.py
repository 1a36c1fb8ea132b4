"""Many POSTs to a server at once, over a bounded number of connections."""

import queue
import resource
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..engine import EngineFailedError
from .server_connection import ServerConnection

_MOST_CONNECTIONS = 512  # each is a thread, and a file


def connections_each(servers: int) -> int:
    """How many connections to each of so many servers this process may open, at least 1: half of the files it may."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        files = 2 * _MOST_CONNECTIONS
    return max(1, min(files // 2, _MOST_CONNECTIONS) // servers)


class ConcurrentPosts:
    """Sends every body to one path and hands out the answers as they come.

    A thread for each connection, which waits; the server does the work. `close` ends what is under way: a server that
    sees the connection end aborts its request.

    Args:
        address: see `ServerConnection`.
        path: of the POSTs.
        bodies: one for each POST; each is sent once.
        connections: at most so many are open at once, and at most as many as this process may open.
        connect_timeout_s: for opening one; an answer may take any time.
    """

    def __init__(
        self,
        address: str,
        path: str,
        bodies: Sequence[Mapping[str, Any]],
        connections: int,
        connect_timeout_s: float,
    ) -> None:
        self._path = path
        self._to_send = deque(enumerate(bodies))
        self._results: queue.SimpleQueue[tuple[int, str] | Exception] = queue.SimpleQueue()
        number = min(connections, connections_each(1), len(bodies))
        self._connections = [ServerConnection(address, connect_timeout_s) for _ in range(number)]
        self._threads = [
            threading.Thread(target=self._send, args=(connection,), name="pgkern vllm request", daemon=True)
            for connection in self._connections
        ]
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float) -> list[tuple[int, str]]:
        """The bodies' places and their answers' texts, all that have come; empty after `timeout_s` without one.

        Raises what a request raised: see `ServerConnection.request`.
        """
        results = []
        with suppress(queue.Empty):
            results.append(self._results.get(timeout=timeout_s))
            while True:
                results.append(self._results.get_nowait())
        answers = []
        for result in results:
            if isinstance(result, Exception):
                raise result
            answers.append(result)
        return answers

    def close(self) -> None:
        """End every request that has no answer yet."""
        self._to_send.clear()
        for connection in self._connections:
            connection.abort()
        for thread in self._threads:
            thread.join(timeout=1.0)  # one that is still connecting ends by its time limit

    def _send(self, connection: ServerConnection) -> None:
        try:
            while True:
                index, body = self._to_send.popleft()
                self._results.put((index, connection.request("POST", self._path, body)))
        except IndexError:
            pass  # everything is sent
        except (EngineFailedError, ValueError) as error:
            self._results.put(error)
        finally:
            connection.close()
