"""Every row of `tests/cases` holds through the binding as in Rust; the README there says how a row is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pgkern import Verdict, verify

TABLES = sorted((Path(__file__).parents[1] / "cases").glob("*.tsv"))
BACKWARDS = {
    "NO_ANSWER": ("BAD_GOLD",),
    "UNPARSED": ("UNPARSED", "BAD_GOLD"),
    "BAD_GOLD": ("UNPARSED", "NO_ANSWER"),
}


@dataclass(frozen=True)
class Case:
    place: str
    gold: str
    answer: str
    verdicts: tuple[str, ...]
    options: dict[str, Any]

    def failure(self) -> str | None:
        found = verify(self.answer, self.gold, **self.options).name
        if found in self.verdicts:
            return None
        return f"{self.place}: gold {self.gold:.80}, answer {self.answer:.80}, {self.options}: {found}"


def unfolded(cell: str) -> str:
    text = re.sub(r"«(.*?)×(\d+)»", lambda match: match[1] * int(match[2]), cell)
    return text.replace("␤", "\n").replace("␀", "\0")


def options_of(cell: str) -> dict[str, Any]:
    options: dict[str, Any] = {"mode": "whole", **dict(word.split("=", 1) for word in cell.split())}
    if "tolerance" in options:
        options["tolerance"] = float(options["tolerance"])
    return options


def cases(table: Path) -> Iterator[Case]:
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        gold, answer, verdict, options, note, *_ = [*line.split("\t"), "", ""]
        allowed, place = tuple(verdict.split("|")), f"{table.name}:{number}"
        yield Case(place, unfolded(gold), unfolded(answer), allowed, options_of(options))
        if "mode=" not in options and "one way" not in note:
            swapped = tuple(back for name in allowed for back in BACKWARDS.get(name, (name,)))
            yield Case(place, unfolded(answer), unfolded(gold), swapped, options_of(options))


def test_every_kind_has_a_table() -> None:
    assert sum(len(list(cases(table))) for table in TABLES) > 2000
    assert all(case.verdicts[0] in Verdict.__members__ for table in TABLES for case in cases(table))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_every_row_holds(table: Path) -> None:
    failures = [failure for case in cases(table) if (failure := case.failure())]
    assert not failures, "\n".join(["", *failures])
