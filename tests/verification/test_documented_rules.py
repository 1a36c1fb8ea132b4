"""docs/verification.md says what is equal to what: every row of its tables is decided as it says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgkern import Verdict, verify

PAGE = Path(__file__).parents[2] / "docs" / "verification.md"


def rows() -> Iterator[tuple[str, str, str, str]]:
    kind = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        head = re.match(r"\| (answer|completion) \| gold \| verdict \|", line)
        if head:
            kind = head[1]
        cells = re.fullmatch(r"\| `(.*?)` \| `(.*?)` \| ([A-Z_, ]+) \|", line)
        if cells and kind:
            yield kind, cells[1], cells[2], cells[3]
        if not line.startswith("|"):
            kind = ""


ROWS = list(rows())


def test_the_page_has_its_tables() -> None:
    assert len(ROWS) >= 60


@pytest.mark.parametrize(("kind", "given", "gold", "said"), ROWS)
def test_what_the_page_says_is_so(kind: str, given: str, gold: str, said: str) -> None:
    allowed = {Verdict[name] for name in said.split(", ")}
    if kind == "completion":
        assert verify(given, gold) in allowed
    else:
        assert verify(given, gold, mode="whole") in allowed
        assert verify(f"so it is \\boxed{{{given}}}.", gold) in allowed
        if Verdict.CORRECT in allowed:
            assert verify(gold, given, mode="whole") is Verdict.CORRECT
        else:
            assert verify(gold, given, mode="whole") is not Verdict.CORRECT
