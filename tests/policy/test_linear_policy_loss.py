"""The loss from hidden states: against the naive twin in fp64, and everything that has broken such losses elsewhere."""

import math
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs, policy_loss
from pgkern.policy import naive
from pgkern.policy.objective import Reduction

OBJECTIVES = {
    "reinforce": PolicyObjective.reinforce(),
    "reinforce_off_policy": PolicyObjective.reinforce_off_policy(),
    "ppo": PolicyObjective.ppo(),
    "grpo": PolicyObjective.grpo(),
    "dr_grpo": PolicyObjective.dr_grpo(reduction_constant=11.0),
    "dapo": PolicyObjective.dapo(),
    "sum": PolicyObjective.ppo(reduction="sum"),
    "sequence_mean_token_sum": PolicyObjective.grpo(reduction="sequence_mean_token_sum"),
}
EXACT = {"rtol": 1e-11, "atol": 1e-13}
Build = Callable[..., Any]


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("chunk_tokens", [1, 4, None])
def test_equals_the_naive_twin(problem: Build, name: str, old: bool, chunk_tokens: int | None) -> None:
    p = problem()
    options: dict[str, Any] = {"objective": OBJECTIVES[name], "chunk_tokens": chunk_tokens}
    if not old:
        options["old_log_probs"] = None
    torch.testing.assert_close(
        p.loss_and_gradients(linear_policy_loss, **options),
        p.loss_and_gradients(naive.linear_policy_loss, **options),
        **EXACT,
    )


@pytest.mark.parametrize("V", [1, 2, 127, 1000, 50257])
def test_vocabularies(problem: Build, V: int) -> None:
    p = problem(B=2, L=3, D=8, V=V)
    p.token_ids[p.mask] = V - 1
    p.old_log_probs = torch.zeros_like(p.old_log_probs) - 1
    torch.testing.assert_close(
        p.loss_and_gradients(linear_policy_loss, chunk_tokens=2),
        p.loss_and_gradients(naive.linear_policy_loss),
        **EXACT,
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradcheck(problem: Build, name: str) -> None:
    p = problem(B=2, L=3, D=3, V=5)

    def loss(*leaves: Tensor) -> Tensor:
        return linear_policy_loss(
            leaves[0],
            leaves[1],
            p.token_ids,
            p.advantages,
            p.mask,
            old_log_probs=p.old_log_probs,
            bias=leaves[2],
            temperature=p.temperature,
            objective=OBJECTIVES[name],
            chunk_tokens=4,
        ).loss

    assert torch.autograd.gradcheck(loss, p.leaves)


def test_a_certain_token_keeps_the_digits_of_one_minus_p() -> None:
    # p = 1 - 2e-11: formed as a difference in fp32 it would be 0.
    hidden = torch.tensor([[1.0]], requires_grad=True)
    weight = torch.tensor([[25.0], [0.0]], requires_grad=True)
    linear_policy_loss(
        hidden, weight, torch.tensor([1]), torch.ones(1), torch.ones(1), objective=PolicyObjective.reinforce()
    ).loss.backward()
    torch.testing.assert_close(weight.grad, torch.tensor([[1.0], [-1.0]]))
    assert hidden.grad.item() == pytest.approx(25.0)


@pytest.mark.parametrize("rubbish", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["reinforce", "grpo", "none"])
def test_masked_positions_may_hold_anything(problem: Build, name: str, rubbish: float) -> None:
    p = problem()
    objective = PolicyObjective.ppo(reduction="none") if name == "none" else OBJECTIVES[name]

    def run() -> list[Tensor]:
        loss = p.loss(linear_policy_loss, objective=objective).sum()
        return [loss.detach(), *torch.autograd.grad(loss, p.leaves)]

    expected = run()
    p.token_ids[~p.mask] = -100
    p.old_log_probs[~p.mask] = rubbish
    p.advantages = p.advantages[:, None].expand(3, 7).masked_fill(~p.mask, rubbish)
    p.hidden.data[~p.mask] = rubbish
    found = run()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert (found[1][~p.mask] == 0).all()


@pytest.mark.parametrize("gap", [100.0, -100.0])
def test_huge_log_ratios_stay_finite(problem: Build, gap: float) -> None:
    p = problem(dtype=torch.float32)
    p.old_log_probs += gap
    for objective in (PolicyObjective.reinforce_off_policy(), PolicyObjective.grpo()):
        for value in p.loss_and_gradients(linear_policy_loss, objective=objective):
            assert value.isfinite().all()


@pytest.mark.parametrize("upstream", [0.0, 1.0, -1.0, 2.5, 65536.0])
def test_upstream_gradient_scales(problem: Build, upstream: float) -> None:
    p = problem()
    gradients = torch.autograd.grad(p.loss(linear_policy_loss), p.leaves)
    scaled = torch.autograd.grad(p.loss(linear_policy_loss) * upstream, p.leaves)
    torch.testing.assert_close(scaled, tuple(g * upstream for g in gradients), rtol=1e-12, atol=0)


def test_backward_twice_through_one_graph(problem: Build) -> None:
    p = problem()
    expected = p.loss_and_gradients(naive.linear_policy_loss)[1:]
    loss = p.loss(linear_policy_loss, chunk_tokens=4)
    for upstream in (1.0, -3.0, 0.0):
        found = torch.autograd.grad(loss, p.leaves, torch.tensor(upstream, dtype=loss.dtype), retain_graph=True)
        torch.testing.assert_close(found, tuple(g * upstream for g in expected), **EXACT)


def test_backward_twice_accumulates(problem: Build) -> None:
    p = problem()
    expected = p.loss_and_gradients(naive.linear_policy_loss)[1:]
    loss = p.loss(linear_policy_loss)
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close([leaf.grad for leaf in p.leaves], [2 * g for g in expected], **EXACT)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_second_derivatives_are_refused(problem: Build) -> None:
    p = problem()
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(p.loss(linear_policy_loss), p.leaves, create_graph=True)


@pytest.mark.parametrize("frozen", [("hidden",), ("weight",), ("bias",), ("hidden", "weight"), ("weight", "bias")])
def test_frozen_inputs(problem: Build, frozen: tuple[str, ...]) -> None:
    p = problem()
    for name in frozen:
        setattr(p, name, getattr(p, name).detach())
    p.__post_init__()
    torch.testing.assert_close(
        p.loss_and_gradients(linear_policy_loss), p.loss_and_gradients(naive.linear_policy_loss), **EXACT
    )


def test_no_grad(problem: Build) -> None:
    p = problem()
    expected = p.loss(linear_policy_loss).detach()
    with torch.no_grad():
        found = p.loss(linear_policy_loss)
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_tied_embedding_accumulates(problem: Build) -> None:
    p = problem(bias=False)

    def loss(function: Callable) -> Tensor:
        hidden = torch.nn.functional.embedding(p.token_ids, p.weight).tanh()
        return function(
            hidden, p.weight, p.token_ids.roll(-1, 1), p.advantages, p.mask, old_log_probs=p.old_log_probs
        ).loss

    torch.testing.assert_close(
        torch.autograd.grad(loss(linear_policy_loss), p.weight),
        torch.autograd.grad(loss(naive.linear_policy_loss), p.weight),
        **EXACT,
    )


def test_gradients_add_to_what_is_there(problem: Build) -> None:
    p = problem()
    expected = p.loss_and_gradients(naive.linear_policy_loss)[1:]
    for leaf in p.leaves:
        leaf.grad = torch.ones_like(leaf)
    p.loss(linear_policy_loss).backward()
    torch.testing.assert_close([leaf.grad for leaf in p.leaves], [g + 1 for g in expected], **EXACT)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_packed_equals_padded(problem: Build, name: str) -> None:
    p = problem()
    loss, grad_hidden, *others = p.loss_and_gradients(linear_policy_loss, objective=OBJECTIVES[name])
    p.hidden = p.hidden.detach()[p.mask].requires_grad_()
    p.__post_init__()
    sequence_ids = torch.arange(3)[:, None].expand(3, 7)[p.mask]
    p.token_ids, p.old_log_probs = p.token_ids[p.mask], p.old_log_probs[p.mask]
    grad_hidden = grad_hidden[p.mask]
    p.mask = torch.ones_like(p.token_ids)
    found = p.loss_and_gradients(linear_policy_loss, objective=OBJECTIVES[name], sequence_ids=sequence_ids)
    torch.testing.assert_close(found, [loss, grad_hidden, *others], **EXACT)


@pytest.mark.parametrize("name", ["grpo", "dapo", "dr_grpo", "reinforce"])
def test_micro_batches_add_up_to_the_whole(problem: Build, name: str) -> None:
    p = problem(B=5)
    expected = p.loss_and_gradients(linear_policy_loss, objective=OBJECTIVES[name])
    counts = {"num_tokens": int(p.mask.sum()), "num_sequences": int(p.mask.any(1).sum())}
    total = torch.zeros((), dtype=torch.float64)
    for rows in (slice(0, 2), slice(2, 3), slice(3, 5)):
        part = linear_policy_loss(
            p.hidden[rows],
            p.weight,
            p.token_ids[rows],
            p.advantages[rows],
            p.mask[rows],
            old_log_probs=p.old_log_probs[rows],
            bias=p.bias,
            temperature=p.temperature,
            objective=OBJECTIVES[name],
            **counts,
        ).loss
        part.backward()
        total += part.detach()
    torch.testing.assert_close([total, *(leaf.grad for leaf in p.leaves)], expected, **EXACT)


def test_reduction_none_takes_a_gradient_per_token(problem: Build) -> None:
    p = problem()
    upstream = torch.randn(3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    gradients = []
    for function in (linear_policy_loss, naive.linear_policy_loss):
        loss = p.loss(function, objective=PolicyObjective.ppo(reduction="none"))
        assert loss.shape == (3, 7)
        gradients.append([loss.detach(), *torch.autograd.grad(loss, p.leaves, upstream)])
    torch.testing.assert_close(*gradients, **EXACT)


def test_metrics_are_those_of_policy_loss(problem: Build) -> None:
    p = problem()
    arguments = {"bias": p.bias, "temperature": p.temperature}
    log_probs, entropy = linear_token_log_probs(p.hidden, p.weight, p.token_ids, return_entropy=True, **arguments)
    expected = policy_loss(log_probs, p.advantages, p.mask, old_log_probs=p.old_log_probs).metrics
    found = linear_policy_loss(
        p.hidden, p.weight, p.token_ids, p.advantages, p.mask, old_log_probs=p.old_log_probs, **arguments
    ).metrics
    assert found.keys() == {*expected, "entropy"}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)
    torch.testing.assert_close(found["entropy"], entropy.detach()[p.mask].mean())
    assert 0 < found["active_fraction"] < 1
    assert not any(value.requires_grad for value in found.values())


@pytest.mark.parametrize("shape", [(0,), (1,), (2, 3)])
@pytest.mark.parametrize("masked", [True, False])
def test_small_and_empty_batches(shape: tuple[int, ...], masked: bool) -> None:
    hidden = torch.randn(*shape, 4, requires_grad=True)
    weight = torch.randn(9, 4, requires_grad=True)
    mask = torch.zeros(shape) if masked else torch.ones(shape)
    found = linear_policy_loss(hidden, weight, torch.zeros(shape, dtype=torch.int64), torch.ones(shape), mask)
    found.loss.backward()
    if masked or 0 in shape:
        assert found.loss == 0
        assert (hidden.grad == 0).all()
        assert (weight.grad == 0).all()
    else:
        assert found.loss == -1
        assert (weight.grad != 0).any()
    assert all(value.isfinite() for value in found.metrics.values())


def test_clipped_and_zero_advantage_rows_get_exactly_no_gradient(problem: Build) -> None:
    p = problem()
    p.advantages = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    p.old_log_probs[1, :4] -= 5  # ratios far above 1.2 with a positive advantage
    found = p.loss_and_gradients(linear_policy_loss, chunk_tokens=5)
    torch.testing.assert_close(found, p.loss_and_gradients(naive.linear_policy_loss), **EXACT)
    assert (found[1][0] == 0).all()
    assert (found[1][1, :4] == 0).all()
    assert (found[1][1, 4:][p.mask[1, 4:]] != 0).any()


def test_under_autocast_nothing_is_rounded(problem: Build) -> None:
    p = problem(dtype=torch.float32)
    expected = p.loss_and_gradients(linear_policy_loss)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = p.loss_and_gradients(linear_policy_loss)
        loss = p.loss(linear_policy_loss)
        torch.autograd.grad(loss, p.leaves, retain_graph=True)
        again = torch.autograd.grad(loss, p.leaves)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    torch.testing.assert_close(again, tuple(expected[1:]))


def test_bitwise_repeatable(problem: Build) -> None:
    p = problem(B=8, L=32, D=64, V=1000, dtype=torch.float32)
    first = p.loss_and_gradients(linear_policy_loss, chunk_tokens=50)
    for _ in range(3):
        torch.testing.assert_close(p.loss_and_gradients(linear_policy_loss, chunk_tokens=50), first, rtol=0, atol=0)


def test_inputs_are_left_alone(problem: Build) -> None:
    p = problem()
    inputs = (p.hidden, p.weight, p.bias, p.token_ids, p.advantages, p.mask, p.old_log_probs)
    before = [t.detach().clone() for t in inputs]
    p.loss(linear_policy_loss).backward()
    torch.testing.assert_close([t.detach() for t in inputs], before, rtol=0, atol=0)


def test_shifting_all_logits_changes_nothing(problem: Build) -> None:
    p = problem()
    expected = p.loss_and_gradients(linear_policy_loss)
    p.bias = (p.bias.detach() + 123.0).requires_grad_()
    p.__post_init__()
    torch.testing.assert_close(p.loss_and_gradients(linear_policy_loss), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": torch.zeros(3, 7, 15)}, r"hidden has size 15 but weight is for 16 \(shape \[127, 16\]\)"),
        ({"hidden": torch.zeros(16)}, r"hidden must have shape \[T, D\] .* got \[16\]"),
        ({"hidden": torch.zeros(3, 7, 16, dtype=torch.int64)}, r"hidden must be floating point, got torch.int64"),
        ({"weight": torch.zeros(127, 16, 1)}, r"weight must have shape \[V, D\], got \[127, 16, 1\]"),
        ({"token_ids": torch.zeros(3, 6, dtype=torch.int64)}, r"token_ids has shape \[3, 6\], expected .*\[3, 7\]"),
        ({"token_ids": torch.zeros(3, 7)}, r"token_ids must be int64 or int32, got torch.float32"),
        ({"token_ids": torch.full((3, 7), 127)}, r"token id 127 \(at token 0\) is outside the vocabulary of 127"),
        ({"token_ids": torch.full((3, 7), -100)}, r"token id -100 \(at token 0\) is outside the vocabulary of 127"),
        ({"mask": torch.ones(3, 6)}, r"mask has shape \[3, 6\], expected the tokens' shape \[3, 7\]"),
        ({"bias": torch.zeros(126)}, r"bias has shape \[126\], expected \[127\]"),
        ({"token_ids": torch.zeros(3, 7, dtype=torch.int64, device="meta")}, r"token_ids is on meta, weight on cpu"),
        ({"hidden": np.zeros((3, 7, 16))}, r"hidden must be a Tensor, got ndarray: array"),
        ({"weight": None}, r"weight must be a Tensor, got NoneType: None"),
        ({"token_ids": [1, 2]}, r"token_ids must be a Tensor, got list: \[1, 2\]"),
        ({"bias": 0.0}, r"bias must be a Tensor, got float: 0.0"),
        ({"mask": [1, 1]}, r"mask must be a Tensor, got list: \[1, 1\]"),
        ({"advantages": 1.0}, r"advantages must be a Tensor, got float: 1.0"),
        (
            {"advantages": torch.full((3,), math.nan)},
            r"advantages must be finite where the mask is 1, got nan at token",
        ),
        ({"objective": "grpo"}, r"objective must be a PolicyObjective, got str: 'grpo'"),
        ({"temperature": torch.ones(2)}, r"temperature has shape \[2\], expected the tokens' shape \[3, 7\]"),
        ({"softcap": 0.0}, r"softcap must be None or a finite number above 0, got 0.0"),
        ({"temperature": 0.0}, r"temperature must be finite and above 0, got 0.0"),
        ({"temperature": -1.0}, r"temperature must be finite and above 0, got -1.0"),
        ({"temperature": math.nan}, r"temperature must be finite and above 0, got nan"),
        ({"temperature": "1"}, r"temperature must be a number, or a tensor of one per token, got '1'"),
        ({"chunk_tokens": 0}, r"chunk_tokens must be an integer of at least 1, got 0"),
        ({"chunk_tokens": 1.5}, r"chunk_tokens must be an integer of at least 1, got 1.5"),
    ],
)
def test_mistakes_are_named_with_their_numbers(problem: Build, change: dict, message: str) -> None:
    p = problem()
    arguments = {name: getattr(p, name) for name in ("hidden", "weight", "token_ids", "advantages", "mask", "bias")}
    with pytest.raises(ValueError, match=message):
        linear_policy_loss(**{**arguments, **change})


def test_every_reduction_is_tested_here() -> None:
    tested = {objective.reduction for objective in OBJECTIVES.values()} | {"none"}
    assert tested == set(get_args(Reduction))
