"""Every setting of a training run, with the default that `pgkern train` uses when it is told nothing.

The defaults train a small transformer from scratch on addition, on a CPU, in a few minutes.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

from ..data.prompts import TEMPLATES
from ..policy.objective import PolicyObjective

Task = Literal["arithmetic", "jsonl"]
Baseline = Literal["none", "batch_mean", "group_mean", "leave_one_out"]
ObjectiveName = Literal[
    "reinforce",
    "reinforce_off_policy",
    "ppo",
    "grpo",
    "dr_grpo",
    "dapo",
    "gspo",
    "cispo",
    "gmpo",
    "sapo",
    "kimi_k15",
]
RewardName = Literal["r1_zero", "boxed", "gsm8k", "json_match", "text_match"]
Engine = Literal["transformers"]
Schedule = Literal["linear", "constant"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class RunConfig:
    """The run as a whole."""

    folder: str | None = None  # None: runs/<task>-<date>-<time>
    seed: int = 0
    steps: int = 60  # of policy gradient; 0 only warms up
    evaluate_every: int = 5  # steps between greedy evaluations on the held-out problems
    checkpoint_every: int = 25
    logged_rollouts: int = 4  # of each step, in rollouts.jsonl
    cpu_threads: int | None = None  # of torch; None: torch's choice, or 1 for the small model from scratch

    def __post_init__(self) -> None:
        _at_least("steps", self.steps, 0)
        _at_least("seed", self.seed, 0)
        for name in ("evaluate_every", "checkpoint_every"):
            _at_least(name, getattr(self, name), 1)
        _at_least("logged_rollouts", self.logged_rollouts, 0)
        if self.cpu_threads is not None:
            _at_least("cpu_threads", self.cpu_threads, 1)


@dataclass(frozen=True)
class DataConfig:
    """The problems."""

    task: Task = "arithmetic"
    prompt: str = "r1_zero"
    reward: RewardName = "r1_zero"
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
        _at_least("num_validation", self.num_validation, 1)
        _at_least("num_train", self.num_train, 1)
        if not 1 <= self.num_digits <= 18:
            raise ValueError(f"num_digits is {self.num_digits}, expected 1 to 18")
        if not 0.0 <= self.slip_rate <= 1.0:
            raise ValueError(f"slip_rate is {self.slip_rate}, expected 0 to 1")


@dataclass(frozen=True)
class ModelConfig:
    """The policy: a folder that transformers loads, or a small Qwen3 from scratch."""

    path: str | None = None
    precision: Precision = "float32"
    hidden_size: int = 96  # this and the rest: from scratch only
    num_layers: int = 2
    head_dim: int = 32  # hidden_size / head_dim heads
    vocabulary_size: int = 1024  # at most; the tokenizer is built from the task's own text
    max_positions: int = 1024

    def __post_init__(self) -> None:
        for name in ("hidden_size", "num_layers", "max_positions"):
            _at_least(name, getattr(self, name), 1)
        _at_least("vocabulary_size", self.vocabulary_size, 300)  # 256 bytes and the marks
        if self.head_dim < 2 or self.head_dim % 2:
            raise ValueError(f"head_dim is {self.head_dim}, expected an even number of at least 2")
        if self.hidden_size % self.head_dim:
            raise ValueError(f"hidden_size is {self.hidden_size}, expected a multiple of head_dim ({self.head_dim})")


@dataclass(frozen=True)
class WarmupConfig:
    """Supervised steps on worked solutions, so that some rollouts are right."""

    steps: int = 400
    batch_size: int = 64  # solutions a step
    learning_rate: float = 4e-3

    def __post_init__(self) -> None:
        _at_least("steps", self.steps, 0)
        _at_least("batch_size", self.batch_size, 1)
        _positive("learning_rate", self.learning_rate)


@dataclass(frozen=True)
class RolloutConfig:
    """Sampling from the policy."""

    engine: Engine = "transformers"
    prompts_per_step: int = 32
    samples_per_prompt: int = 8
    temperature: float = 1.0
    max_tokens: int = 48  # of a response; a longer one is cut off and told apart
    stop: str | None = "</answer>"
    batch_size: int = 256  # rollouts that are generated together

    def __post_init__(self) -> None:
        for name in ("prompts_per_step", "samples_per_prompt", "max_tokens", "batch_size"):
            _at_least(name, getattr(self, name), 1)
        _positive("temperature", self.temperature)
        if self.stop == "":
            raise ValueError("stop is empty; give the text that ends a response, or none")


@dataclass(frozen=True)
class ObjectiveConfig:
    """Advantages and loss."""

    name: ObjectiveName = "grpo"
    baseline: Baseline = "group_mean"
    normalize_std: bool = True  # divide advantages by the group's (or the batch's) standard deviation
    clip_low: float | None = None  # None: the objective's own
    clip_high: float | None = None
    mirror_coef: float | None = None  # kimi_k15: must be given

    def __post_init__(self) -> None:
        if self.normalize_std and self.baseline not in ("group_mean", "batch_mean"):
            raise ValueError(
                f"normalize_std goes with baseline 'group_mean' or 'batch_mean', not {self.baseline!r}; set it to false"
            )
        self.policy_objective(max_tokens=1)  # refuses numbers that the objective cannot have

    def policy_objective(self, max_tokens: int) -> PolicyObjective:
        """The objective these settings name; Dr. GRPO divides by the token budget of a response."""
        overrides = {"clip_low": self.clip_low, "clip_high": self.clip_high, "mirror_coef": self.mirror_coef}
        if self.name == "dr_grpo":
            overrides["reduction_constant"] = float(max_tokens)
        given = {name: value for name, value in overrides.items() if value is not None}
        objective: PolicyObjective = getattr(PolicyObjective, self.name)(**given)
        return objective


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW on the policy-gradient estimate."""

    learning_rate: float = 3e-4
    warmup_steps: int = 10  # the learning rate rises linearly over so many steps
    schedule: Schedule = "linear"  # after that: down to 0 at the last step, or constant
    weight_decay: float = 0.0
    max_gradient_norm: float = 1.0
    updates_per_step: int = 1  # on the same rollouts, with frozen old log-probabilities; 1 is on-policy
    micro_batch_tokens: int = 512  # how many tokens go through the model at a time; changes memory, not the gradient

    def __post_init__(self) -> None:
        for name in ("updates_per_step", "micro_batch_tokens"):
            _at_least(name, getattr(self, name), 1)
        _at_least("warmup_steps", self.warmup_steps, 0)
        _positive("learning_rate", self.learning_rate)
        _positive("max_gradient_norm", self.max_gradient_norm)
        if not 0.0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}, expected a finite number of at least 0")


@dataclass(frozen=True)
class TrainConfig:
    """The whole configuration; each part is a table of the TOML file."""

    run: RunConfig = field(default_factory=RunConfig)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    warmup: WarmupConfig = field(default_factory=WarmupConfig)
    rollouts: RolloutConfig = field(default_factory=RolloutConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        if self.objective.baseline == "leave_one_out" and self.rollouts.samples_per_prompt < 2:
            raise ValueError("baseline 'leave_one_out' needs rollouts.samples_per_prompt of at least 2")
        if self.optimizer.updates_per_step > 1 and self.objective.name == "reinforce":
            raise ValueError(
                "objective 'reinforce' is on-policy (eq. 26), so optimizer.updates_per_step must be 1; "
                "'reinforce_off_policy' (eq. 27) and the clipped objectives take more"
            )


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} is {value}, expected at least {least}")


def _positive(name: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} is {value}, expected a finite number above 0")
