"""The problems of a run, from its configuration: those to train on, and those held out."""

import logging
from dataclasses import dataclass
from pathlib import Path

from ..data.arithmetic import addition_problems
from ..data.countdown import countdown_problems
from ..data.gold_check import unreadable_golds
from ..data.held_out import Repeats, hold_out
from ..data.problem import Problem
from ..data.problem_files import read_problems
from .config import DataConfig
from .logs.reading_progress import reading_progress
from .seeds import derive_seed

_LOG = logging.getLogger(__name__)
_SHOWN = 3  # examples of what is wrong


@dataclass(frozen=True)
class Task:
    """Problems to train on and held-out problems; no question is in both."""

    train: list[Problem]
    validation: list[Problem]


def load_task(config: DataConfig, seed: int) -> Task:
    """The problems of a run; what was left out of a file, and what looks wrong in it, is logged as a warning.

    Raises `ValueError` when there are too few problems to hold any out, for golds that cannot be read where these are
    to be refused, and what `read_problems` raises.
    """
    if not config.reads_files:
        problems = _generated(config, seed, config.num_validation + config.num_train)
        return Task(problems[config.num_validation :], problems[: config.num_validation])
    assert config.train_file is not None  # DataConfig refuses it
    train = _read(config, config.train_file, config.split)
    validation: list[Problem] = []
    path, split = config.validation_file or config.train_file, config.validation_split or config.split
    if config.validation_file is not None or config.validation_split is not None:
        validation = _read(config, path, split)
    try:
        parts = hold_out(train, config.num_validation, seed=derive_seed(seed, "held out"), validation=validation)
    except ValueError as error:
        raise ValueError(
            f"{config.train_file}: {error}; change num_validation (it is {config.num_validation}) or validation_file"
        ) from error
    place = _place(config.train_file, config.split)
    _tell(place, parts.train_repeats)
    if parts.validation_repeats is not None:
        _tell(_place(path, split), parts.validation_repeats)
    if parts.shared:
        _LOG.warning("%s: %d problems are also held out, and are not trained on", place, parts.shared)
    return Task(parts.train, parts.validation)


def load_problems(config: DataConfig, seed: int, *, count: int | None = None) -> list[Problem]:
    """All problems of the training file, or `count` generated ones: what an evaluation answers. Raises as `load_task`.

    With `count` at most so many of a file.
    """
    if not config.reads_files:
        return _generated(config, seed, count or config.num_validation)
    assert config.train_file is not None  # DataConfig refuses it
    return _read(config, config.train_file, config.split)[:count]


def _generated(config: DataConfig, seed: int, count: int) -> list[Problem]:
    prompt, seed = config.prompt_format(), derive_seed(seed, "problems")
    if config.task == "countdown":
        return countdown_problems(
            count,
            num_numbers=config.num_numbers,
            largest_number=config.largest_number,
            largest_target=config.largest_target,
            seed=seed,
            prompt=prompt,
        )
    return addition_problems(count, num_digits=config.num_digits, slip_rate=config.slip_rate, seed=seed, prompt=prompt)


def _read(config: DataConfig, path: str, split: str) -> list[Problem]:
    with reading_progress(path) as watch:
        problems = read_problems(Path(path), config.fields(), split=split, prompt=config.prompt_format(), watch=watch)
    if config.bad_golds == "ignore":
        return problems
    bad = unreadable_golds(problems)
    if not bad:
        return problems
    shown = ", ".join(repr(problem.gold_line[:60]) for problem in bad[:_SHOWN])
    message = f"{path}: {len(bad)} of {len(problems)} golds are not understood by the verifier, such as {shown}"
    if config.bad_golds == "refuse":
        raise ValueError(f"{message}; bad_golds = 'say' or 'drop' goes on")
    _LOG.warning("%s%s", message, "; these problems are dropped" if config.bad_golds == "drop" else "")
    if config.bad_golds == "say":
        return problems
    if len(bad) == len(problems):
        raise ValueError(f"{message}: no problem is left")
    dropped = {id(problem) for problem in bad}
    return [problem for problem in problems if id(problem) not in dropped]


def _place(path: str, split: str) -> str:
    """What tells the two files apart: a folder may hold both."""
    return f"{path} ({split})" if Path(path).is_dir() else path


def _tell(place: str, repeats: Repeats) -> None:
    if repeats.repeated:
        _LOG.warning("%s: %d problems stand there more than once and count once", place, repeats.repeated)
    if repeats.contradicting:
        shown = ", ".join(repr(question[:60]) for question in repeats.contradicting[:_SHOWN])
        _LOG.warning("%s: %d questions have several golds, such as %s", place, len(repeats.contradicting), shown)
