import json
from pathlib import Path

import pytest
import torch
from torch.multiprocessing.reductions import rebuild_cuda_tensor

from pgkern.rollout.engine import EngineFailedError
from pgkern.rollout.vllm import shared_tensors
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica

# What torch gives for a bfloat16 tensor [3, 4] on a GPU, in the order of `rebuild_cuda_tensor`.
ARGUMENTS = (
    torch.Tensor,
    torch.Size([3, 4]),
    (4, 1),
    8,
    torch.UntypedStorage,
    torch.bfloat16,
    0,
    b"\x00\xffmemory",
    4096,
)
ARGUMENTS += (512, False, b"\x01count", 3, b"event\xfe", True)


def test_a_handle_survives_its_way_as_text() -> None:
    row = json.loads(json.dumps(shared_tensors._as_json(ARGUMENTS)))
    assert shared_tensors._from_json(row, "bfloat16") == ARGUMENTS


def test_torch_takes_what_is_written_down_here() -> None:
    names = rebuild_cuda_tensor.__code__.co_varnames[: rebuild_cuda_tensor.__code__.co_argcount]
    named = dict(zip(names, ARGUMENTS, strict=True))
    assert named["dtype"] is torch.bfloat16
    assert named["storage_cls"] is torch.UntypedStorage
    assert [name for name, value in named.items() if isinstance(value, bytes)] == [
        "storage_handle",
        "ref_counter_handle",
        "event_handle",
    ]


def test_only_a_gpus_memory_can_be_shared() -> None:
    with pytest.raises(ValueError, match="the weight 'a' is on cpu"):
        shared_tensors.share([("a", torch.ones(2))])


def test_an_engine_without_a_transfer_fails_and_is_ended(
    vllm_host: WorkerHost, saved_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"name": "a", "dtype": "bfloat16", "shape": [3, 4], "gpu": "a", "handle": shared_tensors._as_json(ARGUMENTS)}
    monkeypatch.setattr(shared_tensors, "share", lambda weights: ([row], []))
    replica = WorkerReplica(vllm_host, VllmArguments(str(saved_models["tied"]), max_model_len=64, kv_cache_mib=64))
    with pytest.raises(EngineFailedError, match=r"could not read the trainer's weights: .*not configured"):
        replica.load_shared([], 1)
