"""How long single verdicts take: a histogram over everything, and which input is the slowest."""

import time
from typing import Any

import numpy as np

import pgkern

from .verification_pairs import Pairs

EDGES_US = [2.0**power for power in range(-1, 15)]
"""Buckets of the histogram in microseconds, each twice as wide as the one before; the last edge is 16 ms."""

_TRIES = 3  # the best of each pair's, since other processes interrupt too
_SHOWN = 120  # characters of the slowest completion's end


def latency_row(pairs: Pairs) -> dict[str, Any]:
    """Seconds of each single `pgkern.verify` of a set, the call from Python included, as counts and quantiles."""
    seconds = np.full(len(pairs), np.inf)
    for _ in range(_TRIES):
        for number, (completion, gold) in enumerate(zip(pairs.completions, pairs.golds, strict=True)):
            begin = time.perf_counter()
            pgkern.verify(completion, gold)
            seconds[number] = min(seconds[number], time.perf_counter() - begin)
    slowest = int(seconds.argmax())
    p50, p99, p999 = np.percentile(seconds, (50, 99, 99.9)).tolist()
    return {
        "pairs": pairs.name,
        "count": len(pairs),
        "p50_seconds": _three_digits(p50),
        "p99_seconds": _three_digits(p99),
        "p999_seconds": _three_digits(p999),
        "slowest_seconds": _three_digits(float(seconds[slowest])),
        "slowest_id": pairs.ids[slowest],
        "slowest_characters": len(pairs.completions[slowest]),
        "slowest_ends": pairs.completions[slowest][-_SHOWN:].encode("ascii", "backslashreplace").decode(),
        "counts": _counts(seconds * 1e6),
    }


def latency_line(row: dict[str, Any]) -> list[str]:
    """The row of the printed table."""
    times = [f"{row[key] * 1e6:,.1f}" for key in ("p50_seconds", "p99_seconds", "p999_seconds", "slowest_seconds")]
    return [row["pairs"], f"{row['count']:,}", *times, row["slowest_id"]]


def _counts(microseconds: np.ndarray[Any, np.dtype[np.float64]]) -> list[int]:
    """How many lie below the first edge, between each two, and above the last."""
    places = np.searchsorted(EDGES_US, microseconds, side="right")
    counts: list[int] = np.bincount(places, minlength=len(EDGES_US) + 1).tolist()
    return counts


def _three_digits(value: float) -> float:
    return float(f"{value:.3g}")
