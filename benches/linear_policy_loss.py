"""Time, memory and error of the policy loss from hidden states, beside plain torch that holds all logits.

D = 1024, N = 2048, V = 32,768 and 151,936, fp32 and bf16; loss and both gradients with every sequence active and with
half of them (advantage 0 in the others), and the log-probabilities alone. With a CUDA device the same grid on it too.
TFLOP/s are those of 6 * N * D * V operations (2 * N * D * V forward only), whoever computes and however many tokens
are active. Errors are against fp64 at 256 tokens of the same D and V.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from rich.console import Console

from .figure import write_bars
from .goals import Goal
from .grid_bars import memory_panel, time_panel
from .grid_bench import LARGE_VOCABULARY, MEMORY_GOAL, TIME_GOAL, GridBench, Row, add_grid_options, rows_of, run_grid
from .grid_table import error_column, picture_subtitle, print_grid
from .policy_case import PolicyCase
from .policy_suite import SUITE
from .policy_truth import ERROR_TOKENS
from .provider_names import PGKERN
from .record import Record
from .timing import Spread


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    add_grid_options(parser, rounds="CPU: 5, 3 at the large vocabulary; GPU: 20")


def run(options: argparse.Namespace) -> None:
    """Measure every device there is, or the one that is named."""
    run_grid(
        GridBench(
            "linear_policy_loss",
            SUITE,
            grid,
            _speed,
            _goals,
            _print,
            _draw,
            [f"errors: against fp64 at {ERROR_TOKENS} tokens of the same D and V"],
        ),
        options,
    )


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


def _speed(case: PolicyCase, name: str, seconds: Mapping[str, Sequence[float]]) -> Row:
    return {"tflop_per_second": float(f"{case.flop / Spread.of(seconds[name]).median / 1e12:.4g}")}


def _goals(rows: list[Row]) -> Iterator[Goal]:
    for row in rows_of(PGKERN, rows):
        if "time_ratio" in row:
            yield Goal(f"time beside naive torch, {row['case']}", row["time_ratio"][0], "at most", TIME_GOAL)
        if row["vocabulary"] >= LARGE_VOCABULARY and row["memory_ratio"] is not None:
            percent = row["memory_ratio"] * 100
            yield Goal(f"extra memory of naive's, {row['case']}", percent, "at most", MEMORY_GOAL * 100, " %")


def _print(rows: list[Row], record: Record, out: Console) -> None:
    print_grid(
        f"Policy loss from hidden states, {_size(rows)}",
        rows,
        {"TFLOP/s": lambda row: f"{row['tflop_per_second']:.3f}"},
        {
            "err loss|lp": error_column("loss_error", "log_prob_error"),
            "err dX": error_column("hidden_gradient_error"),
            "err dW": error_column("weight_gradient_error"),
        },
        record,
        out,
    )


def _draw(rows: list[Row], record: Record, path: Path) -> None:
    ours = list(rows_of(PGKERN, rows))
    write_bars(
        path,
        f"pgkern beside naive torch: policy loss, {_size(rows)}",
        f"{picture_subtitle(record)}; lower is better",
        [time_panel(ours), memory_panel(ours, "memory beyond inputs and gradients / naive torch's")],
    )


def _size(rows: list[Row]) -> str:
    return f"N = {rows[0]['tokens']:,}, D = {rows[0]['hidden_size']:,}"
