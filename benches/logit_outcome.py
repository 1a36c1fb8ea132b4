"""What a provider from logits finds, and how each kind of work is put together from log-probabilities.

Names: B sequences of L tokens, V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pgkern.policy.objective import PolicyObjective

from .logit_inputs import LogitInputs

LogProbs = Callable[[Tensor, Tensor, bool], tuple[Tensor, Tensor | None]]
"""From logits `[B, L, V]`, token ids and whether entropies are wanted to log-probabilities and entropies `[B, L]`."""

ENTROPY_COEF = 0.01


@dataclass(frozen=True)
class Outcome:
    """What the work asks for; `values` are the loss, or the log-probabilities."""

    values: Tensor
    entropy: Tensor | None = None
    gradient: Tensor | None = None


@dataclass(frozen=True)
class LogitProvider:
    """Called on the inputs. `prepare` is how it wants the logits to lie; `in_place`: its gradient lies over them."""

    run: Callable[[LogitInputs], Outcome]
    prepare: Callable[[LogitInputs], None] = LogitInputs.make_logits
    in_place: bool = False

    def __call__(self, inputs: LogitInputs) -> Outcome:
        """Everything that is timed."""
        return self.run(inputs)


def objective_of(inputs: LogitInputs) -> PolicyObjective:
    """GRPO's or GSPO's."""
    make = PolicyObjective.gspo if inputs.case.work == "sequence_loss" else PolicyObjective.grpo
    return make(entropy_coef=ENTROPY_COEF if inputs.case.entropy_bonus else 0.0)


def from_log_probs(log_probs: LogProbs) -> Callable[[LogitInputs], Outcome]:
    """Any work by way of log-probabilities that autograd can differentiate."""

    def run(inputs: LogitInputs) -> Outcome:
        case, logits_BLV = inputs.case, inputs.logits()
        with_entropy = case.work == "entropy" or case.entropy_bonus
        with torch.set_grad_enabled(case.with_gradient):
            found_BL, entropy_BL = log_probs(logits_BLV, inputs.token_ids_BL, with_entropy)
            if not case.with_gradient:
                return Outcome(found_BL, entropy_BL)
            if case.work == "log_prob_gradient":
                (gradient,) = torch.autograd.grad(found_BL, logits_BLV, inputs.coefficients_BL.to(found_BL.dtype))
                return Outcome(found_BL.detach(), gradient=gradient)
            loss = plain_loss(found_BL, entropy_BL, inputs)
            return Outcome(loss.detach(), gradient=torch.autograd.grad(loss, logits_BLV)[0])

    return run


def plain_loss(log_probs_BL: Tensor, entropy_BL: Tensor | None, inputs: LogitInputs) -> Tensor:
    """GRPO's or GSPO's loss in the few operations that a trainer would write, so that no peer pays for a slow one."""
    mask_BL, objective = inputs.mask_BL, objective_of(inputs)
    counts_B1 = mask_BL.sum(1, keepdim=True)
    log_ratio_BL = (log_probs_BL.float() - inputs.old_log_probs_BL) * mask_BL
    if objective.ratio == "sequence":
        log_ratio_BL = log_ratio_BL.sum(1, keepdim=True) / counts_B1
    ratio_BL = log_ratio_BL.exp()
    assert objective.clip_low is not None
    assert objective.clip_high is not None
    clipped_BL = ratio_BL.clamp(1 - objective.clip_low, 1 + objective.clip_high)
    advantages_B1 = inputs.advantages_B[:, None]
    token_BL = -torch.minimum(advantages_B1 * ratio_BL, advantages_B1 * clipped_BL)
    if entropy_BL is not None:
        token_BL = token_BL - objective.entropy_coef * entropy_BL.float()
    return (token_BL * mask_BL / counts_B1).sum() / mask_BL.shape[0]
