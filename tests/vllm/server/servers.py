"""Servers that are started when a test first needs them, and again when a test has killed them: a start takes long."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.server_replica import ServerReplica

from .processes import is_alive, server_processes

_TRAINER = """
import sys, time
from pathlib import Path
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.server_process import ServerProcess
server = ServerProcess(sys.argv[1], VllmArguments(sys.argv[2], max_model_len=256, kv_cache_mib=64), Path(sys.argv[3]))
print(server.address, flush=True)
time.sleep(3600)
"""


class OwnServer:
    """A server of this process."""

    def __init__(self, python: str, arguments: VllmArguments, log: Path, decode: Callable[[list[int]], str]) -> None:
        self._python, self._arguments, self._log, self._decode = python, arguments, log, decode
        self._replica: ServerReplica | None = None

    def replica(self) -> ServerReplica:
        if self._replica is None or not server_processes(self._replica.address):
            self.close()
            # So few that tests ask for more at once, and that first answers come soon.
            self._replica = ServerReplica.start(self._python, self._arguments, self._log, self._decode, connections=32)
        return self._replica

    def close(self) -> None:
        if self._replica is not None:
            self._replica.close()


class OtherServer:
    """A server of another process, which can be killed."""

    def __init__(self, python: str, model: Path, log: Path) -> None:
        self._command = [sys.executable, "-c", _TRAINER, python, str(model), str(log)]
        self.log = log
        self.trainer: subprocess.Popen[bytes] | None = None
        self._address = ""

    def address(self) -> str:
        if self.trainer is None or not is_alive(self.trainer.pid):
            self.trainer = subprocess.Popen(self._command, stdout=subprocess.PIPE)
            assert self.trainer.stdout is not None
            self._address = self.trainer.stdout.readline().decode().strip()
            assert self._address, self.log.read_text()
        return self._address

    def kill(self) -> None:
        if self.trainer is not None:
            with self.trainer:
                self.trainer.kill()
