import json
from dataclasses import replace
from pathlib import Path

import pytest

from pgkern.train.config import DataConfig
from pgkern.train.tasks import load_task


def test_held_out_sums_are_not_trained_on() -> None:
    task = load_task(DataConfig(num_digits=1, num_train=80, num_validation=20), seed=3)
    train, held_out = ({problem.question for problem in part} for part in (task.train, task.validation))
    assert len(train) == 80
    assert len(held_out) == 20
    assert not train & held_out


def write(path: Path, questions: list[str]) -> str:
    path.write_text("".join(json.dumps({"question": question, "answer": "1"}) + "\n" for question in questions))
    return str(path)


def test_the_end_of_a_file_is_held_out_and_its_questions_are_nowhere_else(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", ["a", "b", "z", "c", "y", "z"])
    task = load_task(DataConfig(task="jsonl", train_file=path, num_validation=2), seed=0)
    assert [problem.question for problem in task.validation] == ["y", "z"]
    assert [problem.question for problem in task.train] == ["a", "b", "c"]


def test_a_file_of_its_own_may_hold_the_validation_problems(tmp_path: Path) -> None:
    train, held_out = write(tmp_path / "t.jsonl", ["a", "b", "v"]), write(tmp_path / "v.jsonl", ["v", "w", "x"])
    config = DataConfig(task="jsonl", train_file=train, validation_file=held_out, num_validation=2)
    task = load_task(config, seed=0)
    assert [problem.question for problem in task.validation] == ["v", "w"]
    assert [problem.question for problem in task.train] == ["a", "b"]
    with pytest.raises(ValueError, match=r"every problem of .* is a held-out one"):
        load_task(replace(config, train_file=write(tmp_path / "u.jsonl", ["w"])), seed=0)


def test_too_few_problems_to_hold_some_out(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", ["a", "b"])
    with pytest.raises(ValueError, match="has 2 problems, too few to hold out num_validation = 2"):
        load_task(DataConfig(task="jsonl", train_file=path, num_validation=2), seed=0)
