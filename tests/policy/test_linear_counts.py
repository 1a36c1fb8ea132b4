"""Counts that stand in for a batch's own, and what the functions and their slow twins take.

Names: N tokens, D hidden size, V vocabulary.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pgkern
from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs
from pgkern.policy import naive
from pgkern.policy.linear.linear_statistics import _BLOCKS_TOGETHER
from pgkern.policy.surrogates import SURROGATES

Build = Callable[..., Any]


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("count", [0.25, 0.5, 3.0])
@pytest.mark.parametrize("name", ["grpo", "dapo"])
def test_a_share_of_a_count_may_be_below_one(problem: Build, name: str, count: float, as_tensor: bool) -> None:
    """What several ranks have together, divided by their number."""
    objective = getattr(PolicyObjective, name)()
    key = "num_tokens" if objective.reduction == "token_mean" else "num_sequences"
    p = problem()
    options = {"objective": objective, key: torch.tensor(count) if as_tensor else count}
    found, expected = (p.loss_and_gradients(f, **options) for f in (linear_policy_loss, naive.linear_policy_loss))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", ["grpo", "dapo"])
def test_a_count_of_zero_is_no_division_by_it(problem: Build, name: str) -> None:
    p = problem()
    objective = getattr(PolicyObjective, name)()
    for count in (0, torch.tensor(0)):
        for found in p.loss_and_gradients(linear_policy_loss, objective=objective, num_tokens=count):
            assert found.isfinite().all()


@pytest.mark.parametrize(
    "name", ["token_log_probs", "linear_token_log_probs", "policy_loss", "logits_policy_loss", "linear_policy_loss"]
)
def test_the_slow_twins_have_the_same_parameters(name: str) -> None:
    ours = inspect.signature(getattr(pgkern, name)).parameters
    twins = inspect.signature(getattr(naive, name)).parameters
    assert set(ours) - {"process_group"} == set(twins)
    assert [(key, ours[key].kind, ours[key].default) for key in twins] == [
        (key, parameter.kind, parameter.default) for key, parameter in twins.items()
    ]


@pytest.mark.parametrize("blocks", [_BLOCKS_TOGETHER, _BLOCKS_TOGETHER + 1, 2 * _BLOCKS_TOGETHER + 3])
def test_many_blocks_of_the_vocabulary(problem: Build, blocks: int) -> None:
    p = problem(V=64 * blocks - 7)
    found, expected = (
        f(p.hidden, p.weight, p.token_ids, bias=p.bias, return_entropy=True, chunk_tokens=1)
        for f in (linear_token_log_probs, naive.linear_token_log_probs)
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "clips"), [("grpo", True), ("gmpo", True), ("cispo", False)])
def test_what_is_clipped_has_no_gradient_only_where_the_surrogate_says_so(
    problem: Build, name: str, clips: bool
) -> None:
    p = problem(drift=2.0)
    objective = getattr(PolicyObjective, name)()
    metrics = linear_policy_loss(
        p.hidden,
        p.weight,
        p.token_ids,
        p.advantages,
        p.mask,
        old_log_probs=p.old_log_probs,
        bias=p.bias,
        temperature=p.temperature,
        objective=objective,
    ).metrics
    assert metrics["clip_fraction_low"] + metrics["clip_fraction_high"] > 0
    assert (metrics["active_fraction"] < 1) == clips
    assert SURROGATES[objective.surrogate].clips_gradients == clips


def test_an_integer_of_numpy_is_one(problem: Build) -> None:
    p = problem()
    found = p.loss_and_gradients(linear_policy_loss, chunk_tokens=np.int64(2))
    torch.testing.assert_close(found, p.loss_and_gradients(linear_policy_loss, chunk_tokens=2), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["hidden", "weight"])
def test_a_dtype_that_nothing_is_computed_from(problem: Build, name: str) -> None:
    p = problem()
    setattr(p, name, getattr(p, name).detach().to(torch.float8_e4m3fn))
    with pytest.raises(ValueError, match=f"{name} must be floating point, got torch.float8_e4m3fn"):
        p.loss(linear_policy_loss)
    with pytest.raises(ValueError, match=f"{name} must be floating point, got torch.float8_e4m3fn"):
        linear_token_log_probs(p.hidden, p.weight, p.token_ids)
