"""What several answers to each problem say of a policy."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..sampling.experience import Sample
from .evaluate import is_right
from .interval import interval
from .majority_vote import majority_vote
from .pass_at_k import pass_at_k

__all__ = ["Measured", "measure"]


@dataclass(frozen=True)
class Measured:
    """A share of the problems, with its 95 % interval."""

    name: str
    value: float
    low: float
    high: float

    @classmethod
    def mean(cls, name: str, shares: Sequence[float]) -> "Measured":
        """The mean over the problems."""
        return cls(name, sum(shares) / len(shares), *interval(shares))


def measure(answers: Sequence[Sequence[Sample]], ks: Sequence[int]) -> list[Measured]:
    """`pass@k` and, where k is above 2 and rewards say what was answered, `maj@k`; a row has a problem's samples.

    `maj@k` is the share of right votes among k samples: the first k, the next k, and so on, as far as there are any.
    """
    right = [[is_right(sample) for sample in samples] for samples in answers]
    measured = [Measured.mean(f"pass@{k}", [pass_at_k(len(samples), sum(samples), k) for samples in right]) for k in ks]
    if not any(sample.judged.answer is not None for samples in answers for sample in samples):
        return measured
    return measured + [Measured.mean(f"maj@{k}", [_votes(samples, k) for samples in answers]) for k in ks if k > 2]


def _votes(samples: Sequence[Sample], k: int) -> float:
    """The share of votes, each among k samples of one problem, that a right answer wins."""
    ballots = [samples[start : start + k] for start in range(0, len(samples) - k + 1, k)]
    return sum(map(_is_won, ballots)) / len(ballots)


def _is_won(ballot: Sequence[Sample]) -> bool:
    winner = majority_vote([sample.judged.answer for sample in ballot])
    return winner is not None and is_right(ballot[winner])
