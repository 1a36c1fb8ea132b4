"""Log-probabilities and entropies of sampled tokens under the current policy, without gradients: one product each."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..policy.linear_log_probs import linear_token_log_probs
from .micro_batches import TokenSequence, micro_batches
from .policy_model import Policy


@dataclass(frozen=True)
class Scores:
    """One value for each response token of each sequence."""

    log_probs: list[list[float]]
    entropies: list[list[float]]


@torch.no_grad()
def score(policy: Policy, sequences: Sequence[TokenSequence], *, temperature: float, max_tokens: int) -> Scores:
    """log π(a_t|s_t) and the entropy of π(·|s_t), at the temperature the tokens were sampled at."""
    log_probs: list[list[float]] = [[] for _ in sequences]
    entropies: list[list[float]] = [[] for _ in sequences]
    for batch in micro_batches(sequences, max_tokens, policy.device):
        response_T = batch.mask_T.bool()
        log_probs_R, entropy_R = linear_token_log_probs(
            policy.hidden(batch)[response_T],
            policy.head.weight,
            batch.target_ids_T[response_T],
            bias=policy.head.bias,
            temperature=temperature,
            return_entropy=True,
        )
        for index, row_log_probs, row_entropies in zip(
            batch.indices, batch.split(log_probs_R), batch.split(entropy_R), strict=True
        ):
            log_probs[index], entropies[index] = row_log_probs, row_entropies
    return Scores(log_probs, entropies)
