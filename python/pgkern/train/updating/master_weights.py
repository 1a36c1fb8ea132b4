"""AdamW for weights in half precision: their steps are taken in fp32, where they are not lost in rounding.

A weight of 1 in bf16 has neighbours 0.004 away, and a step of 1e-5 towards one of them is no step at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import AdamW

HALF_PRECISION = (torch.bfloat16, torch.float16)
_MASTERS = "masters"


class MasterAdamW(AdamW):
    """AdamW on fp32 copies of the parameters, which are their masters rounded; other parameters are their own masters.

    `take_gradients` comes before anything looks at the masters' gradients. The masters are in `state_dict`, so that a
    run goes on bit for bit. Arguments as of `torch.optim.AdamW`.
    """

    def __init__(self, parameters: Iterable[Parameter], **settings: Any) -> None:  # noqa: ANN401 - AdamW's own
        rounded = list(parameters)
        masters = [Parameter(p.detach().float()) if p.dtype in HALF_PRECISION else p for p in rounded]
        self._pairs = [(one, master) for one, master in zip(rounded, masters, strict=True) if one is not master]
        super().__init__(masters, **settings)

    def take_gradients(self) -> None:
        """Hand the parameters' gradients over to their masters."""
        for parameter, master in self._pairs:
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of the masters, and the parameters follow."""
        result: float | None = super().step(closure)
        self._follow()
        return result

    def state_dict(self) -> dict[str, Any]:
        """AdamW's, and the masters."""
        return {**super().state_dict(), _MASTERS: [master.detach() for _, master in self._pairs]}

    @torch.no_grad()
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`. Raises `ValueError` for one whose masters do not fit the parameters."""
        masters: list[Tensor] = state_dict[_MASTERS]
        if [list(tensor.shape) for tensor in masters] != [list(master.shape) for _, master in self._pairs]:
            raise ValueError("the optimiser's fp32 weights are of another model")
        super().load_state_dict({name: value for name, value in state_dict.items() if name != _MASTERS})
        for (_, master), tensor in zip(self._pairs, masters, strict=True):
            master.copy_(tensor)
        self._follow()

    @torch.no_grad()
    def _follow(self) -> None:
        for parameter, master in self._pairs:
            parameter.copy_(master)
