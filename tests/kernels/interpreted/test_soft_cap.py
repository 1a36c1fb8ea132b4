"""The soft cap alone: an interpreted program's tanh against fp64, over everything a logit can be."""

import math

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from pgkern.kernels.soft_cap import capped


@triton.jit
def soft_cap_kernel(logits_ptr, z_ptr, slopes_ptr, count, softcap, HAS_SOFTCAP: tl.constexpr, BLOCK: tl.constexpr):  # noqa: ANN001, ANN201
    columns = tl.arange(0, BLOCK)
    logits = tl.load(logits_ptr + columns, mask=columns < count, other=0.0)
    z, slopes = capped(logits, softcap, HAS_SOFTCAP)
    tl.store(z_ptr + columns, z, mask=columns < count)
    tl.store(slopes_ptr + columns, tl.zeros([BLOCK], tl.float32) + slopes, mask=columns < count)


def soft_cap(logits: Tensor, softcap: float | None) -> tuple[Tensor, Tensor]:
    z, slopes = torch.empty_like(logits), torch.empty_like(logits)
    soft_cap_kernel[(1,)](
        logits,
        z,
        slopes,
        logits.numel(),
        softcap or 1.0,
        HAS_SOFTCAP=softcap is not None,
        BLOCK=triton.next_power_of_2(logits.numel()),
    )
    return z, slopes


@pytest.mark.parametrize("softcap", [1.0, 7.3, 30.0, 50.0])
def test_z_is_within_2e_7_of_the_cap_and_keeps_the_digits_of_small_logits(softcap: float) -> None:
    sizes = torch.cat([torch.linspace(0, 20, 20001), torch.logspace(-30, 30, 4001), torch.linspace(0.49, 0.51, 4001)])
    logits = torch.cat([sizes, -sizes]) * softcap
    z, slopes = soft_cap(logits, softcap)
    exact = torch.tanh(logits.double() / softcap)
    assert ((z.double() - softcap * exact).abs() / softcap).max() < 2e-7
    below = (logits / softcap).abs() < 0.5
    relative = (z.double() / (softcap * exact) - 1)[below & (logits != 0)].abs()
    assert relative.max() < 4e-7
    assert (slopes.double() - (1 - exact**2)).abs().max() < 4e-7
    assert (z.abs() <= softcap * (1 + 1e-7)).all()


def test_infinities_and_nan() -> None:
    z, slopes = soft_cap(torch.tensor([math.inf, -math.inf, math.nan, 0.0]), 30.0)
    assert z[:2].tolist() == [30.0, -30.0]
    assert slopes[:2].tolist() == [0.0, 0.0]
    assert z[2].isnan()
    assert slopes[2].isnan()
    assert (z[3], slopes[3]) == (0.0, 1.0)


def test_without_a_cap_nothing_happens() -> None:
    logits = torch.tensor([math.inf, -math.inf, 3.0, -1e30])
    z, slopes = soft_cap(logits, None)
    assert torch.equal(z, logits)
    assert (slopes == 1).all()
