"""The problems of a run, from its configuration: those to train on, and those held out."""

from dataclasses import dataclass

from ..data.arithmetic import addition_problems
from ..data.jsonl_problems import read_problems
from ..data.problem import Problem
from .config import DataConfig
from .seeds import derive_seed


@dataclass(frozen=True)
class Task:
    """Problems to train on and held-out problems; no question is in both."""

    train: list[Problem]
    validation: list[Problem]


def load_task(config: DataConfig, seed: int) -> Task:
    """Raises `ValueError` when there are too few problems to hold any out, and what `read_problems` raises."""
    if config.task == "arithmetic":
        return _arithmetic(config, seed)
    return _jsonl(config)


def _arithmetic(config: DataConfig, seed: int) -> Task:
    problems = addition_problems(
        config.num_validation + config.num_train,
        num_digits=config.num_digits,
        slip_rate=config.slip_rate,
        seed=derive_seed(seed, "problems"),
    )
    return Task(problems[config.num_validation :], problems[: config.num_validation])


def _jsonl(config: DataConfig) -> Task:
    assert config.train_file is not None  # DataConfig refuses it
    train = read_problems(config.train_file, question_field=config.question_field, answer_field=config.answer_field)
    if config.validation_file is None:
        if len(train) <= config.num_validation:
            raise ValueError(
                f"{config.train_file} has {len(train)} problems, too few to hold out num_validation = "
                f"{config.num_validation}; lower it or give data.validation_file"
            )
        train, validation = train[: -config.num_validation], train[-config.num_validation :]
    else:
        validation = read_problems(
            config.validation_file, question_field=config.question_field, answer_field=config.answer_field
        )[: config.num_validation]
    held_out = {problem.question for problem in validation}
    train = [problem for problem in train if problem.question not in held_out]
    if not train:
        raise ValueError(f"every problem of {config.train_file} is a held-out one; there is none left to train on")
    return Task(train, validation)
