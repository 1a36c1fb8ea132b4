"""The inputs of everything that starts from hidden states: checked, and flattened to one row per token.

Names: T tokens, D hidden size, V vocabulary.
"""

import math
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from ..require_instance import require_instance

_ID_DTYPES = (torch.int64, torch.int32)


@dataclass(frozen=True, slots=True)
class LinearHead:
    """`log_softmax((hidden @ weight.T + bias) / temperature)[token_ids]`, not yet computed."""

    hidden_TD: Tensor
    weight_VD: Tensor
    bias_V: Tensor | None
    token_ids_T: Tensor
    temperature: float

    @property
    def compute_dtype(self) -> torch.dtype:
        """fp64 if an input is fp64, else fp32: logits are never rounded to 16 bits."""
        return torch.promote_types(torch.promote_types(self.hidden_TD.dtype, self.weight_VD.dtype), torch.float32)


def linear_head(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    bias: Tensor | None,
    temperature: float,
    scored_T: Tensor | None = None,
) -> LinearHead:
    """Check and flatten. Token ids outside `scored_T` (all, if None) may be anything and become 0.

    Raises:
        ValueError: shapes, dtypes or values that do not fit, with the numbers.
    """
    for name, tensor in (("hidden", hidden), ("weight", weight), ("token_ids", token_ids), ("bias", bias)):
        if tensor is not None or name != "bias":
            require_instance(name, tensor, Tensor)
    if weight.dim() != 2:
        raise ValueError(f"weight must have shape [V, D], got {list(weight.shape)}")
    if hidden.dim() not in (2, 3):
        raise ValueError(f"hidden must have shape [T, D] (packed) or [B, L, D] (padded), got {list(hidden.shape)}")
    if hidden.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"hidden has size {hidden.shape[-1]} but weight is for {weight.shape[1]} (shape {list(weight.shape)})"
        )
    if token_ids.shape != hidden.shape[:-1]:
        raise ValueError(f"token_ids has shape {list(token_ids.shape)}, expected hidden's {list(hidden.shape[:-1])}")
    for name, tensor in (("hidden", hidden), ("weight", weight), ("bias", bias)):
        if tensor is not None and not tensor.is_floating_point():
            raise ValueError(f"{name} must be floating point, got {tensor.dtype}")
        if tensor is not None and tensor.device != weight.device:
            raise ValueError(f"{name} is on {tensor.device}, weight on {weight.device}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias has shape {list(bias.shape)}, expected [{weight.shape[0]}], one per row of weight")
    if token_ids.device != weight.device:
        raise ValueError(f"token_ids is on {token_ids.device}, weight on {weight.device}")
    check_temperature(temperature)
    token_ids_T = checked_token_ids(token_ids, weight.shape[0], scored_T)
    return LinearHead(hidden.reshape(-1, hidden.shape[-1]), weight, bias, token_ids_T, float(temperature))


def check_temperature(temperature: float) -> None:
    """Refuse what logits cannot be divided by."""
    if isinstance(temperature, Tensor):
        raise ValueError(f"temperature must be a Python or numpy number, got {temperature!r}; take its .item()")
    if isinstance(temperature, bool) or not isinstance(temperature, Real):
        raise ValueError(f"temperature must be a number, got {temperature!r}")
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be finite and above 0, got {temperature}")


def checked_token_ids(token_ids: Tensor, vocabulary: int, scored_T: Tensor | None = None) -> Tensor:
    """The ids as int64 `[T]`, 0 where they are not scored.

    Raises:
        ValueError: not integers; on the CPU, a scored id outside the vocabulary. On a GPU, where looking would mean
            waiting for the device, such a row comes out as NaN instead and nothing is read out of bounds.
    """
    if token_ids.dtype not in _ID_DTYPES:
        raise ValueError(f"token_ids must be int64 or int32, got {token_ids.dtype}")
    token_ids_T = token_ids.reshape(-1).to(torch.int64)
    if scored_T is not None:
        token_ids_T = token_ids_T.where(scored_T, 0)
    if token_ids.device.type == "cpu":
        outside_T = (token_ids_T < 0) | (token_ids_T >= vocabulary)
        if scored_T is not None:
            outside_T &= scored_T
        if bool(outside_T.any()):
            where = int(outside_T.nonzero()[0, 0])
            raise ValueError(
                f"token id {int(token_ids_T[where])} (at token {where}) is outside the vocabulary of {vocabulary}: "
                f"expected 0 to {vocabulary - 1}"
            )
    return token_ids_T
