import io

from pgkern.cli.file_progress import FileProgress
from pgkern.data.verify_file import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_terminal_gets_a_bar_and_it_is_wiped() -> None:
    out = io.StringIO()
    with FileProgress(out) as progress:
        progress.update(Progress(5, 0, 1.0))
    assert out.getvalue() == ""
    terminal = Terminal()
    with FileProgress(terminal) as progress:
        progress.update(Progress(5, 0, 1.0))
    assert "5 pairs" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_speed_and_time_left() -> None:
    progress = FileProgress(Terminal())
    progress.update(Progress(0, 0, 0.0))
    line = progress.line(Progress(4000, 0, 0.25), progress.began + 10)
    assert line == "━━━━━━" + "─" * 18 + "  25%  4,000 pairs  400 pairs/s  0:00:30 left"
    assert "-:--:-- left" in progress.line(Progress(0, 0, 0.0), progress.began)


def test_rows_of_an_earlier_run_do_not_count_as_speed() -> None:
    progress = FileProgress(Terminal())
    progress.update(Progress(500, 500, 0.5))
    line = progress.line(Progress(750, 500, 0.75), progress.began + 10)
    assert "25 pairs/s  0:00:10 left" in line
