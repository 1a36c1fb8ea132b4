"""Device code: what is done to a logit before the temperature. A soft cap bends it into `(-softcap, softcap)`."""

import triton
import triton.language as tl

SERIES_END = tl.constexpr(0.5)


@triton.jit
def tanh(x):
    """`tanh(x)` within 2e-7, and within a relative 3e-7 of small arguments; no intrinsic that only one vendor has.

    Below 0.5 an odd polynomial, fitted for the least relative error (1.5e-8): there `1 - 2 / (1 + exp(2 x))` would
    cancel. Above, the exponential is taken of a negative number, which cannot overflow. A NaN stays one.
    """
    size = tl.abs(x)
    small = tl.where(size < SERIES_END, x, 0.0)
    square = small * small
    series = ((0.01724149 * square - 0.053045494) * square + 0.13325879) * square - 0.33333144
    decay = tl.exp(-2.0 * size)
    large = 1.0 - 2.0 * decay / (1.0 + decay)
    return tl.where(size < SERIES_END, small + small * square * series, tl.where(x < 0.0, -large, large))


@triton.jit
def capped(logits, softcap, HAS_SOFTCAP: tl.constexpr):
    """`z = softcap * tanh(logits / softcap)` and `dz / d logits = 1 - (z / softcap)**2`; without a cap: logits, 1."""
    z, slope = logits, 1.0
    if HAS_SOFTCAP:
        bent = tanh(logits * tl.div_rn(1.0, softcap))
        z, slope = softcap * bent, (1.0 - bent) * (1.0 + bent)
    return z, slope
