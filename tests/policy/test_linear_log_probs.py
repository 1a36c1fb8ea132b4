"""Log-probabilities and entropies from hidden states, against the naive twin."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pgkern import linear_token_log_probs
from pgkern.policy import naive
from pgkern.policy.linear import linear_chunks

EXACT = {"rtol": 1e-11, "atol": 1e-13}
Build = Callable[..., Any]


def results(p: Any, function: Callable) -> tuple[Tensor, Tensor]:
    return function(p.hidden, p.weight, p.token_ids, bias=p.bias, temperature=p.temperature, return_entropy=True)


def weighted_gradients(p: Any, function: Callable, log_prob: float, entropy: float) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(3)
    c, h = (torch.randn(p.token_ids.shape, generator=random, dtype=torch.float64) for _ in range(2))
    log_probs, entropies = results(p, function)
    loss = log_prob * (c * log_probs).sum() + entropy * (h * entropies).sum()
    return torch.autograd.grad(loss, p.leaves)


@pytest.fixture(params=[1, 3, 100])
def chunk_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of this many rows at V = 127 in fp64."""
    monkeypatch.setitem(linear_chunks._CHUNK_BYTES, "cpu", request.param * 127 * 8)


@pytest.mark.usefixtures("chunk_rows")
@pytest.mark.parametrize("bias", [True, False])
def test_values(problem: Build, bias: bool) -> None:
    p = problem(bias=bias)
    torch.testing.assert_close(results(p, linear_token_log_probs), results(p, naive.linear_token_log_probs), **EXACT)


@pytest.mark.usefixtures("chunk_rows")
@pytest.mark.parametrize(("log_prob", "entropy"), [(1.0, 0.0), (0.0, 1.0), (1.0, -0.3)])
def test_gradients(problem: Build, log_prob: float, entropy: float) -> None:
    p = problem()
    torch.testing.assert_close(
        weighted_gradients(p, linear_token_log_probs, log_prob, entropy),
        weighted_gradients(p, naive.linear_token_log_probs, log_prob, entropy),
        **EXACT,
    )


def test_the_entropys_gradient_alone(problem: Build) -> None:
    p = problem()
    found = torch.autograd.grad(results(p, linear_token_log_probs)[1].sum(), p.leaves)
    expected = torch.autograd.grad(results(p, naive.linear_token_log_probs)[1].sum(), p.leaves)
    torch.testing.assert_close(found, expected, **EXACT)


def test_gradcheck(problem: Build) -> None:
    p = problem(B=1, L=3, D=3, V=5)

    def both(hidden: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return linear_token_log_probs(hidden, weight, p.token_ids, bias=bias, temperature=0.7, return_entropy=True)

    assert torch.autograd.gradcheck(both, p.leaves)


def test_shapes_and_dtypes(problem: Build) -> None:
    p = problem(dtype=torch.bfloat16)
    log_probs = linear_token_log_probs(p.hidden, p.weight, p.token_ids.int())
    assert isinstance(log_probs, Tensor)
    assert (log_probs.shape, log_probs.dtype) == ((3, 7), torch.float32)
    packed = linear_token_log_probs(p.hidden.flatten(0, 1), p.weight, p.token_ids.flatten())
    torch.testing.assert_close(packed, log_probs.flatten(), rtol=0, atol=0)


def test_bf16_logits_are_not_rounded(problem: Build) -> None:
    p = problem(dtype=torch.bfloat16, scale=30.0, D=64, bias=False)
    truth = results(p.to(torch.float64), naive.linear_token_log_probs)
    for found, exact in zip(results(p, linear_token_log_probs), truth, strict=True):
        assert (found - exact).abs().max() < 1e-4 * max(1.0, exact.abs().max().item() / 100)


def test_no_grad_and_no_rows(problem: Build) -> None:
    p = problem()
    with torch.no_grad():
        assert not linear_token_log_probs(p.hidden, p.weight, p.token_ids).requires_grad
    hidden = torch.zeros(0, 16, dtype=torch.float64, requires_grad=True)
    empty = linear_token_log_probs(hidden, p.weight, torch.zeros(0, dtype=torch.int64))
    assert empty.shape == (0,)
    empty.sum().backward()
    assert (p.weight.grad == 0).all()


@pytest.mark.parametrize("frozen", ["hidden", "weight"])
def test_frozen_inputs(problem: Build, frozen: str) -> None:
    p = problem(bias=False)
    setattr(p, frozen, getattr(p, frozen).detach())
    p.__post_init__()
    torch.testing.assert_close(
        weighted_gradients(p, linear_token_log_probs, 1.0, 0.5),
        weighted_gradients(p, naive.linear_token_log_probs, 1.0, 0.5),
        **EXACT,
    )


def test_probabilities_of_the_whole_vocabulary_sum_to_one(problem: Build) -> None:
    p = problem(V=50)
    one = p.hidden.detach()[0, :1].expand(50, -1)
    log_probs = linear_token_log_probs(one, p.weight, torch.arange(50), bias=p.bias, temperature=0.3)
    assert log_probs.exp().sum().item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("temperature", [0, -0.5, math.nan, math.inf, None, True])
def test_temperatures_that_cannot_be(problem: Build, temperature: Any) -> None:
    p = problem()
    with pytest.raises(ValueError, match=f"temperature must be .*{temperature}"):
        linear_token_log_probs(p.hidden, p.weight, p.token_ids, temperature=temperature)


@pytest.mark.parametrize("name", ["hidden", "weight", "token_ids", "bias"])
def test_other_types_are_refused_by_name(problem: Build, name: str) -> None:
    p = problem()
    arguments = {name: getattr(p, name) for name in ("hidden", "weight", "token_ids", "bias")}
    with pytest.raises(ValueError, match=f"{name} must be a Tensor, got ndarray: array"):
        linear_token_log_probs(**{**arguments, name: np.zeros(3)})


def test_the_entropys_gradient_at_a_banned_token(problem: Build) -> None:
    p = problem()
    with torch.no_grad():
        p.bias[p.token_ids[0, 0]] = -math.inf
    found = torch.autograd.grad(results(p, linear_token_log_probs)[1].sum(), p.leaves)
    expected = torch.autograd.grad(results(p, naive.linear_token_log_probs)[1].sum(), p.leaves)
    assert all(gradient.isfinite().all() for gradient in found)
    torch.testing.assert_close(found, expected, **EXACT)


def test_a_token_outside_the_vocabulary(problem: Build) -> None:
    p = problem()
    p.token_ids[1, 2] = 200
    with pytest.raises(ValueError, match=r"token id 200 \(at token 9\) is outside the vocabulary of 127"):
        linear_token_log_probs(p.hidden, p.weight, p.token_ids)
