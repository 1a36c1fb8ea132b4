"""The sending end of vLLM's own transfer of weights by NCCL. Run as a script, in the interpreter that has vLLM.

It is a process of its own because a transfer whose other end has died cannot be given up, only killed. What vLLM would
ask of the server by HTTP it asks of the process above it, which knows how to reach the server; the lines of JSON are

    in   {"master_address": …, "master_port": …, "world_size": …}     once, to begin with
    out  {"ready": true}
    in   {"folder": …}                                                 for each push
    out  {"sent": true}
    out  {"path": …, "body": …}                                        at any time: a POST to be made
    in   {}                                                            it was made

It ends with its standard input, in whatever state. Needs a GPU that is not one of the server's.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from torch import Tensor

_ENDED = 1


class _Wire:
    """Lines of JSON from and to the process above."""

    def __init__(self, source: TextIO, sink: TextIO) -> None:
        self._source, self._sink = source, sink
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def receive(self) -> dict[str, Any]:
        return self._lines.get()

    def say(self, message: dict[str, Any]) -> None:
        self._sink.write(json.dumps(message) + "\n")
        self._sink.flush()

    def _read(self) -> None:
        for line in self._source:
            self._lines.put(json.loads(line))
        os._exit(_ENDED)  # also out of a transfer that nobody receives


class _Server:
    """What vLLM calls a `VLLMWeightSyncClient`. One call at a time: whoever waits on the wire waits for its answer."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self._post("/init_weight_transfer_engine", {"init_info": init_info})

    def start_weight_update(self) -> None:
        self._post("/start_weight_update", None)

    def update_weights(self, update_info: object) -> None:
        self._post("/update_weights", {"update_info": update_info})

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self._post("/finish_weight_update", None)  # the process above names the weights when all is done

    def shutdown_weight_transfer_engine(self) -> None:
        self._post("/shutdown_weight_transfer_engine", None)

    def _post(self, path: str, body: object) -> None:
        self._wire.say({"path": path, "body": body})
        self._wire.receive()


class _Folder:
    """What vLLM calls a `WeightSource`: the tensors of the folder's safetensors file, on the GPU one by one."""

    path: Path

    def metadata(self) -> list[Any]:
        from vllm.distributed.weight_transfer.base import ParamMeta

        return [ParamMeta(name, tensor.dtype, tuple(tensor.shape)) for name, tensor in self._tensors("cpu")]

    def __iter__(self) -> "Iterator[tuple[str, Tensor]]":
        return self._tensors("cuda")

    def _tensors(self, device: str) -> "Iterator[tuple[str, Tensor]]":
        from safetensors import safe_open

        with safe_open(self.path / "model.safetensors", framework="pt", device=device) as file:
            for name in sorted(file.keys()):
                yield name, file.get_tensor(name)


def main() -> None:
    """Meet the server, then send what is asked for."""
    sink = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is no message
    wire = _Wire(sys.stdin, sink)

    from vllm.distributed.weight_transfer.factory import WeightTransferTrainerFactory
    from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

    folder: Any = _Folder()
    place = wire.receive()
    sender = WeightTransferTrainerFactory.trainer_init(
        NCCLTrainerInitInfo(rank=0, packed=True, **place), client=_Server(wire), source=folder
    )
    wire.say({"ready": True})
    while True:
        folder.path = Path(wire.receive()["folder"])
        sender.send_weights()
        wire.say({"sent": True})


if __name__ == "__main__":
    main()
