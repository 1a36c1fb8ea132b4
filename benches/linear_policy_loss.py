"""Time, memory and error of the policy loss from hidden states, beside plain torch that holds all logits.

D = 1024, N = 2048, V = 32,768 and 151,936, fp32 and bf16; loss and both gradients with every sequence active and with
half of them (advantage 0 in the others), and the log-probabilities alone. With a CUDA device the same grid on it too.
TFLOP/s are those of 6 * N * D * V operations (2 * N * D * V forward only), whoever computes and however many tokens
are active. Errors are against fp64 at 256 tokens of the same D and V.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import torch
from rich.console import Console

from .environment import device_label
from .figure import Bar, Panel, write_bars
from .goals import Goal, print_goals
from .policy_case import PolicyCase, PolicyInputs, policy_inputs
from .policy_memory import peak_extra
from .policy_providers import FLOOR, NAIVE, PGKERN, Provider, fresh_gradients, providers
from .policy_truth import ERROR_TOKENS, errors
from .record import Record
from .table import console, print_table
from .timing import Spread, interleaved, pairwise_ratio

LARGE_VOCABULARY = 151_936
TIME_GOAL, MEMORY_GOAL = 1.0, 0.05
_WARM_TOKENS = 64
_ERRORS = ("err loss|lp", "err dX", "err dW")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--device", choices=("all", "cpu", "cuda"), default="all")
    parser.add_argument("--rounds", type=int, help="runs of each provider (CPU: 5, 3 at the large vocabulary; GPU: 20)")
    parser.add_argument("--vocabulary", type=int, action="append", help="instead of the grid's (repeatable)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), action="append", help="the same")


def run(options: argparse.Namespace) -> None:
    """Measure every device there is, or the one that is named."""
    out = console()
    if options.device in ("all", "cpu"):
        _run_device("cpu", options, out)
    if options.device == "cuda" or (options.device == "all" and torch.cuda.is_available()):
        _run_device("cuda", options, out)
    elif options.device == "all":
        out.print("no CUDA device: the GPU's half of the grid is left out")


def grid(device: str, options: argparse.Namespace) -> Iterator[PolicyCase]:
    """The cases in the order they are run."""
    tokens, hidden_size = (64, 32) if options.quick else (2048, 1024)
    if options.quick:
        yield PolicyCase(device, "float32", tokens, hidden_size, 509)
        yield PolicyCase(device, "bfloat16", tokens, hidden_size, 509, work="forward")
        return
    vocabularies = options.vocabulary or [32_768, LARGE_VOCABULARY]
    for vocabulary, dtype in product(vocabularies, options.dtype or ("float32", "bfloat16")):
        for active in (1.0, 0.5):
            yield PolicyCase(device, dtype, tokens, hidden_size, vocabulary, active)
        yield PolicyCase(device, dtype, tokens, hidden_size, vocabulary, work="forward")


def _run_device(device: str, options: argparse.Namespace, out: Console) -> None:
    record = Record("linear_policy_loss", device=device, quick=options.quick, results=options.results)
    rows: list[dict[str, Any]] = []
    notes: dict[str, None] = {f"errors: against fp64 at {ERROR_TOKENS} tokens of the same D and V": None}
    for case in grid(device, options):
        out.print(f"{device}: {case.label} …", highlight=False)
        found, missing = providers(case)
        notes |= dict.fromkeys(missing)
        rows += _rows(case, found, options)
        record.write(rows, [], [*notes, "not finished"])  # a run takes a while: keep what there is
        for row in rows[-len(found) :]:
            seconds, ratio = row["seconds"][0], row["time_ratio"][0]
            memory = f", {row['extra_bytes'] / 2**20:,.0f} MiB" if "extra_bytes" in row else ""
            out.print(f"    {row['provider']}: {seconds:.3g} s, {ratio:.2f} of naive{memory}", highlight=False)
    goals = [] if options.quick else list(_goals(rows))  # small sizes say nothing about the goals
    _print(rows, record, out)
    for note in notes:
        out.print(note, highlight=False)
    print_goals(goals, out)
    record.write(rows, goals, notes)
    picture = record.path.with_suffix(".png")
    _draw(rows, record, picture)
    out.print(f"written: {record.path} and {picture.name}", highlight=False)


def _rows(case: PolicyCase, found: Mapping[str, Provider], options: argparse.Namespace) -> list[dict[str, Any]]:
    seconds = _seconds(case, found, options)
    error = errors(case, found)
    memory = {name: peak_extra(case, name) for name in found if name != FLOOR}
    rows = []
    for name in found:
        time_ratio = pairwise_ratio(seconds[name], seconds[NAIVE])
        spread = Spread.of(seconds[name])
        rows.append(
            {
                "case": case.label,
                "provider": name,
                "device": case.device,
                "dtype": case.dtype,
                "tokens": case.tokens,
                "hidden_size": case.hidden_size,
                "vocabulary": case.vocabulary,
                "active": case.active,
                "work": case.work,
                "rounds": len(seconds[name]),
                "seconds": spread.to_json(),
                "time_ratio": time_ratio.to_json(),
                "tflop_per_second": float(f"{case.flop / spread.median / 1e12:.4g}"),
                **_memory(memory.get(name), memory[NAIVE]["extra_bytes"]),
                **{key: float(f"{value:.3g}") for key, value in error.get(name, {}).items()},
            }
        )
    return rows


def _memory(found: dict[str, Any] | None, naive_bytes: int) -> dict[str, Any]:
    if found is None:  # the bare products are the floor of the time alone
        return {}
    ratio = found["extra_bytes"] / naive_bytes if naive_bytes else None
    return {
        "extra_bytes": found["extra_bytes"],
        "extra_bytes_read": found["read"],
        "memory_ratio": None if ratio is None else float(f"{ratio:.4g}"),
    }


def _seconds(case: PolicyCase, found: Mapping[str, Provider], options: argparse.Namespace) -> dict[str, list[float]]:
    gpu = case.device == "cuda"
    large = case.vocabulary >= LARGE_VOCABULARY
    rounds = options.rounds or (2 if options.quick else 20 if gpu else 3 if large else 5)
    synchronize: Callable[[], object] = torch.cuda.synchronize if gpu else lambda: None
    # A GPU is warmed at full size, where kernels are chosen; a CPU on a few tokens, which costs a thirtieth.
    warm = policy_inputs(case if gpu else case.with_tokens(_WARM_TOKENS))
    interleaved(_timed(found, warm), 3 if gpu else 1, synchronize)
    del warm
    return interleaved(_timed(found, policy_inputs(case)), rounds, synchronize)


def _timed(found: Mapping[str, Provider], inputs: PolicyInputs) -> dict[str, Callable[[], object]]:
    def of(provider: Provider) -> Callable[[], object]:
        def once() -> object:
            with fresh_gradients(inputs):
                result = provider(inputs)
                return result, inputs.hidden_ND.grad, inputs.weight_VD.grad  # freed off the clock

        return once

    return {name: of(provider) for name, provider in found.items()}


def _goals(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    for row in rows:
        if row["provider"] != PGKERN:
            continue
        yield Goal(f"time beside naive torch, {row['case']}", row["time_ratio"][0], "at most", TIME_GOAL)
        if row["vocabulary"] >= LARGE_VOCABULARY and row["memory_ratio"] is not None:
            percent = row["memory_ratio"] * 100
            yield Goal(f"extra memory of naive's, {row['case']}", percent, "at most", MEMORY_GOAL * 100, " %")


def _print(rows: list[dict[str, Any]], record: Record, out: Console) -> None:
    lines: list[list[str]] = []
    for row in rows:
        if row["provider"] == PGKERN and lines:
            lines.append([])
        lines.append(
            [
                f"{row['provider']}: {row['case']}" if row["provider"] == PGKERN else row["provider"],
                "{:.3g} ({:.3g}-{:.3g})".format(*row["seconds"]),
                "{:.2f} ({:.2f}-{:.2f})".format(*row["time_ratio"]),
                f"{row['tflop_per_second']:.3f}",
                f"{row['extra_bytes'] / 2**20:,.0f}" if "extra_bytes" in row else "-",
                f"{row['memory_ratio'] * 100:.1f} %" if row.get("memory_ratio") is not None else "-",
                _error_text(row, "log_prob_error" if row["work"] == "forward" else "loss_error"),
                _error_text(row, "hidden_gradient_error"),
                _error_text(row, "weight_gradient_error"),
            ]
        )
    columns = [
        "provider",
        "seconds (p20-p80)",
        "of naive",
        "TFLOP/s",
        "extra MiB",
        "of naive",
        "err loss|lp",
        "err dX",
        "err dW",
    ]
    size = f"N = {rows[0]['tokens']:,}, D = {rows[0]['hidden_size']:,}"
    print_table(f"Policy loss from hidden states, {size} on {device_label(record.device)}", columns, lines, out)


def _error_text(row: dict[str, Any], key: str) -> str:
    return f"{row[key]:.1e}" if key in row else "-"


def _draw(rows: list[dict[str, Any]], record: Record, path: Any) -> None:
    ours = [row for row in rows if row["provider"] == PGKERN]
    times = [
        Bar(row["case"], row["time_ratio"][0], tuple(row["time_ratio"][1:]), TIME_GOAL, row["time_ratio"][0] <= 1)
        for row in ours
    ]
    memory = []
    for row in ours:
        goal = MEMORY_GOAL if row["vocabulary"] >= LARGE_VOCABULARY else None
        ratio = row["memory_ratio"] or 0.0
        memory.append(Bar(row["case"], ratio, None, goal, None if goal is None else ratio <= goal))
    head = record.head
    write_bars(
        path,
        f"pgkern beside naive torch: policy loss, N = {rows[0]['tokens']:,}, D = {rows[0]['hidden_size']:,}",
        f"{device_label(record.device)}, torch {head['versions']['torch']}, {head['date'][:10]}, "
        f"commit {str(head['commit'])[:8]}{' + changes' if head['dirty'] else ''}; lower is better",
        [
            Panel("Time", "time / naive torch's time (line: p20 to p80)", times),
            Panel("Peak extra memory", "memory beyond inputs and gradients / naive torch's", memory, percent=True),
        ],
    )
