"""The softmax of rows of logits, left unnormalised and in place: the CPU's only visit to the logits.

Names: T tokens, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

# Rows are visited a block at a time, so that the scratch is small beside a chunk: this many numbers. Smaller blocks fit
# a cache better, but the thread pool then meets thousands of times, which a busy machine makes slow.
_BLOCK_NUMBERS = 1 << 21


@dataclass(frozen=True, slots=True)
class RowStatistics:
    """Of rows of logits divided by the temperature."""

    log_probs_T: Tensor
    entropy_T: Tensor | None
    sums_T: Tensor  # sum(exp(logits - max))

    def gradient_scales(
        self, coefficients_T: Tensor, entropy_coefficients_T: Tensor | None, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """Scales of the rows left behind, and the values of the token's column, that make them the logits' gradient.

        They belong to `coefficients * log p[token] + entropy_coefficients * H`. The token's own `1 - p` is formed
        without cancellation, so that it keeps its digits where p is close to 1.
        """
        token_scales_T = coefficients_T * -self.log_probs_T.expm1()
        if entropy_coefficients_T is None:
            return -coefficients_T / (self.sums_T * temperature), token_scales_T / temperature
        assert self.entropy_T is not None
        slope_T = self.log_probs_T.exp() * (self.log_probs_T + self.entropy_T)
        # A token of logit -inf has probability 0, and the entropy no slope there, but 0 * -inf is NaN.
        token_scales_T -= entropy_coefficients_T * torch.where(self.log_probs_T == -torch.inf, 0, slope_T)
        return -1.0 / (self.sums_T * temperature), token_scales_T / temperature

    def at(self, rows_A: Tensor) -> "RowStatistics":
        """Of these rows only."""
        entropy_A = None if self.entropy_T is None else self.entropy_T[rows_A]
        return RowStatistics(self.log_probs_T[rows_A], entropy_A, self.sums_T[rows_A])


def exponentiate_rows_(
    logits_TV: Tensor,
    token_ids_T: Tensor,
    temperature: float,
    *,
    with_entropy: bool,
    coefficients_T: Tensor | None = None,
    entropy_coefficients_T: Tensor | None = None,
) -> RowStatistics:
    """Replace every row by `e = exp((logits - max) / temperature)`, so that its softmax is `e / sum(e)`.

    With `entropy_coefficients` h and `coefficients` c, by `e * (c + h * (log p + H))` instead, so that the gradient of
    `c * log p[token] + h * H` with respect to the logits is `(c * 1[token] - row / sum(e)) / temperature`.
    """
    tokens, vocabulary = logits_TV.shape
    block = max(1, _BLOCK_NUMBERS // max(1, vocabulary))
    log_probs_T, sums_T = logits_TV.new_empty(tokens), logits_TV.new_empty(tokens)
    entropy_T = logits_TV.new_empty(tokens) if with_entropy else None
    scratch_TV = logits_TV.new_empty(min(block, tokens), vocabulary) if with_entropy else None
    for start in range(0, tokens, block):
        rows = slice(start, min(start + block, tokens))
        row_TV = logits_TV[rows]
        shifted_TV = row_TV if scratch_TV is None else scratch_TV[: rows.stop - rows.start]
        torch.sub(row_TV, row_TV.amax(1, keepdim=True), out=shifted_TV)
        if temperature != 1.0:
            shifted_TV.div_(temperature)
        target_T = shifted_TV.gather(1, token_ids_T[rows, None])[:, 0]
        torch.exp(shifted_TV, out=row_TV)
        sums_T[rows] = row_TV.sum(1)
        log_sums_T = sums_T[rows].log()
        log_probs_T[rows] = target_T - log_sums_T
        if entropy_T is None:
            continue
        # H = -sum(p * log p) = log(sum) - sum(e * shifted) / sum
        products_TV = shifted_TV.mul_(row_TV)
        weighted_T = products_TV.sum(1)
        if bool(weighted_T.isnan().any()):
            # A logit of -inf has probability 0 and adds nothing to the entropy, but 0 * -inf is NaN.
            weighted_T = products_TV.nan_to_num_(nan=0.0).sum(1)
        entropy_T[rows] = log_sums_T - weighted_T / sums_T[rows]
        if entropy_coefficients_T is not None:
            assert coefficients_T is not None
            h_T = entropy_coefficients_T[rows]
            c_T = coefficients_T[rows] + h_T * (entropy_T[rows] - log_sums_T)
            row_TV.mul_(c_T[:, None]).addcmul_(products_TV, h_T[:, None])
    return RowStatistics(log_probs_T, entropy_T, sums_T)
