"""The page's table, out of the results: no figure of it is written by hand."""

import re
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results: written by examples/baselines/run.py -->", "<!-- end of results -->"


def write_page(path: Path, results: dict[str, Any]) -> Path:
    """Put the table between the page's two marks. Raises `ValueError` when they are not there."""
    page = path.read_text(encoding="utf-8")
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not marked.search(page):
        raise ValueError(f"{path} has no place for the results: {BEGIN} … {END}")
    path.write_text(marked.sub(lambda _: f"{BEGIN}\n{table(results)}\n{END}", page), encoding="utf-8")
    return path


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    solved = f"{results['solved']:.0%}".replace("%", " %")
    lines = [
        f"{results['date'][:10]}, {results['machine']}, torch {results['versions']['torch']}, "
        f"pgkern {results['versions']['pgkern']}, seeds {', '.join(map(str, results['seeds']))}.",
        "",
        "| variant | validation reward at the end: median (lowest to highest) | mean over the run "
        f"| samples to {solved} | variance of the gradient | tokens clipped | largest ratio | entropy at the end "
        "| seconds a run |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results["variants"]:
        final, low, high = row["final"]
        solved_after = f"{row['solved_after']:,.0f}" if row["solved_after"] is not None else _not_all(row)
        noise = results["gradient_noise"].get(row["name"])
        cells = (
            row["title"],
            f"{final:.2f} ({low:.2f} to {high:.2f}){_diverged(row)}",
            f"{row['mean']:.2f}",
            solved_after,
            "-" if noise is None else f"{noise:.2f}",
            f"{row['clip_fraction']:.2%}".replace("%", " %"),
            f"{row['ratio_max']:.3g}",
            f"{row['last_entropy']:.3f}",
            f"{row['seconds']:.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _diverged(row: dict[str, Any]) -> str:
    count = sum(run["diverged"] is not None for run in row["runs"])
    return f", {count} of {len(row['runs'])} diverged" if count else ""


def _not_all(row: dict[str, Any]) -> str:
    return f"{row['seeds_solved']} of {len(row['runs'])} seeds" if row["seeds_solved"] else "-"
