"""A bench over a grid of cases on every device there is: providers in turn, a record, a table, a picture."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from .goals import Goal, print_goals
from .provider_memory import MemoryMeter
from .provider_names import NAIVE
from .provider_times import seconds_of_each
from .record import Record
from .suite import Provider, Suite
from .table import console
from .timing import Spread, pairwise_ratio

LARGE_VOCABULARY = 151_936
TIME_GOAL, MEMORY_GOAL = 1.0, 0.05
Row = dict[str, Any]


@dataclass(frozen=True)
class GridBench:
    """What a bench adds to the common run."""

    name: str
    suite: Suite
    grid: Callable[[str, argparse.Namespace], Iterable[Any]]  # cases in the order they are run
    own_fields: Callable[[Any, str, Mapping[str, Sequence[float]]], Row]  # of case, provider and everyone's seconds
    goals: Callable[[list[Row]], Iterable[Goal]]
    print_rows: Callable[[list[Row], Record, Console], None]
    draw: Callable[[list[Row], Record, Path], None]
    notes: Sequence[str]


def add_grid_options(parser: argparse.ArgumentParser, rounds: str) -> None:
    """What can be said after the bench's name; `rounds` says the default numbers."""
    parser.add_argument("--device", choices=("all", "cpu", "cuda"), default="all")
    parser.add_argument("--rounds", type=int, help=f"runs of each provider ({rounds})")
    parser.add_argument("--vocabulary", type=int, action="append", help="instead of the grid's (repeatable)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), action="append", help="the same")


def run_grid(bench: GridBench, options: argparse.Namespace) -> None:
    """Measure every device there is, or the one that is named."""
    out = console()
    if options.device in ("all", "cpu"):
        _run_device(bench, "cpu", options, out)
    if options.device == "cuda" or (options.device == "all" and torch.cuda.is_available()):
        _run_device(bench, "cuda", options, out)
    elif options.device == "all":
        out.print("no CUDA device: the GPU's half of the grid is left out")


def _run_device(bench: GridBench, device: str, options: argparse.Namespace, out: Console) -> None:
    record = Record(bench.name, device=device, quick=options.quick, results=options.results)
    rows: list[Row] = []
    notes = dict.fromkeys(bench.notes)
    with MemoryMeter(bench.suite) as meter:
        for case in bench.grid(device, options):
            out.print(f"{device}: {case.label} …", highlight=False)
            found, missing = bench.suite.providers(case)
            of_case, failures = _rows(bench, case, found, options, meter)
            rows += of_case
            notes |= dict.fromkeys([*missing, *(f"{case.label}: {failure}" for failure in failures)])
            record.write(rows, [], [*notes, "not finished"])  # a run takes a while: keep what there is
            for row in of_case:
                out.print(f"    {_progress(row)}", highlight=False)
    goals = [] if options.quick else list(bench.goals(rows))  # small sizes say nothing about the goals
    bench.print_rows(rows, record, out)
    for note in notes:
        out.print(note, highlight=False)
    print_goals(goals, out)
    record.write(rows, goals, notes)
    picture = record.path.with_suffix(".png")
    bench.draw(rows, record, picture)
    out.print(f"written: {record.path} and {picture.name}", highlight=False)


def _progress(row: Row) -> str:
    ratio = f", {row['time_ratio'][0]:.2f} of naive" if "time_ratio" in row else ""
    memory = f", {row['extra_bytes'] / 2**20:,.0f} MiB" if "extra_bytes" in row else ""
    return f"{row['provider']}: {row['seconds'][0]:.3g} s{ratio}{memory}"


def _rows(
    bench: GridBench, case: Any, found: Mapping[str, Provider], options: argparse.Namespace, meter: MemoryMeter
) -> tuple[list[Row], list[str]]:
    suite = bench.suite
    seconds, failures = seconds_of_each(suite, case, found, _rounds(case, options))
    measured = {name: found[name] for name in seconds}
    error = suite.errors(case, measured)
    memory = meter.peak_extra(case, measured)
    rows = []
    for name in measured:
        row = {"case": case.label, "provider": name, **asdict(case), "rounds": len(seconds[name])}
        row["seconds"] = Spread.of(seconds[name]).to_json()
        if NAIVE in seconds:  # plain torch may run out of memory
            row["time_ratio"] = pairwise_ratio(seconds[name], seconds[NAIVE]).to_json()
        row |= bench.own_fields(case, name, seconds)
        row |= _memory(memory.get(name), memory.get(NAIVE))
        row |= {key: float(f"{value:.3g}") for key, value in error.get(name, {}).items()}
        rows.append(row)
    return rows, failures


def _rounds(case: Any, options: argparse.Namespace) -> int:
    if options.rounds:
        return int(options.rounds)
    if options.quick:
        return 2
    return 20 if case.device == "cuda" else 3 if case.vocabulary >= LARGE_VOCABULARY else 5


def _memory(found: Row | None, naive: Row | None) -> Row:
    if found is None:  # the floor is one of the time alone
        return {}
    ratio = found["extra_bytes"] / naive["extra_bytes"] if naive and naive["extra_bytes"] else None
    return {
        "extra_bytes": found["extra_bytes"],
        "extra_bytes_read": found["read"],
        "memory_ratio": None if ratio is None else float(f"{ratio:.4g}"),
    }


def rows_of(provider: str, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of one provider."""
    return (row for row in rows if row["provider"] == provider)
