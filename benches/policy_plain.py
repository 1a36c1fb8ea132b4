"""The policy loss as a trainer writes it in plain torch: a few operations, which torch.compile takes in one piece.

Names: N tokens, D hidden size, V vocabulary, B sequences of L tokens.
"""

import torch
from torch import Tensor

from .policy_case import SEQUENCES
from .policy_inputs import PolicyInputs


def log_probs_by_cross_entropy(hidden_ND: Tensor, weight_VD: Tensor, token_ids_N: Tensor) -> Tensor:
    """By way of all logits, with the fused log-softmax and gather of `F.cross_entropy`."""
    logits_NV = torch.nn.functional.linear(hidden_ND, weight_VD)
    return -torch.nn.functional.cross_entropy(logits_NV.float(), token_ids_N, reduction="none")


def padded(tensor_N: Tensor) -> Tensor:
    """As `[B, L, …]`."""
    return tensor_N.view(SEQUENCES, -1, *tensor_N.shape[1:])


def policy_loss_of(log_probs_N: Tensor, inputs: PolicyInputs) -> Tensor:
    """GRPO's loss from log-probabilities, for those who have no loss of their own, so that none pays for a slow one."""
    objective = inputs.objective
    if objective.entropy_coef:
        raise ValueError("there is no entropy bonus in the plain loss")
    assert objective.clip_low is not None
    assert objective.clip_high is not None
    mask_BL, advantages_B1 = padded(inputs.mask_N), inputs.advantages_B[:, None]
    ratio_BL = ((padded(log_probs_N) - padded(inputs.old_log_probs_N)) * mask_BL).exp()
    clipped_BL = ratio_BL.clamp(1 - objective.clip_low, 1 + objective.clip_high)
    token_BL = -torch.minimum(advantages_B1 * ratio_BL, advantages_B1 * clipped_BL)
    counts_B1 = mask_BL.sum(1, keepdim=True)
    return (token_BL * mask_BL / counts_B1).sum() / SEQUENCES
