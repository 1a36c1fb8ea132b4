"""Problems for the policy losses: hidden states, a head, sampled tokens, and what the sampling policy thought of them.

Names: B rows of L tokens, D hidden size, V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pgkern.policy import naive


@dataclass
class Problem:
    hidden: Tensor
    weight: Tensor
    bias: Tensor | None
    token_ids: Tensor
    advantages: Tensor
    mask: Tensor
    old_log_probs: Tensor
    temperature: float = 1.0
    leaves: tuple[Tensor, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.leaves = tuple(t for t in (self.hidden, self.weight, self.bias) if t is not None and t.requires_grad)

    def to(self, dtype: torch.dtype) -> "Problem":
        """The same numbers in another dtype, with leaves of their own."""

        def leaf(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.detach().to(dtype).requires_grad_(tensor.requires_grad)

        hidden, weight = leaf(self.hidden), leaf(self.weight)
        assert hidden is not None
        assert weight is not None
        wide = torch.promote_types(dtype, torch.float32)
        return Problem(
            hidden,
            weight,
            leaf(self.bias),
            self.token_ids,
            self.advantages.to(wide),
            self.mask,
            self.old_log_probs.to(wide),
            self.temperature,
        )

    def loss(self, function: Callable, **options: object) -> Tensor:
        return function(
            self.hidden,
            self.weight,
            self.token_ids,
            self.advantages,
            self.mask,
            **{"old_log_probs": self.old_log_probs, "bias": self.bias, "temperature": self.temperature, **options},
        ).loss

    def loss_and_gradients(self, function: Callable, **options: object) -> list[Tensor]:
        loss = self.loss(function, **options)
        return [loss.detach(), *torch.autograd.grad(loss, self.leaves)]


def build_problem(
    B: int = 3,
    L: int = 7,
    D: int = 16,
    V: int = 127,
    *,
    dtype: torch.dtype = torch.float64,
    bias: bool = True,
    temperature: float = 0.7,
    scale: float = 1.0,
    drift: float = 0.3,
    masked: float = 0.3,
    seed: int = 0,
) -> Problem:
    """Old log-probabilities lie `drift` around the new ones, so that some ratios are clipped and some are not."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

    hidden = (normal(B, L, D) * scale).requires_grad_()
    weight = normal(V, D).requires_grad_()
    bias_V = normal(V).requires_grad_() if bias else None
    token_ids = torch.randint(0, V, (B, L), generator=random)
    token_ids[0, 0] = V - 1
    mask = torch.rand(B, L, generator=random) >= masked
    mask[0, 0] = True
    with torch.no_grad():
        log_probs = naive.linear_token_log_probs(hidden, weight, token_ids, bias=bias_V, temperature=temperature)
        assert isinstance(log_probs, Tensor)
        old_log_probs = log_probs + drift * normal(B, L).to(log_probs.dtype)
    advantages = normal(B)
    return Problem(hidden, weight, bias_V, token_ids, advantages, mask, old_log_probs, temperature)


@pytest.fixture
def problem() -> Callable[..., Problem]:
    return build_problem


class Products(TorchDispatchMode):
    """Counts the floating-point operations of every matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("mm", "addmm", "addmm_", "bmm", "baddbmm"):
            left, right = args[-2:] if name.endswith("bmm") or name == "mm" else args[1:3]
            self.operations += 2 * left.numel() * right.shape[-1]
        return func(*args, **(kwargs or {}))

    def rows(self, p: Problem) -> float:
        """In products of one row of hidden states and the whole weight."""
        return self.operations / (2 * p.weight.numel())


@pytest.fixture
def products() -> Products:
    return Products()
