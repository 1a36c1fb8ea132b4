"""`pgkern eval`: how often a policy is right."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data.problem import Problem
    from ..train.config import TrainConfig
    from ..train.evaluation.measured import Measured


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "eval",
        help="measure a run's last checkpoint, or a model: validation reward, pass@k, majority vote",
        description="Answer problems greedily, and with --samples several times each; verify the answers. By default "
        "the problems are those that the run held out.",
    )
    parser.add_argument("folder", type=Path, help="a run folder, as `pgkern train` leaves it, or a transformers model")
    problems = parser.add_argument_group("problems")
    problems.add_argument("--task", help="arithmetic, countdown, file, gsm8k or math (default: the run's)")
    problems.add_argument("--file", type=Path, metavar="PATH", help="all of this file, or of a folder's data.split")
    problems.add_argument("--limit", type=int, metavar="N", help="the first N problems only")
    answers = parser.add_argument_group("answers")
    answers.add_argument("--samples", type=int, default=0, metavar="N", help="of each problem, besides the greedy one")
    answers.add_argument("--temperature", type=float, metavar="T", help="of the samples (default: as in training)")
    answers.add_argument(
        "--k", type=_ks, metavar="K,…", help="for pass@k and maj@k (default: 1, 2, 4, … up to --samples)"
    )
    answers.add_argument("--output", type=Path, metavar="FILE", help="write every response with its verdict (JSONL)")
    answers.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a setting of the run, such as data.num_validation=1000 (repeatable), of which none was trained "
        "on; engine=vllm answers by vLLM, also in a run that was trained with it",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate; the last line is the validation reward, that of the greedy responses."""
    ks = _checked_ks(options)
    from rich.progress import track
    from transformers.utils import logging

    from ..rollout.vllm.arguments import check_temperature
    from ..train.cpu_threads import set_cpu_threads
    from ..train.engines.configured_engine import check_engine, open_engine
    from ..train.engines.prompt_room import check_room
    from ..train.evaluation.answer_log import AnswerLog
    from ..train.evaluation.evaluate import evaluate, is_right, sampled_answers, summary
    from ..train.evaluation.measured import Measured, measure
    from ..train.interrupt import terminable
    from ..train.judging.rewards_in_loop import RewardJudge
    from ..train.model.policy_model import load_policy

    logging.disable_progress_bar()  # there is one for the answers
    config, model, own = _config_and_model(options)
    temperature = config.rollouts.temperature if options.temperature is None else options.temperature
    if config.engine != "transformers":
        check_temperature(temperature)
    for doubt in check_engine(config):
        print(f"engine doubtful: {doubt}", file=sys.stderr)
    set_cpu_threads(config)
    problems = _problems(options, config, own)
    _refuse_damaged(model)
    sampled = []
    with ExitStack() as stack:
        stack.enter_context(terminable())
        judge = stack.enter_context(RewardJudge(config.rewards))
        judge.check_columns(problems)
        policy = load_policy(model, config)
        check_room(config, policy, {"": problems})
        log = stack.enter_context(AnswerLog(options.output, overwrite=options.overwrite)) if options.output else None
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="pgkern-eval-")))
        engine = open_engine(config, policy, problems, folder, stack, on_event=lambda name, message: print(message))
        engine.load_weights(policy.weights(), 0)

        def watch(rollouts: Iterator[Any]) -> Iterable[Any]:
            return track(rollouts, "answering", total=len(problems))

        greedy = evaluate(policy, engine, judge, problems, config, watch=watch)
        if log is not None:
            log.write(0, greedy, temperature=0.0)
        if options.samples:
            rows = sampled_answers(
                policy, engine, judge, problems, config, num_samples=options.samples, temperature=temperature
            )
            for number, samples in enumerate(track(rows, f"{options.samples} samples each", total=len(problems))):
                sampled.append(samples)
                if log is not None:
                    log.write(number - samples[0].group, samples, temperature=temperature)
    measured = [Measured.mean("greedy", [float(is_right(sample)) for sample in greedy])]
    _print_table([*measured, *measure(sampled, ks)], len(problems), options.samples, temperature)
    outcomes = Counter(sample.judged.outcome for sample in greedy)
    print(", ".join(f"{count} {name}" for name, count in outcomes.most_common()))
    print(f"validation reward: {summary(greedy).mean:.4f} on {len(problems)} problems")
    return 0


def _config_and_model(options: argparse.Namespace) -> tuple[TrainConfig, Path, TrainConfig | None]:
    """The run's configuration, or for a bare model the defaults, with what the command line changes; the run's own."""
    from ..train.config import TrainConfig
    from ..train.config_file import load_config, load_stored_config
    from ..train.files.run_folder import RunFolder

    folder, is_model = RunFolder(options.folder), (options.folder / "config.json").is_file()
    overrides = list(options.overrides)
    if options.task is not None:
        overrides.append(f"data.task={json.dumps(options.task)}")
    if options.file is not None:
        overrides.append(f"data.train_file={json.dumps(str(options.file))}")
    if folder.config.is_file():
        own = load_config(TrainConfig, folder.config)
        other_task = options.task not in (None, own.data.task)
        defaults = _usual_files() if other_task else []
        defaults += ["data.task=file"] if options.file is not None and not own.data.reads_files else []
        # The run may still be training: its servers and its GPU are its own.
        overrides = [*_trainers_engine(), *defaults, *overrides]
        model = options.folder if is_model else folder.checkpoint  # a checkpoint is both
        return load_stored_config(folder.config, overrides), model, own
    if not is_model:
        raise ValueError(
            f"{options.folder} is no run folder: there is no {folder.config.name} in it, and no config.json of a model"
        )
    if options.task is None and options.file is None:
        raise ValueError(f"{options.folder} is a model without problems of its own; give --task or --file")
    overrides += ["data.task=file"] if options.task is None else []
    return load_config(TrainConfig, None, overrides), options.folder, None


def _usual_files() -> list[str]:
    """Overrides: nothing is left of a run's settings for the files of its own task."""
    from ..train.config import SETTINGS_OF_FILES, DataConfig

    usual = {name: getattr(DataConfig, name) for name in SETTINGS_OF_FILES}
    return [f"data.{name}={'none' if value is None else json.dumps(value)}" for name, value in usual.items()]


def _refuse_damaged(model: Path) -> None:
    """Raise `ValueError` where a checkpoint's model is not what was written; a bare model has nothing to tell it by."""
    from ..train.saving.checkpoint import TRAINERS_FILES
    from ..train.saving.manifest import DamagedError, check_files

    if (model / "manifest.json").is_file():
        try:
            check_files(model, apart_from=TRAINERS_FILES)
        except DamagedError as error:
            raise ValueError(f"{model.resolve()} is damaged: {error}") from None


def _trainers_engine() -> list[str]:
    """Overrides: the trained module itself answers, and nothing is left of a run's settings for other engines."""
    from ..train.config import SETTINGS_OF_ONE_ENGINE, VllmConfig

    usual = VllmConfig()
    settings = (f"vllm.{name}={json.dumps(getattr(usual, name))}" for name in SETTINGS_OF_ONE_ENGINE)
    return ["engine=transformers", *settings]


def _problems(options: argparse.Namespace, config: TrainConfig, own: TrainConfig | None) -> list[Problem]:
    """What is to be answered: nothing that the run has trained on, but where a file is named; then it is told."""
    from ..train.evaluation.untrained import generated_untrained, split_by_training
    from ..train.tasks import load_problems, load_task

    limit, data, seed = options.limit, config.data, config.run.seed
    if limit is not None and limit < 1:
        raise ValueError(f"--limit is {limit}, expected at least 1")
    named = options.file is not None or options.task is not None
    if not named and own is not None and (data, seed) == (own.data, own.run.seed):
        return load_task(data, seed).validation[:limit]
    trained = _trained(config, own)
    if not data.reads_files:
        wanted = (limit if named else None) or data.num_validation
        return generated_untrained(config, wanted, trained)[:limit]
    problems = load_problems(data, seed, count=limit) if named else load_task(data, seed).validation
    held_out, known = split_by_training(problems, trained)
    if known:
        what = "and are answered as well" if named else "and are left out"
        print(f"{len(known)} of {len(problems)} problems are what the run has trained on, {what}", file=sys.stderr)
    if not named and not held_out:
        raise ValueError("there is no problem that the run has not trained on")
    return problems if named else held_out[:limit]


def _trained(config: TrainConfig, own: TrainConfig | None) -> set[str]:
    """The questions that the run has trained on, as far as these may be among the configured problems."""
    from ..train.evaluation.untrained import trained_questions

    if own is None or own.data.reads_files != config.data.reads_files:
        return set()
    try:
        return trained_questions(own)
    except (OSError, ValueError) as error:  # files that are not there any more, or others now
        print(f"it cannot be told what the run has trained on: {error}", file=sys.stderr)
        return set()


def _ks(text: str) -> list[int]:
    try:
        return sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 1,2,4") from None


def _checked_ks(options: argparse.Namespace) -> list[int]:
    """Raises `ValueError` for what --samples, --temperature and --k cannot be together."""
    if options.samples < 0:
        raise ValueError(f"--samples is {options.samples}, expected at least 0")
    if options.samples == 0 and (options.k is not None or options.temperature is not None):
        raise ValueError("--k and --temperature are for sampled answers; say how many by --samples")
    if options.temperature is not None and not 0.0 < options.temperature < float("inf"):
        raise ValueError(f"--temperature is {options.temperature}, expected a finite number above 0")
    ks: list[int] = options.k or [2**power for power in range(options.samples.bit_length())]
    if options.samples and not 1 <= ks[0] <= ks[-1] <= options.samples:
        raise ValueError(f"--k is {','.join(map(str, ks))}, expected 1 to --samples ({options.samples})")
    return ks


def _print_table(measured: list[Measured], num_problems: int, num_samples: int, temperature: float) -> None:
    sampled = f", {num_samples} samples each at temperature {temperature:g}" if num_samples else ""
    print(f"{num_problems} problems{sampled}; with the 95 % interval over problems")
    for each in measured:
        print(f"{each.name:>8}  {each.value:.4f}  {each.low:.4f} to {each.high:.4f}")
