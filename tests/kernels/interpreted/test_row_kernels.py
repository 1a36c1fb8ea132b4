"""The three launchers against fp64 torch, in the interpreter."""

import math

import pytest
import torch
from torch import Tensor

from pgkern.kernels import token_objective
from pgkern.kernels.policy_loss_rows import policy_loss_rows
from pgkern.kernels.token_log_probs_backward import token_log_probs_backward
from pgkern.kernels.token_log_probs_forward import token_log_probs_forward
from pgkern.policy.objective import PolicyObjective
from pgkern.policy.token_surrogate import PolicyTerms
from pgkern.policy.triton_objective import triton_objective

OBJECTIVES = [PolicyObjective.reinforce(), PolicyObjective.reinforce_off_policy(), PolicyObjective.dapo()]
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


def sample(V: int, rows: int = 6, scale: float = 3.0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(V)
    logits = (torch.randn(rows, V, generator=random) * scale).to(dtype)
    token_ids = torch.randint(0, V, (rows,), generator=random)
    token_ids[0] = V - 1  # the last column, in the last partial block
    return logits, token_ids


def truth(logits: Tensor, token_ids: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    wide = logits.double().requires_grad_()
    log_p = (wide / temperature).log_softmax(-1)
    entropy = -torch.where(log_p == -math.inf, 0, log_p.exp() * log_p).sum(-1)
    return wide, log_p.gather(1, token_ids[:, None])[:, 0], entropy


def run_backward(
    logits: Tensor, token_ids: Tensor, c: Tensor, h: Tensor | None, temperature: float, out: Tensor
) -> Tensor:
    _, entropy, largest, log_sums = token_log_probs_forward(logits, token_ids, temperature)
    return token_log_probs_backward(logits, token_ids, entropy, largest, log_sums, c, h, temperature, out=out)


@pytest.mark.parametrize("V", [1, 2, 15, 127, 1000, 4096, 4097, 50257])
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_forward_and_backward(V: int, temperature: float) -> None:
    logits, token_ids = sample(V)
    wide, log_probs, entropy = truth(logits, token_ids, temperature)
    found = token_log_probs_forward(logits, token_ids, temperature)
    torch.testing.assert_close(found[0].double(), log_probs, **CLOSE)
    torch.testing.assert_close(found[1].double(), entropy, **CLOSE)
    c, h = torch.linspace(-1, 2, 6), torch.linspace(1, -1, 6)
    for coefficients in ((c, None), (c, h), (torch.zeros(6), h)):
        loss = (coefficients[0] * log_probs).sum()
        loss = loss if coefficients[1] is None else loss + (coefficients[1] * entropy).sum()
        (expected,) = torch.autograd.grad(loss, wide, retain_graph=True)
        gradient = run_backward(logits, token_ids, *coefficients, temperature, torch.empty_like(logits))
        torch.testing.assert_close(gradient.double(), expected, **CLOSE)


def test_a_real_vocabulary() -> None:
    logits, token_ids = sample(151936, rows=2)
    wide, log_probs, entropy = truth(logits, token_ids, 1.0)
    found = token_log_probs_forward(logits, token_ids, 1.0)
    torch.testing.assert_close(found[0].double(), log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1].double(), entropy, rtol=0, atol=1e-5)
    (expected,) = torch.autograd.grad(log_probs.sum(), wide)
    gradient = run_backward(logits, token_ids, torch.ones(2), None, 1.0, torch.empty_like(logits))
    assert (gradient - expected).norm() / expected.norm() < 1e-6


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("V", [2, 127, 5000])
def test_policy_loss_rows(V: int, objective: PolicyObjective, old: bool) -> None:
    logits, token_ids = sample(V)
    wide, log_probs, entropy = truth(logits, token_ids, 0.7)
    advantages = torch.tensor([1.0, -1.0, 2.0, 0.0, -0.5, 1.5])
    weights = torch.tensor([0.5, 0.25, 1.0, 1.0, 0.125, 2.0])
    drift = torch.tensor([-0.5, 0.5, 0.1, 0.0, -0.5, 0.5])
    old_log_probs = (log_probs.detach() + drift).float() if old else None
    terms = PolicyTerms(
        None if old_log_probs is None else old_log_probs.double(), advantages.double(), weights.double(), objective
    )
    (expected,) = torch.autograd.grad(terms.losses(log_probs).sum(), wide)
    for out in (torch.empty_like(logits), logits):  # apart, and in place
        found = policy_loss_rows(
            logits, token_ids, advantages, weights, old_log_probs, *triton_objective(objective), 0.7, out=out
        )
        torch.testing.assert_close(found[0].double(), log_probs.detach(), **CLOSE)
        torch.testing.assert_close(found[1].double(), entropy.detach(), **CLOSE)
        torch.testing.assert_close(found[2].double(), terms.coefficients(log_probs), **CLOSE)
        torch.testing.assert_close(out.double(), expected, **CLOSE)
    assert (out[3] == 0).all()  # advantage 0


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_device_functions_are_the_derivatives_of_the_torch_formula(objective: PolicyObjective) -> None:
    """Ratios on and around both bounds, log-ratios beyond the clamp, both signs of the advantage."""
    low, high = 0.8, 1.28
    log_ratios = [0.0, math.log(low) - 1e-3, math.log(low) + 1e-3, math.log(high) - 1e-3, math.log(high) + 1e-3]
    log_ratios += [19.9, -19.9, 100.0, -100.0, 1e30]
    rows = len(log_ratios) * 3
    logits = torch.zeros(rows, 2)  # every log-probability is log(1/2)
    log_probs = torch.full((rows,), 0.5).log()
    old = log_probs - torch.tensor(log_ratios).repeat(3)
    advantages = torch.tensor([1.5, -1.5, 0.0]).repeat_interleave(len(log_ratios))
    found = policy_loss_rows(
        logits,
        torch.zeros(rows, dtype=torch.int64),
        advantages,
        torch.ones(rows),
        old,
        *triton_objective(objective),
        1.0,
        out=torch.empty_like(logits),
    )
    expected = PolicyTerms(old, advantages, torch.ones(rows), objective).coefficients(log_probs)
    torch.testing.assert_close(found[2], expected, rtol=1e-5, atol=0)


def test_on_a_clip_edge_the_gradient_is_whole() -> None:
    logits = torch.zeros(2, 2)
    old = torch.full((2,), 0.5).log()
    found = policy_loss_rows(
        logits,
        torch.zeros(2, dtype=torch.int64),
        torch.tensor([1.0, -1.0]),
        torch.ones(2),
        old,
        token_objective.clipped_ratio,
        1.0,
        1.0,
        1.0,
        out=torch.empty_like(logits),
    )
    torch.testing.assert_close(found[2], torch.tensor([-1.0, 1.0]), rtol=1e-6, atol=0)


def test_rows_of_weight_zero_use_nothing() -> None:
    logits, token_ids = sample(300)
    logits[2], token_ids[2] = math.nan, -100
    advantages, old = torch.ones(6), torch.full((6,), -5.0)
    weights = torch.ones(6)
    weights[2], advantages[2], old[2] = 0.0, math.nan, math.inf
    out = torch.empty_like(logits)
    found = policy_loss_rows(
        logits, token_ids, advantages, weights, old, *triton_objective(PolicyObjective.ppo()), 1.0, out=out
    )
    assert all(t.isfinite().all() for t in (*found, out))
    assert (out[2] == 0).all()
    assert [t[2].item() for t in found] == [0, 0, 0]


@pytest.mark.parametrize("token_id", [-1, -100, 300, 1 << 40])
def test_a_token_outside_the_vocabulary_makes_its_row_nan_and_no_other(token_id: int) -> None:
    logits, token_ids = sample(300)
    token_ids[1] = token_id
    others = torch.arange(6) != 1
    for objective in OBJECTIVES:
        out = torch.empty_like(logits)
        found = policy_loss_rows(
            logits, token_ids, torch.ones(6), torch.ones(6), None, *triton_objective(objective), 1.0, out=out
        )
        assert found[0][1].isnan()
        assert found[2][1].isnan()
        assert out[1].isnan().all()
        assert out[others].isfinite().all()
    gradient = run_backward(logits, token_ids, torch.ones(6), None, 1.0, torch.empty_like(logits))
    assert gradient[1].isnan().all()
    assert gradient[others].isfinite().all()


@pytest.mark.parametrize("kind", ["low", "huge", "certain", "banned"])
def test_extreme_logits(kind: str) -> None:
    logits, token_ids = sample(5000)
    if kind == "low":
        logits -= 1e4
    elif kind == "huge":
        logits *= 3e3
    elif kind == "certain":
        logits[torch.arange(6), token_ids] = 40.0
    else:
        logits[:, :4500] = -math.inf  # the whole first block
        token_ids = token_ids % 500 + 4500
    wide, log_probs, entropy = truth(logits, token_ids, 1.0)
    found = token_log_probs_forward(logits, token_ids, 1.0)
    torch.testing.assert_close(found[0].double(), log_probs, **CLOSE)
    torch.testing.assert_close(found[1].double(), entropy, **CLOSE)
    c, h = torch.ones(6), torch.full((6,), 0.3)
    gradient = run_backward(logits, token_ids, c, h, 1.0, torch.empty_like(logits))
    assert gradient.isfinite().all()
    if kind != "banned":  # fp64 autograd through -inf * 0 is NaN
        (expected,) = torch.autograd.grad((c * log_probs).sum() + (h * entropy).sum(), wide)
        torch.testing.assert_close(gradient.double(), expected, **CLOSE)
    else:
        assert (gradient[:, :4500] == 0).all()


def test_nan_logits_are_not_hidden() -> None:
    logits, token_ids = sample(5000)
    logits[1, 4999] = math.nan
    log_probs, entropy, *_ = token_log_probs_forward(logits, token_ids, 1.0)
    assert log_probs.isnan().tolist() == entropy.isnan().tolist() == [False, True, False, False, False, False]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bit_logits(dtype: torch.dtype) -> None:
    logits, token_ids = sample(1000, dtype=dtype)
    wide, log_probs, _ = truth(logits, token_ids, 1.0)
    found = token_log_probs_forward(logits, token_ids, 1.0)
    torch.testing.assert_close(found[0].double(), log_probs, **CLOSE)
    gradient = run_backward(logits, token_ids, torch.ones(6), None, 1.0, torch.empty_like(logits))
    (expected,) = torch.autograd.grad(log_probs.sum(), wide)
    assert gradient.dtype == dtype
    assert (gradient.double() - expected).norm() / expected.norm() < torch.finfo(dtype).eps


def test_rows_that_lie_apart() -> None:
    logits, token_ids = sample(100)
    wide = torch.full((6, 128), math.nan)
    wide[:, :100] = logits
    expected = token_log_probs_forward(logits, token_ids, 1.0)
    found = token_log_probs_forward(wide[:, :100], token_ids, 1.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    run_backward(wide[:, :100], token_ids, torch.ones(6), None, 1.0, wide[:, :100])
    assert wide[:, 100:].isnan().all()
    assert wide[:, :100].isfinite().all()


def test_no_rows() -> None:
    logits, token_ids = torch.zeros(0, 50), torch.zeros(0, dtype=torch.int64)
    assert all(t.shape == (0,) for t in token_log_probs_forward(logits, token_ids, 1.0))
    found = policy_loss_rows(
        logits, token_ids, torch.zeros(0), torch.zeros(0), None, *triton_objective(OBJECTIVES[0]), 1.0, out=logits
    )
    assert all(t.shape == (0,) for t in found)


def test_bitwise_repeatable() -> None:
    logits, token_ids = sample(5000)
    first = token_log_probs_forward(logits, token_ids, 0.7)
    torch.testing.assert_close(token_log_probs_forward(logits, token_ids, 0.7), first, rtol=0, atol=0)
