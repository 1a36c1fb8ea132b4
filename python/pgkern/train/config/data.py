"""The problems."""

from dataclasses import dataclass
from typing import Literal

from ...data.prompts import TEMPLATES
from .ranges import at_least, share

Task = Literal["arithmetic", "jsonl"]


@dataclass(frozen=True)
class DataConfig:
    """Which problems, and how a prompt is made of one."""

    task: Task = "arithmetic"
    prompt: str = "r1_zero"
    num_validation: int = 128  # held-out problems
    num_train: int = 20_000  # arithmetic: how many different problems there are to train on
    num_digits: int = 3  # arithmetic: of each summand
    slip_rate: float = 0.6  # arithmetic: how often a warm-up solution forgets a carry
    train_file: str | None = None  # jsonl
    validation_file: str | None = None  # jsonl; None: the last num_validation problems of train_file, not trained on
    question_field: str = "question"
    answer_field: str = "answer"

    def __post_init__(self) -> None:
        if self.prompt not in TEMPLATES:
            raise ValueError(f"prompt is {self.prompt!r}, expected one of {', '.join(map(repr, TEMPLATES))}")
        if self.task == "jsonl" and self.train_file is None:
            raise ValueError("task 'jsonl' needs train_file, the path of a JSONL file of problems")
        if self.task == "arithmetic" and self.train_file is not None:
            raise ValueError("train_file is for task 'jsonl'; with task 'arithmetic' it would not be read")
        at_least("num_validation", self.num_validation, 1)
        at_least("num_train", self.num_train, 1)
        if not 1 <= self.num_digits <= 18:
            raise ValueError(f"num_digits is {self.num_digits}, expected 1 to 18")
        share("slip_rate", self.slip_rate)
