"""A response with every token coloured by how likely the policy held it when it wrote it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .curves import finite
from .harmless_text import harmless

LIKELIHOODS = (
    (0.9, "p0", "0.9 or more"),
    (0.5, "p1", "0.5 to 0.9"),
    (0.1, "p2", "0.1 to 0.5"),
    (0.01, "p3", "0.01 to 0.1"),
)
"""From which probability on a token has which CSS class, and its name in the legend."""
UNLIKELY = ("p4", "below 0.01")
_LONGEST_TOKEN = 200
_MOST_TOKENS = 2000  # a log of ours has fewer


def has_tokens(row: Mapping[str, Any]) -> bool:
    """Whether a row of ``rollouts.jsonl`` has its tokens with a log-probability each."""
    tokens, log_probs = row.get("tokens"), row.get("log_probs")
    return isinstance(tokens, list) and isinstance(log_probs, list) and 0 < len(tokens) == len(log_probs)


def coloured_tokens(tokens: Sequence[object], log_probs: Sequence[object]) -> str:
    """The tokens as HTML, each with its log-probability to be read under the pointer; a log-prob of None is a gap."""
    shown = [_token(token, log_prob) for token, log_prob in zip(tokens[:_MOST_TOKENS], log_probs, strict=False)]
    return "".join(shown) + ("" if len(tokens) <= _MOST_TOKENS else "…")


def likelihood_legend() -> str:
    """What the colours of tokens mean."""
    entries = [*((style, label) for _, style, label in LIKELIHOODS), UNLIKELY]
    shown = "".join(f"<li><i class={style}>token</i> {label}" for style, label in entries)
    return f"<ul class=legend><li>probability of a token when it was sampled:{shown}</ul>"


def _token(token: object, log_prob: object) -> str:
    text = harmless(token, limit=_LONGEST_TOKEN)
    value = finite(log_prob)
    if value is None:
        return f"<i class=gap>{text}</i>"
    probability = math.exp(min(value, 0.0))
    style = next((style for least, style, _ in LIKELIHOODS if probability >= least), UNLIKELY[0])
    return f'<i class={style} title="{value:.3f}">{text}</i>'
