"""What is known of the sampled tokens before the first update: old and reference log-probabilities, entropies, V(s)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..policy.terms.reference_kl import reference_kl
from ..rollout.engine import Rollout
from .micro_batches import TokenSequence
from .parts import Parts
from .score import score

Lists = list[list[float]]


@dataclass(frozen=True)
class StepScores:
    """One number for each response token of each rollout."""

    sequences: list[TokenSequence]
    rollout_log_probs: Lists
    """As the engine sampled them."""
    old_log_probs: Lists
    """As the trainer computes them; frozen over all updates of the step."""
    entropies: Lists
    ref_log_probs: Lists | None
    values: Lists | None
    hidden: list[Tensor] | None
    """`[R, D]` of each rollout, where a value function learns on the policy's hidden states."""

    def metrics(self) -> dict[str, float]:
        """Entropy in nats, and how far the engine's log-probabilities are from the trainer's."""
        if not self.sequences:
            return {}
        difference = np.abs(_flat(self.old_log_probs) - _flat(self.rollout_log_probs))
        metrics = {
            "entropy": float(np.mean(_flat(self.entropies))),
            "rollout_mismatch": float(np.mean(difference)),
            "rollout_mismatch_max": float(np.max(difference)),
        }
        if self.ref_log_probs is not None:
            old_T, ref_T = torch.tensor(_flat(self.old_log_probs)), torch.tensor(_flat(self.ref_log_probs))
            metrics["reference_kl"] = float(reference_kl(old_T, ref_T, "k3").mean())
        return metrics


def score_rollouts(parts: Parts, rollouts: Sequence[Rollout]) -> StepScores:
    """Score them under the policy as it is, the reference and the value function, where there are these.

    Raises `FloatingPointError` when the policy's log-probabilities or the values are not finite: weights are spoiled.
    """
    sequences = [TokenSequence.of(rollout) for rollout in rollouts]
    temperature, max_tokens = parts.config.rollouts.temperature, parts.config.optimizer.micro_batch_tokens
    scores = score(parts.policy, sequences, temperature=temperature, max_tokens=max_tokens, value=parts.value)
    if not np.isfinite(_flat(scores.log_probs)).all():
        raise FloatingPointError("the policy's log-probabilities of its own samples are not finite")
    if not np.isfinite(_flat(scores.values or [])).all():
        raise FloatingPointError("the learned values are not finite")
    ref_log_probs = None
    if parts.reference is not None:
        ref_log_probs = parts.reference.log_probs(
            parts.policy, sequences, temperature=temperature, max_tokens=max_tokens
        )
    return StepScores(
        sequences,
        [list(rollout.log_probs) for rollout in rollouts],
        scores.log_probs,
        scores.entropies,
        ref_log_probs,
        scores.values,
        scores.hidden,
    )


def _flat(values: Lists) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.asarray([value for row in values for value in row], dtype=np.float64)
