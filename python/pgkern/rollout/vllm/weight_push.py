"""How weights come from a folder into a vLLM server: it reads the folder itself, or is sent them by NCCL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

Ask = Callable[[str, str, object], dict[str, Any]]
"""(method, path, body) -> the server's answer; raises `EngineFailedError`."""


class WeightPush(Protocol):
    """Gives the weights in a folder to one server, which generates nothing meanwhile."""

    def send(self, folder: Path) -> None:
        """Returns when the server has them. Raises `EngineFailedError`; the server may then be half updated."""
        ...

    def close(self) -> None:
        """Nothing of it runs afterwards. May be called twice."""
        ...


class SharedFolder:
    """The server reads the folder, which it must see under the same path."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def send(self, folder: Path) -> None:
        """See `WeightPush.send`."""
        # A server that was started with dummy weights would refuse files, and one with another format misread them.
        read_files = [{"load_config": {"load_format": "auto"}}]
        self._ask("POST", "/collective_rpc", {"method": "update_config", "args": read_files})
        path = {"weights_path": str(folder.resolve())}
        self._ask("POST", "/collective_rpc", {"method": "reload_weights", "kwargs": path})

    def close(self) -> None:
        """Nothing to end."""
