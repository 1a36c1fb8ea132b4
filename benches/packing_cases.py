"""What a case of the packing bench is, and how it is measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .timing import Spread, interleaved, pairwise_ratio

MAX_TOKENS = 8192
MEDIAN, SIGMA = 512, 1.0

Lengths = npt.NDArray[np.int64]
Quality = Callable[[Any], dict[str, float]]
"""Checks a result and says how good it is, off the clock."""


@dataclass(frozen=True)
class Case:
    """A call of ours, what it works on, how good its result is, and who does the same."""

    what: str
    lengths: Lengths
    ours: Callable[[], Any]
    quality: Quality = lambda _result: {}
    peer: str = ""
    theirs: Callable[[], Any] = lambda: None
    their_quality: Quality | None = None


def lengths_of(count: int) -> Lengths:
    """Log-normal lengths, the same every time."""
    drawn = np.random.default_rng(0).lognormal(np.log(MEDIAN), SIGMA, count)
    lengths: Lengths = drawn.round().clip(1, MAX_TOKENS).astype(np.int64)
    return lengths


def alone(case: Case, rounds: int) -> dict[str, Any]:
    """Seconds and quality."""
    seconds = interleaved({"ours": case.ours}, rounds)["ours"]
    return {**_head(case, rounds), "seconds": Spread.of(seconds).to_json(), **case.quality(case.ours())}


def beside(case: Case, rounds: int) -> dict[str, Any]:
    """Seconds and quality of both, round by round, and the ratio of the seconds."""
    seconds = interleaved({"ours": case.ours, "theirs": case.theirs}, rounds)
    theirs = (case.their_quality or case.quality)(case.theirs())
    return {
        **_head(case, rounds),
        "peer": case.peer,
        "seconds": Spread.of(seconds["ours"]).to_json(),
        "peer_seconds": Spread.of(seconds["theirs"]).to_json(),
        "time_ratio": pairwise_ratio(seconds["ours"], seconds["theirs"]).to_json(),
        **case.quality(case.ours()),
        **{f"peer_{name}": value for name, value in theirs.items()},
    }


def _head(case: Case, rounds: int) -> dict[str, Any]:
    tokens = int(case.lengths.sum())
    return {"what": case.what, "sequences": len(case.lengths), "tokens": tokens, "rounds": rounds}


def everything_once(groups: Sequence[Sequence[int]], count: int) -> None:
    """Raises `AssertionError` where a sequence is missing or in two places."""
    if sorted(index for group in groups for index in group) != list(range(count)):
        raise AssertionError("a sequence is missing or in two places")


def fill(lengths: Lengths) -> Quality:
    """Of rows: tokens over room, after checking that every sequence is in one row and no row is over-full."""

    def of(rows: Sequence[Sequence[int]]) -> dict[str, float]:
        everything_once(rows, len(lengths))
        if any(int(lengths[row].sum()) > MAX_TOKENS for row in rows):
            raise AssertionError(f"a row has more than {MAX_TOKENS} tokens")
        return {"fill": float(f"{lengths.sum() / (len(rows) * MAX_TOKENS):.6g}")}

    return of
