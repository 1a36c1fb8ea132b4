"""Time, memory and error of everything that starts from logits, beside plain torch, peers, and a copy of the logits.

Log-probabilities, with entropies, with a gradient; GRPO's loss with its gradient, which takes one visit to the logits,
and GSPO's, which takes two. CPU: N = 256, V = 32,768 and 151,936, fp32 and bf16. GPU: N = 16,384 and 4,096, V =
151,936, 128,256 and 262,208, bf16 and fp32; at N = 16,384 and V = 151,936 GRPO also with an entropy bonus, with peaked
logits, and with half of the tokens masked.

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
from typing import get_args

from .goals import Goal
from .grid_bench import GridBench, Row, add_grid_options, run_grid
from .grid_table import error_column, print_grid
from .limits import COPY_GOAL, LARGE_VOCABULARY, MEMORY_GOAL, TIME_GOAL
from .logit_case import LogitCase, Work
from .logit_rows import memory_beside_gradient, one_visit, ours
from .logit_suite import SUITE
from .logit_truth import ERROR_TOKENS
from .provider_names import COPY
from .record import Record
from .timing import Spread, pairwise_ratio

_CPU_TOKENS, _GPU_TOKENS = (256,), (16_384, 4096)
_CPU_VOCABULARIES, _GPU_VOCABULARIES = (32_768, LARGE_VOCABULARY), (LARGE_VOCABULARY, 128_256, 262_208)
_GPU_WORKS: tuple[Work, ...] = ("loss", "log_probs", "sequence_loss", "log_prob_gradient", "entropy")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    add_grid_options(parser, rounds="CPU: 5, 3 at the large vocabulary; GPU: 20")
    parser.add_argument("--work", choices=get_args(Work), action="append", help="only this (repeatable)")


def run(options: argparse.Namespace) -> None:
    """Measure every device there is, or the one that is named."""
    note = f"errors: against fp64 at {ERROR_TOKENS} tokens of the same V; memory: beyond the logits"
    run_grid(GridBench("logits_policy_loss", SUITE, grid, _rounds, _speed, _goals, _print, [note]), options)


def grid(device: str, options: argparse.Namespace) -> Iterator[LogitCase]:
    """The cases in the order they are run; on a GPU, where the minutes may be counted, what matters most is first."""
    for case in _quick_grid(device, options) if options.quick else _whole_grid(device, options):
        if case.work in (options.work or get_args(Work)):
            yield case


def _quick_grid(device: str, options: argparse.Namespace) -> Iterator[LogitCase]:
    compiled = device == "cuda" or options.compile
    for work in get_args(Work):
        yield LogitCase(device, "float32", 64, 509, work, compiled=compiled)
    yield LogitCase(device, "bfloat16", 64, 509, "loss", True, True, 0.5, compiled)


def _whole_grid(device: str, options: argparse.Namespace) -> Iterator[LogitCase]:
    gpu = device == "cuda"
    works: Sequence[Work] = _GPU_WORKS if gpu else get_args(Work)
    vocabularies = options.vocabulary or (_GPU_VOCABULARIES if gpu else _CPU_VOCABULARIES)
    dtypes = options.dtype or (("bfloat16", "float32") if gpu else ("float32", "bfloat16"))
    all_tokens = options.tokens or (_GPU_TOKENS if gpu else _CPU_TOKENS)
    for tokens, vocabulary, dtype in product(all_tokens, vocabularies, dtypes):
        plain = [LogitCase(device, dtype, tokens, vocabulary, work, compiled=gpu or options.compile) for work in works]
        yield from plain
        if gpu and (tokens, vocabulary) == (max(_GPU_TOKENS), LARGE_VOCABULARY):
            loss = plain[works.index("loss")]
            yield replace(loss, entropy_bonus=True)
            yield replace(loss, peaked=True)
            yield replace(loss, unmasked=0.5)


def _rounds(case: LogitCase) -> int:
    return 20 if case.device == "cuda" else 3 if case.vocabulary >= LARGE_VOCABULARY else 5


def _speed(case: LogitCase, name: str, seconds: Mapping[str, Sequence[float]]) -> Row:
    moved = 2.0 * case.logits_bytes if name == COPY else case.moved_bytes
    copy_share = pairwise_ratio(seconds[COPY], seconds[name])  # of times; of speeds once the bytes are in it
    share = [part * moved / (2.0 * case.logits_bytes) for part in (copy_share.median, copy_share.p20, copy_share.p80)]
    return {
        "logits_bytes": case.logits_bytes,
        "moved_bytes": moved,
        "gb_per_second": float(f"{moved / Spread.of(seconds[name]).median / 1e9:.4g}"),
        "copy_share": [float(f"{part:.4g}") for part in share],
    }


def _goals(rows: list[Row]) -> Iterator[Goal]:
    for row in ours(rows):
        of = f"{row['provider']}, {row['case']}"
        if row["device"] == "cuda":
            if one_visit(row):
                yield Goal(
                    f"share of copy bandwidth, {of}", row["copy_share"][0] * 100, "at least", COPY_GOAL * 100, " %"
                )
        elif "time_ratio" in row:
            yield Goal(f"time beside naive torch, {of}", row["time_ratio"][0], "at most", TIME_GOAL)
        if row["vocabulary"] >= LARGE_VOCABULARY and row["memory_ratio"] is not None:
            percent = memory_beside_gradient(row) * 100
            yield Goal(
                f"extra memory but for the gradient, of naive's, {of}", percent, "at most", MEMORY_GOAL * 100, " %"
            )


def _print(rows: list[Row], record: Record) -> None:
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
    )
