from collections.abc import Iterator

import pytest

from pgkern.data.record import Record
from pgkern.train.logs import reading_progress
from pgkern.train.logs.reading_progress import reading_progress as shown_progress

ROWS = [Record({}, number, "here") for number in range(1, 1201)]


@pytest.mark.parametrize(("terminal", "patience", "shown"), [("1", 0.0, True), ("1", 60.0, False), ("", 0.0, False)])
def test_a_long_reading_is_counted_on_a_terminal(
    terminal: str, patience: float, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", terminal)  # what rich takes for a terminal
    monkeypatch.setattr(reading_progress, "_PATIENCE", patience)
    assert read(iter(ROWS)) == ROWS
    out, err = capsys.readouterr()
    assert not out
    assert (" rows" in err) == shown


def test_a_reading_that_fails_leaves_the_terminal_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def torn() -> Iterator[Record]:
        yield from ROWS[:600]
        raise ValueError("row 601")

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(reading_progress, "_PATIENCE", 0.0)
    with pytest.raises(ValueError, match="row 601"):
        read(torn())
    err = capsys.readouterr().err
    assert "problems.jsonl: 500 rows" in err
    assert err.rfind("\x1b[?25h") > err.rfind("\x1b[?25l")  # the cursor is shown again


def read(rows: Iterator[Record]) -> list[Record]:
    with shown_progress("problems.jsonl") as watch:
        return list(watch(rows))
