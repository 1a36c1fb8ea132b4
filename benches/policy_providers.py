"""Who computes the policy loss: this library, plain torch, and the bare matrix products as the floor.

A provider takes the inputs and leaves gradients in `hidden_ND.grad` and `weight_VD.grad`; it returns the loss. A
forward provider returns the log-probabilities and leaves none.
"""

import torch
from torch import Tensor

import pgkern
from pgkern.policy import naive

from .peers import installed_peers
from .policy_case import PolicyCase, PolicyInputs
from .policy_peers import POLICY_PEERS
from .provider_names import COMPILED, CROSS_ENTROPY, NAIVE, PGKERN
from .suite import Provider

FLOOR = "bare products"


def providers(case: PolicyCase) -> tuple[dict[str, Provider], list[str]]:
    """The providers of a case, and a line for each that is left out because it is not installed."""
    if case.work == "forward":
        return {PGKERN: _pgkern_forward, NAIVE: _naive_forward}, []
    found: dict[str, Provider] = {PGKERN: _pgkern, NAIVE: _naive}
    if case.active < 1:
        return found, []
    found |= {CROSS_ENTROPY: _cross_entropy, FLOOR: _bare_products}
    if case.device != "cuda":
        return found, []
    peers, missing = installed_peers(POLICY_PEERS, case.device)
    return {**found, COMPILED: _compiled_cross_entropy(), **peers}, missing


def drop_gradients(inputs: PolicyInputs, _provider: Provider | None = None) -> None:
    """No gradients before a run, so that none is added to."""
    inputs.hidden_ND.grad = inputs.weight_VD.grad = None


def _pgkern(inputs: PolicyInputs) -> Tensor:
    loss = pgkern.linear_policy_loss(
        inputs.hidden_ND,
        inputs.weight_VD,
        inputs.token_ids_N,
        inputs.advantages_B,
        inputs.mask_N,
        old_log_probs=inputs.old_log_probs_N,
        sequence_ids=inputs.sequence_ids_N,
    ).loss
    return _backward(loss)


def _naive(inputs: PolicyInputs) -> Tensor:
    loss = naive.linear_policy_loss(
        inputs.hidden_ND,
        inputs.weight_VD,
        inputs.token_ids_N,
        inputs.advantages_B,
        inputs.mask_N,
        old_log_probs=inputs.old_log_probs_N,
        sequence_ids=inputs.sequence_ids_N,
    ).loss
    return _backward(loss)


def _cross_entropy(inputs: PolicyInputs) -> Tensor:
    """Plain torch at its best: the fused log-softmax and gather of `F.cross_entropy`."""
    return _backward(policy_loss_of(cross_entropy_log_probs(inputs), inputs))


def cross_entropy_log_probs(inputs: PolicyInputs) -> Tensor:
    """Log-probabilities of the tokens by way of all logits."""
    logits_NV = torch.nn.functional.linear(inputs.hidden_ND, inputs.weight_VD)
    return -torch.nn.functional.cross_entropy(logits_NV.float(), inputs.token_ids_N, reduction="none")


def policy_loss_of(log_probs_N: Tensor, inputs: PolicyInputs) -> Tensor:
    """The loss from log-probabilities, with N-sized work only."""
    return naive.policy_loss(
        log_probs_N,
        inputs.advantages_B,
        inputs.mask_N,
        old_log_probs=inputs.old_log_probs_N,
        sequence_ids=inputs.sequence_ids_N,
    ).loss


def _compiled_cross_entropy() -> Provider:
    compiled = torch.compile(cross_entropy_log_probs, dynamic=False)
    return lambda inputs: _backward(policy_loss_of(compiled(inputs), inputs))


def _bare_products(inputs: PolicyInputs) -> Tensor:
    """The floor: z = X Wᵀ, then dX = z W and dW = zᵀ X, with nothing between. The numbers mean nothing."""
    with torch.no_grad():
        logits_NV = inputs.hidden_ND @ inputs.weight_VD.t()
        inputs.hidden_ND.grad = logits_NV @ inputs.weight_VD
        inputs.weight_VD.grad = logits_NV.t() @ inputs.hidden_ND
        return logits_NV[0, 0].clone()


def _pgkern_forward(inputs: PolicyInputs) -> Tensor:
    with torch.no_grad():
        return pgkern.linear_token_log_probs(inputs.hidden_ND, inputs.weight_VD, inputs.token_ids_N)


def _naive_forward(inputs: PolicyInputs) -> Tensor:
    with torch.no_grad():
        log_probs_N = naive.linear_token_log_probs(inputs.hidden_ND, inputs.weight_VD, inputs.token_ids_N)
    assert isinstance(log_probs_N, Tensor)
    return log_probs_N


def _backward(loss: Tensor) -> Tensor:
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()
