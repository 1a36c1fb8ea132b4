"""What is wrong in an input shows in the result or in an error, never in a plausible number."""

import math

import pytest
import torch

from pgkern import (
    PolicyObjective,
    linear_policy_loss,
    linear_token_log_probs,
    logits_policy_loss,
    policy_loss,
    token_log_probs,
)
from pgkern.policy.inputs import token_ids
from pgkern.policy.linear import linear_head

ON_POLICY = {
    "reinforce": PolicyObjective.reinforce(),
    "grpo": PolicyObjective.grpo(),
    "gspo": PolicyObjective.gspo(),
    "gmpo": PolicyObjective.gmpo(),
    "cispo": PolicyObjective.cispo(),
    "sapo": PolicyObjective.sapo(),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.1),
}


@pytest.mark.parametrize("name", ON_POLICY)
def test_nan_in_a_kept_row_makes_the_loss_nan(name: str) -> None:
    """Also without old log-probabilities, where the ratio is 1 whatever the log-probability."""
    hidden = torch.randn(1, 3, 4)
    weight = torch.randn(7, 4)
    hidden[0, 1] = math.nan
    ids, one, mask = torch.tensor([[1, 2, 3]]), torch.ones(1), torch.ones(1, 3)
    assert logits_policy_loss(hidden @ weight.T, ids, one, mask, objective=ON_POLICY[name]).loss.isnan()
    assert linear_policy_loss(hidden, weight, ids, one, mask, objective=ON_POLICY[name]).loss.isnan()


@pytest.mark.parametrize("name", ["log_probs", "entropy"])
def test_nan_among_kept_numbers_is_refused(name: str) -> None:
    numbers = {"log_probs": torch.tensor([[-1.0, -2.0]]), "entropy": torch.tensor([[0.5, 0.5]])}
    numbers[name][0, 1] = math.nan
    rest = {"advantages": torch.ones(1), "objective": PolicyObjective.ppo(entropy_coef=0.1)}
    with pytest.raises(ValueError, match=rf"{name} must not be NaN where the mask is 1, got nan at token 1"):
        policy_loss(**numbers, mask=torch.ones(1, 2), **rest)
    assert policy_loss(**numbers, mask=torch.tensor([[1, 0]]), **rest).loss.isfinite()


@pytest.mark.parametrize("name", ["grpo", "gspo"])
def test_a_token_outside_the_vocabulary_shows_in_compiled_code(name: str) -> None:
    logits = torch.randn(2, 3, 11)
    compiled = torch.compile(
        lambda ids: logits_policy_loss(logits, ids, torch.ones(2), torch.ones(2, 3), objective=ON_POLICY[name]).loss,
        fullgraph=True,
        backend="aot_eager",
    )
    assert compiled(torch.full((2, 3), 10)).isfinite()
    assert compiled(torch.full((2, 3), 99)).isnan()


@pytest.mark.parametrize("name", ["reinforce", "grpo", "gspo"])
def test_a_token_outside_the_vocabulary_shows_where_values_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """From hidden states, as on a GPU."""
    for module in (token_ids, linear_head):
        monkeypatch.setattr(module, "look_at_values", lambda device: False)
    hidden, weight = torch.randn(1, 3, 4, requires_grad=True), torch.randn(7, 4)
    for ids in (torch.tensor([[1, 7, 2]]), torch.tensor([[1, -1, 2]])):
        loss = linear_policy_loss(hidden, weight, ids, torch.ones(1), torch.ones(1, 3), objective=ON_POLICY[name]).loss
        (gradient,) = torch.autograd.grad(loss, hidden)
        assert loss.isnan()
        assert gradient[0, 1].isnan().all()
        assert linear_token_log_probs(hidden, weight, ids).isnan().tolist() == [[False, True, False]]


@pytest.mark.parametrize("function", [policy_loss, logits_policy_loss])
def test_a_sequence_has_one_correction(function: object) -> None:
    """ "mask" keeps or drops it as a whole: at a bound that it meets exactly, rounding must not split it."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 6, 9, generator=random)
    ids = torch.randint(0, 9, (1, 6), generator=random)
    old = torch.rand(1, 6, generator=random) * -9
    rest = {
        "advantages": torch.ones(1),
        "mask": torch.ones(1, 6),
        "old_log_probs": old,
        "rollout_log_probs": old - torch.tensor([[0.1, -0.1, 0.2, -0.2, 0.3, -0.3]]),
    }
    for cap in (1.0, 1.0 - 1e-6, 1.0 + 1e-6):
        objective = PolicyObjective.grpo(correction="mask", correction_level="sequence", correction_cap=cap)
        first = token_log_probs(logits, ids) if function is policy_loss else logits
        given = {"log_probs": first} if function is policy_loss else {"logits": first, "token_ids": ids}
        metrics = function(**given, **rest, objective=objective).metrics  # type: ignore[operator]
        assert metrics["correction_kept_fraction"] in (0.0, 1.0)


def test_sums_over_sequences_repeat_bit_for_bit_on_many_threads() -> None:
    random = torch.Generator().manual_seed(0)
    tokens = 1 << 17
    log_probs = -torch.rand(tokens, generator=random)
    rest = {
        "mask": torch.ones(tokens),
        "old_log_probs": log_probs + 0.1 * torch.randn(tokens, generator=random),
        "sequence_ids": torch.randint(0, 7, (tokens,), generator=random),
        "advantages": torch.randn(7, generator=random),
        "objective": PolicyObjective.gspo(clip_low=0.2, clip_high=0.2),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        losses = {policy_loss(log_probs, **rest).loss.item() for _ in range(10)}
    finally:
        torch.set_num_threads(threads)
    assert len(losses) == 1


@pytest.mark.parametrize("ids", [torch.arange(12).reshape(6, 2)[:, 0], torch.tensor([3]).expand(6)])
def test_ids_with_strides_and_from_inference_mode(ids: torch.Tensor) -> None:
    logits = torch.randn(6, 12, requires_grad=True)
    expected = token_log_probs(logits, ids.clone())
    assert torch.equal(token_log_probs(logits, ids), expected)
    with torch.inference_mode():
        sampled = ids.clone()
    token_log_probs(logits, sampled).sum().backward()
    assert logits.grad is not None


def test_a_count_gets_no_gradient() -> None:
    log_probs = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    count = torch.tensor(4.0, requires_grad=True)
    objective = PolicyObjective.ppo(entropy_coef=0.1)
    loss = policy_loss(
        log_probs, torch.ones(1), torch.ones(1, 2), entropy=-log_probs, objective=objective, num_tokens=count
    ).loss
    loss.backward()
    assert count.grad is None
