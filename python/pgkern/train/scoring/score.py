"""Log-probabilities and entropies of sampled tokens under the current policy, without gradients: one product each."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...policy.linear_log_probs import linear_token_log_probs
from ..model.micro_batches import TokenSequence, micro_batches
from ..model.policy_model import Policy
from .value_function import ValueFunction


@dataclass(frozen=True)
class Scores:
    """One value for each response token of each sequence."""

    log_probs: list[list[float]]
    entropies: list[list[float]]
    values: list[list[float]] | None = None
    """V(s) of the state before the token; None without a value function."""
    hidden: list[Tensor] | None = None
    """`[R, D]` of each sequence, the states that predict its tokens; None unless the value function learns on them."""


@torch.no_grad()
def score(
    policy: Policy,
    sequences: Sequence[TokenSequence],
    *,
    temperature: float,
    max_tokens: int,
    value: ValueFunction | None = None,
) -> Scores:
    """log π(a_t|s_t) and the entropy of π(·|s_t), at the temperature the tokens were sampled at, and V(s_t)."""
    log_probs: list[list[float]] = [[] for _ in sequences]
    entropies: list[list[float]] = [[] for _ in sequences]
    values: list[list[float]] = [[] for _ in sequences]
    hidden: list[Tensor] = [torch.empty(0) for _ in sequences]
    for batch in micro_batches(sequences, max_tokens, policy.device):
        response_T = batch.mask_T.bool()
        hidden_RD = policy.hidden(batch)[response_T]
        log_probs_R, entropy_R = linear_token_log_probs(
            hidden_RD,
            token_ids=batch.target_ids_T[response_T],
            return_entropy=True,
            **policy.logit_arguments(temperature),
        )
        for index, row in zip(batch.indices, batch.split(log_probs_R), strict=True):
            log_probs[index] = row
        for index, row in zip(batch.indices, batch.split(entropy_R), strict=True):
            entropies[index] = row
        if value is not None:
            for index, row in zip(batch.indices, batch.split(value.of_batch(policy, batch, hidden_RD)), strict=True):
                values[index] = row
            for index, rows in zip(batch.indices, batch.split_tensor(hidden_RD), strict=True):
                hidden[index] = rows
    if value is None:
        return Scores(log_probs, entropies)
    return Scores(log_probs, entropies, values, hidden if value.reads_policy else None)
