"""The gradient of a whole batch, a packed row at a time, by the fused one-pass loss.

Denominators are those of the whole batch before the first row goes through, so that neither the size of the rows nor
their order changes the gradient beyond rounding.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...policy.linear_policy_loss import linear_policy_loss
from ...policy.objective import PolicyObjective
from ..model.micro_batches import MicroBatch, TokenSequence, micro_batches
from ..model.policy_model import Policy

Values = Sequence[Sequence[float]]


def sent_through(sequences: Sequence[TokenSequence], advantages: Values, objective: PolicyObjective) -> list[int]:
    """Which of the sequences `accumulate_gradients` sends through the model.

    All with a response, but for those whose advantages are all 0 where the objective then has no gradient for them.
    """
    return [
        index
        for index, row in enumerate(advantages)
        if sequences[index].response_ids and (objective.acts_without_advantage or any(row))
    ]


def accumulate_gradients(
    policy: Policy,
    sequences: Sequence[TokenSequence],
    advantages: Values,
    *,
    objective: PolicyObjective,
    temperature: float = 1.0,
    old_log_probs: Values | None = None,
    ref_log_probs: Values | None = None,
    rollout_log_probs: Values | None = None,
    max_tokens: int,
) -> dict[str, float]:
    """Add ∇ of the objective's loss over these sequences to the parameters' `.grad`, and return the pass's metrics.

    Advantages and log-probabilities are one list for each sequence, with one number for each of its response tokens.
    Sequences that are not `sent_through` count in the denominators. The metrics are those of `policy_metrics`, means
    over the `tokens` that went through the model, but `active_fraction` is a share of all tokens.
    """
    num_tokens = sum(len(sequence.response_ids) for sequence in sequences)
    num_sequences = sum(1 for sequence in sequences if sequence.response_ids)
    kept = sent_through(sequences, advantages, objective)
    totals: dict[str, Tensor] = {}
    for batch in micro_batches([sequences[index] for index in kept], max_tokens, policy.device):

        def aligned(values: Values, batch: MicroBatch = batch) -> Tensor:
            return batch.align([values[index] for index in kept])

        result = linear_policy_loss(
            policy.hidden(batch),
            token_ids=batch.target_ids_T,
            advantages=aligned(advantages),
            mask=batch.mask_T,
            sequence_ids=batch.sequence_ids_T,
            old_log_probs=None if old_log_probs is None else aligned(old_log_probs),
            ref_log_probs=None if ref_log_probs is None else aligned(ref_log_probs),
            rollout_log_probs=None if rollout_log_probs is None else aligned(rollout_log_probs),
            objective=objective,
            num_tokens=num_tokens,
            num_sequences=num_sequences,
            **policy.logit_arguments(temperature),
        )
        result.loss.backward()  # type: ignore[no-untyped-call]
        _add(totals, {"loss": result.loss.detach(), **result.metrics})
    return _means(totals, num_tokens)


def _add(totals: dict[str, Tensor], metrics: dict[str, Tensor]) -> None:
    """Sums weighted by tokens, so that means over rows of different length are means over tokens; nothing is synced."""
    tokens = metrics["tokens"]
    for name, value in metrics.items():
        if name.endswith("_max"):
            totals[name] = torch.maximum(totals[name], value) if name in totals else value
        else:
            weighted = value if name in ("loss", "tokens") else value * tokens
            totals[name] = totals[name] + weighted if name in totals else weighted


def _means(totals: dict[str, Tensor], num_tokens: int) -> dict[str, float]:
    if not totals:
        return {"tokens": 0.0, "loss": 0.0, "active_fraction": 0.0}
    values = dict(zip(totals, torch.stack(list(totals.values())).tolist(), strict=True))  # one wait for all of them
    seen = max(values["tokens"], 1.0)
    whole_batch = {"active_fraction": max(num_tokens, 1)}  # tokens that did not go through are not active
    return {
        name: value if name in ("loss", "tokens") or name.endswith("_max") else value / whole_batch.get(name, seen)
        for name, value in values.items()
    }
