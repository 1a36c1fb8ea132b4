"""What the trainer's benches train: three-digit addition worked column by column, by a small decoder of characters.

The policy has imitated a careless pupil until some of its answers are right. An answer ends with the end-of-text token,
since that is the one ending that every trainer knows.
"""

import json
import random
from pathlib import Path

from pgkern.data.arithmetic import worked_addition
from pgkern.data.problem import Problem
from pgkern.train.config import DataConfig, OptimizerConfig, TrainConfig, WarmupConfig
from pgkern.train.model.policy_model import Policy
from pgkern.train.updating.optimizer import new_optimizer
from pgkern.train.warmup import warmup_step

from .character_policy import read_policy, write_policy

SYMBOLS = "0123456789+=, #\n"
MAX_TOKENS = 48
REWARD = "gsm8k"  # the number after ####
_SLIP_RATE = 0.6


def addition_task(count: int, seed: int) -> list[Problem]:
    """`347+585=`, answered by `7+5=12, 4+8+1=13, 3+5+1=9`, a line's end and `#### 932`, where no carry is forgotten."""
    rng = random.Random(seed)
    drawn: dict[tuple[int, int], None] = {}
    while len(drawn) < count:
        drawn[rng.randrange(100, 1000), rng.randrange(100, 1000)] = None
    return [_problem(a, b, rng) for a, b in drawn]


def _problem(a: int, b: int, rng: random.Random) -> Problem:
    working, total = worked_addition(a, b, slip_rate=_SLIP_RATE, rng=rng)
    return Problem(f"{a}+{b}=", str(a + b), f"{working}\n#### {total}")


def write_problems(path: Path, problems: list[Problem]) -> None:
    """JSON Lines with `question` and `answer`."""
    lines = (json.dumps({"question": problem.question, "answer": problem.gold}) for problem in problems)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_warm_policy(folder: Path, problems: list[Problem], *, steps: int, seed: int = 0) -> int:
    """Write a policy that has imitated these solutions for so many steps; its number of parameters."""
    parameters = write_policy(folder, SYMBOLS, hidden_size=96, num_layers=2, intermediate_size=288, seed=seed)
    config = TrainConfig(
        data=DataConfig(prompt="question_only"),
        warmup=WarmupConfig(steps=max(steps, 1)),
        optimizer=OptimizerConfig(micro_batch_tokens=1024),
    )
    policy: Policy = read_policy(folder, config)
    optimizer = new_optimizer(policy, learning_rate=config.warmup.learning_rate)
    for step in range(steps):
        warmup_step(policy, optimizer, problems, config, step)
    policy.model.save_pretrained(folder)
    return parameters
