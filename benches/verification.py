"""Verified pairs a second, on one thread and on all cores, beside Math-Verify on the same pairs in the same run.

Also whether both agree with each other and with the labels, and the slowest single verdict over everything. Math-Verify
gets evenly spaced pairs of each set, each once, since it keeps what it has seen; both start from text.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pgkern

from .environment import device_label, usable_cores
from .goals import Goal, print_goals
from .math_verify_peer import TIMEOUT_SECONDS, math_verify_grader
from .pictures import draw_if_possible
from .record import Record
from .table import print_table
from .timing import Spread, interleaved, pairwise_ratio
from .verification_pairs import FOLDER, HARD, Pairs, load_pairs

SLOWEST_GOAL, SCALING_GOAL = 0.010, 0.85
_BLOCKS = 5  # a set is compared in so many blocks, one grader after the other on each
_REPEATS = 9  # runs of ours on a block, which take about a thousandth of a second


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--data", type=Path, default=FOLDER, help="folder of the files of pairs")
    parser.add_argument("--compared", type=int, help="pairs of each set that Math-Verify gets too (default: 200)")


def run(options: argparse.Namespace) -> None:
    """Measure throughput, compare, look for the slowest verdict."""
    record = Record("verification", device="cpu", quick=options.quick, results=options.results)
    sets, notes = load_pairs(options.data)
    if options.quick:
        sets = [pairs.spaced(60) for pairs in sets]
    throughput = _throughput(sets, rounds=3 if options.quick else 15)
    print_table(
        f"Verified pairs a second on {device_label(record.device)}",
        ("pairs", "count", "one thread", f"{usable_cores()} threads", "of linear", "slowest verdict, ms", "its id"),
        [_throughput_line(row) for row in throughput],
    )
    grader = math_verify_grader()
    compared: list[dict[str, Any]] = []
    if grader is None:
        notes.append("Math-Verify is left out: the package math-verify is not installed")
    else:
        count = options.compared or (10 if options.quick else 200)
        compared = [_compare(pairs.spaced(count), grader) for pairs in sets if not pairs.hostile]
        notes.append(f"Math-Verify: one thread, its own limits of {TIMEOUT_SECONDS} s for each parse and comparison")
        print_table(
            "The same pairs by both, on one thread",
            ("pairs", "count", "ours/s", "Math-Verify/s", "times faster", "both right", "only ours", "only theirs",
             "both wrong", "labels: ours", "theirs"),
            [_compared_line(row) for row in compared],
            )  # fmt: skip
    goals = [] if options.quick else _goals(throughput, compared, sets)
    for note in notes:
        print(note, flush=True)
    print_goals(goals)
    record.write(throughput, goals, notes, compared=compared)
    print(f"written: {record.path}")
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
    slowest, where = _slowest(pairs)
    verdicts = pgkern.verify_many(pairs.completions, pairs.golds)
    return {
        "pairs": pairs.name,
        "count": len(pairs),
        "pairs_per_second_one_thread": _rate(len(pairs), seconds["one"]),
        "pairs_per_second_all_cores": _rate(len(pairs), seconds["all"]),
        "of_linear": float(f"{scaling.median / cores:.4g}"),
        "slowest_seconds": float(f"{slowest:.3g}"),
        "slowest_id": pairs.ids[where],
        "verdicts": {verdict.name: int((verdicts == verdict).sum()) for verdict in pgkern.Verdict},
        **_labels(pairs, (verdicts == pgkern.Verdict.CORRECT).tolist()),
    }


def _slowest(pairs: Pairs) -> tuple[float, int]:
    """The slowest verdict, and where: the better of three tries of each, since other processes interrupt too."""
    seconds = np.full(len(pairs), np.inf)
    for _ in range(3):
        for number, (completion, gold) in enumerate(zip(pairs.completions, pairs.golds, strict=True)):
            begin = time.perf_counter()
            pgkern.verify(completion, gold)
            seconds[number] = min(seconds[number], time.perf_counter() - begin)
    where = int(seconds.argmax())
    return float(seconds[where]), where


def _compare(pairs: Pairs, grader: Callable[[str, str | list[str]], bool]) -> dict[str, Any]:
    ours: list[bool] = []
    theirs: list[bool] = []
    our_seconds, their_seconds = [], []
    for places in np.array_split(np.arange(len(pairs)), min(_BLOCKS, len(pairs))):
        block = pairs.at(places.tolist())
        begin = time.perf_counter()
        theirs += [grader(completion, gold) for completion, gold in zip(block.completions, block.golds, strict=True)]
        their_seconds.append(time.perf_counter() - begin)

        def verify(block: Pairs = block) -> object:
            return pgkern.verify_many(block.completions, block.golds, num_threads=1)

        our_seconds.append(Spread.of(interleaved({"ours": verify}, _REPEATS)["ours"]).median)
        ours += (pgkern.verify_many(block.completions, block.golds) == pgkern.Verdict.CORRECT).tolist()
    faster = pairwise_ratio(their_seconds, our_seconds)
    our_labels, their_labels = _labels(pairs, ours), _labels(pairs, theirs)
    return {
        "pairs": pairs.name,
        "count": len(pairs),
        "pairs_per_second": float(f"{len(pairs) / sum(our_seconds):.4g}"),
        "math_verify_pairs_per_second": float(f"{len(pairs) / sum(their_seconds):.4g}"),
        "times_faster": faster.to_json(),
        "goal": pairs.goal,
        "both_right": sum(a and b for a, b in zip(ours, theirs, strict=True)),
        "only_ours_right": sum(a and not b for a, b in zip(ours, theirs, strict=True)),
        "only_theirs_right": sum(b and not a for a, b in zip(ours, theirs, strict=True)),
        "both_wrong": sum(not a and not b for a, b in zip(ours, theirs, strict=True)),
        "labelled": our_labels["labelled"],
        "agreeing": our_labels["agreeing"],
        "math_verify_agreeing": their_labels["agreeing"],
        "missed": our_labels["missed"],
        "math_verify_missed": their_labels["missed"],
        "falsely_right": our_labels["falsely_right"],
        "math_verify_falsely_right": their_labels["falsely_right"],
        "ids_only_ours_right": [name for name, a, b in zip(pairs.ids, ours, theirs, strict=True) if a and not b],
        "ids_only_theirs_right": [name for name, a, b in zip(pairs.ids, ours, theirs, strict=True) if b and not a],
        "ids_against_label": our_labels["ids_against_label"],
        "math_verify_ids_against_label": their_labels["ids_against_label"],
    }


def _labels(pairs: Pairs, right: list[bool]) -> dict[str, Any]:
    labelled = [(name, label == one) for name, label, one in zip(pairs.ids, pairs.labels, right, strict=True)
                if label is not None]  # fmt: skip
    return {
        "labelled": len(labelled),
        "agreeing": sum(agrees for _name, agrees in labelled),
        "missed": sum(label is True and not one for label, one in zip(pairs.labels, right, strict=True)),
        "falsely_right": sum(label is False and one for label, one in zip(pairs.labels, right, strict=True)),
        "ids_against_label": [name for name, agrees in labelled if not agrees],
    }


def _rate(count: int, seconds: list[float]) -> list[float]:
    return Spread.of([count / one for one in seconds]).to_json()


def _goals(throughput: list[dict[str, Any]], compared: list[dict[str, Any]], sets: list[Pairs]) -> list[Goal]:
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
    slowest = max(row["slowest_seconds"] for row in throughput)
    goals.append(Goal("slowest single verdict", slowest * 1e3, "at most", SLOWEST_GOAL * 1e3, " ms"))
    return goals


def _throughput_line(row: dict[str, Any]) -> list[str]:
    return [
        row["pairs"],
        f"{row['count']:,}",
        f"{row['pairs_per_second_one_thread'][0]:,.0f}",
        f"{row['pairs_per_second_all_cores'][0]:,.0f}",
        f"{row['of_linear'] * 100:.0f} %",
        f"{row['slowest_seconds'] * 1e3:.3f}",
        row["slowest_id"],
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
