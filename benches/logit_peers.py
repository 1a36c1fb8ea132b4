"""Other libraries that start from logits. Log-probabilities become a loss by the same few lines for all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .logit_case import LogitCase, Work
from .logit_inputs import LogitInputs
from .logit_outcome import LogitProvider, Outcome, from_log_probs, objective_of
from .peers import Peer
from .suite import Provider

_LOG_PROBS: tuple[Work, ...] = ("log_probs", "log_prob_gradient", "loss", "sequence_loss")
_GRADIENTS: tuple[Work, ...] = ("log_prob_gradient", "loss", "sequence_loss")


@dataclass(frozen=True)
class LogitPeer(Peer):
    """A peer, the work it can do, and whether it has entropies with gradients."""

    works: tuple[Work, ...] = _LOG_PROBS
    entropies: bool = False

    def can(self, case: LogitCase) -> bool:
        """Whether it has what the case asks for."""
        return case.work in self.works and (self.entropies or not case.entropy_bonus)


def _trl() -> Provider:
    """On a GPU its Triton kernel, elsewhere its loop of log-softmaxes."""
    from trl.trainer.utils import selective_log_softmax, selective_log_softmax_and_entropy

    def log_probs(logits: Tensor, token_ids: Tensor, with_entropy: bool) -> tuple[Tensor, Tensor | None]:
        if with_entropy:
            return selective_log_softmax_and_entropy(logits, token_ids)
        return selective_log_softmax(logits, token_ids), None

    return LogitProvider(from_log_probs(log_probs))


def _liger_log_probs() -> Provider:
    from liger_kernel.transformers.grpo_loss import fused_selective_log_softmax

    def run(inputs: LogitInputs) -> Outcome:
        logits_BMV = inputs.logits_with_one_more()
        return Outcome(fused_selective_log_softmax(logits_BMV, inputs.token_ids_BL, temperature=1.0))

    return LogitProvider(run, LogitInputs.make_logits_with_one_more)


def _liger_loss(in_place: bool) -> Callable[[], Provider]:
    def make() -> Provider:
        from liger_kernel.transformers.grpo_loss import triton_grpo_loss

        def run(inputs: LogitInputs) -> Outcome:
            objective = objective_of(inputs)
            logits_BMV = inputs.logits_with_one_more()
            loss, *_metrics = triton_grpo_loss(
                logits_BMV,
                inputs.old_log_probs_BL,
                None,
                inputs.token_ids_BL,
                inputs.advantages_B,
                inputs.mask_BL,
                temperature=1.0,
                beta=0.0,
                eps_low=objective.clip_low,
                eps_high=objective.clip_high,
                inplace=in_place,
                loss_type="grpo",
                importance_sampling_level=objective.ratio,
                reduce=True,
            )
            (gradient,) = torch.autograd.grad(loss, logits_BMV)
            return Outcome(loss.detach(), gradient=gradient[:, :-1])

        return LogitProvider(run, LogitInputs.make_logits_with_one_more, in_place)

    return make


def _quack(in_place: bool) -> Callable[[], Provider]:
    def make() -> Provider:
        from quack.cross_entropy import cross_entropy

        def log_probs(logits: Tensor, token_ids: Tensor, _with_entropy: bool) -> tuple[Tensor, Tensor | None]:
            flat = logits.view(-1, logits.shape[-1])
            nll = cross_entropy(flat, token_ids.view(-1), reduction="none", inplace_backward=in_place)
            return -nll.view(token_ids.shape), None

        return LogitProvider(from_log_probs(log_probs), in_place=in_place)

    return make


def _flash_attention(in_place: bool) -> Callable[[], Provider]:
    def make() -> Provider:
        from flash_attn.ops.triton.cross_entropy import cross_entropy_loss

        def log_probs(logits: Tensor, token_ids: Tensor, _with_entropy: bool) -> tuple[Tensor, Tensor | None]:
            flat = logits.view(-1, logits.shape[-1])
            nll, _z_losses = cross_entropy_loss(flat, token_ids.view(-1), inplace_backward=in_place)
            return -nll.view(token_ids.shape), None

        return LogitProvider(from_log_probs(log_probs), in_place=in_place)

    return make


LOGIT_PEERS = (
    LogitPeer("TRL selective_log_softmax", "trl", _trl, ("cpu", "cuda"), (*_LOG_PROBS, "entropy"), entropies=True),
    LogitPeer("Liger fused_selective_log_softmax", "liger_kernel", _liger_log_probs, works=("log_probs",)),
    LogitPeer("Liger triton_grpo_loss", "liger_kernel", _liger_loss(False), works=("loss", "sequence_loss")),
    LogitPeer("Liger triton_grpo_loss in place", "liger_kernel", _liger_loss(True), works=("loss", "sequence_loss")),
    LogitPeer("QuACK cross_entropy", "quack", _quack(False)),
    LogitPeer("QuACK cross_entropy in place", "quack", _quack(True), works=_GRADIENTS),
    LogitPeer("flash-attn cross_entropy", "flash_attn", _flash_attention(False)),
    LogitPeer("flash-attn cross_entropy in place", "flash_attn", _flash_attention(True), works=_GRADIENTS),
)
