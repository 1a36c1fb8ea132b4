"""What figures are held against, for goals and for the lines in pictures."""

LARGE_VOCABULARY = 151_936
"""From here on a CPU's memory is held against plain torch's."""

TIME_GOAL, MEMORY_GOAL = 1.0, 0.05
"""On a CPU: time and extra memory, of plain torch's."""

HALF_ACTIVE_GOAL = {"cpu": 0.75, "cuda": 0.72}
"""Time with half of the sequences active, of its own time with all of them; on a CPU at the large vocabulary."""

HEADLINE = (16_384, 4096, 151_936)
"""Tokens, hidden size and vocabulary at which times on a GPU are held against goals."""

PRODUCTS_GOAL = {"both": 1.10, "forward": 1.08}
"""On a GPU: time, of the bare products' that the work cannot do without."""

CHUNK_TOKENS, CHUNK_GOAL = 4096, 1.0
"""On a GPU: extra memory, of what the fp32 logits of so many tokens take."""

COPY_GOAL = 0.85
"""On a GPU, from logits: share of the copy's bandwidth, for work of one visit."""


def chunk_bytes(tokens: int, vocabulary: int) -> int:
    """What the fp32 logits of one chunk take."""
    return 4 * min(tokens, CHUNK_TOKENS) * vocabulary
