"""The trainer on a CUDA device: the CPU's numbers, a reward that rises, and a run that is taken up again."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pgkern.data.problem import Problem
from pgkern.policy.objective import PolicyObjective
from pgkern.train.config import (
    DataConfig,
    ModelConfig,
    OptimizerConfig,
    RolloutConfig,
    RunConfig,
    TrainConfig,
    WarmupConfig,
)
from pgkern.train.logs.metrics import read_metrics
from pgkern.train.loop import train
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy
from pgkern.train.scoring.score import score
from pgkern.train.updating.gradients import accumulate_gradients

DEVICE = "cuda"
ADVANTAGES = [1.5, -0.5, 0.0, -1.0, 0.7, 2.0]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.fixture
def both(policy: Policy) -> tuple[Policy, Policy]:
    """One policy on the CPU and on the device."""
    on_cpu, on_gpu = (replace(policy, model=copy.deepcopy(policy.model).to(device)) for device in ("cpu", DEVICE))
    return on_cpu, on_gpu


@pytest.fixture
def sequences(policy: Policy, problems: list[Problem]) -> list[TokenSequence]:
    return [
        TokenSequence(policy.prompt(problem).token_ids, policy.solution_ids(problem)[: 5 + 3 * index])
        for index, problem in enumerate(problems[: len(ADVANTAGES)])
    ]


def test_scores_are_the_cpus(both: tuple[Policy, Policy], sequences: list[TokenSequence]) -> None:
    expected, found = (score(policy, sequences, temperature=0.8, max_tokens=90) for policy in both)
    for name in ("log_probs", "entropies"):
        for one, other in zip(getattr(expected, name), getattr(found, name), strict=True):
            assert other == pytest.approx(one, abs=1e-4)


@pytest.mark.parametrize("max_tokens", [60, 10_000])
@pytest.mark.parametrize("objective", [PolicyObjective.grpo(), PolicyObjective.gspo(clip_low=0.1, clip_high=0.1)])
def test_gradients_are_the_cpus(
    both: tuple[Policy, Policy], sequences: list[TokenSequence], objective: PolicyObjective, max_tokens: int
) -> None:
    noise = torch.Generator().manual_seed(0)
    exact = score(both[0], sequences, temperature=0.8, max_tokens=100)
    old = [[value + float(torch.randn((), generator=noise)) * 0.2 for value in row] for row in exact.log_probs]
    advantages = [[value] * len(one.response_ids) for one, value in zip(sequences, ADVANTAGES, strict=True)]
    metrics = []
    for policy in both:
        settings = {"objective": objective, "temperature": 0.8, "old_log_probs": old, "max_tokens": max_tokens}
        metrics.append(accumulate_gradients(policy, sequences, advantages, **settings))  # type: ignore[arg-type]
    assert metrics[1] == pytest.approx(metrics[0], rel=1e-3, abs=1e-4)
    on_gpu = dict(both[1].model.named_parameters())
    for name, parameter in both[0].model.named_parameters():
        expected, found = parameter.grad, on_gpu[name].grad
        assert expected is not None
        assert found is not None
        assert found.device.type == DEVICE
        assert (found.cpu() - expected).norm() <= 1e-3 * expected.norm(), name


def test_a_run_learns_and_is_taken_up_again(tmp_path: Path) -> None:
    config = TrainConfig(
        run=RunConfig(steps=4, evaluate_every=4, checkpoint_every=2),
        data=DataConfig(num_digits=2, num_train=2000, num_validation=64),
        model=ModelConfig(hidden_size=96),
        warmup=WarmupConfig(steps=250, batch_size=48),
        rollouts=RolloutConfig(max_tokens=40),
        optimizer=OptimizerConfig(learning_rate=1e-3),
    )
    first = train(config, tmp_path / "run")
    assert first.finished
    more = train(replace(config, run=replace(config.run, steps=8)), tmp_path / "run", resumed=True)
    assert more.finished
    rows = [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if row["phase"] == "policy_gradient"]
    assert [row["step"] for row in rows] == list(range(251, 259))  # counted with those of the warm-up
    # Sampling and scoring are different kernels of one model in float32.
    assert max(row["rollout_mismatch"] for row in rows) < 1e-3
    assert first.reward_before is not None
    assert more.reward_after is not None
    assert more.reward_after > first.reward_before + 0.1
