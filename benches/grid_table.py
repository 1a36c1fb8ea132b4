"""The rows of a grid bench on the terminal."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from .environment import device_label
from .grid_bench import Row
from .record import Record
from .table import print_table

Columns = Mapping[str, Callable[[Row], str]]


def print_grid(title: str, rows: Sequence[Row], own: Columns, errors: Columns, record: Record) -> None:
    """A rule before every case; `own` stand after the times, `errors` after the memory."""
    columns: Columns = {
        "seconds (p20-p80)": lambda row: "{:.3g} ({:.3g}-{:.3g})".format(*row["seconds"]),
        "of naive": ratio_column("time_ratio"),
        **own,
        "extra MiB": lambda row: f"{row['extra_bytes'] / 2**20:,.0f}" if "extra_bytes" in row else "-",
        "of naive's": lambda row: f"{row['memory_ratio'] * 100:.1f} %" if row.get("memory_ratio") is not None else "-",
        **errors,
    }
    lines: list[list[str]] = []
    for case, of_case in groupby(rows, key=lambda row: row["case"]):
        lines += [[], [case, *("" for _ in columns)]]
        lines += [[f"  {row['provider']}", *(text(row) for text in columns.values())] for row in of_case]
    print_table(f"{title} on {device_label(record.device)}", ["provider", *columns], lines[1:])


def ratio_column(key: str) -> Callable[[Row], str]:
    """A ratio with its spread, where a row has it."""
    return lambda row: "{:.2f} ({:.2f}-{:.2f})".format(*row[key]) if key in row else "-"


def error_column(*keys: str) -> Callable[[Row], str]:
    """The first of these errors that a row has."""

    def text(row: Row) -> str:
        return next((f"{row[key]:.1e}" for key in keys if key in row), "-")

    return text
