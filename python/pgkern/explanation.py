"""Why a verdict is what it is."""

from dataclasses import dataclass

from .verdict import Verdict

__all__ = ["Explanation", "GoldExplanation"]


@dataclass(frozen=True)
class GoldExplanation:
    """What came of one gold.

    Attributes:
        gold: as given.
        reading: how it was read.
        verdict: the verdict against this gold alone.
        rule: what decided, in a few words.
    """

    gold: str
    reading: str
    verdict: Verdict
    rule: str


@dataclass(frozen=True)
class Explanation:
    """What a check saw and did; `str` of it is a few lines to read.

    Attributes:
        verdict: what was decided.
        extracted: what was taken from the completion, as it is spelled there; None where it gives no answer.
        answer: how that was read.
        golds: what came of each accepted gold.
        work: units of work spent, of the 500,000 a check may spend.
    """

    verdict: Verdict
    extracted: str | None
    answer: str | None
    golds: tuple[GoldExplanation, ...]
    work: int

    def __str__(self) -> str:
        lines = [self.verdict.name]
        if self.extracted is None:
            lines.append("  the completion gives no answer")
        else:
            lines.append(f"  answer: {_both(self.extracted, self.answer)}")
        for gold in self.golds:
            lines.append(f"  gold: {_both(gold.gold, gold.reading)}")
            lines.append(f"    {gold.verdict.name}" + (f": {gold.rule}" if gold.rule else ""))
        lines.append(f"  work: {self.work:,} units")
        return "\n".join(lines)


def _both(spelling: str, reading: str | None) -> str:
    """A spelling on one line, with its reading where that is another."""
    spelling = " ".join(spelling.split())
    return spelling if reading is None or reading == spelling else f"{spelling}, read as {reading}"
