"""How far a provider is from the truth: plain torch in fp64 on the very same inputs, differentiated by autograd."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pgkern.policy import naive

from .policy_case import PolicyCase
from .policy_inputs import PolicyInputs, policy_inputs
from .policy_peers import CrossEntropyOnly
from .policy_providers import drop_gradients, loss_of
from .suite import Provider

ERROR_TOKENS = 256
"""All logits in fp64 are affordable for this many tokens; sizes D and V are the case's own."""


def errors(case: PolicyCase, providers: Mapping[str, Provider]) -> dict[str, dict[str, float]]:
    """Errors of each provider at `ERROR_TOKENS` tokens (or the case's, if fewer).

    Forward: the largest difference of a log-probability, in nats. Else: the difference of the loss (a mean of
    advantages of size 1 that may come near 0, so not a relative one), and ‖found − truth‖ / ‖truth‖ (Frobenius) of
    each gradient. Who computes only the cross-entropy is held against that.
    """
    inputs = policy_inputs(case.with_tokens(min(case.tokens, ERROR_TOKENS)))
    truths: dict[bool, list[Tensor]] = {}
    found = {}
    for name, provider in providers.items():
        cross_entropy = isinstance(provider, CrossEntropyOnly)
        if cross_entropy not in truths:
            truths[cross_entropy] = _truth(case, inputs, cross_entropy)
        drop_gradients(inputs)
        result = provider(inputs)
        found[name] = _compare(case, result, inputs, truths[cross_entropy])
    return found


def _truth(case: PolicyCase, inputs: PolicyInputs, cross_entropy: bool) -> list[Tensor]:
    exact = inputs.to_fp64()
    if case.work == "forward":
        with torch.no_grad():
            log_probs_N = naive.linear_token_log_probs(exact.hidden_ND, exact.weight_VD, exact.token_ids_N)
        assert isinstance(log_probs_N, Tensor)
        return [log_probs_N]
    if cross_entropy:
        logits_NV = torch.nn.functional.linear(exact.hidden_ND, exact.weight_VD)
        loss = torch.nn.functional.cross_entropy(logits_NV, exact.token_ids_N)
    else:
        loss = loss_of(naive.linear_policy_loss, exact)
    leaves = [leaf for leaf in (exact.hidden_ND, exact.weight_VD) if leaf.requires_grad]
    return [loss.detach(), *torch.autograd.grad(loss, leaves)]


def _compare(case: PolicyCase, result: Tensor, inputs: PolicyInputs, truth: list[Tensor]) -> dict[str, float]:
    if case.work == "forward":
        return {"log_prob_error": float((result.double() - truth[0]).abs().max())}
    compared = {
        "loss_error": float((result.double() - truth[0]).abs()),
        "hidden_gradient_error": relative_error(inputs.hidden_ND.grad, truth[1]),
    }
    if case.work == "both":
        compared["weight_gradient_error"] = relative_error(inputs.weight_VD.grad, truth[2])
    return compared


def relative_error(found: Tensor | None, truth: Tensor) -> float:
    """‖found − truth‖ / ‖truth‖ (Frobenius)."""
    if found is None:
        raise AssertionError("a provider left no gradient")
    return float(torch.linalg.vector_norm(found.double() - truth) / torch.linalg.vector_norm(truth))
