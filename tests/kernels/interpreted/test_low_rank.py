"""A head with a LoRA adapter, with every row done by a kernel: also where the gradient's buffer is bf16."""

import math

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss
from pgkern.policy import naive
from pgkern.policy.linear import low_rank

OBJECTIVES = {
    "grpo": PolicyObjective.grpo(),
    "gspo": PolicyObjective.gspo(clip_low=0.2, clip_high=0.2),
    "none": PolicyObjective.ppo(reduction="none"),
}


def inputs(V: int = 600) -> dict[str, Tensor]:
    """Numbers that bf16 holds."""
    random = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random).bfloat16().double()

    hidden, weight = normal(3, 5, 16), normal(V, 16)
    token_ids = torch.randint(0, V, (3, 5), generator=random)
    mask = torch.rand(3, 5, generator=random) > 0.3
    old = naive.linear_token_log_probs(hidden, weight, token_ids) + 0.3 * normal(3, 5)
    return {
        **{"hidden": hidden, "weight": weight, "lora_A": 0.25 * normal(4, 16), "lora_B": normal(V, 4)},
        **{"token_ids": token_ids, "advantages": normal(3), "mask": mask, "old_log_probs": old},
    }


def loss_and_gradients(function, dtypes: dict[str, torch.dtype], **options) -> list[Tensor]:  # noqa: ANN001, ANN003
    given = inputs()
    leaves = {name: given.pop(name).to(dtype).requires_grad_() for name, dtype in dtypes.items()}
    a, b = leaves["lora_A"], leaves["lora_B"]
    if dtypes["hidden"] != torch.float64:
        masked = ~given["mask"]
        given = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in given.items()}
        given["token_ids"] = given["token_ids"].masked_fill(masked, -100)
        hidden = leaves["hidden"].masked_fill(masked[..., None], math.nan)
    else:
        hidden = leaves["hidden"]
    loss = function(hidden, leaves["weight"], lora=(a, b, 1.5), **given, **options).loss
    upstream = torch.linspace(0.5, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
    return [loss.detach(), *torch.autograd.grad(loss, list(leaves.values()), upstream)]


@pytest.mark.parametrize("of_adapter", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_linear_policy_loss(
    monkeypatch: pytest.MonkeyPatch, name: str, dtype: torch.dtype, of_adapter: torch.dtype
) -> None:
    monkeypatch.setattr(low_rank, "_SLAB_NUMBERS", 500)
    leaves = ("hidden", "weight", "lora_A", "lora_B")
    dtypes = dict(zip(leaves, (dtype, dtype, of_adapter, of_adapter), strict=True))
    exact = dict.fromkeys(leaves, torch.float64)
    objective = OBJECTIVES[name]
    truth = loss_and_gradients(naive.linear_policy_loss, exact, objective=objective)
    for chunk_tokens in (4, None):
        found = loss_and_gradients(linear_policy_loss, dtypes, objective=objective, chunk_tokens=chunk_tokens)
        for ours, values in zip(found, truth, strict=True):
            error = ((ours.double() - values).norm() / values.norm()).item()
            # A gradient of logits that is cut off to bf16 (by the interpreter; a GPU rounds) is the largest error.
            assert error < (8e-3 if torch.bfloat16 in (dtype, ours.dtype) and ours.dim() else 1e-4)
