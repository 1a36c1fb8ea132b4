"""Other libraries that compute the same loss from hidden states, or the cross-entropy of the tokens.

Written for Liger 0.8, Cut Cross-Entropy 25.1, QuACK 0.6, TRL 1.16 and torch 2.13; another release that does not take
these arguments is named and left out.

Names: N tokens, D hidden size, V vocabulary, B sequences of L tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .peers import Peer
from .policy_inputs import PolicyInputs
from .policy_plain import padded, policy_loss_of
from .suite import Provider


@dataclass(frozen=True)
class CrossEntropyOnly:
    """A provider of the tokens' mean cross-entropy and its gradients: no policy loss, as it has no advantages."""

    cross_entropy: Callable[[PolicyInputs], Tensor]

    def __call__(self, inputs: PolicyInputs) -> Tensor:
        """Everything that is timed."""
        return _backward(self.cross_entropy(inputs))


def _from_log_probs(log_probs: Callable[[PolicyInputs], Tensor]) -> Provider:
    return lambda inputs: _backward(policy_loss_of(log_probs(inputs).float(), inputs))


def _backward(loss: Tensor) -> Tensor:
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def _cut_cross_entropy() -> Provider:
    """Log-probabilities without logits (arXiv 2411.09009), the policy loss on top of them."""
    from cut_cross_entropy import linear_cross_entropy

    return _from_log_probs(
        lambda inputs: -linear_cross_entropy(inputs.hidden_ND, inputs.weight_VD, inputs.token_ids_N, reduction="none")
    )


def _liger_chunked() -> Provider:
    """Its chunked GRPO loss, with the loss type that averages over a sequence's tokens, then over sequences."""
    from liger_kernel.chunked_loss import LigerFusedLinearGRPOLoss

    grpo = LigerFusedLinearGRPOLoss(beta=0.0, use_ref_model=False, loss_type="grpo")

    def run(inputs: PolicyInputs) -> Tensor:
        loss, *_metrics = grpo(
            padded(inputs.hidden_ND),
            inputs.weight_VD,
            padded(inputs.token_ids_N),
            padded(inputs.mask_N),
            inputs.advantages_B,
            old_per_token_logps=padded(inputs.old_log_probs_N),
        )
        return _backward(loss)

    return run


def _liger_triton() -> Provider:
    """Its GRPO loss from all logits, which it wants with one more position behind each sequence's last."""
    from liger_kernel.transformers.grpo_loss import triton_grpo_loss

    def run(inputs: PolicyInputs) -> Tensor:
        hidden_BMD = torch.nn.functional.pad(padded(inputs.hidden_ND), (0, 0, 0, 1))
        loss, *_metrics = triton_grpo_loss(
            torch.nn.functional.linear(hidden_BMD, inputs.weight_VD),
            padded(inputs.old_log_probs_N),
            None,
            padded(inputs.token_ids_N),
            inputs.advantages_B,
            padded(inputs.mask_N),
            temperature=1.0,
            beta=0.0,
            eps_low=inputs.objective.clip_low,
            eps_high=inputs.objective.clip_high,
            loss_type="grpo",
            reduce=True,
        )
        return _backward(loss)

    return run


def _trl() -> Provider:
    """Its log-probabilities in chunks of tokens and vocabulary, as its own trainer calls them; logits found twice."""
    from trl.kernels.chunked_logprob import ChunkedLogProbFunction

    columns, no_softcap, logit_scale, no_more_outputs = 32_768, None, 1.0, ()

    def log_probs(inputs: PolicyInputs) -> Tensor:
        found: tuple[Tensor, ...] = ChunkedLogProbFunction.apply(  # type: ignore[no-untyped-call]
            inputs.hidden_ND,
            inputs.weight_VD,
            None,
            inputs.token_ids_N,
            1.0,
            columns,
            no_softcap,
            logit_scale,
            no_more_outputs,
        )
        return found[0]

    return _from_log_probs(log_probs)


def _torch_chunked(reduction: str) -> Callable[[], Provider]:
    """`F.linear_cross_entropy` in chunks. Its mean takes one pass; each token's own computes the logits again.

    Its automatic choices are for GPUs: on a CPU they took 30 to 60 times as long as chunks of 256 tokens do.
    """

    def make() -> Provider:
        from torch.nn import LinearCrossEntropyOptions
        from torch.nn.functional import linear_cross_entropy

        automatic = LinearCrossEntropyOptions()
        for_cpu = LinearCrossEntropyOptions(chunking_method=None, batch_chunk_size=256, acc_policy="accurate")

        def run(inputs: PolicyInputs) -> Tensor:
            return linear_cross_entropy(
                inputs.hidden_ND,
                inputs.weight_VD,
                inputs.token_ids_N,
                reduction=reduction,
                options=automatic if inputs.hidden_ND.is_cuda else for_cpu,
            )

        return CrossEntropyOnly(run) if reduction == "mean" else _from_log_probs(lambda inputs: -run(inputs))

    return make


def _quack() -> Provider:
    """Its cross-entropy in chunks of tokens, in one pass."""
    from quack.linear_cross_entropy import chunked_linear_cross_entropy

    return CrossEntropyOnly(
        lambda inputs: chunked_linear_cross_entropy(inputs.hidden_ND, inputs.weight_VD, inputs.token_ids_N)
    )


_EVERYWHERE = ("cpu", "cuda")
POLICY_PEERS = (
    Peer("Liger chunked GRPO", "liger_kernel", _liger_chunked, _EVERYWHERE),
    Peer("Liger triton_grpo_loss", "liger_kernel", _liger_triton),
    Peer("TRL chunked_logprob", "trl", _trl, _EVERYWHERE),
    Peer("Cut Cross-Entropy", "cut_cross_entropy", _cut_cross_entropy),
    Peer("torch linear_cross_entropy", "torch", _torch_chunked("none"), _EVERYWHERE),
    Peer("torch linear_cross_entropy (cross-entropy only)", "torch", _torch_chunked("mean"), _EVERYWHERE),
    Peer("QuACK chunked (cross-entropy only)", "quack", _quack),
)
