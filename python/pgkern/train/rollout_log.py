"""Example rollouts of a run in ``rollouts.jsonl``: what the model wrote and what the verifier said to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from .jsonl_log import JsonlLog


@dataclass(frozen=True)
class RolloutRow:
    """One rollout as people read it; texts, not token ids."""

    prompt: str
    response: str
    gold: str
    answer: str | None  # as extracted from the response; None where there was none
    verdict: str  # the verdict's name: "correct", "wrong", "no_answer", "unparsed", "over_budget"
    reward: float
    advantage: float
    finish_reason: str


class RolloutLog(JsonlLog):
    """Writes ``rollouts.jsonl``: the first ``per_step`` rollouts of every step that is logged."""

    def __init__(self, path: Path, resume_after: int | None = None, *, per_step: int = 4) -> None:
        if per_step < 0:
            raise ValueError(f"per_step must not be negative, got {per_step}")
        super().__init__(path, resume_after)
        self._per_step = per_step

    def log(self, step: int, rollouts: Iterable[RolloutRow]) -> None:
        """Append the first rollouts of a step; later ones are not looked at, so a generator may be passed."""
        self.append({"step": step, **asdict(rollout)} for rollout in islice(rollouts, self._per_step))
