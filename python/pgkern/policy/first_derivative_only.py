"""A backward that has no backward of its own, and says so."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch

Gradients = TypeVar("Gradients")


def first_derivative_only(backward: Callable[..., Gradients]) -> Callable[..., Gradients]:
    """Refuse `create_graph=True`.

    torch's `once_differentiable` raises only when the incoming gradient itself wants one, and otherwise leaves this
    function's part out of the second derivative without a word.
    """

    @functools.wraps(backward)
    def checked(ctx: Any, *gradients: torch.Tensor | None) -> Gradients:
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            raise RuntimeError(
                "this loss has no second derivative: call backward or torch.autograd.grad without create_graph=True"
            )
        return backward(ctx, *gradients)

    return checked
