"""Device code shared by every kernel that visits rows of logits: the softmax of a row, and the gradient of one.

One program owns one row and walks over it in blocks. Everything is fp32 once it is loaded.
"""

import triton
import triton.language as tl


@triton.jit
def row_softmax(row_ptr, vocabulary, inverse_temperature, BLOCK: tl.constexpr):
    """One read of the row: its largest logit, `log sum(exp(shifted))` and the entropy of the softmax, where

    `shifted = (logits - largest) * inverse_temperature`, so that `log p = shifted - log_sum`.
    """
    largest = -float("inf")
    total = 0.0
    weighted = 0.0  # sum(exp(shifted) * shifted)
    for start in range(0, vocabulary, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        logits = tl.load(row_ptr + columns, mask=columns < vocabulary, other=-float("inf")).to(tl.float32)
        new_largest = tl.maximum(largest, tl.max(logits, 0))  # a NaN is not lost: it comes back by exp
        anchor = tl.where(new_largest == -float("inf"), 0.0, new_largest)
        shifted = (logits - anchor) * inverse_temperature
        exponentials = tl.exp(shifted)
        moved = tl.where(largest == -float("inf"), 0.0, (largest - anchor) * inverse_temperature)
        factor = tl.exp(moved)
        # A logit of -inf has probability 0 and adds nothing: keep 0 * -inf from being NaN.
        terms = exponentials * tl.where(exponentials == 0.0, 0.0, shifted)
        weighted = (weighted + total * moved) * factor + tl.sum(terms, 0)
        total = total * factor + tl.sum(exponentials, 0)
        largest = new_largest
    log_sum = tl.log(total)
    return largest, log_sum, log_sum - weighted / total


@triton.jit
def target_log_prob(row_ptr, token_id, vocabulary, largest, log_sum, inverse_temperature):
    """`log p[token]`; NaN for an id outside the vocabulary, without reading there."""
    inside = (token_id >= 0) & (token_id < vocabulary)
    logit = tl.load(row_ptr + token_id, mask=inside, other=float("nan")).to(tl.float32)
    return (logit - largest) * inverse_temperature - log_sum


@triton.jit
def write_row_gradient(
    gradient_ptr,
    row_ptr,
    token_id,
    vocabulary,
    largest,
    log_sum,
    entropy,
    inverse_temperature,
    coefficient,
    entropy_coefficient,
    HAS_ENTROPY_COEFFICIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the row's gradient of `coefficient * log p[token] + entropy_coefficient * H`: one read, one write,

    `(coefficient * 1[token] - p * (coefficient + entropy_coefficient * (log p + H))) * inverse_temperature`.

    `gradient_ptr` may be `row_ptr`: every number is read before it is overwritten, by the same lane. A row without a
    coefficient is set to 0 without being read.
    """
    active = coefficient != 0.0
    if HAS_ENTROPY_COEFFICIENT:
        active = active | (entropy_coefficient != 0.0)
    if active:
        for start in range(0, vocabulary, BLOCK):
            columns = start + tl.arange(0, BLOCK)
            inside = columns < vocabulary
            logits = tl.load(row_ptr + columns, mask=inside, other=-float("inf")).to(tl.float32)
            log_p = (logits - largest) * inverse_temperature - log_sum
            p = tl.exp(log_p)
            if HAS_ENTROPY_COEFFICIENT:
                log_p = tl.where(p == 0.0, 0.0, log_p)  # a logit of -inf has no gradient: keep 0 * -inf from being NaN
                slope = p * (coefficient + entropy_coefficient * (log_p + entropy))
            else:
                slope = p * coefficient
            gradient = (tl.where(columns == token_id, coefficient, 0.0) - slope) * inverse_temperature
            tl.store(gradient_ptr + columns, gradient.to(gradient_ptr.dtype.element_ty), mask=inside)
    else:
        for start in range(0, vocabulary, BLOCK):
            columns = start + tl.arange(0, BLOCK)
            zeros = tl.zeros([BLOCK], dtype=gradient_ptr.dtype.element_ty)
            tl.store(gradient_ptr + columns, zeros, mask=columns < vocabulary)
