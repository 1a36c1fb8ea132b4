"""How the rows of a file are verified."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ..explanation import Explanation
from ..verdict import Verdict
from ..verification import Gold, Order, Percent, Units, explain, verify_many

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """The options of `pgkern.verify_many`, all with its defaults."""

    mode: str = "auto"
    num_threads: int | None = None
    tolerance: float | None = None
    percent: Percent = "either"
    units: Units = "optional"
    order: Order = "as_written"

    def options(self) -> dict[str, str | float | None]:
        """What a verdict depends on."""
        options = asdict(self)
        del options["num_threads"]
        return options

    def refuse_mistakes(self) -> None:
        """Raise what `pgkern.verify_many` raises about an option, before anything is read or written."""
        self.verdicts([], [])

    def verdicts(self, completions: Sequence[str], golds: Sequence[Gold]) -> list[Verdict]:
        """The verdict of each pair."""
        codes = verify_many(
            completions,
            golds,
            mode=self.mode,
            num_threads=self.num_threads,
            tolerance=self.tolerance,
            percent=self.percent,
            units=self.units,
            order=self.order,
        )
        return [Verdict(code) for code in codes.tolist()]

    def explain(self, completion: str, gold: Gold) -> Explanation:
        """Why one pair has its verdict."""
        return explain(
            completion,
            gold,
            mode=self.mode,
            tolerance=self.tolerance,
            percent=self.percent,
            units=self.units,
            order=self.order,
        )
