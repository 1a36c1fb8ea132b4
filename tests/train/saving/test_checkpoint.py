"""What a checkpoint holds, written and read back bit for bit."""

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pgkern.train.config import TrainConfig
from pgkern.train.config_file import load_config, to_toml
from pgkern.train.divergence.reward_history import RewardHistory
from pgkern.train.divergence.validation_history import Validation, ValidationHistory
from pgkern.train.model.policy_model import Policy, load_policy
from pgkern.train.saving.checkpoint import (
    Saved,
    copy_with_state,
    load_optimizer,
    load_random_state,
    load_state,
    load_value,
    write_checkpoint,
)
from pgkern.train.state import TrainerState

STATE = TrainerState(
    phase="policy_gradient",
    step=7,
    reward_before=0.1 + 0.2,
    draws=9,
    running_mean=1 / 3,
    roll_backs=1,
    learning_rate_factor=0.5,
    troubled_steps={"ratio_max": 2},
    reward_history=RewardHistory(recent=[0.1, 1 / 3], best=[0.1 + 0.2], first=-1 / 7, lost=2 / 3, good_step=5),
    validation_history=ValidationHistory(best=Validation(1 / 3, 0.1 + 0.2, 64), first=-1 / 7, good_step=6),
)


class Values:
    """A value function as the checkpoint sees it."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {"head": torch.randn(5), "optimizer": {"steps": 3, "moments": [torch.randn(5)]}}

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.state = dict(state)


def adam(policy: Policy) -> torch.optim.AdamW:
    return torch.optim.AdamW(policy.model.parameters(), lr=1e-3)


@pytest.fixture
def optimizer(policy: Policy) -> torch.optim.Optimizer:
    optimizer = adam(policy)
    for _ in range(3):
        for parameter in policy.model.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
    return optimizer


@pytest.fixture
def folder(policy: Policy, optimizer: torch.optim.Optimizer, config: TrainConfig, tmp_path: Path) -> Path:
    write_checkpoint(tmp_path, Saved(policy, optimizer, STATE, to_toml(config), Values()))
    return tmp_path


def test_weights_and_moments_come_back_bit_for_bit(
    folder: Path, policy: Policy, optimizer: torch.optim.Optimizer, config: TrainConfig
) -> None:
    loaded = load_policy(folder, config)
    ours, theirs = policy.model.state_dict(), loaded.model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    taken_up = adam(loaded)
    load_optimizer(folder, taken_up)
    for (_, moments), (_, others) in zip(optimizer.state.items(), taken_up.state.items(), strict=True):
        assert all(torch.equal(moments[name], others[name]) for name in ("step", "exp_avg", "exp_avg_sq"))


def test_an_optimizer_that_is_taken_up_keeps_its_own_settings(folder: Path, policy: Policy) -> None:
    taken_up = torch.optim.AdamW(policy.model.parameters(), lr=2e-3, weight_decay=0.5, betas=(0.8, 0.9))
    load_optimizer(folder, taken_up)
    assert len(taken_up.state) > 0
    for group in taken_up.param_groups:
        assert (group["lr"], group["weight_decay"], group["betas"]) == (2e-3, 0.5, (0.8, 0.9))


def test_a_copy_differs_in_its_state_alone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    new = tmp_path_factory.mktemp("copy")
    copy_with_state(folder, new, replace(STATE, roll_backs=2))
    assert load_state(new) == replace(STATE, roll_backs=2)
    assert load_state(folder) == STATE
    names = {path.name for path in folder.iterdir()}
    assert {path.name for path in new.iterdir()} == names
    for name in names - {"trainer.json"}:
        assert (new / name).read_bytes() == (folder / name).read_bytes()


def test_state_settings_and_values_come_back(folder: Path, config: TrainConfig) -> None:
    assert load_state(folder) == STATE
    assert load_config(TrainConfig, folder / "config.toml") == config
    values, torch_state = Values(), torch.get_rng_state()
    load_value(folder, values)
    torch.set_rng_state(torch_state)
    assert values.state["optimizer"]["steps"] == 3
    assert values.state["head"].shape == (5,)


def test_every_generator_goes_on_where_it_was(policy: Policy, optimizer: torch.optim.Optimizer, tmp_path: Path) -> None:
    def draw() -> list[Any]:
        return [torch.randn(3).tolist(), np.random.standard_normal(3).tolist(), random.gauss(), random.random()]

    random.gauss()  # leaves its second number for the next call
    write_checkpoint(tmp_path, Saved(policy, optimizer, STATE, ""))
    expected = draw()
    assert draw() != expected
    load_random_state(tmp_path)
    assert draw() == expected


def test_a_value_function_that_was_not_saved_is_told(
    policy: Policy, optimizer: torch.optim.Optimizer, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path, Saved(policy, optimizer, STATE, ""))
    with pytest.raises(ValueError, match="has no value function; a learned baseline cannot begin in a run"):
        load_value(tmp_path, Values())


def test_the_state_of_another_release_is_refused(folder: Path) -> None:
    path = folder / "trainer.json"
    values = asdict(STATE)
    del values["draws"]
    path.write_text(json.dumps({**values, "mood": "good", "colour": "red"}))
    with pytest.raises(ValueError, match=r"trainer.json lacks draws and has the unknown colour, mood: another release"):
        load_state(folder)
