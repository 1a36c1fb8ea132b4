"""Other libraries that compute the same loss from hidden states on a GPU."""

from torch import Tensor

from .peers import Peer
from .policy_case import SEQUENCES, PolicyInputs
from .suite import Provider


def _cut_cross_entropy() -> Provider:
    """Log-probabilities without logits (arXiv 2411.09009), the policy loss on top of them."""
    from cut_cross_entropy import linear_cross_entropy

    from .policy_providers import policy_loss_of

    def run(inputs: PolicyInputs) -> Tensor:
        nll_N = linear_cross_entropy(inputs.hidden_ND, inputs.weight_VD, inputs.token_ids_N, reduction="none")
        loss = policy_loss_of(-nll_N.float(), inputs)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return run


def _liger() -> Provider:
    """Its chunked GRPO loss, with the loss type that averages over a sequence's tokens, then over sequences."""
    from liger_kernel.chunked_loss import LigerFusedLinearGRPOLoss

    grpo = LigerFusedLinearGRPOLoss(beta=0.0, use_ref_model=False, loss_type="grpo")

    def run(inputs: PolicyInputs) -> Tensor:
        def padded(tensor: Tensor) -> Tensor:
            return tensor.view(SEQUENCES, -1, *tensor.shape[1:])

        loss, *_metrics = grpo(
            padded(inputs.hidden_ND),
            inputs.weight_VD,
            padded(inputs.token_ids_N),
            padded(inputs.mask_N),
            inputs.advantages_B,
            old_per_token_logps=padded(inputs.old_log_probs_N),
        )
        loss.backward()
        detached: Tensor = loss.detach()
        return detached

    return run


POLICY_PEERS = (
    Peer("Cut Cross-Entropy", "cut_cross_entropy", _cut_cross_entropy),
    Peer("Liger chunked GRPO", "liger_kernel", _liger),
)
