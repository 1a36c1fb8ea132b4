"""A bench over a grid of cases on every device there is: providers in turn, a record, a table, a picture."""

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from .goals import Goal, print_goals
from .kept_rows import KeptRows, kept_rows
from .pictures import draw_if_possible
from .provider_memory import MemoryMeter
from .provider_names import NAIVE
from .provider_times import seconds_of_each
from .record import Record
from .suite import Provider, Suite
from .time_budget import TimeBudget
from .timing import Spread, pairwise_ratio

Row = dict[str, Any]


@dataclass(frozen=True)
class GridBench:
    """What a bench adds to the common run."""

    name: str
    suite: Suite
    grid: Callable[[str, argparse.Namespace], Iterable[Any]]  # cases in the order they are run
    rounds: Callable[[Any], int]  # of a case
    own_fields: Callable[[Any, str, Mapping[str, Sequence[float]]], Row]  # of case, provider and everyone's seconds
    goals: Callable[[list[Row]], Iterable[Goal]]
    print_rows: Callable[[list[Row], Record], None]
    notes: Sequence[str]


def add_grid_options(parser: argparse.ArgumentParser, rounds: str) -> None:
    """What can be said after the bench's name; `rounds` says the default numbers."""
    parser.add_argument("--device", choices=("all", "cpu", "cuda"), default="all")
    parser.add_argument("--rounds", type=int, help=f"runs of each provider ({rounds})")
    parser.add_argument("--minutes", type=float, help="begin no case after so many; the record names what is left out")
    parser.add_argument("--add", action="store_true", help="keep the record's other rows, if its code was the same")
    parser.add_argument("--tokens", type=int, action="append", help="instead of the grid's (repeatable)")
    parser.add_argument("--vocabulary", type=int, action="append", help="the same")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), action="append", help="the same")
    parser.add_argument("--provider", action="append", help="only this one beside those that must run (repeatable)")
    parser.add_argument("--compile", action="store_true", help="torch.compile on the CPU too")


def run_grid(bench: GridBench, options: argparse.Namespace) -> None:
    """Measure every device there is, or the one that is named."""
    if options.device in ("all", "cpu"):
        _run_device(bench, "cpu", options)
    if options.device == "cuda" or (options.device == "all" and torch.cuda.is_available()):
        _run_device(bench, "cuda", options)
    elif options.device == "all":
        print("no CUDA device: the GPU's half of the grid is left out")


def _run_device(bench: GridBench, device: str, options: argparse.Namespace) -> None:
    budget = TimeBudget(options.minutes)
    cases = list(bench.grid(device, options))
    if not cases:
        raise ValueError(f"no cell of the grid on {device} is what the options ask for")
    record = Record(bench.name, device=device, quick=options.quick, results=options.results)
    kept = kept_rows(record.path, record.head) if options.add else KeptRows()
    rows, notes = kept.rows, dict.fromkeys([*bench.notes, *kept.notes])
    goals: list[Goal] = []
    ahead = [case.label for case in cases]

    def write() -> None:  # after every case: a run takes a while, and somebody may stop it
        nonlocal goals
        done = {row["case"] for row in rows}
        goals = [] if options.quick else list(bench.goals(rows))  # small sizes say nothing about the goals
        record.write(rows, goals, notes, left_out=[c for c in dict.fromkeys(kept.left_out + ahead) if c not in done])

    with MemoryMeter(bench.suite) as meter:
        for case in cases:
            if budget.used_up:
                break
            print(f"{device}: {case.label} …", flush=True)
            found, missing = bench.suite.providers(case)
            found = _asked_for(bench.suite, found, options)
            try:
                of_case, failures = _rows(bench, case, found, options, meter)
            except torch.OutOfMemoryError:  # beside its own providers, one that fitted by itself
                of_case, failures = [], ["left out: out of memory"]
                torch.cuda.empty_cache()
            rows = [row for row in rows if row["case"] != case.label]
            rows += [{**row, **record.stamp()} for row in of_case]
            notes |= dict.fromkeys([*missing, *(f"{case.label}: {failure}" for failure in failures)])
            ahead.remove(case.label)
            write()
            for row in of_case:
                print(f"    {_progress(row)}", flush=True)
    if not rows:
        raise ValueError(f"{options.minutes:g} minutes were used up before the first case")
    for name in {*(options.provider or ())}.difference(row["provider"] for row in rows):
        notes[f"no case has a provider {name!r}"] = None
    if ahead:
        notes[f"left out, as the {budget.minutes:g} minutes were used up: {len(ahead)} of {len(cases)} cases"] = None
    write()
    bench.print_rows(rows, record)
    for note in notes:
        print(note)
    print_goals(goals)
    print(f"written: {record.path}")
    draw_if_possible(record.path)


def _asked_for(suite: Suite, found: Mapping[str, Provider], options: argparse.Namespace) -> dict[str, Provider]:
    """The providers that the options name, and those without which a row says nothing."""
    named = {*suite.must_run, *(options.provider or found)}
    return {name: run for name, run in found.items() if name in named}


def _progress(row: Row) -> str:
    ratio = f", {row['time_ratio'][0]:.2f} of naive" if "time_ratio" in row else ""
    memory = f", {row['extra_bytes'] / 2**20:,.0f} MiB" if "extra_bytes" in row else ""
    return f"{row['provider']}: {row['seconds'][0]:.3g} s{ratio}{memory}"


def _rows(
    bench: GridBench, case: Any, found: Mapping[str, Provider], options: argparse.Namespace, meter: MemoryMeter
) -> tuple[list[Row], list[str]]:
    suite, load = bench.suite, os.getloadavg()[0]
    rounds = options.rounds or (2 if options.quick else bench.rounds(case))
    seconds, failures = seconds_of_each(suite, case, found, rounds)
    measured = {name: found[name] for name in seconds if name not in suite.time_only}
    error = suite.errors(case, measured)
    memory = meter.peak_extra(case, measured)
    rows = []
    for name, of_name in seconds.items():
        row = {"case": case.label, "provider": name, **asdict(case), "rounds": len(of_name)}
        row["seconds"] = Spread.of(of_name).to_json()
        if NAIVE in seconds:  # plain torch may run out of memory
            row["time_ratio"] = pairwise_ratio(of_name, seconds[NAIVE]).to_json()
        row |= bench.own_fields(case, name, seconds)
        row |= _memory(memory.get(name), memory.get(NAIVE))
        row |= {key: float(f"{value:.3g}") for key, value in error.get(name, {}).items()}
        rows.append({**row, "load_average": round(load, 2)})
    return rows, failures


def _memory(found: Row | None, naive: Row | None) -> Row:
    if found is None:  # of some there is nothing but the time
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
