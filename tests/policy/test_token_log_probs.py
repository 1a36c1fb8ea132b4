"""Log-probabilities and entropies from logits, against the naive twin."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pgkern import token_log_probs
from pgkern.policy import naive

EXACT = {"rtol": 1e-11, "atol": 1e-13}


def sample(rows: int, V: int, dtype: torch.dtype = torch.float64, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(V)
    logits = (torch.randn(rows, V, generator=random, dtype=torch.float64) * scale).to(dtype).requires_grad_()
    token_ids = torch.randint(0, V, (rows,), generator=random)
    token_ids[0] = V - 1
    return logits, token_ids


def values_and_gradient(function, logits: Tensor, token_ids: Tensor, **options) -> list[Tensor]:  # noqa: ANN001, ANN003
    log_probs, entropy = function(logits, token_ids, return_entropy=True, **options)
    c = torch.linspace(-1, 2, log_probs.numel(), dtype=log_probs.dtype).reshape(log_probs.shape)
    loss = (c * log_probs).sum() + 0.3 * (c.flip(0) * entropy).sum()
    return [log_probs.detach(), entropy.detach(), torch.autograd.grad(loss, logits)[0]]


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("V", [1, 2, 127, 1000, 50257])
def test_equals_the_naive_twin(V: int, temperature: float) -> None:
    logits, token_ids = sample(5, V)
    torch.testing.assert_close(
        values_and_gradient(token_log_probs, logits, token_ids, temperature=temperature),
        values_and_gradient(naive.token_log_probs, logits, token_ids, temperature=temperature),
        **EXACT,
    )


def test_a_real_vocabulary_in_blocks_of_rows() -> None:
    logits, token_ids = sample(9, 151936, torch.float32)
    found = values_and_gradient(token_log_probs, logits, token_ids)
    expected = values_and_gradient(naive.token_log_probs, logits.detach().double().requires_grad_(), token_ids)
    torch.testing.assert_close([t.double() for t in found], expected, rtol=1e-5, atol=1e-5)


def test_gradcheck() -> None:
    logits, token_ids = sample(3, 6)
    assert torch.autograd.gradcheck(lambda z: token_log_probs(z, token_ids, return_entropy=True), (logits,))


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 3, 2), (0,), (2, 0)])
def test_any_leading_shape(shape: tuple[int, ...]) -> None:
    logits = torch.randn(*shape, 7, dtype=torch.float64, requires_grad=True)
    token_ids = torch.randint(0, 7, shape)
    found = token_log_probs(logits, token_ids)
    assert found.shape == shape
    torch.testing.assert_close(found, naive.token_log_probs(logits, token_ids), **EXACT)
    found.sum().backward()
    assert logits.grad.shape == logits.shape


def test_strided_logits() -> None:
    logits, token_ids = sample(6, 40)
    expected = values_and_gradient(naive.token_log_probs, logits[::2], token_ids[::2])[:2]
    found = values_and_gradient(
        token_log_probs, logits.detach().requires_grad_()[::2].detach().requires_grad_(), token_ids[::2]
    )
    torch.testing.assert_close(found[:2], expected, **EXACT)
    transposed = logits.detach().t().contiguous().t().requires_grad_()
    torch.testing.assert_close(
        values_and_gradient(token_log_probs, transposed, token_ids),
        values_and_gradient(naive.token_log_probs, transposed, token_ids),
        **EXACT,
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits_are_computed_in_fp32(dtype: torch.dtype) -> None:
    logits, token_ids = sample(5, 1000, dtype)
    found = values_and_gradient(token_log_probs, logits, token_ids)
    truth = values_and_gradient(naive.token_log_probs, logits.detach().double().requires_grad_(), token_ids)
    assert [t.dtype for t in found] == [torch.float32, torch.float32, dtype]
    torch.testing.assert_close([t.double() for t in found[:2]], truth[:2], rtol=1e-5, atol=1e-5)
    assert (found[2].double() - truth[2]).norm() / truth[2].norm() < torch.finfo(dtype).eps


@pytest.mark.parametrize("offset", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_extreme_logits(offset: float, scale: float) -> None:
    logits, token_ids = sample(5, 300, torch.float32, scale)
    logits = (logits.detach() + offset).requires_grad_()
    found = values_and_gradient(token_log_probs, logits, token_ids)
    truth = values_and_gradient(naive.token_log_probs, logits.detach().double().requires_grad_(), token_ids)
    torch.testing.assert_close([t.double() for t in found], truth, rtol=1e-5, atol=2e-5)


def test_banned_tokens() -> None:
    logits, token_ids = sample(4, 20)
    with torch.no_grad():
        logits[:, 3] = -math.inf
        logits[1] = -math.inf
        logits[1, 5] = 2.0  # one token left: certain, no entropy
    token_ids[:] = 5
    found = values_and_gradient(token_log_probs, logits, token_ids)
    assert all(t.isfinite().all() for t in found)
    assert (found[2][:, 3] == 0).all()
    assert (found[0][1], found[1][1]) == (0, 0)
    torch.testing.assert_close(found[:2], values_and_gradient(naive.token_log_probs, logits, token_ids)[:2], **EXACT)


def test_the_entropys_gradient_at_a_banned_token() -> None:
    logits = torch.tensor([[0.0, -math.inf, 1.0]], dtype=torch.float64, requires_grad=True)
    token_ids = torch.tensor([1])
    gradients = []
    for function in (token_log_probs, naive.token_log_probs):
        _, entropy = function(logits, token_ids, return_entropy=True)
        gradients.append(torch.autograd.grad(entropy.sum(), logits)[0])
    torch.testing.assert_close(*gradients, **EXACT)
    expected = torch.tensor([[0.1966, 0.0, -0.1966]], dtype=torch.float64)
    torch.testing.assert_close(gradients[0], expected, rtol=0, atol=5e-5)


def test_gradient_rows_sum_to_zero() -> None:
    logits, token_ids = sample(5, 1000, torch.float32)
    token_log_probs(logits, token_ids).sum().backward()
    torch.testing.assert_close(logits.grad.sum(1), torch.zeros(5), rtol=0, atol=1e-5)


def test_logits_are_left_alone_and_backward_works_twice() -> None:
    logits, token_ids = sample(5, 100)
    before = logits.detach().clone()
    loss = token_log_probs(logits, token_ids).sum()
    first = torch.autograd.grad(loss, logits, retain_graph=True)
    assert torch.equal(torch.autograd.grad(loss, logits)[0], first[0])
    assert torch.equal(logits.detach(), before)


def test_second_derivatives_are_refused() -> None:
    logits, token_ids = sample(2, 5)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(token_log_probs(logits, token_ids).sum(), logits, create_graph=True)


@pytest.mark.parametrize(
    ("logits", "token_ids", "message"),
    [
        (torch.zeros(4, 5), torch.zeros(3, dtype=torch.int64), r"token_ids has shape \[3\], expected logits' \[4\]"),
        (torch.zeros(4, 5), torch.full((4,), 5), r"token id 5 \(at token 0\) is outside the vocabulary of 5"),
        (torch.zeros(4, 5), torch.full((4,), -1), r"token id -1 .* expected 0 to 4"),
        (torch.zeros(4, 5), torch.zeros(4), r"token_ids must be int64 or int32, got torch.float32"),
        (torch.zeros(4, 5, dtype=torch.int64), torch.zeros(4, dtype=torch.int64), r"logits must be floating point"),
        (torch.zeros(()), torch.zeros((), dtype=torch.int64), r"logits must be .* of shape \[..., V\]"),
    ],
)
def test_mistakes_are_named_with_their_numbers(logits: Tensor, token_ids: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        token_log_probs(logits, token_ids)


@pytest.mark.parametrize(
    ("logits", "token_ids", "message"),
    [
        ([[0.0, 1.0]], torch.zeros(1, dtype=torch.int64), r"logits must be a Tensor, got list: \[\[0.0, 1.0\]\]"),
        (np.zeros((1, 2)), torch.zeros(1, dtype=torch.int64), r"logits must be a Tensor, got ndarray: array"),
        (torch.zeros(2, 5), [1, 2], r"token_ids must be a Tensor, got list: \[1, 2\]"),
    ],
)
def test_other_types_are_refused_by_name(logits: object, token_ids: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        token_log_probs(logits, token_ids)


@pytest.mark.parametrize("temperature", [np.float32(0.5), np.float64(0.5), np.float16(0.5)])
def test_the_temperature_may_be_a_numpy_number(temperature: np.floating) -> None:
    logits, token_ids = sample(3, 7)
    assert torch.equal(
        token_log_probs(logits, token_ids, temperature=temperature), token_log_probs(logits, token_ids, temperature=0.5)
    )
    assert torch.equal(token_log_probs(logits, token_ids, temperature=np.int64(1)), token_log_probs(logits, token_ids))


@pytest.mark.parametrize("temperature", [torch.tensor(0.5), torch.tensor([0.5]), torch.full((3,), 0.5)])
def test_the_temperature_may_be_a_tensor(temperature: Tensor) -> None:
    logits, token_ids = sample(3, 7)
    found = token_log_probs(logits, token_ids, temperature=temperature)
    torch.testing.assert_close(found, token_log_probs(logits, token_ids, temperature=0.5))
