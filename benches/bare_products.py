"""The floor of the policy loss: the matrix products that it cannot do without, with nothing between them.

Names: N tokens, T tokens of one chunk, D hidden size, V vocabulary.
"""

import torch
from torch import Tensor

from .limits import CHUNK_TOKENS
from .policy_case import PolicyCase
from .policy_inputs import PolicyInputs
from .suite import Provider


def bare_products(case: PolicyCase) -> Provider:
    """z = X Wᵀ of the tokens that need it, then dX = z W and dW = zᵀ X of those that are active, in the case's dtype.

    All tokens at once, which is fastest, unless their logits would take more than a quarter of the GPU's memory: then
    in chunks. The numbers mean nothing.
    """
    length = _chunk_length(case)

    def run(inputs: PolicyInputs) -> Tensor:
        hidden_ND, weight_VD = inputs.hidden_ND.detach(), inputs.weight_VD.detach()
        grad_hidden_ND = torch.empty_like(hidden_ND) if case.gradient_tokens else None
        grad_weight_VD: Tensor | None = None
        some = hidden_ND.new_zeros(())
        for start in range(0, case.forward_tokens, length):
            logits_TV = hidden_ND[start : min(start + length, case.forward_tokens)] @ weight_VD.t()
            some = logits_TV[0, 0].clone()
            active = slice(start, min(start + logits_TV.shape[0], case.gradient_tokens))
            if grad_hidden_ND is None or active.stop <= active.start:
                continue
            logits_AV = logits_TV[: active.stop - active.start]
            torch.mm(logits_AV, weight_VD, out=grad_hidden_ND[active])
            if case.work != "both":
                continue
            if grad_weight_VD is None:
                grad_weight_VD = logits_AV.t() @ hidden_ND[active]
            else:
                torch.addmm(grad_weight_VD, logits_AV.t(), hidden_ND[active], out=grad_weight_VD)
        inputs.hidden_ND.grad, inputs.weight_VD.grad = grad_hidden_ND, grad_weight_VD
        return some

    return run


def _chunk_length(case: PolicyCase) -> int:
    if case.device == "cuda":
        dtype: torch.dtype = getattr(torch, case.dtype)
        room = torch.cuda.get_device_properties().total_memory // 4
        if case.forward_tokens * case.vocabulary * dtype.itemsize > room:
            return CHUNK_TOKENS
    return max(1, case.forward_tokens)
