"""With one update a step its own pass finds what scoring would have found, and the same gradient."""

import math
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

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
)
from pgkern.train.config.objective import ObjectiveName
from pgkern.train.judging.rewards_in_loop import RewardJudge
from pgkern.train.model.micro_batches import MicroBatch
from pgkern.train.model.policy_model import Policy
from pgkern.train.parts import Parts
from pgkern.train.scoring import scores
from pgkern.train.scoring.reference import Reference
from pgkern.train.scoring.sample_metrics import together
from pgkern.train.scoring.scores import scored_beforehand
from pgkern.train.state import TrainerState
from pgkern.train.step import policy_gradient_step
from pgkern.train.tasks import load_task

SGD = OptimizerConfig(learning_rate=1.0, warmup_steps=0, max_gradient_norm=1e9, micro_batch_tokens=64)
CONSTANT = AdvantageConfig("constant", constant=-1.0, normalize_std=False)  # of rewards >= 0, so that none is 0
ALL_ZERO = AdvantageConfig("constant", constant=0.5, normalize_std=False)
SEEN = ("entropy", "rollout_mismatch", "rollout_mismatch_max")


@pytest.fixture
def learning(config: TrainConfig, tmp_path: Path) -> TrainConfig:
    (tmp_path / "odd.py").write_text("def odd(completion, gold):\n    return sum(map(ord, completion)) % 7 / 7\n")
    return replace(
        config,
        rollouts=RolloutConfig(prompts_per_step=6, samples_per_prompt=2, max_tokens=8, temperature=0.9),
        rewards=(RewardConfig(function=f"{tmp_path / 'odd.py'}:odd"),),
        optimizer=SGD,
    )


@pytest.fixture
def all_alike(learning: TrainConfig, tmp_path: Path) -> TrainConfig:
    (tmp_path / "half.py").write_text("def half(completion, gold):\n    return 0.5\n")
    rewards = (RewardConfig(function=f"{tmp_path / 'half.py'}:half"),)
    return replace(learning, rewards=rewards, advantages=ALL_ZERO)


def twin_of(policy: Policy) -> Policy:
    twin = replace(policy, model=type(policy.model)(policy.model.config))
    twin.model.load_state_dict(policy.model.state_dict())
    twin.model.eval()
    return twin


def stepped(config: TrainConfig, policy: Policy, sampler: Policy | None = None) -> dict[str, float]:
    """A step by plain gradient descent, whose change of the weights is the gradient."""
    with ExitStack() as stack:
        parts = Parts(
            config,
            load_task(config.data, config.run.seed),
            policy,
            TransformersEngine((sampler or policy).model, policy.tokenizer),
            stack.enter_context(RewardJudge(config.rewards)),
            torch.optim.SGD(policy.model.parameters(), lr=1.0),
            TrainerState("policy_gradient"),
            reference=Reference.of(twin_of(policy)) if config.objective.kl_coef else None,
        )
        if parts.reference is not None:
            with torch.no_grad():
                policy.head.weight.mul_(1.1)  # a policy that has left its reference
        return policy_gradient_step(parts, 0).metrics


def weights(policy: Policy) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in policy.model.parameters()])


NAMED = [ObjectiveConfig(name, mirror_coef=0.1 if name == "kimi_k15" else None) for name in get_args(ObjectiveName)]


@pytest.mark.parametrize(
    "objective",
    [
        *NAMED,
        ObjectiveConfig(correction="truncate", correction_cap=1.0001),
        ObjectiveConfig("gspo", correction="mask", correction_level="sequence"),
        ObjectiveConfig("cispo", entropy_coef=0.1),
        ObjectiveConfig(kl_coef=0.3, kl_estimator="k2"),
    ],
    ids=lambda o: f"{o.name}-{o.correction}-{o.entropy_coef}-{o.kl_coef}",
)
def test_the_step_is_the_same_with_scores_and_without(
    learning: TrainConfig, policy: Policy, objective: ObjectiveConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To fp32 rounding: the change of the weights to 1e-5 of its norm, the metrics to 1e-5."""
    config, twin, before = replace(learning, objective=objective), twin_of(policy), weights(policy)
    assert not scored_beforehand(config)
    without = stepped(config, policy)
    monkeypatch.setattr(scores, "scored_beforehand", lambda _: True)
    with_scores = stepped(config, twin)
    change = weights(twin) - before
    assert change.norm() > 1e-3
    assert (weights(policy) - weights(twin)).norm() <= 1e-5 * change.norm()
    names = [*SEEN, "loss", "gradient_norm", "clip_fraction", "active_fraction"]
    names += ["reference_kl"] * (objective.kl_coef != 0) + ["correction_kept"] * (objective.correction is not None)
    for name in names:
        assert without[name] == pytest.approx(with_scores[name], rel=1e-5, abs=1e-5), name
    assert objective.kl_coef == 0 or without["reference_kl"] > 1e-3


class Passes:
    """Counts the sequences that go through the model, with gradients and without."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.learned = self.scored = 0
        hidden = Policy.hidden

        def counting(policy: Policy, batch: MicroBatch) -> torch.Tensor:
            if torch.is_grad_enabled():
                self.learned += len(batch.indices)
            else:
                self.scored += len(batch.indices)
            return hidden(policy, batch)

        monkeypatch.setattr(Policy, "hidden", counting)


def test_every_rollout_goes_through_the_model_once(
    learning: TrainConfig, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = Passes(monkeypatch)
    stepped(replace(learning, advantages=CONSTANT), policy)
    assert (passes.learned, passes.scored) == (12, 0)


def test_of_what_no_update_sees_a_few_stand_for_all(
    all_alike: TrainConfig, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = Passes(monkeypatch)
    exact = stepped(all_alike, policy)
    assert (passes.learned, passes.scored) == (0, 12)
    monkeypatch.setattr(scores, "UNSEEN_MEASURED", 5)
    estimated = stepped(all_alike, policy)
    assert (passes.learned, passes.scored) == (0, 12 + 4)  # every third
    assert estimated["rollout_mismatch_max"] <= exact["rollout_mismatch_max"] < 1e-4
    assert estimated["entropy"] != exact["entropy"]
    assert estimated["entropy"] == pytest.approx(exact["entropy"], rel=0.2)


def test_parts_count_by_their_tokens() -> None:
    parts = [(30, {"entropy": 1.0, "rollout_mismatch_max": 0.5}), (10, {"entropy": 2.0, "rollout_mismatch_max": 0.2})]
    assert together(parts) == {"entropy": 1.25, "rollout_mismatch_max": 0.5}
    assert together([(0, {}), parts[1]]) == parts[1][1]
    assert together([(0, {}), (0.0, {})]) == {}


@pytest.mark.parametrize("updates", [1, 2])
@pytest.mark.parametrize("without_advantage", [False, True])
def test_log_probs_that_are_not_finite_are_named(
    learning: TrainConfig, all_alike: TrainConfig, policy: Policy, updates: int, without_advantage: bool
) -> None:
    """The engine has samples of the policy as it was; then its weights are spoiled."""
    config = all_alike if without_advantage else replace(learning, advantages=CONSTANT)
    sampler = twin_of(policy)
    with torch.no_grad():
        policy.model.get_input_embeddings().weight[:, 3] = math.nan
    with pytest.raises(FloatingPointError, match="of its own samples are not finite"):
        stepped(replace(config, optimizer=replace(SGD, updates_per_step=updates)), policy, sampler)
    assert all(parameter.grad is None for parameter in policy.model.parameters())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"objective": ObjectiveConfig(kl_coef=0.1)}, False),
        ({"objective": ObjectiveConfig(correction="mask")}, False),
        ({"objective": ObjectiveConfig(kl_coef=0.1, kl_in="reward")}, True),
        ({"objective": ObjectiveConfig(kl_in="reward")}, False),
        ({"optimizer": OptimizerConfig(updates_per_step=2)}, True),
        ({"advantages": AdvantageConfig("value", normalize_std=False)}, True),
    ],
)
def test_what_is_needed_before_the_update(config: TrainConfig, changes: dict[str, Any], expected: bool) -> None:
    assert scored_beforehand(replace(config, **changes)) is expected
