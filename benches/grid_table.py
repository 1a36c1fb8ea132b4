"""The rows of a grid bench on the terminal, and what its picture says beneath the title."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from rich.console import Console

from .environment import device_label
from .grid_bench import Row
from .record import Record
from .table import print_table

Columns = Mapping[str, Callable[[Row], str]]


def print_grid(title: str, rows: Sequence[Row], own: Columns, errors: Columns, record: Record, out: Console) -> None:
    """A rule before every case; `own` stand after the times, `errors` after the memory."""
    columns: Columns = {
        "seconds (p20-p80)": lambda row: "{:.3g} ({:.3g}-{:.3g})".format(*row["seconds"]),
        "of naive": _time_ratio,
        **own,
        "extra MiB": lambda row: f"{row['extra_bytes'] / 2**20:,.0f}" if "extra_bytes" in row else "-",
        "of naive's": lambda row: f"{row['memory_ratio'] * 100:.1f} %" if row.get("memory_ratio") is not None else "-",
        **errors,
    }
    lines: list[list[str]] = []
    for case, of_case in groupby(rows, key=lambda row: row["case"]):
        lines += [[], [case, *("" for _ in columns)]]
        lines += [[f"  {row['provider']}", *(text(row) for text in columns.values())] for row in of_case]
    print_table(f"{title} on {device_label(record.device)}", ["provider", *columns], lines[1:], out)


def _time_ratio(row: Row) -> str:
    return "{:.2f} ({:.2f}-{:.2f})".format(*row["time_ratio"]) if "time_ratio" in row else "-"


def error_column(*keys: str) -> Callable[[Row], str]:
    """The first of these errors that a row has."""

    def text(row: Row) -> str:
        return next((f"{row[key]:.1e}" for key in keys if key in row), "-")

    return text


def picture_subtitle(record: Record) -> str:
    """Device, torch, date, commit."""
    head = record.head
    return (
        f"{device_label(record.device)}, torch {head['versions']['torch']}, {head['date'][:10]}, "
        f"commit {str(head['commit'])[:8]}{' + changes' if head['dirty'] else ''}"
    )
