"""What the trainer itself takes of a step: everything but generating, forward, backward and the optimiser.

`pgkern train` runs with its functions timed (benches/stopwatch.py), at several batch sizes, on the task and the policy
of the comparison with TRL. The model's part is transformers' `generate`, the forward pass to the hidden states, the
fused loss and log-probabilities, the backward pass, the clipping of the gradient and the optimiser; all else between
two steps' rows of metrics is the trainer's own. Evaluation is left out, and a checkpoint is timed by itself. The tiny
policy makes the share as large as it gets; the milliseconds hardly depend on the model.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from .environment import device_label
from .goals import Goal, print_goals
from .pictures import draw_if_possible
from .record import Record
from .stopwatch import Stopwatch
from .table import print_table

GENERATE, FORWARD, LOSS, BACKWARD, OPTIMIZER = "generate", "forward", "loss and log-probs", "backward", "optimizer"
MODEL_PARTS = (GENERATE, FORWARD, LOSS, BACKWARD, OPTIMIZER)
ENGINE, BATCHING, REWARDS, SCORES, CREDIT = "engine", "packing", "rewards", "log-probs' lists", "advantages"
SYNC, LOGS, PROMPTS, REST = "weights to engine", "logs", "prompts", "rest"
OWN_PARTS = (PROMPTS, ENGINE, REWARDS, BATCHING, SCORES, CREDIT, SYNC, LOGS, REST)
CHECKPOINT = "checkpoint"
FUNCTIONS = {
    "transformers.generation.utils:GenerationMixin.generate": GENERATE,
    "pgkern.train.model.policy_model:Policy.hidden": FORWARD,
    "pgkern.train.updating.gradients:linear_policy_loss": LOSS,
    "pgkern.train.scoring.score:linear_token_log_probs": LOSS,
    "torch:Tensor.backward": BACKWARD,
    "torch.nn.utils:clip_grad_norm_": OPTIMIZER,
    "torch.optim:AdamW.step": OPTIMIZER,
    "pgkern.train.model.policy_model:Policy.prompt": PROMPTS,
    "pgkern.train.sampling.drawing:collect": ENGINE,
    "pgkern.train.judging.rewards_in_loop:RewardJudge.submit": REWARDS,
    "pgkern.train.judging.rewards_in_loop:RewardJudge.results": REWARDS,
    "pgkern.train.model.micro_batches:pack_sequences": BATCHING,
    "pgkern.train.model.micro_batches:collate_packed": BATCHING,
    "pgkern.train.model.micro_batches:MicroBatch.align": BATCHING,
    "pgkern.train.model.micro_batches:MicroBatch.split": BATCHING,
    "pgkern.train.step:score_rollouts": SCORES,
    "pgkern.train.step:metrics_apart": SCORES,
    "pgkern.train.step:assign_credit": CREDIT,
    "pgkern.rollout.transformers_engine:TransformersEngine.load_weights": SYNC,
    "pgkern.train.logs.metrics:MetricsLog.log": LOGS,
    "pgkern.train.logs.rollout_log:RolloutLog.log": LOGS,
    "pgkern.train.logs.progress:TrainingProgress.update": LOGS,
    "pgkern.train.saving.checkpoints:Checkpoints.save": CHECKPOINT,
}
"""Every named function's time that is not in another of them; `rest` is what is in none."""
SIZES = ((4, 8), (16, 8), (64, 8))


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--steps", type=int, default=15, help="of each batch size (default: 15)")
    parser.add_argument("--warmup-steps", type=int, default=100)
    parser.add_argument("--micro-batch-tokens", type=int, default=1024)


def run(options: argparse.Namespace) -> None:
    """Train with every batch size."""
    if find_spec("transformers") is None:
        print("the trainer's overhead is left out: the package transformers is not installed")
        return
    import torch

    from .trainer_task import addition_task, write_problems, write_warm_policy

    torch.set_num_threads(1)
    record = Record("trainer_overhead", device="cpu", quick=options.quick, results=options.results)
    sizes, steps, warmup_steps = SIZES, options.steps, options.warmup_steps
    if options.quick:
        sizes, steps, warmup_steps = ((2, 2), (4, 2)), 4, 0
    with tempfile.TemporaryDirectory(prefix="pgkern-overhead-") as temporary:
        root = Path(temporary)
        problems = addition_task(2001, seed=0)
        write_problems(root / "train.jsonl", problems[1:])
        write_problems(root / "validation.jsonl", problems[:1])
        parameters = write_warm_policy(root / "warm", problems, steps=warmup_steps)
        rows = [
            _row(root, prompts, samples, steps=steps, micro_batch_tokens=options.micro_batch_tokens)
            for prompts, samples in sizes
        ]
    print_table(
        f"A step of `pgkern train` on {device_label(record.device)}, milliseconds",
        ("samples", "step", *MODEL_PARTS, "the trainer's own", "share", "checkpoint"),
        [_line(row) for row in rows],
    )
    print_table(
        "The trainer's own, milliseconds",
        ("samples", *OWN_PARTS),
        [[str(row["samples"]), *(f"{row['milliseconds'][part]:.2f}" for part in OWN_PARTS)] for row in rows],
    )
    goals = [] if options.quick else [Goal("own share of a step, largest batch", rows[-1]["own_share"], "at most", 0.1)]
    notes = [
        f"{parameters:,} parameters, fp32, one thread; medians of {steps - 2} steps",
        "rewards are judged in a thread beside generation; the row has what the step waits for them",
    ]
    print_goals(goals)
    record.write(rows, goals, notes)
    print(f"written: {record.path}")
    draw_if_possible(record.path)


def _row(root: Path, prompts: int, samples: int, *, steps: int, micro_batch_tokens: int) -> dict[str, Any]:
    """Medians over the steps, without the first and the last one, which evaluates."""
    from pgkern.train.config import AdvantageConfig
    from pgkern.train.loop import train

    from .trainer_sides import Settings, after_each_row, between, pgkern_config

    settings = Settings(
        model=root / "warm",
        train_file=root / "train.jsonl",
        validation_file=root / "validation.jsonl",
        problems=(),
        steps=steps,
        prompts=prompts,
        samples=samples,
        learning_rate=3e-4,
        micro_batch_tokens=micro_batch_tokens,
    )
    # Every sample has an advantage, so that all of them go through the model, whatever the policy knows.
    constant = AdvantageConfig(baseline="constant", normalize_std=False)
    config = replace(pgkern_config(settings, seed=0), advantages=constant)
    watch, stamps = Stopwatch(), [(0.0, dict[str, float]())]
    with watch.watching(FUNCTIONS), after_each_row(lambda: stamps.append((time.perf_counter(), dict(watch.seconds)))):
        outcome = train(config, root / f"run-{prompts}x{samples}")
    if not outcome.finished:
        raise RuntimeError(f"the run of {prompts} x {samples} samples ended early: {outcome}")
    inner = stamps[-steps:-1]
    step_ms = [1e3 * seconds for seconds in between([when for when, _ in inner])]
    parts_ms = {
        part: [1e3 * seconds for seconds in between([counted.get(part, 0.0) for _, counted in inner])]
        for part in set(FUNCTIONS.values())
    }
    parts_ms[REST] = [whole - sum(ms[place] for ms in parts_ms.values()) for place, whole in enumerate(step_ms)]
    own_ms = [sum(parts_ms[part][place] for part in OWN_PARTS) for place in range(len(step_ms))]
    checkpoints = 2  # before the first step and after the last
    return {
        "prompts": prompts,
        "samples": prompts * samples,
        "step_ms": _short(median(step_ms)),
        "own_ms": _short(median(own_ms)),
        "own_share": _short(median(own / whole for own, whole in zip(own_ms, step_ms, strict=True))),
        "milliseconds": {part: _short(median(parts_ms[part])) for part in (*MODEL_PARTS, *OWN_PARTS)},
        "checkpoint_ms": _short(1e3 * watch.seconds[CHECKPOINT] / checkpoints),
    }


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _line(row: dict[str, Any]) -> list[str]:
    model = [f"{row['milliseconds'][part]:.1f}" for part in MODEL_PARTS]
    own = [f"{row['own_ms']:.1f}", f"{row['own_share']:.1%}", f"{row['checkpoint_ms']:.1f}"]
    return [str(row["samples"]), f"{row['step_ms']:.1f}", *model, *own]
