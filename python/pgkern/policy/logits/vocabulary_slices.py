"""What is known of slices of rows of logits, put together: a token's probability is that of its slice, times its
probability within the slice.

Names: N tokens, W slices.
"""

import torch
from torch import Tensor


def merged_statistics(
    statistics_W4N: Tensor, token_ids_N: Tensor, temperature_N: Tensor, ends_W: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `logit_statistics` would say of the whole rows, from what it says of every slice.

    `ends_W` is the first id after every slice's columns. A token id that is in none has log-probability NaN.
    """
    log_probs_WN, entropy_WN, largest_WN, log_sums_WN = statistics_W4N.unbind(1)
    impossible_WN = largest_WN == -torch.inf  # no columns, or every logit is -inf
    largest_N = largest_WN.amax(0)
    log_sums_WN = log_sums_WN + (largest_WN - largest_N) / temperature_N
    log_sums_WN = log_sums_WN.masked_fill(impossible_WN, -torch.inf)
    log_sums_N = log_sums_WN.logsumexp(0)
    log_slice_WN = log_sums_WN - log_sums_N
    slice_WN = log_slice_WN.exp()
    # The entropy of which slice it is, and the mean of the slices' own. Slices of probability 0 add nothing.
    entropy_N = (slice_WN * (entropy_WN - log_slice_WN)).masked_fill(slice_WN == 0, 0).sum(0)
    ranks = ends_W.shape[0]
    rank_N = torch.searchsorted(ends_W, token_ids_N, right=True)
    inside_N = (token_ids_N >= 0) & (rank_N < ranks)
    log_probs_WN = log_probs_WN.masked_fill(impossible_WN, -torch.inf) + log_slice_WN
    log_probs_N = log_probs_WN.gather(0, rank_N.clamp(max=ranks - 1)[None])[0].where(inside_N, torch.nan)
    return log_probs_N, entropy_N, largest_N, log_sums_N
