"""The per-token inputs of a policy loss, checked and flattened to one row per token.

Names: B padded rows of L tokens, T tokens in all, S sequences.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...require_instance import require_instance
from ..objective import PolicyObjective
from ..terms.policy_terms import PolicyTerms
from ..terms.sequences import Sequences
from .look_at_values import look_at_values
from .packed_sequences import INTEGERS, packed_sequences, padded_sequences
from .savable import savable


@dataclass(frozen=True, slots=True)
class PolicyBatch:
    """One row per token. At masked positions every number is 0, whatever the caller had there (NaN, inf, -100)."""

    advantages_T: Tensor
    mask_T: Tensor  # bool
    old_log_probs_T: Tensor | None
    ref_log_probs_T: Tensor | None
    rollout_log_probs_T: Tensor | None
    sequences: Sequences

    def terms(self, weights_T: Tensor, objective: PolicyObjective) -> PolicyTerms:
        """What the loss is made of."""
        return PolicyTerms(
            self.advantages_T,
            weights_T,
            self.old_log_probs_T,
            self.ref_log_probs_T,
            self.rollout_log_probs_T,
            self.sequences,
            objective,
        )


def policy_batch(
    token_shape: torch.Size,
    device: torch.device,
    advantages: Tensor,
    mask: Tensor,
    objective: PolicyObjective,
    old_log_probs: Tensor | None,
    ref_log_probs: Tensor | None,
    rollout_log_probs: Tensor | None,
    sequence_ids: Tensor | None,
    dtype: torch.dtype,
) -> PolicyBatch:
    """Check the inputs against the shape (`[T]` or `[B, L]`), the tokens' device and the objective, and flatten them.

    Raises:
        ValueError: types, shapes, dtypes or devices that do not fit, log-probabilities that the objective needs and
            that are missing, a mask with values other than 0 and 1, a sequence id that `advantages` has no entry for,
            unmasked advantages that are not finite or unmasked log-probabilities that are NaN (values are looked at on
            the CPU only, and not in compiled code: see `look_at_values`).
    """
    require_instance("objective", objective, PolicyObjective)
    if len(token_shape) not in (1, 2):
        raise ValueError(f"expected tokens of shape [T] (packed) or [B, L] (padded), got {list(token_shape)}")
    _require_tensor("advantages", advantages, device)
    _require_tensor("mask", mask, device)
    if not (advantages.is_floating_point() or advantages.dtype in INTEGERS):
        raise ValueError(f"advantages must be real numbers, got {advantages.dtype}")
    mask_T = _flat_mask(mask, token_shape)
    if objective.kl_coef != 0 and ref_log_probs is None:
        raise ValueError(f"the objective has kl_coef {objective.kl_coef}, so ref_log_probs must be given")
    if objective.correction is not None and rollout_log_probs is None:
        raise ValueError(f"the objective has correction {objective.correction!r}, so rollout_log_probs must be given")

    per_token = advantages.shape == token_shape
    if sequence_ids is None:
        sequences = padded_sequences(token_shape, mask_T, None if per_token else advantages)
    else:
        _require_tensor("sequence_ids", sequence_ids, device)
        require_shape("sequence_ids", sequence_ids, token_shape)
        sequences = packed_sequences(sequence_ids, mask_T, None if per_token else advantages)
    advantages = advantages.detach().to(dtype)
    advantages_T = advantages.reshape(-1) if per_token else sequences.spread(advantages)
    advantages_T = advantages_T.where(mask_T, 0)
    if look_at_values(device):
        _refuse("advantages must be finite", advantages_T, ~advantages_T.isfinite(), sequences)

    def flat(name: str, log_probs: Tensor | None) -> Tensor | None:
        if log_probs is None:
            return None
        _require_tensor(name, log_probs, device)
        require_shape(name, log_probs, token_shape)
        if not log_probs.is_floating_point():
            raise ValueError(f"{name} must be floating point, got {log_probs.dtype}")
        log_probs_T = log_probs.detach().reshape(-1).to(dtype).where(mask_T, 0)
        if look_at_values(device):
            refuse_nan(name, log_probs_T, sequences)
        return log_probs_T

    return PolicyBatch(
        advantages_T,
        mask_T,
        flat("old_log_probs", old_log_probs),
        flat("ref_log_probs", ref_log_probs),
        flat("rollout_log_probs", rollout_log_probs),
        sequences,
    )


def require_shape(name: str, tensor: Tensor, token_shape: torch.Size) -> None:
    """Refuse another shape than the tokens'."""
    if tensor.shape != token_shape:
        raise ValueError(f"{name} has shape {list(tensor.shape)}, expected the tokens' shape {list(token_shape)}")


def refuse_nan(name: str, values_T: Tensor, sequences: Sequences) -> None:
    """Refuse NaN; masked tokens have 0."""
    _refuse(f"{name} must not be NaN", values_T, values_T.isnan(), sequences)


def _require_tensor(name: str, tensor: Tensor, device: torch.device) -> None:
    require_instance(name, tensor, Tensor)
    if tensor.device != device:
        raise ValueError(f"{name} is on {tensor.device}, the tokens are on {device}")


def _flat_mask(mask: Tensor, token_shape: torch.Size) -> Tensor:
    require_shape("mask", mask, token_shape)
    if mask.dtype == torch.bool:
        return savable(mask.reshape(-1))
    if not (mask.is_floating_point() or mask.dtype in INTEGERS):
        raise ValueError(f"mask must be bool, or numbers 0 and 1, got {mask.dtype}")
    mask_T = mask.detach().reshape(-1)
    if look_at_values(mask.device):
        wrong = mask_T[(mask_T != 0) & (mask_T != 1)]
        if wrong.numel():
            raise ValueError(f"mask must hold 0 and 1 only, got {wrong[0].item()} ({wrong.numel()} such values)")
    return mask_T != 0


def _refuse(rule: str, values_T: Tensor, wrong_T: Tensor, sequences: Sequences) -> None:
    if bool(wrong_T.any()):
        where = int(wrong_T.nonzero()[0, 0])
        raise ValueError(
            f"{rule} where the mask is 1, got {values_T[where].item()} at token {where} "
            f"(of sequence {int(sequences.index_T[where])})"
        )
