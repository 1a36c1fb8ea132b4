"""The run as a whole."""

from dataclasses import dataclass

from .ranges import at_least


@dataclass(frozen=True)
class RunConfig:
    """How long, from which seed, and how often what is kept."""

    folder: str | None = None  # None: runs/<task>-<date>-<time>
    seed: int = 0
    steps: int = 60  # of policy gradient; 0 only warms up
    evaluate_every: int = 5  # steps between greedy evaluations on the held-out problems
    checkpoint_every: int = 25
    kept_checkpoints: int = 2  # the last so many; the best one is kept besides
    logged_rollouts: int = 4  # of each step, in rollouts.jsonl
    cpu_threads: int | None = None  # of torch; None: torch's choice, or 1 for the small model from scratch

    def __post_init__(self) -> None:
        at_least("steps", self.steps, 0)
        at_least("seed", self.seed, 0)
        for name in ("evaluate_every", "checkpoint_every", "kept_checkpoints"):
            at_least(name, getattr(self, name), 1)
        at_least("logged_rollouts", self.logged_rollouts, 0)
        if self.cpu_threads is not None:
            at_least("cpu_threads", self.cpu_threads, 1)
