"""The packed, chunked, fused gradient against one padded batch, plain autograd and the textbook formula."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern.data.problem import Problem
from pgkern.policy import naive
from pgkern.policy.objective import PolicyObjective
from pgkern.train.model.micro_batches import TokenSequence
from pgkern.train.model.policy_model import Policy
from pgkern.train.scoring.score import score
from pgkern.train.updating.gradients import accumulate_gradients

TEMPERATURE = 0.8
ADVANTAGES = [1.5, -0.5, 0.0, -1.0, 0.7, 2.0]


@pytest.fixture
def sequences(policy: Policy, problems: list[Problem]) -> list[TokenSequence]:
    return [
        TokenSequence(policy.prompt(problem).token_ids, policy.solution_ids(problem)[: 5 + 3 * index])
        for index, problem in enumerate(problems[: len(ADVANTAGES)])
    ]


def per_token(sequences: list[TokenSequence], advantages: list[float]) -> list[list[float]]:
    return [[value] * len(sequence.response_ids) for sequence, value in zip(sequences, advantages, strict=True)]


def log_probs_one_by_one(policy: Policy, sequence: TokenSequence) -> Tensor:
    ids = torch.tensor([[*sequence.prompt_ids, *sequence.response_ids]])
    log_p = (policy.model(ids).logits[0] / TEMPERATURE).log_softmax(-1)
    start = len(sequence.prompt_ids) - 1
    return log_p[start:-1].gather(-1, ids[0, start + 1 :, None])[:, 0]


def gradients(policy: Policy) -> dict[str, Tensor]:
    return {name: tensor.grad.clone() for name, tensor in policy.model.named_parameters() if tensor.grad is not None}


def textbook(policy: Policy, sequences: list[TokenSequence], old: list[list[float]], token_mean: bool) -> Tensor:
    per_sequence = []
    for sequence, advantage, old_log_probs in zip(sequences, ADVANTAGES, old, strict=True):
        ratio = (log_probs_one_by_one(policy, sequence) - torch.tensor(old_log_probs)).exp()
        surrogate = torch.minimum(advantage * ratio, advantage * ratio.clamp(0.8, 1.2))
        per_sequence.append(surrogate)
    if token_mean:
        return -torch.cat(per_sequence).mean()
    return -torch.stack([surrogate.mean() for surrogate in per_sequence]).mean()


@pytest.mark.parametrize("max_tokens", [1, 60, 10_000])
@pytest.mark.parametrize("objective", [PolicyObjective.grpo(), PolicyObjective.ppo()])
def test_rows_of_any_size_add_up_to_the_textbook_gradient(
    policy: Policy, sequences: list[TokenSequence], objective: PolicyObjective, max_tokens: int
) -> None:
    noise = torch.Generator().manual_seed(0)
    exact = score(policy, sequences, temperature=TEMPERATURE, max_tokens=100)
    old = [[value + float(torch.randn((), generator=noise)) * 0.2 for value in row] for row in exact.log_probs]
    loss = textbook(policy, sequences, old, token_mean=objective.reduction == "token_mean")
    loss.backward()
    expected = gradients(policy)
    policy.model.zero_grad()
    metrics = accumulate_gradients(
        policy,
        sequences,
        per_token(sequences, ADVANTAGES),
        objective=objective,
        temperature=TEMPERATURE,
        old_log_probs=old,
        max_tokens=max_tokens,
    )
    found = gradients(policy)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6)
    assert metrics["loss"] == pytest.approx(loss.item(), abs=1e-5)
    assert 0.0 < metrics["clip_fraction_low"] + metrics["clip_fraction_high"] < 1.0
    assert 0.0 < metrics["active_fraction"] < 1.0


@pytest.mark.parametrize("max_tokens", [1, 10_000])
@pytest.mark.parametrize(
    "objective",
    [
        PolicyObjective.gspo(clip_low=0.1, clip_high=0.1),
        PolicyObjective.gmpo(),
        PolicyObjective.kimi_k15(mirror_coef=0.3),
    ],
    ids=["gspo", "gmpo", "kimi_k15"],
)
def test_objectives_of_whole_sequences_do_not_depend_on_the_rows(
    policy: Policy, sequences: list[TokenSequence], objective: PolicyObjective, max_tokens: int
) -> None:
    """A sequence is never cut in two, and one of advantage 0 goes through the model where it has a gradient."""
    noise = torch.Generator().manual_seed(0)
    exact = score(policy, sequences, temperature=TEMPERATURE, max_tokens=100)
    old = [[value + float(torch.randn((), generator=noise)) * 0.2 for value in row] for row in exact.log_probs]
    log_probs = torch.cat([log_probs_one_by_one(policy, sequence) for sequence in sequences])
    ids = torch.cat([torch.full((len(row),), index) for index, row in enumerate(old)])
    loss = naive.policy_loss(
        log_probs,
        torch.tensor(ADVANTAGES),
        torch.ones_like(ids),
        old_log_probs=torch.tensor([value for row in old for value in row]),
        sequence_ids=ids,
        objective=objective,
    ).loss
    loss.backward()
    expected = gradients(policy)
    policy.model.zero_grad()
    accumulate_gradients(
        policy,
        sequences,
        per_token(sequences, ADVANTAGES),
        objective=objective,
        temperature=TEMPERATURE,
        old_log_probs=old,
        max_tokens=max_tokens,
    )
    found = gradients(policy)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name] - tensor).norm() <= 1e-4 * tensor.norm(), name


def test_scores_are_log_probs_and_entropies_of_each_sequence_alone(
    policy: Policy, sequences: list[TokenSequence]
) -> None:
    scores = score(policy, sequences, temperature=TEMPERATURE, max_tokens=90)
    for sequence, log_probs, entropies in zip(sequences, scores.log_probs, scores.entropies, strict=True):
        assert log_probs == pytest.approx(log_probs_one_by_one(policy, sequence).tolist(), abs=2e-5)
        ids = torch.tensor([[*sequence.prompt_ids, *sequence.response_ids]])
        start = len(sequence.prompt_ids) - 1
        p = (policy.model(ids).logits[0, start:-1] / TEMPERATURE).softmax(-1)
        assert entropies == pytest.approx((-(p * p.log()).sum(-1)).tolist(), abs=2e-4)


def test_without_any_advantage_nothing_is_computed(
    policy: Policy, sequences: list[TokenSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("a sequence went through the model")

    monkeypatch.setattr(Policy, "hidden", never)
    metrics = accumulate_gradients(
        policy,
        sequences,
        per_token(sequences, [0.0] * len(sequences)),
        objective=PolicyObjective.grpo(),
        max_tokens=100,
    )
    assert metrics == {"tokens": 0.0, "loss": 0.0, "active_fraction": 0.0}
    assert gradients(policy) == {}
