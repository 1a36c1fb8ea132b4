"""What a figure should reach, and whether it did."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Goal:
    """A measured value against a limit it should stay below ("at most") or reach ("at least")."""

    text: str
    value: float
    bound: Literal["at most", "at least"]
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the value is on the right side of the limit."""
        return self.value <= self.limit if self.bound == "at most" else self.value >= self.limit

    def to_json(self) -> dict[str, Any]:
        """The goal as the record keeps it."""
        return {**asdict(self), "met": self.met}


def print_goals(goals: Iterable[Goal]) -> None:
    """One line a goal: met or not met, the value, the limit."""
    for goal in goals:
        shown = f"{goal.value:,.0f}" if goal.value >= 100 else f"{goal.value:.3g}"
        value, limit = f"{shown}{goal.unit}", f"{goal.limit:,g}{goal.unit}"
        print(f"{'met    ' if goal.met else 'NOT MET'} {goal.text}: {value} ({goal.bound} {limit})", flush=True)
