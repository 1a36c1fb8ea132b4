"""Training with the embedded defaults, `pgkern train`, from several seeds: validation reward before and after, seconds.

Each run is a process of its own, in a temporary folder. `--set KEY=VALUE` is handed on to it.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pgkern.train.logs.metrics import read_metrics
from pgkern.train.report.curves import with_short_warmup

from .environment import ROOT, device_label
from .goals import Goal, print_goals
from .pictures import draw_if_possible
from .record import Record
from .table import print_table

LAST_LINE = re.compile(r"validation reward: (-?\d+\.\d+) -> (-?\d+\.\d+)")
_QUICK = (
    "run.steps=2",
    "warmup.steps=5",
    "data.num_validation=4",
    "rollouts.prompts_per_step=2",
    "run.evaluate_every=1",
)
_CURVES = ("train_reward", "validation_reward")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")


def run(options: argparse.Namespace) -> None:
    """Train from each seed, one after the other."""
    if find_spec("transformers") is None:
        print("the demo is left out: the package transformers is not installed")
        return
    record = Record("demo", device="cpu", quick=options.quick, results=options.results)
    overrides = [*(_QUICK if options.quick else ()), *options.overrides]
    rows = []
    for seed in options.seeds:
        print(f"training from seed {seed} …", flush=True)
        rows.append(train_once(seed, overrides))
    print_table(
        f"`pgkern train` on {device_label(record.device)}",
        ("seed", "validation reward before", "after", "seconds"),
        [[str(row["seed"]), f"{row['before']:.2f}", f"{row['after']:.2f}", f"{row['seconds']:.0f}"] for row in rows],
    )
    notes = [f"settings other than the defaults: {', '.join(overrides) or 'none'}"]
    goals = []
    if not overrides:
        goals.append(Goal("validation reward before, highest", max(row["before"] for row in rows), "at most", 0.50))
        goals.append(Goal("validation reward after, lowest", min(row["after"] for row in rows), "at least", 0.90))
    print(notes[0], flush=True)
    print_goals(goals)
    record.write(rows, goals, notes)
    print(f"written: {record.path}")
    draw_if_possible(record.path)


def train_once(seed: int, overrides: list[str]) -> dict[str, Any]:
    """Train from one seed; raises `RuntimeError` with what the run said if it failed or its last line is another."""
    with tempfile.TemporaryDirectory(prefix="pgkern-demo-") as temporary:
        folder = Path(temporary) / f"seed-{seed}"
        command = [sys.executable, "-m", "pgkern", "train", "--folder", str(folder)]
        for override in (*overrides, f"run.seed={seed}"):
            command += ["--set", override]
        begin = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        seconds = time.perf_counter() - begin
        lines = done.stdout.strip().splitlines()
        said = LAST_LINE.fullmatch(lines[-1].strip()) if lines else None
        if done.returncode != 0 or said is None:
            tail = "\n".join([*lines[-5:], *done.stderr.splitlines()[-20:]])
            raise RuntimeError(f"pgkern train from seed {seed} ended with {done.returncode}:\n{tail}")
        metrics = with_short_warmup(read_metrics(folder / "metrics.jsonl"))
        return {
            "seed": seed,
            "before": float(said[1]),
            "after": float(said[2]),
            "seconds": round(seconds, 1),
            **{
                name: [[row["step"], round(row[name], 5)] for row in metrics if row.get(name) is not None]
                for name in _CURVES
            },
        }
