"""Packing a million sequences into rows, and collating a batch, beside plain Python in the same run.

Lengths are log-normal (median 512, sigma 1, cut at the row's 8192 tokens). Plain Python packs first fit decreasing, in
O(n * rows), so both are compared on fewer sequences.
"""

import argparse
from typing import Any

import numpy as np
import numpy.typing as npt

import pgkern

from . import packing_plain
from .environment import device_label
from .goals import Goal, print_goals
from .pictures import draw_if_possible
from .record import Record
from .table import print_table
from .timing import Spread, interleaved, pairwise_ratio

MAX_TOKENS = 8192
_MEDIAN, _SIGMA = 512, 1.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--rounds", type=int, default=7, help="runs of each (default: 7)")


def run(options: argparse.Namespace) -> None:
    """Pack many, pack fewer beside plain Python, collate beside plain Python."""
    record = Record("packing", device="cpu", quick=options.quick, results=options.results)
    many, fewer, sequences = (20_000, 1_000, 50) if options.quick else (1_000_000, 20_000, 2_000)
    rounds = 2 if options.quick else options.rounds
    rows = [
        _pack_alone(many, rounds),
        _pack_beside_plain_python(fewer, rounds),
        _collate_beside_plain_python(sequences, rounds),
    ]
    print_table(
        f"Packing and collating on {device_label(record.device)}",
        ("what", "sequences", "tokens", "seconds (p20-p80)", "plain Python", "of plain Python", "fill", "plain fill"),
        [_line(row) for row in rows],
    )
    goals = [] if options.quick else [_goal(row) for row in rows if "time_ratio" in row]
    notes = [f"lengths: log-normal, median {_MEDIAN}, sigma {_SIGMA:g}, 1 to {MAX_TOKENS}; fill: tokens / room in rows"]
    print(notes[0], flush=True)
    print_goals(goals)
    record.write(rows, goals, notes)
    print(f"written: {record.path}")
    draw_if_possible(record.path)


def _lengths(count: int) -> npt.NDArray[np.int64]:
    drawn = np.random.default_rng(0).lognormal(np.log(_MEDIAN), _SIGMA, count)
    lengths: npt.NDArray[np.int64] = drawn.round().clip(1, MAX_TOKENS).astype(np.int64)
    return lengths


def _pack_alone(count: int, rounds: int) -> dict[str, Any]:
    lengths = _lengths(count)
    seconds = interleaved({"array": lambda: pgkern.pack_sequences(lengths, MAX_TOKENS)}, rounds)["array"]
    rows = pgkern.pack_sequences(lengths, MAX_TOKENS)
    return {
        "what": "pack_sequences",
        "sequences": count,
        "tokens": int(lengths.sum()),
        "rounds": rounds,
        "seconds": Spread.of(seconds).to_json(),
        "fill": _fill(rows, lengths),
    }


def _pack_beside_plain_python(count: int, rounds: int) -> dict[str, Any]:
    lengths = _lengths(count)
    as_list = lengths.tolist()
    seconds = interleaved(
        {
            "ours": lambda: pgkern.pack_sequences(as_list, MAX_TOKENS),
            "plain": lambda: packing_plain.first_fit_decreasing(as_list, MAX_TOKENS),
        },
        rounds,
    )
    return {
        "what": "pack_sequences beside first-fit decreasing",
        "sequences": count,
        "tokens": int(lengths.sum()),
        **_times(seconds, rounds),
        "fill": _fill(pgkern.pack_sequences(as_list, MAX_TOKENS), lengths),
        "plain_fill": _fill(packing_plain.first_fit_decreasing(as_list, MAX_TOKENS), lengths),
    }


def _collate_beside_plain_python(count: int, rounds: int) -> dict[str, Any]:
    random = np.random.default_rng(1)

    def drawn(lengths: npt.NDArray[np.int64]) -> list[list[int]]:
        return [random.integers(0, 150_000, length).tolist() for length in lengths]

    prompts, responses = drawn(random.integers(32, 256, count)), drawn(_lengths(count))
    seconds = interleaved(
        {
            "ours": lambda: pgkern.collate_packed(prompts, responses),
            "plain": lambda: packing_plain.collate_packed(prompts, responses),
        },
        rounds,
    )
    ours = pgkern.collate_packed(prompts, responses)
    for name, array in packing_plain.collate_packed(prompts, responses).items():
        np.testing.assert_array_equal(getattr(ours, name), array, err_msg=name)
    return {
        "what": "collate_packed",
        "sequences": count,
        "tokens": int(ours.token_ids.size),
        **_times(seconds, rounds),
    }


def _times(seconds: dict[str, list[float]], rounds: int) -> dict[str, Any]:
    return {
        "rounds": rounds,
        "seconds": Spread.of(seconds["ours"]).to_json(),
        "plain_seconds": Spread.of(seconds["plain"]).to_json(),
        "time_ratio": pairwise_ratio(seconds["ours"], seconds["plain"]).to_json(),
    }


def _fill(rows: list[list[int]], lengths: npt.NDArray[np.int64]) -> float:
    """Tokens over room, after checking that every sequence is in one row and no row is over-full."""
    if sorted(index for row in rows for index in row) != list(range(len(lengths))):
        raise AssertionError("a sequence is missing or in two rows")
    if any(int(lengths[row].sum()) > MAX_TOKENS for row in rows):
        raise AssertionError(f"a row has more than {MAX_TOKENS} tokens")
    return float(f"{lengths.sum() / (len(rows) * MAX_TOKENS):.6g}")


def _goal(row: dict[str, Any]) -> Goal:
    return Goal(f"time beside plain Python, {row['what']}", row["time_ratio"][0], "at most", 1.0)


def _line(row: dict[str, Any]) -> list[str]:
    def said(key: str, form: str) -> str:
        if key not in row:
            return "-"
        return form.format(*row[key]) if isinstance(row[key], list) else form.format(row[key])

    return [
        row["what"],
        f"{row['sequences']:,}",
        f"{row['tokens']:,}",
        said("seconds", "{:.4f} ({:.4f}-{:.4f})"),
        said("plain_seconds", "{:.4f} ({:.4f}-{:.4f})"),
        said("time_ratio", "{:.4f} ({:.4f}-{:.4f})"),
        said("fill", "{:.3%}"),
        said("plain_fill", "{:.3%}"),
    ]
