"""The head's weight where it lies sharded on several ranks, as a DTensor: FSDP2, tensor parallelism."""

from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

MaybeTensor = TypeVar("MaybeTensor", Tensor, Tensor | None)


def is_dtensor(tensor: Tensor) -> bool:
    """Without an import of what a torch may lack."""
    return type(tensor) is not Tensor and hasattr(tensor, "full_tensor")


def gathered(tensor: MaybeTensor, process_group: "ProcessGroup | None" = None) -> MaybeTensor:
    """The whole of a weight, a bias or an adapter's matrix that is a DTensor; any other tensor itself.

    Every rank has tokens of its own. Their gradients are averaged, as FSDP2 and DDP do, and each rank keeps its part.

    Raises:
        ValueError: a DTensor where tensors are slices of the vocabulary: the whole of it on every rank is none.
    """
    if tensor is None or not is_dtensor(tensor):
        return tensor
    if process_group is not None:
        raise ValueError(
            "with process_group, weight, bias and lora_B are this rank's rows, as plain tensors (`to_local()`), "
            f"got a DTensor of shape {list(tensor.shape)}"
        )
    found: Tensor = _Gathered.apply(tensor)  # type: ignore[no-untyped-call]
    return found


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sharded: Any) -> Tensor:
        ctx.mesh, ctx.placements = sharded.device_mesh, sharded.placements
        ctx.shape, ctx.stride = sharded.shape, sharded.stride()
        found: Tensor = sharded.detach().full_tensor()
        return found

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        from torch.distributed.tensor import DTensor, Partial

        mine = DTensor.from_local(
            grad,
            ctx.mesh,
            [Partial()] * ctx.mesh.ndim,
            run_check=False,
            shape=ctx.shape,
            stride=ctx.stride,
        )
        return mine.redistribute(placements=ctx.placements) / ctx.mesh.size()
