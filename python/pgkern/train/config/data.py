"""The problems."""

from dataclasses import dataclass
from typing import Literal

from ...data.answer_form import AnswerForm
from ...data.problem_fields import FILE_KINDS, ProblemFields
from ...data.prompts import PromptFormat, prompt_format
from .ranges import at_least, share

Task = Literal["arithmetic", "countdown", "file", "gsm8k", "math"]
BadGolds = Literal["say", "drop", "refuse", "ignore"]
SETTINGS_OF_FILES = (
    "train_file",
    "validation_file",
    "split",
    "validation_split",
    "question_field",
    "answer_field",
    "solution_field",
    "bad_golds",
)
"""Which no other task takes."""


@dataclass(frozen=True)
class DataConfig:
    r"""Which problems, and how a prompt is made of one.

    The tasks `gsm8k` and `math` read files as these are published, and differ from `file` in nothing but where they
    look for question and gold: `question` and `answer` (after `####`), or `problem` and the last box of `solution`. A
    field that is set here wins over the task's own.
    """

    task: Task = "arithmetic"
    prompt: str = "r1_zero"  # question_only, chat (the tokenizer's template), a text with {question}, or file:PATH
    system_prompt: str | None = None  # chat: the system's message
    answer_form: AnswerForm | None = None  # of worked solutions; none: what the prompt asks for, in a box if nothing
    num_validation: int = 128  # held-out problems
    num_train: int = 20_000  # arithmetic, countdown: how many different problems there are to train on
    num_digits: int = 3  # arithmetic: of each summand
    slip_rate: float = 0.6  # arithmetic: how often a warm-up solution forgets a carry
    num_numbers: int = 3  # countdown: how many numbers there are to use
    largest_number: int = 50  # countdown
    largest_target: int = 100  # countdown
    train_file: str | None = None  # .jsonl[.gz], .json, .parquet, a folder of them, or one that `datasets` saved
    validation_file: str | None = None  # none: num_validation questions of train_file, whose choice the seed fixes
    split: str = "train"  # of a folder: its part to train on
    validation_split: str | None = None  # of validation_file, or of train_file where there is none
    question_field: str | None = None  # none: the task's own; a dotted name leads into objects and lists
    answer_field: str | None = None
    solution_field: str | None = None  # a worked solution, which may be missing
    columns: tuple[str, ...] = ()  # other fields that rewards ask for
    bad_golds: BadGolds = "say"  # golds that the verifier cannot read: say, drop or refuse them; ignore does not look

    def __post_init__(self) -> None:
        self._refuse_mixed_tasks()
        for name in ("num_validation", "num_train", "largest_number", "largest_target"):
            at_least(name, getattr(self, name), 1)
        if not 1 <= self.num_digits <= 18:
            raise ValueError(f"num_digits is {self.num_digits}, expected 1 to 18")
        if not 1 <= self.num_numbers <= 10:
            raise ValueError(f"num_numbers is {self.num_numbers}, expected 1 to 10")
        share("slip_rate", self.slip_rate)
        if not self.prompt.startswith("file:"):  # which is looked at when it is needed
            self.prompt_format()

    def prompt_format(self) -> PromptFormat:
        """What prompts and solutions are made by. Raises what `pgkern.data.prompts.prompt_format` raises."""
        return prompt_format(self.prompt, system=self.system_prompt, answer_form=self.answer_form)

    def fields(self) -> ProblemFields:
        """Which field of a file's row is what."""
        assert self.task in FILE_KINDS
        return FILE_KINDS[self.task].named(
            question=self.question_field,
            answer=self.answer_field,
            solution=self.solution_field,
            columns=self.columns,
        )

    @property
    def reads_files(self) -> bool:
        """Whether the problems come from files."""
        return self.task in FILE_KINDS

    @property
    def default_reward(self) -> str:
        """The built-in reward that fits: countdown's own, else the one that pays for the form the prompt asks for."""
        return "countdown" if self.task == "countdown" else self.prompt_format().answer_form

    def _refuse_mixed_tasks(self) -> None:
        if self.reads_files and self.train_file is None:
            raise ValueError(f"task {self.task!r} needs train_file, the path of a file or folder of problems")
        for name in SETTINGS_OF_FILES:
            if not self.reads_files and getattr(self, name) != getattr(DataConfig, name):
                tasks = ", ".join(map(repr, FILE_KINDS))
                raise ValueError(f"{name} is for the tasks {tasks}; with task {self.task!r} it would not be read")
