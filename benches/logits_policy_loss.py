"""Time, memory and error of everything that starts from logits, beside plain torch, peers, and a copy of the logits.

Log-probabilities, with entropies, with a gradient; GRPO's loss with its gradient, which takes one visit to the logits,
and GSPO's, which takes two. CPU: N = 256, V = 32,768 and 151,936, fp32 and bf16. GPU: N = 4,096 and 16,384, V =
128,256, 151,936 and 262,208; at N = 16,384 and V = 151,936 GRPO also with an entropy bonus, with peaked logits, and
with half of the tokens masked.

GB/s are those of the bytes that the work cannot do without, however often a provider moves them: (reads + writes) * N *
V * bytes of a number; 1 + 0 for log-probabilities, 2 + 1 with a gradient, 1 + 1 for GRPO, 2 + 1 for GSPO; masked rows
are not read. The last column of the times holds them against the GB/s of `copy_` (1 + 1) in the same rounds.

Before every run the logits are made anew off the clock, for everyone, since some write the gradient over them. Memory
is what is beyond the logits at the worst moment, the gradient included where it lies elsewhere. Errors are against fp64
at 64 tokens of the same V.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

from rich.console import Console

from .figure import Bar, Panel, write_bars
from .goals import Goal
from .grid_bars import memory_panel, time_panel
from .grid_bench import LARGE_VOCABULARY, MEMORY_GOAL, TIME_GOAL, GridBench, Row, add_grid_options, run_grid
from .grid_table import error_column, picture_subtitle, print_grid
from .logit_case import LogitCase, Work
from .logit_providers import FLOOR, PGKERN_IN_PLACE
from .logit_suite import SUITE
from .logit_truth import ERROR_TOKENS
from .provider_names import PGKERN
from .record import Record
from .timing import Spread, pairwise_ratio

COPY_GOAL = 0.85
"""Share of the copy's bandwidth, on a GPU, for work of one visit."""
_CPU_TOKENS, _GPU_TOKENS = 256, (4096, 16_384)
_CPU_VOCABULARIES, _GPU_VOCABULARIES = (32_768, LARGE_VOCABULARY), (128_256, LARGE_VOCABULARY, 262_208)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    add_grid_options(parser, rounds="CPU: 5, 3 at the large vocabulary; GPU: 20")
    parser.add_argument("--compile", action="store_true", help="torch.compile on the CPU too")


def run(options: argparse.Namespace) -> None:
    """Measure every device there is, or the one that is named."""
    note = f"errors: against fp64 at {ERROR_TOKENS} tokens of the same V; memory: beyond the logits"
    run_grid(GridBench("logits_policy_loss", SUITE, grid, _speed, _goals, _print, _draw, [note]), options)


def grid(device: str, options: argparse.Namespace) -> Iterator[LogitCase]:
    """The cases in the order they are run."""
    gpu = device == "cuda"
    works: Sequence[Work] = get_args(Work)
    compiled = gpu or options.compile
    if options.quick:
        for work in works:
            yield LogitCase(device, "float32", 64, 509, work, compiled=compiled)
        yield LogitCase(device, "bfloat16", 64, 509, "loss", True, True, 0.5, compiled)
        return
    vocabularies = options.vocabulary or (_GPU_VOCABULARIES if gpu else _CPU_VOCABULARIES)
    dtypes = options.dtype or ("float32", "bfloat16")
    for tokens, vocabulary, dtype in product(_GPU_TOKENS if gpu else (_CPU_TOKENS,), vocabularies, dtypes):
        for work in works:
            yield LogitCase(device, dtype, tokens, vocabulary, work, compiled=compiled)
        if gpu and tokens == max(_GPU_TOKENS) and vocabulary == LARGE_VOCABULARY:
            loss = LogitCase(device, dtype, tokens, vocabulary, "loss", compiled=compiled)
            yield replace(loss, entropy_bonus=True)
            yield replace(loss, peaked=True)
            yield replace(loss, unmasked=0.5)


def _speed(case: LogitCase, name: str, seconds: Mapping[str, Sequence[float]]) -> Row:
    moved = 2.0 * case.logits_bytes if name == FLOOR else case.moved_bytes
    copy_share = pairwise_ratio(seconds[FLOOR], seconds[name])  # of times; of speeds once the bytes are in it
    share = [part * moved / (2.0 * case.logits_bytes) for part in (copy_share.median, copy_share.p20, copy_share.p80)]
    return {
        "logits_bytes": case.logits_bytes,
        "moved_bytes": moved,
        "gb_per_second": float(f"{moved / Spread.of(seconds[name]).median / 1e9:.4g}"),
        "copy_share": [float(f"{part:.4g}") for part in share],
    }


def _goals(rows: list[Row]) -> Iterator[Goal]:
    for row in _ours(rows):
        of = f"{row['provider']}, {row['case']}"
        if row["device"] == "cuda":
            if row["work"] in ("log_probs", "entropy", "loss"):
                yield Goal(
                    f"share of copy bandwidth, {of}", row["copy_share"][0] * 100, "at least", COPY_GOAL * 100, " %"
                )
        elif "time_ratio" in row:
            yield Goal(f"time beside naive torch, {of}", row["time_ratio"][0], "at most", TIME_GOAL)
        if row["vocabulary"] >= LARGE_VOCABULARY and row["memory_ratio"] is not None:
            percent = _memory_beside_gradient(row) * 100
            yield Goal(
                f"extra memory but for the gradient, of naive's, {of}", percent, "at most", MEMORY_GOAL * 100, " %"
            )


def _ours(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["provider"] in (PGKERN, PGKERN_IN_PLACE)]


def _memory_beside_gradient(row: Row) -> float:
    """Extra memory without the gradient that is handed over, as a share of plain torch's extra memory."""
    if not row["memory_ratio"]:
        return 0.0
    new_gradient = row["provider"] == PGKERN and row["work"] not in ("log_probs", "entropy")
    naive_bytes = row["extra_bytes"] / row["memory_ratio"]
    return max(0.0, row["extra_bytes"] - (row["logits_bytes"] if new_gradient else 0)) / naive_bytes


def _print(rows: list[Row], record: Record, out: Console) -> None:
    print_grid(
        "From logits",
        rows,
        {"GB/s": lambda row: f"{row['gb_per_second']:.1f}", "of copy's": lambda row: f"{row['copy_share'][0]:.0%}"},
        {
            "err loss|lp": error_column("loss_error", "log_prob_error"),
            "err H": error_column("entropy_error"),
            "err dlogits": error_column("gradient_error"),
        },
        record,
        out,
    )


def _draw(rows: list[Row], record: Record, path: Path) -> None:
    ours = [{**row, "case": _bar_label(row), "beside_gradient": _memory_beside_gradient(row)} for row in _ours(rows)]
    gpu = rows[0]["device"] == "cuda"
    shares = []
    for row in ours:
        share, *spread = row["copy_share"]
        goal = COPY_GOAL if gpu and row["work"] in ("log_probs", "entropy", "loss") else None
        shares.append(Bar(row["case"], share, tuple(spread), goal, None if goal is None else share >= goal))
    write_bars(
        path,
        "pgkern from logits, beside naive torch and a copy of the logits",
        f"{picture_subtitle(record)}; time and memory: lower is better, bandwidth: higher",
        [
            time_panel(ours),
            Panel("Bandwidth", "needed bytes per second / the copy's", shares, percent=True),
            memory_panel(ours, "memory beyond logits and gradient / naive torch's", "beside_gradient"),
        ],
    )


def _bar_label(row: Row) -> str:
    return f"{row['case']}{', in place' if row['provider'] == PGKERN_IN_PLACE else ''}"
