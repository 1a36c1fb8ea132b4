"""A table as plain text, for terminals and files alike."""

from collections.abc import Iterable, Sequence


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """The first column is text, the others are figures; an empty row is a rule."""
    lines = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(columns, *filter(None, lines), strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

    def text(row: Sequence[str]) -> str:
        first, *figures = row
        aligned = [first.ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True)
        ]
        return "  ".join(aligned).rstrip()

    print(f"\n{title}\n", text(columns), rule, *(text(row) if row else rule for row in lines), "", sep="\n", flush=True)
