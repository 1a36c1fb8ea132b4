"""What logits are divided by: one number, or one per token."""

import math
from numbers import Real

import torch
from torch import Tensor

from .look_at_values import look_at_values
from .savable import savable


def temperatures(
    temperature: float | Tensor,
    token_shape: torch.Size,
    device: torch.device,
    dtype: torch.dtype,
    scored_T: Tensor | None = None,
) -> Tensor:
    """The temperature as a tensor `[1]`, or `[T]` for one per token; 1 where a token is not scored.

    No gradient flows to it.

    Raises:
        ValueError: no number and no tensor of the tokens' shape (or of one element), another device, or a value that is
            not finite and above 0 (of a tensor: where values are looked at).
    """
    if not isinstance(temperature, Tensor):
        if isinstance(temperature, bool) or not isinstance(temperature, Real):
            raise ValueError(f"temperature must be a number, or a tensor of one per token, got {temperature!r}")
        if not 0 < temperature < math.inf:  # (a compiler does not trace math.isfinite of a number that changes)
            raise ValueError(f"temperature must be finite and above 0, got {temperature}")
        # Not torch.full, for which compiled code is compiled again with every new number.
        return torch.ones(1, dtype=dtype, device=device) * float(temperature)
    if temperature.shape != token_shape and temperature.numel() != 1:
        raise ValueError(
            f"temperature has shape {list(temperature.shape)}, expected the tokens' shape {list(token_shape)} "
            "or one number"
        )
    if temperature.device != device:
        raise ValueError(f"temperature is on {temperature.device}, the tokens are on {device}")
    if temperature.is_complex() or temperature.dtype == torch.bool:
        raise ValueError(f"temperature must be real, got {temperature.dtype}")
    temperature_T = temperature.detach().reshape(-1).to(dtype)
    if temperature.shape == token_shape and scored_T is not None:
        temperature_T = temperature_T.where(scored_T, 1)
    if look_at_values(device):
        wrong_T = ~(temperature_T.isfinite() & (temperature_T > 0))
        if bool(wrong_T.any()):
            where = int(wrong_T.nonzero()[0, 0])
            raise ValueError(
                f"temperature must be finite and above 0, got {temperature_T[where].item()} at token {where}"
            )
    return savable(temperature_T.contiguous())


def check_softcap(softcap: float | None) -> float | None:
    """`softcap` as a float.

    Raises:
        ValueError: neither None nor a finite number above 0.
    """
    if softcap is None:
        return None
    if isinstance(softcap, bool) or not isinstance(softcap, Real) or not (math.isfinite(softcap) and softcap > 0):
        raise ValueError(f"softcap must be None or a finite number above 0, got {softcap!r}")
    return float(softcap)
