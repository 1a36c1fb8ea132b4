"""A reward at every token for staying near a reference policy."""

from torch import Tensor

from ..policy.terms.reference_kl import reference_kl
from ..real_vector import real_vector
from ..require_number import require_number


def kl_penalty_rewards(log_probs_T: Tensor, ref_log_probs_T: Tensor, kl_coef: float) -> Tensor:
    """`-kl_coef * (log_probs_T - ref_log_probs_T).clamp(-20, 20)`, to be added to the rewards of the tokens.

    Summed over an episode its expectation is -kl_coef * KL(p || p_ref), and the policy gradient of returns that hold it
    is that of J - kl_coef * KL (the estimate "k1", Schulman 2020; in the loss its gradient has expectation 0).

    Args:
        log_probs_T: `[T]`, log p of the sampled tokens under the policy that sampled them.
        ref_log_probs_T: `[T]`, the same tokens' under the reference.
        kl_coef: at least 0.
    Returns:
        `[T]`, fp32 at least. Detached.
    Raises:
        ValueError: types, shapes or numbers that do not fit, log-probabilities that are not finite.
    """
    log_probs_T = real_vector("log_probs_T", log_probs_T, "T")
    ref_log_probs_T = real_vector("ref_log_probs_T", ref_log_probs_T, "T", like=log_probs_T)
    require_number("kl_coef", kl_coef, 0.0)
    return -float(kl_coef) * reference_kl(log_probs_T, ref_log_probs_T, "k1")
