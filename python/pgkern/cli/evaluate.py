"""`pgkern eval`: the validation reward of a trained policy."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "eval",
        help="measure the validation reward of a run's last checkpoint",
        description="Answer the run's held-out problems greedily and verify the answers.",
    )
    parser.add_argument("folder", type=Path, help="a run folder, as `pgkern train` leaves it")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a setting of the run, such as data.num_validation=1000 (repeatable)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate; the last line is the validation reward."""
    from rich.progress import track
    from transformers.utils import logging

    from ..rollout.transformers_engine import TransformersEngine
    from ..train.config import TrainConfig
    from ..train.config_file import load_config
    from ..train.cpu_threads import set_cpu_threads
    from ..train.evaluate import evaluate, mean_reward
    from ..train.policy_model import load_policy
    from ..train.rewards_in_loop import RewardJudge
    from ..train.run_folder import RunFolder
    from ..train.tasks import load_task

    logging.disable_progress_bar()  # there is one for the problems
    folder = RunFolder(options.folder)
    if not folder.config.is_file():
        raise ValueError(f"{options.folder} is no run folder: there is no {folder.config.name} in it")
    config = load_config(TrainConfig, folder.config, options.overrides)
    set_cpu_threads(config)
    problems = load_task(config.data, config.run.seed).validation
    policy = load_policy(folder.checkpoint, config)
    engine = TransformersEngine(policy.model, policy.tokenizer, batch_size=config.rollouts.batch_size)

    def watch(rollouts: Iterator[Any]) -> Iterable[Any]:
        return track(rollouts, "answering", total=len(problems))

    with RewardJudge(config.rewards) as judge:
        samples = evaluate(policy, engine, judge, problems, config, watch=watch)
    verdicts = Counter(sample.judged.outcome for sample in samples)
    print(", ".join(f"{count} {name}" for name, count in verdicts.most_common()))
    print(f"validation reward: {mean_reward(samples):.4f} on {len(problems)} problems")
    return 0
