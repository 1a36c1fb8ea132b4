"""One whole step in every kind of configuration, with the real engine, rewards, scores and updates."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch

from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.train.config import (
    AdvantageConfig,
    ObjectiveConfig,
    OptimizerConfig,
    RewardConfig,
    RolloutConfig,
    TrainConfig,
    ValueConfig,
)
from pgkern.train.judging.rewards_in_loop import RewardFailedError, RewardJudge
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy
from pgkern.train.parts import Parts
from pgkern.train.sampling.experience import Sample
from pgkern.train.scoring.reference import Reference
from pgkern.train.scoring.sample_metrics import flat
from pgkern.train.scoring.score import score
from pgkern.train.scoring.value_function import ValueFunction
from pgkern.train.state import TrainerState
from pgkern.train.step import policy_gradient_step
from pgkern.train.tasks import load_task
from pgkern.train.updating.optimizer import new_optimizer

NO_STD: dict[str, Any] = {"normalize_std": False}
ROLLOUTS = RolloutConfig(prompts_per_step=4, samples_per_prompt=4, max_tokens=8)


@contextmanager
def parts_of(config: TrainConfig, policy: Policy) -> Iterator[Parts]:
    """Everything a step works with."""
    with RewardJudge(config.rewards) as judge:
        yield Parts(
            config,
            load_task(config.data, config.run.seed),
            policy,
            TransformersEngine(policy.model, policy.tokenizer),
            judge,
            new_optimizer(policy, learning_rate=0.01),
            TrainerState("policy_gradient"),
            ValueFunction.new(policy, config.value, 0) if config.advantages.baseline == "value" else None,
            Reference.of(policy) if config.objective.kl_coef else None,
        )


def with_rewards_to_learn_from(config: TrainConfig, tmp_path: Any) -> TrainConfig:
    """A random policy never adds right: its responses earn something else, a different thing each."""
    (tmp_path / "odd.py").write_text("def odd(completion, gold):\n    return sum(map(ord, completion)) % 7 / 7\n")
    return replace(config, rollouts=ROLLOUTS, rewards=(RewardConfig(function=f"{tmp_path / 'odd.py'}:odd"),))


def weights(policy: Policy) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in policy.model.parameters()])


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["entropy", "rollout_mismatch", "clip_fraction", "baseline", "advantage_std"]),
        ({"optimizer": OptimizerConfig(updates_per_step=3)}, ["ratio_max", "approx_kl"]),
        ({"advantages": AdvantageConfig("running_mean", **NO_STD)}, []),
        ({"advantages": AdvantageConfig("leave_one_out", returns="reward_to_go", discount=0.9, **NO_STD)}, []),
        ({"advantages": AdvantageConfig("value", **NO_STD)}, ["value_loss", "explained_variance"]),
        (
            {"advantages": AdvantageConfig("value", **NO_STD), "value": ValueConfig("network", gae_lambda=0.5)},
            ["value_loss"],
        ),
        ({"objective": ObjectiveConfig(kl_coef=0.1, entropy_coef=0.01)}, ["reference_kl"]),
        ({"objective": ObjectiveConfig(kl_coef=0.1, kl_in="reward")}, []),
        ({"objective": ObjectiveConfig(correction="mask")}, ["correction_kept"]),
        ({"objective": ObjectiveConfig("gspo"), "optimizer": OptimizerConfig(updates_per_step=2)}, ["ratio_max"]),
        ({"rollouts": replace(ROLLOUTS, dynamic_sampling=True)}, ["draws"]),
        ({"rollouts": replace(ROLLOUTS, overlong="mask")}, ["kept_fraction"]),
        ({"rollouts": replace(ROLLOUTS, overlong="shape")}, []),
    ],
)
def test_a_step_in_every_configuration(
    config: TrainConfig, policy: Policy, tmp_path: Any, changes: dict[str, Any], names: list[str]
) -> None:
    config = replace(with_rewards_to_learn_from(config, tmp_path), **changes)
    before = weights(policy)
    with parts_of(config, policy) as parts:
        result = policy_gradient_step(parts, 0)
    kept = result.metrics["kept_fraction"]
    assert (not torch.equal(weights(policy), before)) == (kept > 0)
    expected = ["train_reward", "response_length", "gradient_norm", "learning_rate", "seconds_score", *names]
    assert [name for name in expected if name not in result.metrics and kept > 0] == []
    assert [name for name, value in result.metrics.items() if not math.isfinite(value)] == []
    assert parts.state.draws == result.metrics.get("draws", 1.0)
    assert len(result.samples) == 16 * parts.state.draws
    assert all(parameter.grad is None for parameter in policy.model.parameters())


def test_draws_that_no_reward_can_judge_are_one_step_of_its_patience(
    config: TrainConfig, policy: Policy, tmp_path: Any
) -> None:
    (tmp_path / "fails.py").write_text("def fails(completion, gold):\n    raise ValueError('no')\n")
    rewards = (RewardConfig(function=f"{tmp_path / 'fails.py'}:fails", patience=2),)
    config = replace(config, rollouts=replace(ROLLOUTS, dynamic_sampling=True, max_draws=3), rewards=rewards)
    with parts_of(config, policy) as parts:
        assert policy_gradient_step(parts, 0).metrics["draws"] == 3
        with pytest.raises(RewardFailedError, match=r"judged none of 48 responses, 2 times in a row"):
            policy_gradient_step(parts, 1)


@pytest.mark.parametrize("updates", [1, 2])  # nothing, or everything that is kept, is scored beforehand
def test_what_dynamic_sampling_drops_is_measured_all_the_same(
    config: TrainConfig, policy: Policy, tmp_path: Any, updates: int
) -> None:
    """So the entropy of a policy that always says the same is seen."""
    rollouts = replace(ROLLOUTS, prompts_per_step=12, dynamic_sampling=True, max_draws=2, temperature=1e-4)
    config = replace(
        with_rewards_to_learn_from(config, tmp_path),
        rollouts=rollouts,
        objective=ObjectiveConfig(kl_coef=0.1),
        optimizer=OptimizerConfig(updates_per_step=updates),
    )
    with parts_of(config, policy) as parts:
        metrics = policy_gradient_step(parts, 0).metrics
    assert metrics["kept_fraction"] == 0.0
    assert metrics["draws"] == 2
    assert metrics["entropy"] == pytest.approx(0.0, abs=1e-3)
    assert metrics["reference_kl"] == 0.0
    assert 0.0 <= metrics["rollout_mismatch"] <= metrics["rollout_mismatch_max"]


def test_dynamic_sampling_measures_kept_and_dropped_by_their_tokens(
    config: TrainConfig, policy: Policy, tmp_path: Any
) -> None:
    (tmp_path / "some.py").write_text(
        "def some(completion, gold):\n    return (sum(map(ord, completion)) % 7 / 7) * (int(gold) % 2)\n"
    )
    rewards = (RewardConfig(function=f"{tmp_path / 'some.py'}:some"),)
    rollouts = replace(ROLLOUTS, dynamic_sampling=True, max_draws=1)
    before = {name: tensor.clone() for name, tensor in policy.model.state_dict().items()}
    with parts_of(replace(config, rollouts=rollouts, rewards=rewards), policy) as parts:
        result = policy_gradient_step(parts, 0)
    policy.model.load_state_dict(before)

    def entropy(samples: list[Sample]) -> float:
        sequences = [TokenSequence.of(sample.rollout) for sample in samples]
        return float(flat(score(policy, sequences, temperature=1.0, max_tokens=1000).entropies).mean())

    assert 0.0 < result.metrics["kept_fraction"] < 1.0
    kept = [sample for index, sample in enumerate(result.samples) if index in result.advantages]
    assert abs(entropy(kept) - entropy(result.samples)) > 1e-4
    assert result.metrics["entropy"] == pytest.approx(entropy(result.samples), abs=1e-5)


def test_the_first_update_is_on_policy_and_later_ones_are_not(
    config: TrainConfig, policy: Policy, tmp_path: Any
) -> None:
    config = with_rewards_to_learn_from(config, tmp_path)
    twin = replace(policy, model=type(policy.model)(policy.model.config))
    twin.model.load_state_dict(policy.model.state_dict())
    twin.model.eval()
    with parts_of(config, policy) as parts:
        first = policy_gradient_step(parts, 0).metrics
    assert first["ratio_max"] == pytest.approx(1.0, abs=1e-4)
    assert first["clip_fraction"] == 0.0
    several = replace(config, optimizer=OptimizerConfig(updates_per_step=2, learning_rate=0.05, warmup_steps=0))
    with parts_of(several, twin) as parts:
        second = policy_gradient_step(parts, 0).metrics
    assert second["train_reward"] == first["train_reward"]
    assert second["ratio_max"] > 1.01
    assert second["approx_kl"] > 0.0


def test_a_policy_is_at_first_its_own_reference(config: TrainConfig, policy: Policy, tmp_path: Any) -> None:
    config = replace(with_rewards_to_learn_from(config, tmp_path), objective=ObjectiveConfig(kl_coef=0.1))
    with parts_of(config, policy) as parts:
        kl = [policy_gradient_step(parts, step).metrics["reference_kl"] for step in range(3)]
    assert kl[0] == pytest.approx(0.0, abs=1e-6)
    assert kl[2] > 1e-5


def test_the_same_arguments_give_the_same_step(config: TrainConfig, policy: Policy, tmp_path: Any) -> None:
    config = with_rewards_to_learn_from(config, tmp_path)
    twin = replace(policy, model=type(policy.model)(policy.model.config))
    twin.model.load_state_dict(policy.model.state_dict())
    twin.model.eval()
    torch.manual_seed(1)
    with parts_of(config, policy) as parts:
        one = policy_gradient_step(parts, 4).metrics
    torch.manual_seed(2)
    with parts_of(config, twin) as parts:
        two = policy_gradient_step(parts, 4).metrics
    timeless = [name for name in one if "second" not in name]
    assert {name: one[name] for name in timeless} == {name: two[name] for name in timeless}
    assert torch.equal(weights(policy), weights(twin))


def test_spoiled_weights_are_named(config: TrainConfig, policy: Policy, tmp_path: Any) -> None:
    config = with_rewards_to_learn_from(config, tmp_path)
    with torch.no_grad():
        policy.head.weight[3, 2] = math.nan
    with parts_of(config, policy) as parts, pytest.raises(FloatingPointError, match="logits are not finite"):
        policy_gradient_step(parts, 0)


def test_a_gradient_that_is_not_finite_moves_nothing(
    config: TrainConfig, policy: Policy, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_rewards_to_learn_from(config, tmp_path)
    hidden = Policy.hidden

    def spoiling(self: Policy, batch: Any) -> torch.Tensor:
        states = hidden(self, batch)
        if states.requires_grad:
            states.register_hook(lambda gradient: gradient * math.inf)
        return states

    monkeypatch.setattr(Policy, "hidden", spoiling)
    before = weights(policy)
    with parts_of(config, policy) as parts:
        metrics = policy_gradient_step(parts, 0).metrics
    assert math.isnan(metrics["gradient_norm"])
    assert torch.equal(weights(policy), before)
