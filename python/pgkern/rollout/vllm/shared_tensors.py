"""Weights in a GPU's memory that another process of the same GPU reads where they are: CUDA's IPC handles as JSON.

The tensors must stay as they are until the other side has said that it has them.
"""

import base64
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import reduce_tensor

# Of what torch passes to `rebuild_cuda_tensor`: shape, stride, dtype and the like stand between.
_TENSOR_CLASS, _STORAGE_CLASS, _DTYPE = 0, 4, 5
_BYTES = (7, 11, 13)  # handles of the memory, of the count of its readers, and of an event


def share(weights: Iterable[tuple[str, Tensor]]) -> tuple[list[dict[str, Any]], list[Tensor]]:
    """What the other process needs to know, and tensors to hold on to until it is done.

    Raises `ValueError` for a tensor that is not in a GPU's memory.
    """
    rows, held = [], []
    for name, tensor in weights:
        if not tensor.is_cuda:
            raise ValueError(f"the weight {name!r} is on {tensor.device}, and only a GPU's memory can be shared")
        whole = tensor.detach().contiguous()
        held.append(whole)
        uuid = str(torch.cuda.get_device_properties(whole.device).uuid)
        _, arguments = reduce_tensor(whole)  # type: ignore[no-untyped-call]
        rows.append(
            {
                "name": name,
                "dtype": str(whole.dtype).removeprefix("torch."),
                "shape": list(whole.shape),
                "gpu": uuid,
                "handle": _as_json(arguments),
            }
        )
    return rows, held


def update_info(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The fields of vLLM's `IPCWeightTransferUpdateInfo`, out of what `share` gave."""
    rows = list(rows)
    return {
        "names": [row["name"] for row in rows],
        "dtype_names": [row["dtype"] for row in rows],
        "shapes": [row["shape"] for row in rows],
        "ipc_handles": [{row["gpu"]: _from_json(row["handle"], row["dtype"])} for row in rows],
    }


def _as_json(arguments: tuple[Any, ...]) -> list[Any]:
    row: list[Any] = [list(value) if isinstance(value, tuple) else value for value in arguments]
    row[_TENSOR_CLASS] = row[_STORAGE_CLASS] = row[_DTYPE] = None  # the other side knows them
    for place in _BYTES:
        row[place] = base64.b64encode(row[place]).decode("ascii")
    return row


def _from_json(row: list[Any], dtype: str) -> tuple[Any, ...]:
    arguments: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row]
    arguments[_TENSOR_CLASS], arguments[_STORAGE_CLASS] = torch.Tensor, torch.UntypedStorage
    arguments[_DTYPE] = getattr(torch, dtype)
    for place in _BYTES:
        arguments[place] = base64.b64decode(arguments[place])
    return tuple(arguments)
