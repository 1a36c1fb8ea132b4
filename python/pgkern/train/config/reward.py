"""What a completion earns."""

import math
from dataclasses import dataclass

from .ranges import at_least, positive


@dataclass(frozen=True)
class RewardConfig:
    """One reward; a run's reward is the weighted sum of all of them."""

    function: str = "r1_zero"  # a built-in one's name, or "path/to/file.py:function" of one's own
    weight: float = 1.0  # may be negative; 0: only measured, and its failures cost nothing
    columns: tuple[str, ...] = ()  # of the data, passed to the function by name
    seconds: float = 10.0  # of one's own: for a call, which is ended with its process after that
    workers: int = 1  # of one's own: processes
    max_memory_mb: float | None = None  # of one's own: beyond what loading it takes, in 2**20 bytes
    patience: int = 3  # steps or evaluations in a row without a judgement of it, or of all together: the run stops

    def __post_init__(self) -> None:
        if not self.function:
            raise ValueError("function is empty; name a built-in reward or 'path/to/file.py:function'")
        if not math.isfinite(self.weight):
            raise ValueError(f"weight is {self.weight}, expected a finite number")
        positive("seconds", self.seconds)
        at_least("workers", self.workers, 1)
        if self.max_memory_mb is not None:
            positive("max_memory_mb", self.max_memory_mb)
        at_least("patience", self.patience, 1)
