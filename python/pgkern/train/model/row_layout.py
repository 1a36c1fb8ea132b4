"""How a packed row goes through the transformer: as one long row, or its sequences under one another, filled up.

Without a kernel for sequences of different lengths, attention over one row of T tokens computes T² products and masks
those between sequences; S sequences filled up to the longest, L, take S·L² and no mask, but each layer sees S·L tokens.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from ...batching import attention_crossover

if TYPE_CHECKING:
    from transformers import PretrainedConfig

MOST_PADDED = 1.25
"""Times the row's tokens: more memory than that is not taken for less time."""


def dense_crossover(transformer: nn.Module, config: "PretrainedConfig") -> int | None:
    """The tokens at which masked attention costs the transformer as much as the rest.

    None where its attention knows sequences of different lengths (flash, flex), or its kind is not known.
    """
    heads = getattr(config, "num_attention_heads", None)
    if not isinstance(heads, int) or getattr(config, "_attn_implementation", None) not in ("sdpa", "eager"):
        return None
    embeddings = {id(module.weight) for module in transformer.modules() if isinstance(module, nn.Embedding)}
    weights = sum(parameter.numel() for parameter in transformer.parameters() if id(parameter) not in embeddings)
    width = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    return attention_crossover(weights, config.num_hidden_layers, width, causal=False)


def padding_is_cheaper(lengths: Sequence[int], crossover: int) -> bool:
    """Whether S·(L + L²/crossover) is below T + T²/crossover, and S·L at most `MOST_PADDED` T."""
    tokens, longest = sum(lengths), max(lengths)
    padded = len(lengths) * longest
    return padded <= MOST_PADDED * tokens and padded * (crossover + longest) < tokens * (crossover + tokens)
