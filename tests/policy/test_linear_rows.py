"""What rows without a gradient cost: nothing where it is known beforehand, and one product of three otherwise.

Products are counted as operations, each row's product with the whole weight being one.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs
from pgkern.policy import naive
from pgkern.policy.linear import linear_losses
from pgkern.policy.linear.linear_losses import move_active_rows_up_
from pgkern.policy.terms.policy_terms import PolicyTerms

EXACT = {"rtol": 1e-11, "atol": 1e-13}
Build = Callable[..., Any]
N = 24


def clipped_problem(problem: Build, clipped: int, **options: Any) -> Any:
    """N unmasked tokens of positive advantage, of which so many have a ratio far above the clip."""
    p = problem(B=4, L=6, V=128, masked=0.0, drift=0.01, **options)
    p.advantages = p.advantages.abs() + 0.1
    places = torch.randperm(N, generator=torch.Generator().manual_seed(7))[:clipped]
    p.old_log_probs.view(-1)[places] -= 3
    return p


def run(p: Any, products: Any, **options: Any) -> tuple[list[Tensor], float, float]:
    """Loss and gradients, and the rows' products in forward and backward."""
    with products:
        loss = p.loss(linear_policy_loss, **options)
        forward = products.rows(p)
        gradients = torch.autograd.grad(loss.sum(), p.leaves) if p.leaves else ()
        return [loss.detach(), *gradients], forward, products.rows(p) - forward


@pytest.mark.parametrize("chunk_tokens", [1, 5, 8, None])
@pytest.mark.parametrize("clipped", [0, 1, 7, 23, 24])
def test_clipped_rows_cost_one_product(problem: Build, products: Any, clipped: int, chunk_tokens: int | None) -> None:
    p = clipped_problem(problem, clipped)
    found, forward, backward = run(p, products, chunk_tokens=chunk_tokens)
    assert forward == N + 2 * (N - clipped)
    assert backward == 0
    torch.testing.assert_close(found, p.loss_and_gradients(naive.linear_policy_loss), **EXACT)


@pytest.mark.parametrize("chunk_tokens", [5, None])
@pytest.mark.parametrize("clipped", [0, 9])
def test_in_two_visits_clipped_rows_cost_the_first(
    problem: Build, products: Any, clipped: int, chunk_tokens: int | None
) -> None:
    p = clipped_problem(problem, clipped)
    objective = PolicyObjective.grpo(reduction="none")
    found, forward, backward = run(p, products, objective=objective, chunk_tokens=chunk_tokens)
    assert forward == N
    assert backward == 3 * (N - clipped)
    truth = p.loss(naive.linear_policy_loss, objective=objective)
    torch.testing.assert_close(found, [truth.detach(), *torch.autograd.grad(truth.sum(), p.leaves)], **EXACT)


@pytest.mark.parametrize("objective", [PolicyObjective.grpo(), PolicyObjective.gspo(), PolicyObjective.reinforce()])
@pytest.mark.parametrize("chunk_tokens", [7, None])
@pytest.mark.parametrize(("metrics", "factor"), [(True, 1), (False, 0)])
def test_a_group_of_advantage_0(
    problem: Build, products: Any, objective: PolicyObjective, chunk_tokens: int | None, metrics: bool, factor: int
) -> None:
    """Their log-probabilities are wanted for the metrics, and for nothing else."""
    p = clipped_problem(problem, 0)
    p.old_log_probs = None
    p.advantages[1:3] = 0.0
    found, *counts = run(p, products, objective=objective, chunk_tokens=chunk_tokens, return_metrics=metrics)
    assert counts == [3 * N / 2 + factor * N / 2, 0]
    torch.testing.assert_close(found, p.loss_and_gradients(naive.linear_policy_loss, objective=objective), **EXACT)


@pytest.mark.parametrize(
    "objective",
    [
        PolicyObjective.reinforce(entropy_coef=0.1),
        PolicyObjective.grpo(kl_coef=0.1),
        PolicyObjective.kimi_k15(mirror_coef=0.3),
    ],
)
def test_rows_on_which_something_else_acts_are_not_left_out(
    problem: Build, products: Any, objective: PolicyObjective
) -> None:
    p = clipped_problem(problem, 4)
    p.advantages[:] = 0.0
    options = {"objective": objective, "ref_log_probs": p.old_log_probs - 0.2, "return_metrics": False}
    found, forward, _ = run(p, products, **options)
    del options["return_metrics"]
    assert forward == 3 * N
    assert all(t.abs().max() > 0 for t in found)
    torch.testing.assert_close(found, p.loss_and_gradients(naive.linear_policy_loss, **options), **EXACT)


@pytest.mark.parametrize("chunk_tokens", [3, None])
@pytest.mark.parametrize("name", ["grpo", "gspo", "none"])
def test_masked_rows_cost_nothing(problem: Build, products: Any, name: str, chunk_tokens: int | None) -> None:
    p = problem(B=4, L=6, V=128, masked=0.0)
    p.mask[:, 2:] = False
    p.old_log_probs = None
    objective = {
        "grpo": PolicyObjective.grpo(),
        "gspo": PolicyObjective.gspo(),
        "none": PolicyObjective.ppo(reduction="none"),
    }[name]
    _, forward, backward = run(p, products, objective=objective, chunk_tokens=chunk_tokens)
    assert forward + backward == (4 if name == "none" else 3) * 8


@pytest.mark.parametrize(
    ("frozen", "count"),
    [(("weight",), 2), (("hidden",), 2), (("weight", "bias"), 2), (("hidden", "weight"), 1), (("bias",), 3)],
)
def test_a_frozen_input_skips_its_product(problem: Build, products: Any, frozen: tuple[str, ...], count: int) -> None:
    p = clipped_problem(problem, 0)
    for name in frozen:
        setattr(p, name, getattr(p, name).detach())
    p.__post_init__()
    found, forward, backward = run(p, products, chunk_tokens=7)
    assert (forward, backward) == (count * N, 0)
    torch.testing.assert_close(found, p.loss_and_gradients(naive.linear_policy_loss), **EXACT)


@pytest.mark.parametrize("frozen", [(), ("weight",), ("hidden",)])
def test_products_of_log_probs(problem: Build, products: Any, frozen: tuple[str, ...]) -> None:
    p = clipped_problem(problem, 0)
    for name in frozen:
        setattr(p, name, getattr(p, name).detach())
    p.__post_init__()
    with products:
        log_probs = linear_token_log_probs(p.hidden, p.weight, p.token_ids, bias=p.bias, chunk_tokens=7)
        assert products.rows(p) == N
        torch.autograd.grad(log_probs[:, :2].sum(), p.leaves)  # of the others the upstream gradient is 0
        assert products.rows(p) == N + (3 - len(frozen)) * 8


@pytest.mark.parametrize("name", ["grpo", "gspo", "none"])
def test_forward_only_is_one_product(problem: Build, products: Any, name: str) -> None:
    p = clipped_problem(problem, 5)
    objective = {
        "grpo": PolicyObjective.grpo(),
        "gspo": PolicyObjective.gspo(),
        "none": PolicyObjective.ppo(reduction="none"),
    }[name]
    with torch.no_grad(), products:
        p.loss(linear_policy_loss, objective=objective, chunk_tokens=5)
    assert products.rows(p) == N


def test_bf16_costs_no_more(problem: Build, products: Any) -> None:
    """Within one chunk as many products; beyond it the logits may come twice (and one row of the weight in 64)."""
    p = clipped_problem(problem, 8, dtype=torch.bfloat16, bias=False)
    assert sum(run(p, products)[1:]) <= N + 2 * (N - 8)
    products.operations = 0
    assert sum(run(p, products, chunk_tokens=7)[1:]) <= N + 3 * (N - 8) + 2 * (N / 64 + 1)


@pytest.mark.parametrize("chunk_tokens", [5, None])
@pytest.mark.parametrize("clipped", [0, 1, 7, 24])
@pytest.mark.parametrize("objective", [PolicyObjective.grpo(), PolicyObjective.gspo(clip_low=0.1, clip_high=0.1)])
def test_compaction_changes_nothing(
    problem: Build,
    monkeypatch: pytest.MonkeyPatch,
    objective: PolicyObjective,
    clipped: int,
    chunk_tokens: int | None,
) -> None:
    p = clipped_problem(problem, clipped)
    p.advantages[2] = 0.0
    options = {"objective": objective, "chunk_tokens": chunk_tokens}
    found = p.loss_and_gradients(linear_policy_loss, **options)
    metrics = linear_policy_loss(
        p.hidden, p.weight, p.token_ids, p.advantages, p.mask, old_log_probs=p.old_log_probs, **options
    ).metrics
    monkeypatch.setattr(linear_losses, "move_active_rows_up_", lambda rows_TV, active_T: None)
    monkeypatch.setattr(PolicyTerms, "without_gradient", lambda self: None)
    torch.testing.assert_close(found, p.loss_and_gradients(linear_policy_loss, **options), **EXACT)
    expected = linear_policy_loss(
        p.hidden, p.weight, p.token_ids, p.advantages, p.mask, old_log_probs=p.old_log_probs, **options
    ).metrics
    torch.testing.assert_close(metrics, expected, **EXACT)


@given(st.lists(st.booleans(), max_size=90))
def test_active_rows_become_the_first(active: list[bool]) -> None:
    check_moved(active)


@pytest.mark.parametrize("count", [1, 16, 17, 33, 70])
def test_rows_that_lie_in_one_piece(count: int) -> None:
    for kept in range(count + 1):
        check_moved([True] * kept + [False] * (count - kept))  # nothing moves
        check_moved([False] * (count - kept) + [True] * kept)
    check_moved([True, False] * count)
    check_moved([False, True] * count)


def check_moved(active: list[bool]) -> None:
    active_T = torch.tensor(active, dtype=torch.bool)
    rows_TV = torch.arange(len(active) * 3, dtype=torch.float32).reshape(-1, 3)
    before_TV = rows_TV.clone()
    order_A = move_active_rows_up_(rows_TV, active_T)
    if all(active):
        assert order_A is None
        assert torch.equal(rows_TV, before_TV)
        return
    assert order_A is not None
    assert torch.equal(order_A.sort()[0], active_T.nonzero()[:, 0])
    assert torch.equal(rows_TV[: order_A.shape[0]], before_TV[order_A])
    stays = torch.arange(order_A.shape[0])
    assert (order_A[active_T[: order_A.shape[0]]] == stays[active_T[: order_A.shape[0]]]).all()
