"""The softmax of rows of logits, left unnormalised and in place: the CPU's only visit to the logits.

Names: T tokens, V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .room import Room

# Rows are visited a block at a time, so that the scratch is small beside a chunk: this many numbers. Smaller blocks fit
# a cache better, but the thread pool then meets thousands of times, which a busy machine makes slow.
_BLOCK_NUMBERS = 1 << 21


@dataclass(frozen=True, slots=True)
class RowStatistics:
    """Of rows of capped logits divided by the temperature."""

    log_probs_T: Tensor
    entropy_T: Tensor | None
    largest_T: Tensor  # before the division
    sums_T: Tensor  # sum(exp((capped - largest) / temperature))
    token_slopes_T: Tensor | None  # d capped / d logit in the token's column; None without a cap
    temperature_T: Tensor  # one per row, or one

    def gradient_scales(self, coefficients_T: Tensor, entropy_coefficients_T: Tensor | None) -> tuple[Tensor, Tensor]:
        """Scales of the rows left behind, and the values of the token's column, that make them the logits' gradient.

        They belong to `coefficients * log p[token] + entropy_coefficients * H`. The token's own `1 - p` is formed
        without cancellation, so that it keeps its digits where p is close to 1.
        """
        token_scales_T = coefficients_T * -self.log_probs_T.expm1()
        if entropy_coefficients_T is None:
            row_scales_T = -coefficients_T / (self.sums_T * self.temperature_T)
        else:
            assert self.entropy_T is not None
            slope_T = self.log_probs_T.exp() * (self.log_probs_T + self.entropy_T)
            # A token of logit -inf has probability 0, and the entropy no slope there, but 0 * -inf is NaN.
            token_scales_T -= entropy_coefficients_T * torch.where(self.log_probs_T == -torch.inf, 0, slope_T)
            row_scales_T = -1.0 / (self.sums_T * self.temperature_T)
        if self.token_slopes_T is not None:
            token_scales_T *= self.token_slopes_T
        return row_scales_T, token_scales_T / self.temperature_T


def exponentiate_rows_(
    logits_TV: Tensor,
    token_ids_T: Tensor,
    temperature_T: Tensor,
    softcap: float | None = None,
    *,
    with_entropy: bool,
    with_gradient: bool = True,
    coefficients: Callable[[slice, Tensor], Tensor] | None = None,
    entropy_coefficients_T: Tensor | None = None,
    room: Room | None = None,
) -> RowStatistics:
    """Replace every row by `e = exp((capped - max) / temperature)`, so that its softmax is `e / sum(e)`.

    `capped` is `softcap * tanh(logits / softcap)`. The gradient of `c * log p[token]` with respect to the capped logits
    is `c * (1[token] - e / sum(e)) / temperature`; with a cap and `with_gradient` the rows left behind carry its slope
    too.

    With `entropy_coefficients` h, and `coefficients` c as a function of the rows' slice and their log-probabilities,
    the rows become `e * (c + h * (log p + H))` instead, so that the gradient of `c * log p[token] + h * H` is
    `(c * 1[token] - row / sum(e)) / temperature`.

    `room` is where the entropy's scratch is found again by the next call.
    """
    tokens, vocabulary = logits_TV.shape
    block = max(1, _BLOCK_NUMBERS // max(1, vocabulary))
    log_probs_T, largest_T, sums_T = (logits_TV.new_empty(tokens) for _ in range(3))
    entropy_T = logits_TV.new_empty(tokens) if with_entropy else None
    token_slopes_T = logits_TV.new_empty(tokens) if softcap is not None else None
    room = Room(logits_TV.dtype) if room is None else room
    scratch_TV = room.rows(min(block, tokens), vocabulary, logits_TV.device) if with_entropy else None
    for start in range(0, tokens, block):
        rows = slice(start, min(start + block, tokens))
        row_TV, ids_T1 = logits_TV[rows], token_ids_T[rows, None]
        slopes_TV = None
        if softcap is not None:
            row_TV.div_(softcap).tanh_()
            slopes_TV = 1 - row_TV.square() if with_gradient else None
            row_TV.mul_(softcap)
            if slopes_TV is not None and token_slopes_T is not None:
                token_slopes_T[rows] = slopes_TV.gather(1, ids_T1)[:, 0]
        shifted_TV = row_TV if scratch_TV is None else scratch_TV[: rows.stop - rows.start]
        largest_T[rows] = row_TV.amax(1)
        torch.sub(row_TV, largest_T[rows, None], out=shifted_TV)
        if temperature_T.numel() > 1:
            shifted_TV.div_(temperature_T[rows, None])
        elif temperature_T.item() != 1.0:
            shifted_TV.div_(temperature_T)
        target_T = shifted_TV.gather(1, ids_T1)[:, 0]
        torch.exp(shifted_TV, out=row_TV)
        sums_T[rows] = row_TV.sum(1)
        log_sums_T = sums_T[rows].log()
        log_probs_T[rows] = target_T - log_sums_T
        if entropy_T is not None:
            # H = -sum(p * log p) = log(sum) - sum(e * shifted) / sum
            products_TV = shifted_TV.mul_(row_TV)
            weighted_T = products_TV.sum(1)
            if bool(weighted_T.isnan().any()):
                # A logit of -inf has probability 0 and adds nothing to the entropy, but 0 * -inf is NaN.
                products_TV.masked_fill_(row_TV == 0, 0.0)
                weighted_T = products_TV.sum(1)
            entropy_T[rows] = log_sums_T - weighted_T / sums_T[rows]
            if entropy_coefficients_T is not None:
                assert coefficients is not None
                h_T = entropy_coefficients_T[rows]
                c_T = coefficients(rows, log_probs_T[rows]) + h_T * (entropy_T[rows] - log_sums_T)
                row_TV.mul_(c_T[:, None]).addcmul_(products_TV, h_T[:, None])
        if slopes_TV is not None:
            row_TV.mul_(slopes_TV)
    return RowStatistics(log_probs_T, entropy_T, largest_T, sums_T, token_slopes_T, temperature_T)
