"""How far a provider from logits is from plain torch in fp64 on the very same logits, differentiated by autograd."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from pgkern.policy import naive

from .logit_case import LogitCase
from .logit_inputs import LogitInputs, logit_inputs
from .logit_outcome import LogitProvider, Outcome, objective_of
from .policy_truth import relative_error

ERROR_TOKENS = 64
"""Several arrays of all logits in fp64 are affordable for this many tokens; V is the case's own."""


def errors(case: LogitCase, providers: Mapping[str, LogitProvider]) -> dict[str, dict[str, float]]:
    """Errors of each provider at `ERROR_TOKENS` tokens: the largest difference of a log-probability and of an entropy,
    in nats; the difference of the loss (a mean of advantages of size 1); ‖found − truth‖ / ‖truth‖ of the gradient."""
    inputs = logit_inputs(replace(case, tokens=min(case.tokens, ERROR_TOKENS)))
    truth = _truth(inputs)
    found = {}
    for name, provider in providers.items():
        provider.prepare(inputs)
        outcome = provider(inputs)
        with torch.no_grad():
            found[name] = _compare(case, outcome, truth)
    return found


def _truth(inputs: LogitInputs) -> Outcome:
    case, logits_BLV = inputs.case, inputs.exact_logits()
    if case.has_loss:
        loss = naive.logits_policy_loss(
            logits_BLV,
            inputs.token_ids_BL,
            inputs.advantages_B.double(),
            inputs.mask_BL,
            old_log_probs=inputs.old_log_probs_BL.double(),
            objective=objective_of(inputs),
        ).loss
        return Outcome(loss.detach(), gradient=torch.autograd.grad(loss, logits_BLV)[0])
    log_probs_BL, entropy_BL = naive.token_log_probs(logits_BLV, inputs.token_ids_BL, return_entropy=True)
    if case.with_gradient:
        (gradient,) = torch.autograd.grad(log_probs_BL, logits_BLV, inputs.coefficients_BL.double())
        return Outcome(log_probs_BL.detach(), gradient=gradient)
    return Outcome(log_probs_BL, entropy_BL)


def _compare(case: LogitCase, found: Outcome, truth: Outcome) -> dict[str, float]:
    key = "loss_error" if case.has_loss else "log_prob_error"
    compared = {key: float((found.values.double() - truth.values).abs().max())}
    if case.work == "entropy":
        assert found.entropy is not None
        assert truth.entropy is not None
        compared["entropy_error"] = float((found.entropy.double() - truth.entropy).abs().max())
    if truth.gradient is not None:
        compared["gradient_error"] = relative_error(found.gradient, truth.gradient)
    return compared
