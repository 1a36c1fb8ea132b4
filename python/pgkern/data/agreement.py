"""How verdicts agree with labels."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..verdict import Verdict
from ..verification import Gold
from .completion_rows import CompletionRow

__all__ = ["Agreement", "Disagreement"]


@dataclass(frozen=True)
class Disagreement:
    """A row whose verdict is not its label: its file, number (from 1) and id, gold, label, verdict and answer."""

    file: Path
    line: int
    id: str | int | None
    gold: Gold
    expected: bool
    verdict: Verdict
    answer: str | None


@dataclass
class Agreement:
    """Rows per label (True, False, or None where a row has none) and verdict."""

    rows: Counter[tuple[bool | None, Verdict]] = field(default_factory=Counter)

    def add(self, row: CompletionRow, verdict: Verdict) -> bool:
        """Count a row; whether it contradicts its label, which says right exactly when the verdict is `CORRECT`."""
        self.rows[row.expected, verdict] += 1
        return row.expected is not None and row.expected != (verdict == Verdict.CORRECT)

    def counts(self) -> dict[Verdict, int]:
        """Rows per verdict, every verdict named."""
        return {verdict: sum(self.rows[label, verdict] for label in (True, False, None)) for verdict in Verdict}

    def of_label(self, expected: bool) -> dict[Verdict, int]:
        """Rows with this label per verdict."""
        return {verdict: self.rows[expected, verdict] for verdict in Verdict}

    @property
    def labelled(self) -> int:
        """Rows that have a label."""
        return sum(count for (label, _), count in self.rows.items() if label is not None)

    @property
    def agreeing(self) -> int:
        """Those whose label says right exactly when the verdict is `CORRECT`."""
        return sum(
            count
            for (label, verdict), count in self.rows.items()
            if label is not None and label == (verdict == Verdict.CORRECT)
        )
