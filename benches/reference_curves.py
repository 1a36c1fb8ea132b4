"""Two known learning curves from scratch by the trainer's own steps: a sum's last digit, and two-digit addition.

Last digit: a decoder of 102 thousand parameters answers `a+b=` with one token, (a + b) mod 10; 64 × 16 samples a step,
AdamW at 1e-3, advantages by group mean, with and without division by the group's standard deviation. Measured is the
exact mean probability of the right token over all 100 contexts.

Two-digit addition: 600 thousand parameters, imitation of right answers until a check finds 15 % of sampled ones right,
then 32 × 8 samples a step at 3e-4. Measured is the share of right sampled answers to 512 held-out sums. Beside it runs
its twin in plain PyTorch from the same warmed-up weights. It is run at 1e-3 too, where it collapses: does the trainer's
watch over divergence notice, and there alone?

The known runs began at 0.16, 0.30 and 0.39, so they were checked seldom. What a run ends at depends on that: the check
is every 200 steps here, and in one variant every 25.

How the decoder begins matters more here than what is done with it. Chosen by trying: for the last digit a Qwen3 with
tied weights of 0.1, for two digits a GPT-2 with weights of 0.02, a head of its own and learned positions.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from statistics import mean
from typing import Any

from .environment import device_label
from .goals import Goal, print_goals
from .pictures import draw_if_possible
from .record import Record
from .table import print_table

LAST_DIGIT, TWO_DIGITS = "last digit", "two digits"
LEARNING_RATE, TOO_HIGH = 3e-4, 1e-3
KNOWN, COLLAPSING, PLAIN = f"learning rate {LEARNING_RATE:g}", f"learning rate {TOO_HIGH:g}", "plain PyTorch"
SOONER = "warm-up checked every 25 steps"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--curves", nargs="+", choices=("last_digit", "two_digits"), default=["last_digit", "two_digits"]
    )
    parser.add_argument("--last-digit-steps", type=int, default=400)
    parser.add_argument("--two-digit-steps", type=int, default=500)


def run(options: argparse.Namespace) -> None:
    """Train from each seed, one run after the other."""
    if find_spec("transformers") is None:
        print("the reference curves are left out: the package transformers is not installed")
        return
    import torch

    from .reference_training import Sizes, last_digit_run, two_digit_run

    torch.set_num_threads(1)  # thousands of short operations a step; threads would wait for one another
    record = Record("reference_curves", device="cpu", quick=options.quick, results=options.results)
    digit_steps, sum_steps = (2, 2) if options.quick else (options.last_digit_steps, options.two_digit_steps)
    sizes = Sizes((4, 2), (4, 2), 8, 2, 0.0) if options.quick else Sizes()
    rows: list[dict[str, Any]] = []

    def keep(curve: str, variant: str, row: dict[str, Any]) -> None:
        rows.append({"curve": curve, "variant": variant, **row})
        print(_said(rows[-1]), flush=True)
        record.write(rows, [], [])  # whoever stops the bench keeps what is done

    for seed in options.seeds:
        if "last_digit" in options.curves:
            for normalize_std in (False, True):
                variant = "group mean and std" if normalize_std else "group mean"
                keep(
                    LAST_DIGIT,
                    variant,
                    last_digit_run(seed, normalize_std=normalize_std, steps=digit_steps, sizes=sizes),
                )
        if "two_digits" in options.curves:
            for variant, rate in (
                (KNOWN, LEARNING_RATE),
                (PLAIN, LEARNING_RATE),
                (SOONER, LEARNING_RATE),
                (COLLAPSING, TOO_HIGH),
            ):
                check_every = min(25, sizes.warmup_check_every) if variant == SOONER else sizes.warmup_check_every
                row = two_digit_run(
                    seed,
                    learning_rate=rate,
                    steps=sum_steps,
                    sizes=replace(sizes, warmup_check_every=check_every),
                    plain=variant == PLAIN,
                )
                keep(TWO_DIGITS, variant, row)
    print_table(
        f"Reference curves on {device_label(record.device)}",
        ("curve", "variant", "seed", "before", "after", "best", "seconds", "divergence"),
        [
            [
                row["curve"],
                row["variant"],
                str(row["seed"]),
                *(f"{row[name]:.2f}" for name in ("before", "after", "best")),
                f"{row['seconds']:.0f}",
                row["diverged"] or "-",
            ]
            for row in rows
        ],
    )
    whole = not options.quick and digit_steps >= 400 and sum_steps >= 500
    goals = _goals(rows) if whole else []
    notes = [f"{digit_steps} steps of the last digit, {sum_steps} of two digits; seconds without the warm-up"]
    print_goals(goals)
    record.write(rows, goals, notes)
    print(f"written: {record.path}")
    draw_if_possible(record.path)


def _goals(rows: Sequence[dict[str, Any]]) -> list[Goal]:
    """What the curves are known to reach, what plain PyTorch reaches, and what the watch should say."""
    goals = []
    for curve, variant, text, reach, limit in (
        (LAST_DIGIT, "group mean", "mean probability of the right digit, group mean", mean, 0.8),
        (LAST_DIGIT, "group mean and std", "mean probability of the right digit, group mean and std", mean, 0.9),
        (TWO_DIGITS, KNOWN, "held-out sampled accuracy of two digits, lowest of the seeds", min, 0.78),
    ):
        if reached := _all(rows, curve, variant, "after"):
            goals.append(Goal(text, reach(reached), "at least", limit))
    ours, plain = _all(rows, TWO_DIGITS, KNOWN, "after"), _all(rows, TWO_DIGITS, PLAIN, "after")
    if ours and plain:
        text = "mean accuracy of two digits beside plain PyTorch's"
        goals.append(Goal(text, mean(ours) / mean(plain), "at least", 0.9))
    if said := _all(rows, TWO_DIGITS, COLLAPSING, "diverged"):
        text = "collapse at learning rate 1e-3 noticed, share of the runs"
        goals.append(Goal(text, mean(each is not None for each in said), "at least", 1.0))
    if said := [*_all(rows, TWO_DIGITS, KNOWN, "diverged"), *_all(rows, TWO_DIGITS, SOONER, "diverged")]:
        text = "called diverged at learning rate 3e-4, share of the runs"
        goals.append(Goal(text, mean(each is not None for each in said), "at most", 0.0))
    return goals


def _all(rows: Sequence[dict[str, Any]], curve: str, variant: str, name: str) -> list[Any]:
    return [row[name] for row in rows if (row["curve"], row["variant"]) == (curve, variant)]


def _said(row: dict[str, Any]) -> str:
    trouble = f"; {row['diverged']}" if row["diverged"] else ""
    return f"{row['curve']}, {row['variant']}, seed {row['seed']}: {row['before']:.2f} -> {row['after']:.2f}{trouble}"
