"""What is known of the sampled tokens before the first update; what that one finds itself is not asked for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...rollout.engine import Rollout
from ..config import TrainConfig
from ..model.micro_batches import TokenSequence
from ..parts import Parts
from .sample_metrics import flat, of_scores
from .score import Scores, score

UNSEEN_MEASURED = 32
"""Rollouts: so many of those that no update sees are scored for the metrics, evenly spaced."""

Lists = list[list[float]]


@dataclass(frozen=True)
class StepScores:
    """One number for each response token of each rollout."""

    sequences: list[TokenSequence]
    rollout_log_probs: Lists
    """As the engine sampled them."""
    policy: Scores | None
    """As the trainer computes them, with V(s) where there is one; frozen over all updates of the step. None where the
    one update finds them in its own pass."""
    ref_log_probs: Lists | None
    stale: bool = False
    """Whether the policy that sampled may be an older one than the trainer has now."""

    @property
    def old_log_probs(self) -> Lists | None:
        """Of the policy that sampled: as the trainer computes them, or where that policy is gone as the engine did."""
        if self.stale:
            return self.rollout_log_probs
        return None if self.policy is None else self.policy.log_probs

    @property
    def hidden(self) -> list[Tensor] | None:
        """`[R, D]` of each rollout, where a value function learns on the policy's hidden states."""
        return None if self.policy is None else self.policy.hidden

    @property
    def values(self) -> Lists | None:
        """V(s) of the state before each token."""
        return None if self.policy is None else self.policy.values


def scored_beforehand(config: TrainConfig) -> bool:
    """Whether the policy scores its samples in a pass of its own, before the first update.

    Later updates need the old log-probabilities, a KL penalty in the rewards needs them for the advantages, and these
    need V(s), which is of the hidden states. One update needs none of it: there old is the policy itself, and the loss
    finds its log-probabilities, entropies and distances to engine and reference in the pass that finds the gradient.
    Of rollouts of an older policy, old is what the engine sampled with.
    """
    if config.advantages.baseline == "value":
        return True
    penalised = config.objective.kl_in == "reward" and config.objective.kl_coef != 0
    return config.rollouts.staleness == 0 and (config.optimizer.updates_per_step > 1 or penalised)


def score_rollouts(parts: Parts, rollouts: Sequence[Rollout]) -> StepScores:
    """Score them under the reference and, where that is wanted beforehand, the policy as it is and V(s).

    Raises `FloatingPointError` when the policy's log-probabilities or the values are not finite: weights are spoiled.
    """
    sequences = [TokenSequence.of(rollout) for rollout in rollouts]
    found = _policy_scores(parts, sequences) if scored_beforehand(parts.config) else None
    ref_log_probs = None
    if parts.reference is not None:
        ref_log_probs = parts.reference.log_probs(
            parts.policy,
            sequences,
            temperature=parts.config.rollouts.temperature,
            max_tokens=parts.config.optimizer.micro_batch_tokens,
        )
    log_probs, stale = [list(rollout.log_probs) for rollout in rollouts], parts.config.rollouts.staleness > 0
    return StepScores(sequences, log_probs, found, ref_log_probs, stale)


def metrics_apart(parts: Parts, scores: StepScores, seen: Collection[int]) -> tuple[int, dict[str, float]]:
    """The metrics before the update of the rollouts that are not `seen` by it, and how many tokens these have.

    Where nothing was scored beforehand, up to `UNSEEN_MEASURED` of them stand for all. Raises as `score_rollouts` does.
    """
    estimator = parts.config.objective.kl_estimator
    apart = [index for index in range(len(scores.sequences)) if index not in seen]
    tokens = sum(len(scores.sequences[index].response_ids) for index in apart)
    if scores.policy is not None:
        engines = None if scores.stale else scores.rollout_log_probs
        return tokens, of_scores(scores.policy, engines, scores.ref_log_probs, estimator)
    few = apart[:: max(1, -(-len(apart) // UNSEEN_MEASURED))]
    found = _policy_scores(parts, [scores.sequences[index] for index in few])
    ref_log_probs = None if scores.ref_log_probs is None else [scores.ref_log_probs[index] for index in few]
    engines = None if scores.stale else [scores.rollout_log_probs[index] for index in few]
    return tokens, of_scores(found, engines, ref_log_probs, estimator)


def metrics_of_dropped(parts: Parts, rollouts: Sequence[Rollout]) -> tuple[int, dict[str, float]]:
    """The metrics of rollouts that were drawn and not kept, from up to `UNSEEN_MEASURED` of them, and their tokens.

    Without these nobody would see the entropy of a policy that always says the same. Raises as `score_rollouts` does.
    """
    few = rollouts[:: max(1, -(-len(rollouts) // UNSEEN_MEASURED))]
    _, metrics = metrics_apart(parts, score_rollouts(parts, few), seen=())
    return sum(len(rollout.response_ids) for rollout in rollouts), metrics


def _policy_scores(parts: Parts, sequences: Sequence[TokenSequence]) -> Scores:
    scores = score(
        parts.policy,
        sequences,
        temperature=parts.config.rollouts.temperature,
        max_tokens=parts.config.optimizer.micro_batch_tokens,
        value=parts.value,
    )
    if not np.isfinite(flat(scores.log_probs)).all():
        raise FloatingPointError("the policy's log-probabilities of its own samples are not finite")
    if not np.isfinite(flat(scores.values or [])).all():
        raise FloatingPointError("the learned values are not finite")
    return scores
