"""Device code shared by every kernel that visits rows of logits: the softmax of a row, and the gradient of one.

One program owns one row and walks over it in blocks. Everything is fp32 once it is loaded. `z` is a logit after the
soft cap, `shifted = (z - largest) * inverse_temperature`, so that `log p = shifted - log_sum`.

A row is `width` numbers wide and the first `vocabulary` of them are logits; the rest is padding. Loads are masked by
the width and what stands in the padding is thrown away afterwards: a width is usually a multiple of 16 where the number
of tokens is not, and only then do loads stay 16 bytes wide.
"""

import triton
import triton.language as tl

from .soft_cap import capped


@triton.jit
def row_softmax(
    row_ptr, vocabulary, width, inverse_temperature, softcap, HAS_SOFTCAP: tl.constexpr, BLOCK: tl.constexpr
):
    """One read of the row: its largest z, `log sum(exp(shifted))` and the entropy of the softmax.

    Where nothing has a probability (no columns, or every z is -inf) they are -inf, -inf and 0.
    """
    largest = -float("inf")
    total = 0.0
    weighted = 0.0  # sum(exp(shifted) * shifted)
    for start in range(0, vocabulary, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        logits = tl.load(row_ptr + columns, mask=columns < width, other=-float("inf")).to(tl.float32)
        z, _ = capped(logits, softcap, HAS_SOFTCAP)
        z = tl.where(columns < vocabulary, z, -float("inf"))  # after the cap, which would make a finite number of -inf
        new_largest = tl.maximum(largest, tl.max(z, 0))  # a NaN is not lost: it comes back by exp
        anchor = tl.where(new_largest == -float("inf"), 0.0, new_largest)
        shifted = (z - anchor) * inverse_temperature
        exponentials = tl.exp(shifted)
        moved = tl.where(largest == -float("inf"), 0.0, (largest - anchor) * inverse_temperature)
        factor = tl.exp(moved)
        # A logit of -inf has probability 0 and adds nothing: keep 0 * -inf from being NaN.
        terms = exponentials * tl.where(exponentials == 0.0, 0.0, shifted)
        # The same where so far there were only logits that are no longer seen, such as finfo.min in place of -inf.
        weighted = tl.where(factor == 0.0, 0.0, (weighted + total * moved) * factor) + tl.sum(terms, 0)
        total = total * factor + tl.sum(exponentials, 0)
        largest = new_largest
    divisor = tl.where(total == 0.0, 1.0, total)
    log_sum = tl.log(divisor)
    entropy = log_sum - weighted / divisor
    return largest, tl.where(total == 0.0, -float("inf"), log_sum), entropy


@triton.jit
def target_log_prob(
    row_ptr, token_id, vocabulary, largest, log_sum, inverse_temperature, softcap, HAS_SOFTCAP: tl.constexpr
):
    """`log p[token]`; NaN for an id outside the vocabulary, without reading there."""
    inside = (token_id >= 0) & (token_id < vocabulary)
    logit = tl.load(row_ptr + token_id, mask=inside, other=float("nan")).to(tl.float32)
    z, _ = capped(logit, softcap, HAS_SOFTCAP)
    return (z - largest) * inverse_temperature - log_sum


@triton.jit
def write_row_gradient(
    gradient_ptr,
    row_ptr,
    token_id,
    vocabulary,
    width,
    gradient_width,
    largest,
    log_sum,
    entropy,
    inverse_temperature,
    softcap,
    coefficient,
    entropy_coefficient,
    HAS_SOFTCAP: tl.constexpr,
    HAS_ENTROPY_COEFFICIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the row's gradient of `coefficient * log p[token] + entropy_coefficient * H`: one read, one write,

    `(coefficient * 1[token] - p * (coefficient + entropy_coefficient * (log p + H))) * inverse_temperature * dz/dlogit`

    and 0 from the vocabulary up to `gradient_width`. A token id outside the vocabulary has no column of its own.

    `gradient_ptr` may be `row_ptr`: every number is read before it is overwritten, by the same lane. A row without a
    coefficient is set to 0 without being read.

    The walk goes from the last block to the first: the softmax read the last blocks last, so they are the likeliest to
    be still in L2; in the order of the first walk, a row would push its own next blocks out before they are reached.
    """
    active = coefficient != 0.0
    if HAS_ENTROPY_COEFFICIENT:
        active = active | (entropy_coefficient != 0.0)
    written = 0
    if active:
        blocks = tl.cdiv(vocabulary, BLOCK)
        for step in range(0, blocks):
            columns = (blocks - 1 - step) * BLOCK + tl.arange(0, BLOCK)
            logits = tl.load(row_ptr + columns, mask=columns < width, other=-float("inf")).to(tl.float32)
            logits = tl.where(columns < vocabulary, logits, -float("inf"))
            z, z_slope = capped(logits, softcap, HAS_SOFTCAP)
            log_p = (z - largest) * inverse_temperature - log_sum
            p = tl.exp(log_p)
            if HAS_ENTROPY_COEFFICIENT:
                log_p = tl.where(p == 0.0, 0.0, log_p)  # a logit of -inf has no gradient: keep 0 * -inf from being NaN
                slope = p * (coefficient + entropy_coefficient * (log_p + entropy))
            else:
                slope = p * coefficient
            gradient = (tl.where(columns == token_id, coefficient, 0.0) - slope) * inverse_temperature * z_slope
            gradient = tl.where(columns < vocabulary, gradient, 0.0)  # in a row of NaN too
            tl.store(gradient_ptr + columns, gradient.to(gradient_ptr.dtype.element_ty), mask=columns < gradient_width)
        written = blocks * BLOCK
    for start in range(written, gradient_width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        zeros = tl.zeros([BLOCK], dtype=gradient_ptr.dtype.element_ty)
        tl.store(gradient_ptr + columns, zeros, mask=columns < gradient_width)
