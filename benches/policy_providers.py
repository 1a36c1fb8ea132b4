"""Who computes the policy loss: this library, plain torch, peers, and the bare matrix products as the floor.

A provider takes the inputs and leaves gradients in `hidden_ND.grad` and `weight_VD.grad`; it returns the loss. A
forward provider returns the log-probabilities and leaves none.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import pgkern
from pgkern.policy import naive

from .bare_products import bare_products
from .peers import installed_peers
from .policy_case import PolicyCase
from .policy_inputs import PolicyInputs
from .policy_peers import POLICY_PEERS
from .policy_plain import log_probs_by_cross_entropy, policy_loss_of
from .provider_names import COMPILED, CROSS_ENTROPY, NAIVE, PGKERN, PGKERN_ALL_ACTIVE, PRODUCTS
from .suite import Provider


def providers(case: PolicyCase) -> tuple[dict[str, Provider], list[str]]:
    """The providers of a case, and a line for each that is left out because it is not installed."""
    if case.work == "forward":
        ours, plain = _forward(pgkern.linear_token_log_probs), _forward(naive.linear_token_log_probs)
        return {PGKERN: ours, NAIVE: plain, PRODUCTS: bare_products(case)}, []
    ours = _loss(pgkern.linear_policy_loss)
    found: dict[str, Provider] = {PGKERN: ours, NAIVE: _loss(naive.linear_policy_loss), PRODUCTS: bare_products(case)}
    if case.active < 1:
        found[PGKERN_ALL_ACTIVE] = lambda inputs: ours(inputs.with_every_sequence_active())
    if not case.beside_peers:
        return found, []
    found[CROSS_ENTROPY] = _cross_entropy
    if case.compiled:
        found[COMPILED] = _compiled()
    peers, missing = installed_peers(POLICY_PEERS, case.device)
    return {**found, **peers}, missing


def drop_gradients(inputs: PolicyInputs, _provider: Provider | None = None) -> None:
    """No gradients before a run, so that none is added to."""
    inputs.hidden_ND.grad = inputs.weight_VD.grad = None


def _loss(function: Callable[..., Any]) -> Callable[[PolicyInputs], Tensor]:
    def run(inputs: PolicyInputs) -> Tensor:
        loss = loss_of(function, inputs)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return run


def loss_of(function: Callable[..., Any], inputs: PolicyInputs) -> Tensor:
    """The loss by `linear_policy_loss` or its slow twin."""
    loss: Tensor = function(
        inputs.hidden_ND,
        inputs.weight_VD,
        inputs.token_ids_N,
        inputs.advantages_B,
        inputs.mask_N,
        old_log_probs=inputs.old_log_probs_N,
        sequence_ids=inputs.sequence_ids_N,
        objective=inputs.objective,
    ).loss
    return loss


def _forward(function: Callable[..., Any]) -> Provider:
    def run(inputs: PolicyInputs) -> object:
        with torch.no_grad():
            return function(inputs.hidden_ND, inputs.weight_VD, inputs.token_ids_N)

    return run


def _plain_loss(inputs: PolicyInputs) -> Tensor:
    log_probs_N = log_probs_by_cross_entropy(inputs.hidden_ND, inputs.weight_VD, inputs.token_ids_N)
    return policy_loss_of(log_probs_N, inputs)


def _cross_entropy(inputs: PolicyInputs) -> Tensor:
    """Plain torch at its best."""
    loss = _plain_loss(inputs)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def _compiled() -> Provider:
    torch.compiler.reset()  # a size after the other would reach the limit of recompilations
    compiled = torch.compile(_plain_loss, dynamic=False)

    def run(inputs: PolicyInputs) -> Tensor:
        loss: Tensor = compiled(inputs)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return run
