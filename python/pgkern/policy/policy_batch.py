"""The per-token inputs of a policy loss, checked and flattened to one row per token.

Names: B padded rows of L tokens, T tokens in all, S sequences.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..require_instance import require_instance

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


@dataclass(frozen=True, slots=True)
class PolicyBatch:
    """One row per token. At masked positions every number is 0, whatever the caller had there (NaN, inf, -100)."""

    advantages_T: Tensor
    mask_T: Tensor  # bool
    old_log_probs_T: Tensor | None
    sequence_T: Tensor  # int64, the index of the token's sequence
    num_sequences: int


def policy_batch(
    token_shape: torch.Size,
    device: torch.device,
    advantages: Tensor,
    mask: Tensor,
    old_log_probs: Tensor | None,
    sequence_ids: Tensor | None,
    dtype: torch.dtype,
) -> PolicyBatch:
    """Check the inputs against the shape (`[T]` or `[B, L]`) and the tokens' device, and flatten them.

    Raises:
        ValueError: types, shapes, dtypes or devices that do not fit, a mask with values other than 0 and 1, a sequence
            id that `advantages` has no entry for, unmasked advantages that are not finite or old log-probabilities that
            are NaN (values are looked at on the CPU only: a GPU would have to be waited for).
    """
    if len(token_shape) not in (1, 2):
        raise ValueError(f"expected tokens of shape [T] (packed) or [B, L] (padded), got {list(token_shape)}")
    for name, tensor in (
        ("advantages", advantages),
        ("mask", mask),
        ("old_log_probs", old_log_probs),
        ("sequence_ids", sequence_ids),
    ):
        if tensor is None and name in ("old_log_probs", "sequence_ids"):
            continue
        require_instance(name, tensor, Tensor)
        assert tensor is not None
        if tensor.device != device:
            raise ValueError(f"{name} is on {tensor.device}, the tokens are on {device}")
    mask_T = _flat_mask(mask, token_shape)
    old_log_probs_T = None
    if old_log_probs is not None:
        _require_shape("old_log_probs", old_log_probs, token_shape)
        _require_floating("old_log_probs", old_log_probs)
        old_log_probs_T = old_log_probs.detach().reshape(-1).to(dtype).where(mask_T, 0)
    per_token = advantages.shape == token_shape
    sequence_T, num_sequences = _sequences(sequence_ids, token_shape, mask_T, None if per_token else advantages)
    if not (advantages.is_floating_point() or advantages.dtype in _INTEGERS):
        raise ValueError(f"advantages must be real numbers, got {advantages.dtype}")
    advantages = advantages.detach().to(dtype)
    advantages_T = advantages.reshape(-1) if per_token else advantages[sequence_T]
    advantages_T = advantages_T.where(mask_T, 0)
    if device.type == "cpu":
        _refuse("advantages must be finite", advantages_T, ~advantages_T.isfinite(), sequence_T)
        if old_log_probs_T is not None:
            _refuse("old_log_probs must not be NaN", old_log_probs_T, old_log_probs_T.isnan(), sequence_T)
    return PolicyBatch(advantages_T, mask_T, old_log_probs_T, sequence_T, num_sequences)


def _flat_mask(mask: Tensor, token_shape: torch.Size) -> Tensor:
    _require_shape("mask", mask, token_shape)
    if mask.dtype == torch.bool:
        return mask.reshape(-1)
    if not (mask.is_floating_point() or mask.dtype in _INTEGERS):
        raise ValueError(f"mask must be bool, or numbers 0 and 1, got {mask.dtype}")
    mask_T = mask.detach().reshape(-1)
    if mask.device.type == "cpu":
        wrong = mask_T[(mask_T != 0) & (mask_T != 1)]
        if wrong.numel():
            raise ValueError(f"mask must hold 0 and 1 only, got {wrong[0].item()} ({wrong.numel()} such values)")
    return mask_T != 0


def _sequences(
    sequence_ids: Tensor | None, token_shape: torch.Size, mask_T: Tensor, advantages_S: Tensor | None
) -> tuple[Tensor, int]:
    if sequence_ids is None:
        num_sequences = token_shape[0] if len(token_shape) == 2 else 1
        sequence_T = torch.arange(num_sequences, device=mask_T.device).repeat_interleave(
            token_shape[-1], output_size=mask_T.numel()
        )
        if advantages_S is not None and advantages_S.shape != (num_sequences,):
            one_each = f"[{num_sequences}] (one per sequence)"
            raise ValueError(
                f"advantages has shape {list(advantages_S.shape)}, expected {one_each} "
                f"or the tokens' shape {list(token_shape)}"
                + ("; packed sequences need sequence_ids to be told apart" if len(token_shape) == 1 else "")
            )
        return sequence_T, num_sequences
    _require_shape("sequence_ids", sequence_ids, token_shape)
    if sequence_ids.dtype not in _INTEGERS:
        raise ValueError(f"sequence_ids must be integers, got {sequence_ids.dtype}")
    sequence_T = sequence_ids.reshape(-1).to(torch.int64).where(mask_T, 0)
    if advantages_S is None:
        num_sequences = int(sequence_T.max()) + 1 if sequence_T.numel() else 0  # on a GPU this waits for the device
    elif advantages_S.dim() == 1:
        num_sequences = advantages_S.shape[0]
    else:
        raise ValueError(
            f"advantages has shape {list(advantages_S.shape)}, expected [S] (one per sequence id) "
            f"or the tokens' shape {list(token_shape)}"
        )
    if sequence_T.device.type == "cpu" and sequence_T.numel():
        low, high = int(sequence_T.min()), int(sequence_T.max())
        if low < 0:
            raise ValueError(f"sequence_ids must be at least 0 where the mask is 1, got {low}")
        if high >= num_sequences and bool(mask_T.any()):
            raise ValueError(
                f"sequence_ids go up to {high}, but advantages has {num_sequences} sequences (ids 0 to S - 1)"
            )
    return sequence_T, num_sequences


def _refuse(rule: str, values_T: Tensor, wrong_T: Tensor, sequence_T: Tensor) -> None:
    if bool(wrong_T.any()):
        where = int(wrong_T.nonzero()[0, 0])
        raise ValueError(
            f"{rule} where the mask is 1, got {values_T[where].item()} at token {where} "
            f"(of sequence {int(sequence_T[where])})"
        )


def _require_shape(name: str, tensor: Tensor, token_shape: torch.Size) -> None:
    if tensor.shape != token_shape:
        raise ValueError(f"{name} has shape {list(tensor.shape)}, expected the tokens' shape {list(token_shape)}")


def _require_floating(name: str, tensor: Tensor) -> None:
    if not tensor.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {tensor.dtype}")
