from dataclasses import replace

import pytest
import torch

from pgkern.data.problem import Problem
from pgkern.train.config import TrainConfig, WarmupConfig
from pgkern.train.model.policy_model import Policy
from pgkern.train.updating.optimizer import new_optimizer
from pgkern.train.warmup import check_solutions, warmup_step


def test_a_problem_without_solution_cannot_be_imitated() -> None:
    check_solutions([Problem("1+1?", "2", "2")])
    with pytest.raises(ValueError, match=r"'1\+2\?' has no worked solution to warm up on; set warmup.steps to 0"):
        check_solutions([Problem("1+1?", "2", "2"), Problem("1+2?", "3")])


def test_the_loss_is_the_cross_entropy_of_the_solutions_tokens_and_falls(
    policy: Policy, problems: list[Problem], config: TrainConfig
) -> None:
    problems = problems[:16]
    config = replace(config, warmup=WarmupConfig(steps=60, batch_size=len(problems), learning_rate=3e-3))
    total, tokens = 0.0, 0
    with torch.no_grad():
        for problem in problems:
            prompt, solution = policy.prompt(problem).token_ids, policy.solution_ids(problem)
            logits = policy.model(torch.tensor([[*prompt, *solution]])).logits[0, len(prompt) - 1 : -1]
            total += float(torch.nn.functional.cross_entropy(logits, torch.tensor(solution), reduction="sum"))
            tokens += len(solution)
    optimizer = new_optimizer(policy, learning_rate=3e-3)
    losses = [warmup_step(policy, optimizer, problems, config, step)["loss"] for step in range(40)]
    assert losses[0] == pytest.approx(total / tokens, rel=1e-4)
    assert losses[-1] < 0.5 * losses[0]


def test_a_roll_back_lowers_the_learning_rate(policy: Policy, problems: list[Problem], config: TrainConfig) -> None:
    def rate(**factor: float) -> float:
        optimizer = new_optimizer(policy, learning_rate=1.0)
        return warmup_step(policy, optimizer, problems, config, 7, **factor)["learning_rate"]

    assert rate(learning_rate_factor=0.25) == 0.25 * rate() > 0.0
