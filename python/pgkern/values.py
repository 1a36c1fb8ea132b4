"""What a learned value function V(s) is trained on, and how well it does.

Names: T tokens.
"""

import torch
from torch import Tensor

from .require_instance import require_instance
from .require_number import require_number


def value_loss(
    values_T: Tensor,
    old_values_T: Tensor | None,
    returns_T: Tensor,
    mask_T: Tensor,
    clip: float | None = None,
    *,
    num_tokens: float | None = None,
) -> Tensor:
    """Half the mean squared error over the unmasked tokens, an update's move of V bounded (PPO, as in its code):

        clipped_T = values_T.clamp(old_values_T - clip, old_values_T + clip)
        loss = 0.5 * maximum((values_T - returns_T) ** 2, (clipped_T - returns_T) ** 2)[mask_T].mean()

    A token whose V has moved by more than `clip` towards its return has no gradient; one that moved away keeps it.

    Args:
        values_T: `[T]` or any shape, V(s) as it is now; the gradient flows to it alone.
        old_values_T: the same shape, V(s) before the first update; None goes with a clip of None.
        returns_T: the same shape, what V is to learn.
        mask_T: the same shape, bool; what stands at masked tokens (NaN too) changes neither loss nor gradient.
        clip: at least 0, or None for no bound.
        num_tokens: the whole batch's count of unmasked tokens, for the loss of a part of it: the parts' losses and
            gradients then add up to the whole's. At least 0; 0 counts as 1.
    Returns:
        A scalar, fp32 at least; 0 where every token is masked, not finite where an unmasked number is not.
    Raises:
        ValueError: types, shapes or numbers that do not fit.
    """
    mask_T = _mask(mask_T, values_T)
    # Masked tokens are taken out first, not multiplied by 0: 0 times NaN is NaN, in the gradient too.
    values = _real("values_T", values_T, values_T)[mask_T]
    returns = _real("returns_T", returns_T, values_T).detach()[mask_T]
    squares = (values - returns).square()
    if clip is not None:
        require_number("clip", clip, 0.0)
        if old_values_T is None:
            raise ValueError(f"clip is {clip}, so old_values_T must be given")
        old = _real("old_values_T", old_values_T, values_T).detach()[mask_T]
        clipped = values.clamp(old - clip, old + clip)
        squares = torch.maximum(squares, (clipped - returns).square())
    if num_tokens is None:
        num_tokens = squares.numel()
    require_number("num_tokens", num_tokens, 0.0)
    return 0.5 * squares.sum() / max(num_tokens, 1)


def explained_variance(values_T: Tensor, returns_T: Tensor, mask_T: Tensor | None = None) -> float:
    """`1 - (returns_T - values_T).var() / returns_T.var()` over the unmasked tokens: 1 is perfect, 0 a constant's.

    NaN where the returns do not vary, or a number is not finite. The tensors' shapes are the same; errors as with
    `value_loss`.
    """
    values_T = _real("values_T", values_T, values_T).detach()
    returns_T = _real("returns_T", returns_T, values_T).detach()
    mask_T = torch.ones_like(values_T, dtype=torch.bool) if mask_T is None else _mask(mask_T, values_T)
    returns, errors = (kept[mask_T].to(torch.float64) for kept in (returns_T, returns_T - values_T))
    if returns.numel() == 0 or bool((returns == returns[0]).all()):
        return float("nan")
    return float(1 - errors.var(correction=0) / returns.var(correction=0))


def _real(name: str, tensor: Tensor, like: Tensor) -> Tensor:
    """In fp32 at least, in the shape and on the device of the values."""
    require_instance(name, tensor, Tensor)
    if tensor.shape != like.shape or tensor.device != like.device:
        raise ValueError(
            f"{name} has shape {list(tensor.shape)} on {tensor.device}, expected {list(like.shape)} on {like.device}"
        )
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise ValueError(f"{name} must be real numbers, got {tensor.dtype}")
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32) if tensor.is_floating_point() else torch.float32)


def _mask(mask_T: Tensor, values_T: Tensor) -> Tensor:
    require_instance("values_T", values_T, Tensor)
    require_instance("mask_T", mask_T, Tensor)
    if mask_T.shape != values_T.shape or mask_T.device != values_T.device or mask_T.dtype != torch.bool:
        raise ValueError(
            f"mask_T is {mask_T.dtype} of shape {list(mask_T.shape)} on {mask_T.device}, "
            f"expected torch.bool of {list(values_T.shape)} on {values_T.device}"
        )
    return mask_T
