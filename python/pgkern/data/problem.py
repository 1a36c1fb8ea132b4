"""One verifiable problem."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..verification import Gold


@dataclass(frozen=True)
class Problem:
    """A question, the answer that the verifier compares with, and a worked solution where there is one."""

    question: str
    gold: Gold
    """One answer, or several of which any is right."""
    solution: str | None = None
    """Text that continues the prompt, in the prompt's format; the supervised warm-up imitates it."""
    columns: Mapping[str, object] = field(default_factory=dict, hash=False)
    """Other fields of the problem's row that a reward may ask for by name, such as the numbers of a countdown."""

    @property
    def gold_line(self) -> str:
        """The gold for people to read: several are joined by " or "."""
        return self.gold if isinstance(self.gold, str) else " or ".join(self.gold)
