"""A tiny policy, small enough that a test can afford the slow way as well."""

import pytest
import torch

from pgkern.data.problem import Problem
from pgkern.train.config import DataConfig, ModelConfig, TrainConfig
from pgkern.train.model.policy_model import Policy, new_policy
from pgkern.train.tasks import load_task


@pytest.fixture(scope="session")
def config() -> TrainConfig:
    return TrainConfig(
        data=DataConfig(num_digits=2, num_train=300, num_validation=20, slip_rate=0.5),
        model=ModelConfig(hidden_size=32, num_layers=2, head_dim=16, vocabulary_size=512),
    )


@pytest.fixture(scope="session")
def problems(config: TrainConfig) -> list[Problem]:
    return load_task(config.data, config.run.seed).train


@pytest.fixture
def policy(config: TrainConfig, problems: list[Problem]) -> Policy:
    policy = new_policy(config, problems)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.dim() == 2:  # fresh weights say nearly the same of every token; these have preferences
                parameter.mul_(3.0)
    return policy
