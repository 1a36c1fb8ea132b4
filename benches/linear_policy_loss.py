"""Time, memory and error of the policy loss from hidden states, beside plain torch that holds all logits, and peers.

CPU: N = 2048, D = 1024, V = 32,768 and 151,936, fp32 and bf16; loss and both gradients with every sequence active and
with half of them (advantage 0 in the others), and the log-probabilities alone.

GPU: heads of real models, bf16, N = 1,024 to 65,536; the same works, a frozen weight, a quarter of the sequences
active, by advantage and by mask, an entropy bonus, peaked logits, and the plain case among peers. What matters most is
measured first: N = 16,384 at Qwen3-8B's head (4096, 151,936).

`--tokens`, `--hidden-size`, `--vocabulary` and `--dtype` are instead of the grid's; `--work`, `--active` and
`--variation` pick cells ("plain" unless said otherwise), also such as the CPU's grid does not have. One cell, added to
the record of the others:

    python -m benches linear_policy_loss --device cpu --add --vocabulary 151936 --dtype float32 --work both --active 0.5

TFLOP/s are those of 6 * N * D * V operations (4 with a frozen weight, 2 forward only), whoever computes and however
many tokens are active. The floor is the bare products that the work cannot do without, at the same size in the same
rounds. Errors are against fp64 at 256 tokens of the same D and V.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import get_args

from .goals import Goal
from .grid_bench import GridBench, Row, add_grid_options, rows_of, run_grid
from .grid_table import error_column, print_grid, ratio_column
from .limits import (
    CHUNK_GOAL,
    CHUNK_TOKENS,
    HALF_ACTIVE_GOAL,
    HEADLINE,
    LARGE_VOCABULARY,
    MEMORY_GOAL,
    PRODUCTS_GOAL,
    TIME_GOAL,
    chunk_bytes,
)
from .policy_case import PolicyCase, Variation, Work
from .policy_suite import SUITE
from .policy_truth import ERROR_TOKENS
from .provider_names import PGKERN, PGKERN_ALL_ACTIVE, PRODUCTS
from .record import Record
from .timing import Spread, pairwise_ratio

_GPU_TOKENS = (16_384, 1024, 4096, 8192, 32_768, 65_536)
_GPU_HEADS = (  # hidden size, vocabulary
    (4096, 151_936),  # Qwen3-8B
    (1024, 151_936),  # Qwen3-0.6B
    (2048, 151_936),  # Qwen3-1.7B
    (2560, 151_936),  # Qwen3-4B
    (4096, 128_256),  # Llama-3.1-8B
    (2560, 262_208),  # Gemma-3-4B
    (2048, 248_320),  # the largest vocabularies
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    add_grid_options(parser, rounds="CPU: 5, 3 at the large vocabulary; GPU: 10")
    parser.add_argument("--hidden-size", type=int, action="append", help="instead of the grid's (repeatable)")
    parser.add_argument("--work", choices=get_args(Work), action="append", help="only this (repeatable)")
    parser.add_argument("--active", type=float, choices=(1.0, 0.5, 0.25), action="append", help="the same")
    parser.add_argument("--variation", choices=get_args(Variation), action="append", help="the same")


def run(options: argparse.Namespace) -> None:
    """Measure every device there is, or the one that is named."""
    notes = [
        f"errors: against fp64 at {ERROR_TOKENS} tokens of the same D and V",
        f"{PRODUCTS}: the products that the work cannot do without (inactive tokens have none for gradients)",
    ]
    run_grid(GridBench("linear_policy_loss", SUITE, grid, _rounds, _own_fields, _goals, _print, notes), options)


def grid(device: str, options: argparse.Namespace) -> Iterator[PolicyCase]:
    """The cases in the order they are run."""
    compiled = device == "cuda" or options.compile
    for case in _quick_grid(device) if options.quick else _whole_grid(device, options):
        yield replace(case, compiled=compiled and case.beside_peers)


def _quick_grid(device: str) -> Iterator[PolicyCase]:
    plain = PolicyCase(device, "float32", 64, 32, 509)
    yield plain
    yield replace(plain, active=0.5)
    yield replace(plain, dtype="bfloat16", work="forward")
    if device == "cuda":
        yield replace(plain, variation="peers")


def _whole_grid(device: str, options: argparse.Namespace) -> Iterator[PolicyCase]:
    gpu = device == "cuda"
    dtypes = options.dtype or (("bfloat16",) if gpu else ("float32", "bfloat16"))
    if gpu and not (options.tokens or options.hidden_size or options.vocabulary):
        cells = (cell for dtype in dtypes for cell in _gpu_cells(dtype))
    else:
        tokens, hidden_size, *_ = HEADLINE if gpu else (2048, 1024)
        vocabularies = options.vocabulary or ([LARGE_VOCABULARY] if gpu else [32_768, LARGE_VOCABULARY])
        sizes = product(vocabularies, dtypes, options.hidden_size or [hidden_size], options.tokens or [tokens])
        plain = (PolicyCase(device, dtype, n, d, v) for v, dtype, d, n in sizes)
        every = gpu or options.work or options.active or options.variation
        cells = (cell for one in plain for cell in ((*_works(one), *_variations(one)) if every else _cpu_works(one)))
    if not (options.work or options.active or options.variation):
        yield from cells
        return
    for cell in cells:
        if (
            cell.work in (options.work or get_args(Work))
            and cell.active in (options.active or (1.0, 0.5, 0.25))
            and cell.variation in (options.variation or ("plain",))
        ):
            yield cell


def _gpu_cells(dtype: str) -> Iterator[PolicyCase]:
    """What matters most first: the headline, other heads and other numbers of tokens one at a time, all the rest."""

    def plain(tokens: int, head: tuple[int, int]) -> PolicyCase:
        return PolicyCase("cuda", dtype, tokens, *head)

    headline = plain(_GPU_TOKENS[0], _GPU_HEADS[0])
    near = [plain(_GPU_TOKENS[0], head) for head in _GPU_HEADS[1:]]
    near += [plain(tokens, _GPU_HEADS[0]) for tokens in _GPU_TOKENS[1:]]
    far = [plain(tokens, head) for tokens, head in product(_GPU_TOKENS[1:], _GPU_HEADS[1:])]
    yield from _works(headline)
    yield from _variations(headline)
    yield from near
    for one in near:
        yield from _works(one)[1:]
    for one in near:
        yield from _variations(one)
    for one in far:
        yield from _works(one)
        yield from _variations(one)


def _works(plain: PolicyCase) -> list[PolicyCase]:
    return [*_cpu_works(plain), replace(plain, work="frozen_weight")]


def _cpu_works(plain: PolicyCase) -> list[PolicyCase]:
    return [plain, replace(plain, active=0.5), replace(plain, work="forward")]


def _variations(plain: PolicyCase) -> list[PolicyCase]:
    return [
        replace(plain, variation="peers"),
        replace(plain, active=0.25),
        replace(plain, variation="entropy_bonus"),
        replace(plain, active=0.5, variation="masked"),
        replace(plain, active=0.25, variation="masked"),
        replace(plain, variation="peaked"),
    ]


def _rounds(case: PolicyCase) -> int:
    return 10 if case.device == "cuda" else 3 if case.vocabulary >= LARGE_VOCABULARY else 5


def _own_fields(case: PolicyCase, name: str, seconds: Mapping[str, Sequence[float]]) -> Row:
    fields: Row = {
        "tflop_per_second": float(f"{case.flop / Spread.of(seconds[name]).median / 1e12:.4g}"),
        "products_ratio": pairwise_ratio(seconds[name], seconds[PRODUCTS]).to_json(),
    }
    if name == PGKERN and PGKERN_ALL_ACTIVE in seconds:
        fields["all_active_ratio"] = pairwise_ratio(seconds[name], seconds[PGKERN_ALL_ACTIVE]).to_json()
    return fields


def _goals(rows: list[Row]) -> Iterator[Goal]:
    for row in rows_of(PGKERN, rows):
        yield from _gpu_goals(row) if row["device"] == "cuda" else _cpu_goals(row)


def _cpu_goals(row: Row) -> Iterator[Goal]:
    case, large = row["case"], row["vocabulary"] >= LARGE_VOCABULARY
    if "time_ratio" in row:
        yield Goal(f"time beside naive torch, {case}", row["time_ratio"][0], "at most", TIME_GOAL)
    if large and row["active"] == 0.5 and row["variation"] == "plain":
        of = f"time beside its own with every sequence active, {case}"
        yield Goal(of, row["all_active_ratio"][0], "at most", HALF_ACTIVE_GOAL["cpu"])
    if large and row["memory_ratio"] is not None:
        percent = row["memory_ratio"] * 100
        yield Goal(f"extra memory of naive's, {case}", percent, "at most", MEMORY_GOAL * 100, " %")


def _gpu_goals(row: Row) -> Iterator[Goal]:
    if row["variation"] != "plain":
        return
    case = row["case"]
    if (row["tokens"], row["hidden_size"], row["vocabulary"]) == HEADLINE and row["dtype"] == "bfloat16":
        if row["active"] == 1 and row["work"] in PRODUCTS_GOAL:
            of = f"time beside the {PRODUCTS}, {case}"
            yield Goal(of, row["products_ratio"][0], "at most", PRODUCTS_GOAL[row["work"]])
        if row["active"] == 0.5:
            of = f"time beside its own with every sequence active, {case}"
            yield Goal(of, row["all_active_ratio"][0], "at most", HALF_ACTIVE_GOAL["cuda"])
    of = f"extra memory beside the fp32 logits of {CHUNK_TOKENS:,} tokens at most, {case}"
    yield Goal(of, row["extra_bytes"] / chunk_bytes(row["tokens"], row["vocabulary"]), "at most", CHUNK_GOAL)


def _print(rows: list[Row], record: Record) -> None:
    print_grid(
        "Policy loss from hidden states",
        rows,
        {
            "of products": ratio_column("products_ratio"),
            "of all active": ratio_column("all_active_ratio"),
            "TFLOP/s": lambda row: f"{row['tflop_per_second']:.3g}",
        },
        {
            "err loss|lp": error_column("loss_error", "log_prob_error"),
            "err dX": error_column("hidden_gradient_error"),
            "err dW": error_column("weight_gradient_error"),
        },
        record,
    )
