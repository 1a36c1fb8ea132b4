"""Steps per second and reward after equal samples: `pgkern train` beside TRL's GRPOTrainer, in turn, in one process.

Both start from one warmed-up checkpoint of a 0.2 million parameter decoder and train on the same problems (three-digit
addition, worked column by column) with the same batch, learning rate, loss (GRPO, one update, no KL) and reward
function, one thread of torch, fp32. Both generate by transformers' `generate` and end a response with the end-of-text
token. A step is everything from one step's end to the next one's, logging included, without evaluation, checkpoints and
the first step.
"""

import argparse
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from .environment import device_label
from .pictures import draw_if_possible
from .record import Record
from .table import print_table
from .timing import Spread, pairwise_ratio

_HELD_OUT, _LAST = 256, 10


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, from different seeds (default: 3)")
    parser.add_argument("--steps", type=int, default=60, help="of each run (default: 60)")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--micro-batch-tokens", type=int, default=1024, help="pgkern's; TRL takes the batch at once")
    parser.add_argument("--warmup-steps", type=int, default=400)


def run(options: argparse.Namespace) -> None:
    """Warm up once, then train in turn."""
    missing = [package for package in ("transformers", "trl", "datasets") if find_spec(package) is None]
    if missing:
        print(f"the trainers are not compared: {', '.join(missing)} not installed")
        return
    import torch

    from .trainer_sides import SIDES, Settings, held_out_reward, pgkern_config, trl_settings
    from .trainer_task import addition_task, write_problems, write_warm_policy

    torch.set_num_threads(1)
    record = Record("trainer_peer", device="cpu", quick=options.quick, results=options.results)
    if options.quick:
        options = argparse.Namespace(**{**vars(options), "rounds": 1, "steps": 3, "prompts": 2, "warmup_steps": 2})
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="pgkern-peer-") as temporary:
        root = Path(temporary)
        problems = addition_task(200 if options.quick else 4000, seed=0)
        num_held_out = 8 if options.quick else _HELD_OUT
        held_out, trained_on = problems[:num_held_out], problems[num_held_out:]
        write_problems(root / "train.jsonl", trained_on)
        write_problems(root / "validation.jsonl", held_out)
        parameters = write_warm_policy(root / "warm", trained_on, steps=options.warmup_steps)
        settings = Settings(
            model=root / "warm",
            train_file=root / "train.jsonl",
            validation_file=root / "validation.jsonl",
            problems=trained_on,
            steps=options.steps,
            prompts=options.prompts,
            samples=options.samples,
            learning_rate=options.learning_rate,
            micro_batch_tokens=options.micro_batch_tokens,
        )
        config = pgkern_config(settings, seed=0)
        before = held_out_reward(settings.model, held_out, config)
        for number in range(options.rounds):
            for name in SIDES if number % 2 == 0 else reversed(SIDES):
                side = SIDES[name](settings, root / f"{name}-{number}", number)
                rows.append(
                    {
                        "trainer": name,
                        "seed": number,
                        "step_seconds": [float(f"{seconds:.4g}") for seconds in side.step_seconds],
                        "train_reward": [round(reward, 4) for reward in side.rewards],
                        "last_train_reward": round(sum(side.rewards[-_LAST:]) / len(side.rewards[-_LAST:]), 4),
                        "held_out_reward": round(held_out_reward(side.model, held_out, config), 4),
                    }
                )
                print(_said(rows[-1]), flush=True)
    seconds = {name: [median(row["step_seconds"]) for row in rows if row["trainer"] == name] for name in SIDES}
    ratio = pairwise_ratio(seconds["pgkern"], seconds["TRL"])
    print_table(
        f"{options.steps} steps of {options.prompts} × {options.samples} on {device_label(record.device)}, "
        f"held-out reward before {before:.2f}",
        ("trainer", "seconds a step", "reward of the last steps' samples", "held-out reward"),
        [_line(name, seconds[name], rows) for name in SIDES],
    )
    print(f"pgkern's time for a step beside TRL's: {ratio.text()}")
    samples = options.steps * options.prompts * options.samples
    notes = [
        f"{parameters:,} parameters; {samples:,} samples a run; pgkern packs {options.micro_batch_tokens} tokens a row",
        "neither scores the samples before its one update; pgkern scores up to 32 of those without advantage",
        f"TRL's settings: {trl_settings(settings)}",
    ]
    record.write(rows, [], notes, time_ratio=ratio.to_json(), reward_before=round(before, 4), samples=samples)
    print(f"written: {record.path}")
    draw_if_possible(record.path)


def _said(row: dict[str, Any]) -> str:
    return (
        f"{row['trainer']}, seed {row['seed']}: {median(row['step_seconds']):.3f} s a step, "
        f"reward {row['train_reward'][0]:.2f} -> {row['last_train_reward']:.2f}, held out {row['held_out_reward']:.2f}"
    )


def _line(name: str, seconds: list[float], rows: list[dict[str, Any]]) -> list[str]:
    own = [row for row in rows if row["trainer"] == name]
    return [
        name,
        Spread.of(seconds).text(digits=3),
        *(Spread.of([row[key] for row in own]).text() for key in ("last_train_reward", "held_out_reward")),
    ]
