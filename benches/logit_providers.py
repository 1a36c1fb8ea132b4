"""Who computes from logits: this library, plain torch, peers, and a copy of the logits as the floor."""

import torch
from torch import Tensor

import pgkern
from pgkern.policy import naive

from .logit_case import LogitCase
from .logit_inputs import LogitInputs
from .logit_outcome import LogitProvider, Outcome, from_log_probs, objective_of
from .logit_peers import LOGIT_PEERS
from .peers import installed_peers
from .provider_names import COMPILED, COPY, CROSS_ENTROPY, NAIVE, PGKERN, PGKERN_IN_PLACE
from .suite import Provider


def providers(case: LogitCase) -> tuple[dict[str, Provider], list[str]]:
    """The providers of a case, and a line for each that is left out."""
    found: dict[str, Provider] = {PGKERN: _pgkern(case, in_place=False)}
    if case.with_gradient:
        found[PGKERN_IN_PLACE] = _pgkern(case, in_place=True)
    found[NAIVE] = _naive(case)
    if case.work != "entropy" and not case.entropy_bonus:
        found[CROSS_ENTROPY] = LogitProvider(from_log_probs(_cross_entropy))
    if case.compiled:
        found[COMPILED] = _compiled()
    peers, missing = installed_peers([peer for peer in LOGIT_PEERS if peer.can(case)], case.device)
    return {**found, **peers, COPY: LogitProvider(_copy, LogitInputs.make_logits_and_destination)}, missing


def _pgkern(case: LogitCase, *, in_place: bool) -> LogitProvider:
    def log_probs(logits: Tensor, token_ids: Tensor, with_entropy: bool) -> tuple[Tensor, Tensor | None]:
        found = pgkern.token_log_probs(logits, token_ids, return_entropy=with_entropy, inplace_backward=in_place)  # type: ignore[call-overload]
        return found if with_entropy else (found, None)

    def loss(inputs: LogitInputs) -> Outcome:
        return _loss_and_gradient(pgkern.logits_policy_loss, inputs, in_place)

    return LogitProvider(loss if case.has_loss else from_log_probs(log_probs), in_place=in_place)


def _naive(case: LogitCase) -> LogitProvider:
    def loss(inputs: LogitInputs) -> Outcome:
        return _loss_and_gradient(naive.logits_policy_loss, inputs, False)

    return LogitProvider(loss if case.has_loss else from_log_probs(_naive_log_probs))


def _loss_and_gradient(function: object, inputs: LogitInputs, in_place: bool) -> Outcome:
    logits_BLV = inputs.logits()
    loss = function(  # type: ignore[operator]
        logits_BLV,
        inputs.token_ids_BL,
        inputs.advantages_B,
        inputs.mask_BL,
        old_log_probs=inputs.old_log_probs_BL,
        objective=objective_of(inputs),
        inplace_backward=in_place,
    ).loss
    return Outcome(loss.detach(), gradient=torch.autograd.grad(loss, logits_BLV)[0])


def _naive_log_probs(logits: Tensor, token_ids: Tensor, with_entropy: bool) -> tuple[Tensor, Tensor | None]:
    found = naive.token_log_probs(logits, token_ids, return_entropy=with_entropy)
    return found if isinstance(found, tuple) else (found, None)


def _cross_entropy(logits: Tensor, token_ids: Tensor, _with_entropy: bool) -> tuple[Tensor, Tensor | None]:
    """Plain torch at its best: the fused log-softmax and gather of `F.cross_entropy`, in fp32."""
    flat = logits.reshape(-1, logits.shape[-1]).float()
    nll = torch.nn.functional.cross_entropy(flat, token_ids.reshape(-1), reduction="none")
    return -nll.view(token_ids.shape), None


def _compiled() -> LogitProvider:
    torch.compiler.reset()  # a size after the other would reach the limit of recompilations
    return LogitProvider(from_log_probs(torch.compile(_naive_log_probs, dynamic=False)))


def _copy(inputs: LogitInputs) -> Outcome:
    """One read and one write of the logits."""
    assert inputs.destination_BLV is not None
    with torch.no_grad():
        return Outcome(inputs.destination_BLV.copy_(inputs.logits()))
