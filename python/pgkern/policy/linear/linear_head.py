"""The inputs of everything that starts from hidden states: checked, and flattened to one row per token.

Names: T tokens, D hidden size, V vocabulary, K rank of an adapter.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...require_instance import require_instance
from ..inputs.look_at_values import look_at_values
from ..inputs.temperature import check_softcap, temperatures
from ..inputs.token_ids import checked_token_ids
from ..logits.vocabulary_parallel import VocabularySlice, vocabulary_slice
from ..taken import taken_temperature
from .gathered_weight import is_dtensor
from .lora import Lora, down_and_up

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


@dataclass(frozen=True, slots=True)
class LinearHead:
    """`log_softmax(capped(logits) / temperature)[token_ids]`, not yet computed, where

        logits = hidden @ weight.T + (hidden @ down.T) @ up.T + bias

    The first `INPUTS` fields may want a gradient.
    """

    hidden_TD: Tensor
    weight_VD: Tensor
    bias_V: Tensor | None
    down_KD: Tensor | None  # an adapter's matrices, in the compute dtype: both or neither
    up_VK: Tensor | None
    token_ids_T: Tensor
    temperature_T: Tensor  # one per token, or one
    softcap: float | None
    exact: bool  # fp32 logits (or fp64) whatever they cost
    scored_T: Tensor | None = None  # where rows that are not scored are computed all the same

    @property
    def tensors(self) -> "tuple[Tensor | float | bool | None, ...]":
        """What the operators take first."""
        return (
            *self.inputs,
            *(self.token_ids_T, self.temperature_T, self.softcap, self.exact),
        )

    @property
    def inputs(self) -> "tuple[Tensor | None, ...]":
        """What may want a gradient."""
        return self.hidden_TD, self.weight_VD, self.bias_V, self.down_KD, self.up_VK

    @property
    def compute_dtype(self) -> torch.dtype:
        """fp64 if hidden or weight is fp64, else fp32."""
        return compute_dtype(self.hidden_TD, self.weight_VD)

    def hidden(self, rows_A: Tensor) -> Tensor:
        """Of these rows; 0 in those that are not scored, where anything may stand."""
        hidden_AD = self.hidden_TD[rows_A]
        return hidden_AD if self.scored_T is None else hidden_AD.where(self.scored_T[rows_A, None], 0)

    def with_unscored_rows(self, scored_T: Tensor) -> "LinearHead":
        """For passes that cannot leave out the rows that are not scored."""
        return replace(self, scored_T=scored_T)

    def local_ids(self, rows_A: Tensor, part: VocabularySlice | None) -> Tensor:
        """Their tokens, as columns of the weight's rows: none of them, where another rank has the token's."""
        ids_A = self.token_ids_T[rows_A]
        return ids_A if part is None else ids_A - part.first

    def temperatures(self, rows_A: Tensor) -> Tensor:
        """One for all of these rows, or theirs."""
        return taken_temperature(self.temperature_T, rows_A)


INPUTS = 5  # of `LinearHead.tensors` may want a gradient: hidden, weight, bias, down, up


_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def _require_dtype(name: str, tensor: Tensor) -> None:
    if tensor.dtype not in _DTYPES:
        raise ValueError(f"{name} must be floating point, got {tensor.dtype} (not fp16, bf16, fp32 or fp64)")


def compute_dtype(hidden: Tensor, weight: Tensor) -> torch.dtype:
    """fp64 if hidden or weight is fp64, else fp32.

    Raises:
        ValueError: one of them is of a dtype that nothing is computed from.
    """
    _require_dtype("hidden", hidden)
    _require_dtype("weight", weight)
    return torch.promote_types(torch.promote_types(hidden.dtype, weight.dtype), torch.float32)


def linear_head(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    bias: Tensor | None,
    temperature: float | Tensor,
    softcap: float | None,
    scored_T: Tensor | None = None,
    part: VocabularySlice | None = None,
    logits_dtype: torch.dtype | None = None,
    lora: Lora | None = None,
) -> LinearHead:
    """Check and flatten. Token ids outside `scored_T` (all, if None) may be anything and become 0.

    With `part` the weight (and lora_B) is a slice of the vocabulary, and token ids are of the whole.

    Raises:
        ValueError: shapes, dtypes or values that do not fit, with the numbers.
    """
    for name, tensor in (("hidden", hidden), ("weight", weight), ("token_ids", token_ids), ("bias", bias)):
        if tensor is not None or name != "bias":
            require_instance(name, tensor, Tensor)
    for name, tensor in (("hidden", hidden), ("token_ids", token_ids)):
        if is_dtensor(tensor):
            raise ValueError(
                f"{name} must be this rank's own tokens, as a plain tensor (`to_local()` or `full_tensor()`), "
                f"got a DTensor of shape {list(tensor.shape)}"
            )
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
        if tensor is not None:
            _require_dtype(name, tensor)
        if tensor is not None and tensor.device != weight.device:
            raise ValueError(f"{name} is on {tensor.device}, weight on {weight.device}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias has shape {list(bias.shape)}, expected [{weight.shape[0]}], one per row of weight")
    if token_ids.device != weight.device:
        raise ValueError(f"token_ids is on {token_ids.device}, weight on {weight.device}")
    vocabulary = weight.shape[0] if part is None else part.vocabulary
    token_ids_T = checked_token_ids(token_ids, vocabulary, scored_T)
    temperature_T = temperatures(temperature, token_ids.shape, weight.device, compute_dtype(hidden, weight), scored_T)
    if part is None and not look_at_values(weight.device):
        # What cannot be refused makes everything of its row NaN, by way of the temperature, and reads nothing outside.
        inside_T = (token_ids_T >= 0) & (token_ids_T < weight.shape[0])
        token_ids_T = token_ids_T.where(inside_T, 0)
        temperature_T = temperature_T.expand(token_ids_T.shape).where(inside_T, torch.nan)
    wide = compute_dtype(hidden, weight)
    if logits_dtype not in (None, wide):
        raise ValueError(
            f"logits_dtype must be None or {wide} for hidden of {hidden.dtype} and weight of {weight.dtype}, "
            f"got {logits_dtype!r}"
        )
    hidden_TD = hidden.reshape(-1, hidden.shape[-1])
    exact = logits_dtype is not None
    down_KD, up_VK = down_and_up(lora, weight, wide, None if part is None else part.process_group)
    return LinearHead(
        hidden_TD, weight, bias, down_KD, up_VK, token_ids_T, temperature_T, check_softcap(softcap), exact
    )


def vocabulary_part(weight: Tensor, token_ids: Tensor, process_group: "ProcessGroup") -> VocabularySlice:
    """This rank's slice, told by the sizes of all of them."""
    require_instance("weight", weight, Tensor)
    require_instance("token_ids", token_ids, Tensor)
    if weight.dim() != 2:
        raise ValueError(f"weight must have shape [V, D], got {list(weight.shape)}")
    part = vocabulary_slice(weight.shape[0], token_ids.numel(), weight.device, process_group)
    assert part is not None
    return part
