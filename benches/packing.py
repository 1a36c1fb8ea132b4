"""Packing a million sequences, equal shares of work, and collation, beside the usual ways in the same run.

Lengths are log-normal (median 512, sigma 1, cut at the row's 8192 tokens). First-fit decreasing in Python takes
O(n * rows), so that others are compared on fewer sequences than a million.
"""

import argparse
from typing import Any

import numpy as np

import pgkern

from .environment import device_label
from .goals import Goal, print_goals
from .packing_cases import MAX_TOKENS, MEDIAN, SIGMA, Case, alone, beside, fill, lengths_of
from .packing_collation import collation_cases
from .packing_shares import share_cases
from .pictures import draw_if_possible
from .record import Record
from .table import print_table
from .timing import Spread

MILLION_SECONDS, MILLION_FILL, SHARES_GOAL = 1.0, 0.98, 0.01


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--rounds", type=int, default=7, help="runs of each (default: 7)")


def run(options: argparse.Namespace) -> None:
    """Pack many, pack and share out and collate fewer beside what others do."""
    record = Record("packing", device="cpu", quick=options.quick, results=options.results)
    many, packed, sequences = (20_000, 1_000, 50) if options.quick else (1_000_000, 20_000, 2_000)
    rounds = 2 if options.quick else options.rounds
    rows = [alone(case, rounds) for case in _million(many)]
    rows += [alone(case, rounds) for case in share_cases(many, [64])]
    collation, missing = collation_cases(sequences)
    for case in [_beside_first_fit(packed), *share_cases(sequences, [8, 64]), *collation]:
        rows.append(beside(case, rounds) if case.peer else alone(case, rounds))
    print_table(
        f"Packing, sharing out and collating on {device_label(record.device)}",
        ("what", "beside", "sequences", "seconds (p20-p80)", "the other's", "of the other's", "how well", "the other"),
        [_line(row) for row in rows],
    )
    notes = [
        f"lengths: log-normal, median {MEDIAN}, sigma {SIGMA:g}, 1 to {MAX_TOKENS}",
        "fill: tokens / room in rows; imbalance: busiest part / mean part - 1",
        *missing,
    ]
    print("\n".join(notes), flush=True)
    goals = [] if options.quick else _goals(rows)
    print_goals(goals)
    record.write(rows, goals, notes)
    print(f"written: {record.path}")
    draw_if_possible(record.path)


def _million(count: int) -> list[Case]:
    lengths = lengths_of(count)
    return [
        Case("pack_sequences", lengths, lambda: pgkern.pack_sequences(lengths, MAX_TOKENS), fill(lengths)),
        Case(
            "pack_sequences_flat",
            lengths,
            lambda: pgkern.pack_sequences_flat(lengths, MAX_TOKENS),
            lambda rows: fill(lengths)(rows.to_lists()),
        ),
    ]


def _beside_first_fit(count: int) -> Case:
    from .packing_plain import first_fit_decreasing

    lengths = lengths_of(count)
    as_list: list[int] = lengths.tolist()
    return Case(
        "pack_sequences",
        lengths,
        lambda: pgkern.pack_sequences(as_list, MAX_TOKENS),
        fill(lengths),
        "first-fit decreasing in Python",
        lambda: first_fit_decreasing(as_list, MAX_TOKENS),
    )


def _goals(rows: list[dict[str, Any]]) -> list[Goal]:
    goals = []
    for row in rows:
        what = f"{row['what']}, {row['sequences']:,}"
        if "time_ratio" in row:
            goals.append(Goal(f"time beside {row['peer']}, {what}", row["time_ratio"][0], "at most", 1.0))
        elif "fill" in row:
            goals.append(Goal(f"time, {what}", row["seconds"][0], "at most", MILLION_SECONDS, " s"))
            goals.append(Goal(f"rows filled, {what}", row["fill"], "at least", MILLION_FILL))
        if "imbalance" in row:
            goals.append(Goal(f"imbalance, {what}", row["imbalance"], "at most", SHARES_GOAL))
    return goals


def _line(row: dict[str, Any]) -> list[str]:
    def said(key: str, form: str) -> str:
        return form.format(*np.atleast_1d(row[key])) if key in row else ""

    def how_well(prefix: str) -> str:
        return said(f"{prefix}fill", "{:.3%} full") or said(f"{prefix}imbalance", "{:.4%} uneven") or "-"

    return [
        row["what"],
        row.get("peer", "-"),
        f"{row['sequences']:,}",
        Spread(*row["seconds"]).text(digits=4),
        said("peer_seconds", "{:.4f} ({:.4f}-{:.4f})") or "-",
        said("time_ratio", "{:.4f} ({:.4f}-{:.4f})") or "-",
        how_well(""),
        how_well("peer_"),
    ]
