"""The inputs of everything that starts from hidden states: checked, and flattened to one row per token.

Names: T tokens, D hidden size, V vocabulary.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...require_instance import require_instance
from ..inputs.look_at_values import look_at_values
from ..inputs.temperature import check_softcap, temperatures
from ..inputs.token_ids import checked_token_ids
from ..taken import taken_temperature


@dataclass(frozen=True, slots=True)
class LinearHead:
    """`log_softmax(capped(hidden @ weight.T + bias) / temperature)[token_ids]`, not yet computed."""

    hidden_TD: Tensor
    weight_VD: Tensor
    bias_V: Tensor | None
    token_ids_T: Tensor
    temperature_T: Tensor  # one per token, or one
    softcap: float | None

    @property
    def compute_dtype(self) -> torch.dtype:
        """fp64 if hidden or weight is fp64, else fp32: logits are never rounded to 16 bits."""
        return compute_dtype(self.hidden_TD, self.weight_VD)

    def at(self, rows_A: Tensor) -> "LinearHead":
        """Of these rows only."""
        return replace(
            self,
            hidden_TD=self.hidden_TD[rows_A],
            token_ids_T=self.token_ids_T[rows_A],
            temperature_T=self.temperatures(rows_A),
        )

    def temperatures(self, rows_A: Tensor) -> Tensor:
        """One for all of these rows, or theirs."""
        return taken_temperature(self.temperature_T, rows_A)


def compute_dtype(hidden: Tensor, weight: Tensor) -> torch.dtype:
    """fp64 if hidden or weight is fp64, else fp32."""
    return torch.promote_types(torch.promote_types(hidden.dtype, weight.dtype), torch.float32)


def linear_head(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    bias: Tensor | None,
    temperature: float | Tensor,
    softcap: float | None,
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
    token_ids_T = checked_token_ids(token_ids, weight.shape[0], scored_T)
    temperature_T = temperatures(temperature, token_ids.shape, weight.device, compute_dtype(hidden, weight), scored_T)
    if not look_at_values(weight.device):
        # What cannot be refused makes everything of its row NaN, by way of the temperature, and reads nothing outside.
        inside_T = (token_ids_T >= 0) & (token_ids_T < weight.shape[0])
        token_ids_T = token_ids_T.where(inside_T, 0)
        temperature_T = temperature_T.expand(token_ids_T.shape).where(inside_T, torch.nan)
    hidden_TD = hidden.reshape(-1, hidden.shape[-1])
    return LinearHead(hidden_TD, weight, bias, token_ids_T, temperature_T, check_softcap(softcap))
