"""The loss of one token, put together from its parts: correction, surrogate, KL penalty, weight.

Names: N tokens in all, T tokens of one chunk.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..objective import PolicyObjective
from ..surrogates import SURROGATES
from ..surrogates.surrogate import SurrogateInputs
from ..taken import taken
from .log_ratio import clamped_log_ratio, log_ratio_slope
from .reference_kl import reference_kl, reference_kl_slope
from .rollout_correction import rollout_weights
from .sequences import Sequences


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """Everything the loss of a token depends on, except its log-probability and entropy; one entry per token."""

    advantages_N: Tensor
    weights_N: Tensor
    old_log_probs_N: Tensor | None
    ref_log_probs_N: Tensor | None
    rollout_log_probs_N: Tensor | None
    sequences: Sequences | None  # needed where the objective couples tokens
    objective: PolicyObjective

    @property
    def tensors(self) -> tuple[Tensor | int | str | None, ...]:
        """What the operators take of it."""
        assert self.sequences is not None
        of_tokens = self.advantages_N, self.weights_N, self.old_log_probs_N, self.ref_log_probs_N
        of_sequences = self.sequences.index_T, self.sequences.mask_T, self.sequences.count
        return *of_tokens, self.rollout_log_probs_N, *of_sequences, self.objective.key

    @property
    def couples_tokens(self) -> bool:
        """See `PolicyObjective.couples_tokens`."""
        return self.objective.couples_tokens(self.old_log_probs_N)

    @property
    def on_device(self) -> bool:
        """Whether the kernels know the formula: of tokens that stand alone, and homogeneous in A >= 0."""
        return SURROGATES[self.objective.surrogate].on_device is not None and not self.couples_tokens

    @property
    def take_one_visit(self) -> bool:
        """See `PolicyObjective.takes_one_visit`."""
        return self.objective.takes_one_visit(self.old_log_probs_N)

    def without_gradient(self) -> Tensor | None:
        """Tokens `[N]` that are known to have none before any log-probability is; None where none can be.

        Those of advantage 0, where nothing else acts on them; of a coupled sequence, if that is so for all of it.
        """
        if self.objective.acts_without_advantage:
            return None
        if not self.couples_tokens:
            return self.advantages_N == 0
        assert self.sequences is not None
        return self.sequences.sum((self.advantages_N != 0).to(self.weights_N.dtype)) == 0

    @property
    def may_vanish(self) -> bool:
        """Whether a token whose advantage is not 0 may turn out to have no gradient: clipped, or masked by its
        correction, with nothing else that acts on it."""
        objective = self.objective
        clips = self.old_log_probs_N is not None and SURROGATES[objective.surrogate].clips_gradients
        return objective.kl_coef == 0 and objective.entropy_coef == 0 and (clips or objective.correction == "mask")

    def for_rows(self) -> "PolicyTerms":
        """The same for passes that see some of the rows at a time, as far as it can be.

        A sequence's correction that is known beforehand goes into the advantages: a factor w >= 0 of A is one of each
        surrogate that the kernels know. Engine log-probabilities that nothing is corrected by are left out. Without old
        log-probabilities the ratios of sequences are 1, and their tokens stand alone.
        """
        if self.couples_tokens and self.old_log_probs_N is None:
            self = self._at_ratio_one()
        if self.objective.correction is None:
            return replace(self, rollout_log_probs_N=None)
        if not (self.objective.sums_correction and self.on_device):
            return self
        assert self.old_log_probs_N is not None
        correction = self.correction(self.old_log_probs_N)
        assert correction is not None
        plain = replace(
            self.objective, correction=None, correction_level="token", correction_cap=None, correction_floor=0.0
        )
        return replace(self, advantages_N=self.advantages_N * correction[0], rollout_log_probs_N=None, objective=plain)

    def _at_ratio_one(self) -> "PolicyTerms":
        """The plain surrogate that adds up to the same, where there is one; losses of single tokens may differ."""
        objective = self.objective
        surrogate = SURROGATES[objective.surrogate]
        ratio = surrogate.at_ratio_one
        if ratio is None or objective.reduction == "none" or objective.sums_correction:
            return self
        advantages_N = self.advantages_N
        if ratio == "token":
            if objective.correction is not None:
                return self  # each token's own weight would be within the mean
            assert self.sequences is not None
            advantages_N = self.sequences.mean(advantages_N)
        own: dict[str, Any] = dict.fromkeys(surrogate.needs + surrogate.may)
        plain = replace(objective, ratio=ratio, surrogate="plain", **own)
        return replace(self, advantages_N=advantages_N, objective=plain)

    def at(self, rows_T: Tensor | slice) -> "PolicyTerms":
        """Of these rows only: whole sequences of them, where the objective couples tokens."""
        return replace(
            self,
            advantages_N=self.advantages_N[rows_T],
            weights_N=self.weights_N[rows_T],
            old_log_probs_N=taken(self.old_log_probs_N, rows_T),
            ref_log_probs_N=taken(self.ref_log_probs_N, rows_T),
            rollout_log_probs_N=taken(self.rollout_log_probs_N, rows_T),
            sequences=None if self.sequences is None else self.sequences.at(rows_T),
        )

    def surrogate_inputs(self, log_probs_N: Tensor) -> SurrogateInputs:
        """Log-ratios of tokens and, where the objective has it so, of their sequences."""
        if self.old_log_probs_N is None:
            # 0, but NaN where there is no finite log-probability: it must not be hidden.
            token_log_ratio_N, inside_N = log_probs_N - log_probs_N, torch.ones_like(log_probs_N)
        else:
            token_log_ratio_N = clamped_log_ratio(log_probs_N, self.old_log_probs_N)
            inside_N = log_ratio_slope(log_probs_N, self.old_log_probs_N)
        if self.objective.ratio != "sequence":
            return SurrogateInputs(log_probs_N, self.advantages_N, token_log_ratio_N, inside_N, token_log_ratio_N, None)
        assert self.sequences is not None
        log_ratio_N = self.sequences.mean(token_log_ratio_N)
        return SurrogateInputs(log_probs_N, self.advantages_N, token_log_ratio_N, inside_N, log_ratio_N, self.sequences)

    def correction(self, log_probs_N: Tensor) -> tuple[Tensor, Tensor] | None:
        """Weights of the surrogate, and which tokens' ratios lie within the bounds; None without a correction."""
        if self.objective.correction is None:
            return None
        assert self.rollout_log_probs_N is not None
        old_log_probs_N = log_probs_N if self.old_log_probs_N is None else self.old_log_probs_N
        sequences = self.sequences if self.objective.sums_correction else None
        return rollout_weights(old_log_probs_N, self.rollout_log_probs_N, sequences, self.objective)

    def losses(self, log_probs_N: Tensor) -> Tensor:
        """`weights * (correction * surrogate_loss + kl_coef * KL)`.

        `with_entropy_bonus` makes them whole; the loss is their sum.
        """
        objective = self.objective
        losses_N = SURROGATES[objective.surrogate].loss(self.surrogate_inputs(log_probs_N), objective)
        correction = self.correction(log_probs_N)
        if correction is not None:
            losses_N = losses_N * correction[0]
        if objective.kl_coef != 0:
            assert self.ref_log_probs_N is not None
            kl_N = reference_kl(log_probs_N, self.ref_log_probs_N, objective.kl_estimator)
            losses_N = losses_N + objective.kl_coef * kl_N
        return self.weights_N * losses_N

    def coefficients(self, log_probs_N: Tensor) -> Tensor:
        """`c = d losses.sum() / d log_probs`, spelled out: within an operator autograd records nothing."""
        objective, weights_N = self.objective, self.weights_N
        correction = self.correction(log_probs_N)
        if correction is not None:
            weights_N = weights_N * correction[0]
        slopes_N = SURROGATES[objective.surrogate].slope(self.surrogate_inputs(log_probs_N), weights_N, objective)
        if objective.kl_coef != 0:
            assert self.ref_log_probs_N is not None
            kl_N = reference_kl_slope(log_probs_N, self.ref_log_probs_N, objective.kl_estimator)
            slopes_N = slopes_N + self.weights_N * objective.kl_coef * kl_N
        return slopes_N

    def coefficients_at(self, rows: slice, log_probs_T: Tensor) -> Tensor:
        """`coefficients` of these rows only, for objectives that do not couple tokens."""
        return self.at(rows).coefficients(log_probs_T)

    def with_entropy_bonus(self, losses_N: Tensor, entropy_N: Tensor) -> Tensor:
        """`losses - weights * entropy_coef * entropy`."""
        if self.objective.entropy_coef == 0:
            return losses_N
        return losses_N - self.objective.entropy_coef * self.weights_N * entropy_N

    def entropy_coefficients(self) -> Tensor | None:
        """`d loss / d entropy`; None without an entropy bonus."""
        return None if self.objective.entropy_coef == 0 else -self.objective.entropy_coef * self.weights_N
