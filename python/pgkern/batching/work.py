"""What a sequence costs the model, and how unequal shares of it are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .lengths import Lengths


def attention_crossover(num_weights: int, num_layers: int, attention_width: int, *, causal: bool = True) -> int:
    """The length, in tokens, at which a sequence's attention costs a model as much as all the rest.

    Each of the `num_weights` weights that multiply (without the embedding table, but with the language-model head) is
    used once a token: N multiplications. Each of L layers, A = heads × head size wide, multiplies every token with
    those before it, once for scores and once for the values: 2·A·n for each of a sequence's n tokens, half of it
    under a causal mask that skips the rest. Equal at n = N / (L·A), without the mask at N / (2·L·A). Backward passes
    double both. A plain layer of width D has 12·D² weights: 12·D tokens, without the mask 6·D.

    Raises `ValueError` for a number below 1.
    """
    for name, number in (
        ("num_weights", num_weights),
        ("num_layers", num_layers),
        ("attention_width", attention_width),
    ):
        if number < 1:
            raise ValueError(f"{name} is {number}: it must be at least 1")
    return max(1, round(num_weights / (num_layers * attention_width * (1 if causal else 2))))


def sequence_work(lengths: Lengths, attention_crossover: int | None = None) -> npt.NDArray[np.float64]:
    """Work of each sequence, in tokens: n, or n + n² / `attention_crossover`, as `balance` counts it.

    Raises `ValueError` for a crossover below 1.
    """
    if attention_crossover is not None and attention_crossover < 1:
        raise ValueError(f"attention_crossover is {attention_crossover}: it must be at least 1 token")
    tokens = np.asarray(lengths, dtype=np.float64)
    return tokens if attention_crossover is None else tokens + tokens * tokens / attention_crossover


def imbalance(parts: Sequence[Sequence[int]], lengths: Lengths, *, attention_crossover: int | None = None) -> float:
    """How much more than its share the busiest part works: max(work) / mean(work) - 1.

    0.01 means that the others wait for one hundredth of their time. 0 for parts without any work.

    Raises `ValueError` where there is no part.
    """
    if len(parts) == 0:
        raise ValueError("imbalance of 0 parts")
    work = sequence_work(lengths, attention_crossover)
    totals = np.array([work[np.asarray(part, dtype=np.int64)].sum() for part in parts])
    return float(totals.max() / totals.mean() - 1) if totals.any() else 0.0
