"""Times of things run in turn, A B A B …, so that whatever else the machine does falls on all of them alike."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """The median of several runs, and what a fifth of them stayed below and above."""

    median: float
    p20: float
    p80: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of these values; raises `ValueError` when there are none."""
        if not values:
            raise ValueError("no values to summarise")
        p20, median, p80 = np.percentile(values, (20, 50, 80)).tolist()
        return cls(median, p20, p80)

    def to_json(self) -> list[float]:
        """`[median, p20, p80]` to five digits."""
        return [float(f"{value:.5g}") for value in (self.median, self.p20, self.p80)]

    def text(self, scale: float = 1.0, digits: int = 2) -> str:
        """`median (p20 to p80)`."""
        return "{:.{d}f} ({:.{d}f}-{:.{d}f})".format(self.median * scale, self.p20 * scale, self.p80 * scale, d=digits)


def interleaved(
    runs: Mapping[str, Callable[[], object]],
    rounds: int,
    synchronize: Callable[[], object] = lambda: None,
    prepare: Callable[[str], object] = lambda _name: None,
) -> dict[str, list[float]]:
    """Seconds of each run in each round. Off the clock: `prepare` with the run's name before it, and afterwards what it
    returns is dropped and the garbage collected."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    gc.freeze()  # what the libraries have made is not looked through again after every run
    try:
        for _ in range(rounds):
            for name, run in runs.items():
                gc.collect()
                prepare(name)
                synchronize()
                begin = time.perf_counter()
                result = run()
                synchronize()
                seconds[name].append(time.perf_counter() - begin)
                del result
    finally:
        gc.unfreeze()
    return seconds


def pairwise_ratio(seconds: Sequence[float], baseline: Sequence[float]) -> Spread:
    """`seconds / baseline` round by round, so that a slow minute of the machine is in both."""
    return Spread.of([one / other for one, other in zip(seconds, baseline, strict=True)])
