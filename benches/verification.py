"""Verified pairs a second, on one thread and on all cores, beside Math-Verify on the same pairs in the same run.

Also whether both agree with each other and with the labels, every pair on which they do not, and how long single
verdicts take, the slowest named. Each pair goes to Math-Verify once, since it keeps what it has seen; both start from
text.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pgkern

from .environment import device_label, usable_cores
from .goals import Goal, print_goals
from .math_verify_peer import TIMEOUT_SECONDS, math_verify_grader
from .pictures import draw_if_possible
from .record import Record
from .table import print_table
from .timing import Spread, interleaved, pairwise_ratio
from .verification_agreement import agreement, compare, disagreement_page
from .verification_latency import latency_line, latency_row
from .verification_pairs import FOLDER, HARD, Pairs, load_pairs

SLOWEST_GOAL, SCALING_GOAL = 0.010, 0.85


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--data", type=Path, default=FOLDER, help="folder of the files of pairs")
    parser.add_argument("--compared", type=int, help="pairs of each set that Math-Verify gets too (default: all)")


def run(options: argparse.Namespace) -> None:
    """Measure throughput and latency, compare, list who disagrees."""
    record = Record("verification", device="cpu", quick=options.quick, results=options.results)
    sets, notes = load_pairs(options.data)
    if options.quick:
        sets = [pairs.spaced(60) for pairs in sets]
    throughput = _throughput(sets, rounds=3 if options.quick else 15)
    print_table(
        f"Verified pairs a second on {device_label(record.device)}",
        ("pairs", "count", "one thread", f"{usable_cores()} threads", "of linear"),
        [_throughput_line(row) for row in throughput],
    )
    latency = [latency_row(pairs) for pairs in sets]
    print_table(
        "Single verdicts, microseconds",
        ("pairs", "count", "median", "99 %", "99.9 %", "slowest", "its id"),
        [latency_line(row) for row in latency],
    )
    grader = math_verify_grader()
    compared: list[dict[str, Any]] = []
    if grader is None:
        notes.append("Math-Verify is left out: the package math-verify is not installed")
    else:
        count = options.compared or (10 if options.quick else None)
        compared = [compare(pairs.spaced(count or len(pairs)), grader) for pairs in sets if not pairs.hostile]
        notes.append(f"Math-Verify: one thread, its own limits of {TIMEOUT_SECONDS} s for each parse and comparison")
        print_table(
            "The same pairs by both, on one thread",
            ("pairs", "count", "ours/s", "Math-Verify/s", "times faster", "both right", "only ours", "only theirs",
             "both wrong", "labels: ours", "theirs"),
            [_compared_line(row) for row in compared],
            )  # fmt: skip
    goals = [] if options.quick else _goals(throughput, latency, compared, sets)
    for note in notes:
        print(note, flush=True)
    print_goals(goals)
    record.write(throughput, goals, notes, latency=latency, compared=compared)
    print(f"written: {record.path}")
    if compared:
        page = record.path.with_name(record.path.stem + "-disagreements.md")
        head = f"{device_label(record.device)}, {record.head['date'][:10]}, `{record.head['command']}`"
        page.write_text(disagreement_page(compared, head), encoding="utf-8")
        print(f"written: {page}")
    draw_if_possible(record.path)


def _throughput(sets: list[Pairs], rounds: int) -> list[dict[str, Any]]:
    rows = [_throughput_row(pairs, rounds) for pairs in sets]
    friendly = [pairs for pairs in sets if not pairs.hostile]
    together = Pairs(
        "all of these",
        [name for pairs in friendly for name in pairs.ids],
        [text for pairs in friendly for text in pairs.completions],
        [gold for pairs in friendly for gold in pairs.golds],
        [label for pairs in friendly for label in pairs.labels],
    )
    return [*rows, _throughput_row(together, rounds)]


def _throughput_row(pairs: Pairs, rounds: int) -> dict[str, Any]:
    cores = usable_cores()
    runs: dict[str, Callable[[], object]] = {
        "one": lambda: pgkern.verify_many(pairs.completions, pairs.golds, num_threads=1),
        "all": lambda: pgkern.verify_many(pairs.completions, pairs.golds, num_threads=cores),
    }
    interleaved(runs, 1)
    seconds = interleaved(runs, rounds)
    scaling = pairwise_ratio(seconds["one"], seconds["all"])
    verdicts = pgkern.verify_many(pairs.completions, pairs.golds)
    return {
        "pairs": pairs.name,
        "count": len(pairs),
        "pairs_per_second_one_thread": _rate(len(pairs), seconds["one"]),
        "pairs_per_second_all_cores": _rate(len(pairs), seconds["all"]),
        "of_linear": float(f"{scaling.median / cores:.4g}"),
        "verdicts": {verdict.name: int((verdicts == verdict).sum()) for verdict in pgkern.Verdict},
        **agreement(pairs, (verdicts == pgkern.Verdict.CORRECT).tolist()),
    }


def _rate(count: int, seconds: list[float]) -> list[float]:
    return Spread.of([count / one for one in seconds]).to_json()


def _goals(
    throughput: list[dict[str, Any]],
    latency: list[dict[str, Any]],
    compared: list[dict[str, Any]],
    sets: list[Pairs],
) -> list[Goal]:
    goals = [
        Goal(f"faster than Math-Verify, {row['pairs']}", row["times_faster"][0], "at least", row["goal"], " x")
        for row in compared
        if row["goal"] is not None
    ]
    for row in compared:
        if row["pairs"] == HARD:
            theirs, false = row["math_verify_missed"], row["math_verify_falsely_right"]
            goals.append(Goal("right answers missed, hard cases (Math-Verify's)", row["missed"], "at most", theirs))
            goals.append(Goal("wrong ones let through (Math-Verify's)", row["falsely_right"], "at most", false))
    if usable_cores() > 1 and len(sets) > 1:
        goals.append(Goal("all cores, of linear", throughput[-1]["of_linear"], "at least", SCALING_GOAL))
    slowest = max(row["slowest_seconds"] for row in latency)
    goals.append(Goal("slowest single verdict", slowest * 1e3, "at most", SLOWEST_GOAL * 1e3, " ms"))
    return goals


def _throughput_line(row: dict[str, Any]) -> list[str]:
    return [
        row["pairs"],
        f"{row['count']:,}",
        f"{row['pairs_per_second_one_thread'][0]:,.0f}",
        f"{row['pairs_per_second_all_cores'][0]:,.0f}",
        f"{row['of_linear'] * 100:.0f} %",
    ]


def _compared_line(row: dict[str, Any]) -> list[str]:
    return [
        row["pairs"],
        f"{row['count']:,}",
        f"{row['pairs_per_second']:,.0f}",
        f"{row['math_verify_pairs_per_second']:,.0f}",
        "{:,.0f} ({:,.0f}-{:,.0f})".format(*row["times_faster"]),
        *(str(row[key]) for key in ("both_right", "only_ours_right", "only_theirs_right", "both_wrong")),
        f"{row['agreeing']}/{row['labelled']}",
        f"{row['math_verify_agreeing']}/{row['labelled']}",
    ]
