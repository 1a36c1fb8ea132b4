"""Log-probabilities and entropies from logits, against the naive twin."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pgkern import token_log_probs
from pgkern.policy import naive
from pgkern.policy.logits import logit_rows

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
@pytest.mark.parametrize("V", [1, 2, 127, 1000, 50257, 128256, 129920, 152064, 262144])
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
        (torch.zeros(4, 0), torch.zeros(4, dtype=torch.int64), r"token id 0 .* outside the vocabulary of 0"),
        (torch.zeros(4, 5), torch.zeros(4, dtype=torch.int64, device="meta"), r"token_ids is on meta, logits on cpu"),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, r"temperature must be finite and above 0, got 0.0"),
        ({"temperature": math.nan}, r"temperature must be finite and above 0, got nan"),
        ({"temperature": "1"}, r"temperature must be a number, or a tensor of one per token, got '1'"),
        (
            {"temperature": torch.ones(3)},
            r"temperature has shape \[3\], expected the tokens' shape \[4\] or one number",
        ),
        ({"temperature": torch.tensor([1.0, 1.0, 0.0, 1.0])}, r"temperature must be .* got 0.0 at token 2"),
        ({"temperature": torch.tensor([1.0, math.nan, 0.0, 1.0])}, r"temperature must be .* got nan at token 1"),
        ({"temperature": torch.ones(4, device="meta")}, r"temperature is on meta, the tokens are on cpu"),
        ({"temperature": torch.ones(4, dtype=torch.bool)}, r"temperature must be real, got torch.bool"),
        ({"softcap": 0.0}, r"softcap must be None or a finite number above 0, got 0.0"),
        ({"softcap": math.inf}, r"softcap must be None or a finite number above 0, got inf"),
        ({"softcap": torch.tensor(30.0)}, r"softcap must be None or a finite number above 0, got tensor\(30.\)"),
        ({"vocab_size": 6}, r"vocab_size must be an integer from 0 to the logits' 5 columns, got 6"),
        ({"vocab_size": -1}, r"vocab_size must be an integer from 0 to the logits' 5 columns, got -1"),
        ({"vocab_size": 4.0}, r"vocab_size must be an integer from 0 to the logits' 5 columns, got 4.0"),
        ({"vocab_size": 3}, r"token id 3 \(at token 1\) is outside the vocabulary of 3: expected 0 to 2"),
    ],
)
def test_options_are_checked_with_their_numbers(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        token_log_probs(torch.zeros(4, 5), torch.tensor([0, 3, 1, 2]), **options)


CAPS = [None, 0.5, 4.0, 50.0]
EACH = torch.tensor([0.3, 1.0, 2.5, 0.7, 10.0], dtype=torch.float64)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("softcap", CAPS)
@pytest.mark.parametrize("temperature", [0.3, EACH])
def test_softcap_and_temperature(temperature: float | Tensor, softcap: float | None, in_place: bool) -> None:
    logits, token_ids = sample(5, 127)
    options = {"temperature": temperature, "softcap": softcap}
    expected = values_and_gradient(naive.token_log_probs, logits, token_ids, **options)
    found = values_and_gradient(token_log_probs, logits, token_ids, **options, inplace_backward=in_place)
    torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.parametrize("softcap", CAPS)
def test_gradcheck_with_everything(softcap: float | None) -> None:
    logits, token_ids = sample(5, 6)
    options = {"temperature": EACH, "softcap": softcap, "vocab_size": 5, "return_entropy": True}
    token_ids.clamp_(max=4)
    assert torch.autograd.gradcheck(lambda z: token_log_probs(z, token_ids, **options), (logits,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("softcap", "scale"), [(None, 3.0), (4.0, 3.0), (30.0, 100.0), (30.0, 1e4)])
def test_no_less_exact_than_torch(softcap: float | None, scale: float, dtype: torch.dtype) -> None:
    logits, token_ids = sample(5, 4097, dtype, scale)
    options = {"softcap": softcap, "temperature": EACH.float()}
    found = values_and_gradient(token_log_probs, logits, token_ids, **options)
    torchs = values_and_gradient(naive.token_log_probs, logits, token_ids, **options)
    wide = logits.detach().double().requires_grad_()
    truth = values_and_gradient(
        naive.token_log_probs, wide, token_ids, **{**options, "temperature": EACH.float().double()}
    )
    for ours, theirs, exact, k in zip(found, torchs, truth, (3, 3, 2), strict=True):
        error, torch_error = ((t.double() - exact).norm() for t in (ours, theirs))
        assert error <= k * torch_error + 1e-6 * exact.norm()


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("padding", [math.nan, math.inf, 1e30])
def test_padding_is_not_read_and_has_no_gradient(padding: float, dtype: torch.dtype, in_place: bool) -> None:
    logits, token_ids = sample(5, 50, dtype)
    expected = values_and_gradient(token_log_probs, logits, token_ids)
    padded = torch.nn.functional.pad(logits.detach(), (0, 14), value=padding).requires_grad_()
    found = values_and_gradient(token_log_probs, padded, token_ids, vocab_size=50, inplace_backward=in_place)
    assert (found[2][:, 50:] == 0).all()
    torch.testing.assert_close([*found[:2], found[2][:, :50]], expected, rtol=0, atol=0)


def strided_forms(logits: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The same numbers, `[B, L, V]`, in other strides."""
    B, L, V = logits.shape
    yield "[:, :-1]", torch.nn.functional.pad(logits, (0, 0, 0, 1), value=math.nan)[:, :-1]
    yield "[..., 3:]", torch.nn.functional.pad(logits, (3, 0), value=math.nan)[..., 3:]
    yield "V first", logits.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    yield "L first", logits.transpose(0, 1).contiguous().transpose(0, 1)
    yield "every second", logits.new_full((2 * B, 2 * L, 2 * V), math.nan)[::2, ::2, ::2].copy_(logits)
    yield "odd", torch.full((9000,), math.nan, dtype=logits.dtype).as_strided((B, L, V), (2001, 301, 7)).copy_(logits)


@pytest.mark.parametrize("in_place", [False, True])
def test_any_strides(in_place: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    flat, token_ids = sample(15, 40)
    logits, token_ids = flat.detach().reshape(3, 5, 40), token_ids.reshape(3, 5)
    each = torch.linspace(0.5, 2.0, 15, dtype=torch.float64).reshape(3, 5)
    options = {"temperature": each, "softcap": 5.0}
    expected = values_and_gradient(naive.token_log_probs, logits.clone().requires_grad_(), token_ids, **options)
    for numbers in (1, 90, 1 << 20):
        monkeypatch.setattr(logit_rows, "_BLOCK_NUMBERS", numbers)
        for name, strided in strided_forms(logits):
            found = values_and_gradient(
                token_log_probs, strided.requires_grad_(), token_ids, **options, inplace_backward=in_place
            )
            torch.testing.assert_close(found, expected, **EXACT, msg=lambda m, n=name: f"{m}\n{n}", check_stride=False)
    assert len(list(logit_rows.row_views(logits[:, :-1]))) == 3
    assert len(list(logit_rows.row_views(logits))) == 1


def test_expanded_logits_are_read_and_not_overwritten() -> None:
    logits, _ = sample(1, 20)
    token_ids = torch.tensor([3, 19, 3, 0])
    gradients = []
    for function in (token_log_probs, naive.token_log_probs):
        gradients.append(torch.autograd.grad(function(logits.expand(4, 20), token_ids).sum(), logits)[0])
    torch.testing.assert_close(*gradients, **EXACT)
    with pytest.raises(ValueError, match=r"inplace_backward .* of shape \[4, 20\] and strides \[0, 1\] are expanded"):
        token_log_probs(logits.expand(4, 20), token_ids, inplace_backward=True)


@pytest.mark.parametrize("with_entropy", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_in_place_the_gradient_lies_where_the_logits_lay(dtype: torch.dtype, with_entropy: bool) -> None:
    leaf, token_ids = sample(5, 100, dtype)

    def gradient_in(logits: Tensor, in_place: bool) -> Tensor:
        found = token_log_probs(logits, token_ids, inplace_backward=in_place, return_entropy=with_entropy)
        assert torch.equal(logits, leaf)  # forward leaves them alone
        loss = found[0].sum() - found[1].sum() if with_entropy else found.sum()
        return torch.autograd.grad(loss, logits)[0]

    expected, hidden = gradient_in(leaf, False), leaf * 1.0
    found = gradient_in(hidden, True)
    assert found.data_ptr() == hidden.data_ptr()
    assert torch.equal(found, expected)


@pytest.mark.parametrize("with_entropy", [False, True])
def test_in_place_backward_works_once(with_entropy: bool) -> None:
    logits, token_ids = sample(5, 100)
    hidden = logits * 1.0
    found = token_log_probs(hidden, token_ids, inplace_backward=True, return_entropy=with_entropy)
    loss = sum(t.sum() for t in found) if with_entropy else found.sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="this backward has happened: with inplace_backward=True"):
        loss.backward()


def test_torch_refuses_in_place_when_another_function_saved_the_logits() -> None:
    logits, token_ids = sample(5, 100)
    hidden = logits * 1.0
    loss = hidden.square().sum() + token_log_probs(hidden, token_ids, inplace_backward=True).sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("in_place", [False, True])
def test_memory(in_place: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward allocates nothing of the logits' size; backward the gradient, and in place not even that."""
    monkeypatch.setattr(logit_rows, "_BLOCK_NUMBERS", 1 << 12)
    logits, token_ids = sample(256, 1024, torch.float32)
    size = logits.numel() * 4

    def largest(action: Any) -> int:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            action()
        return max(e.nbytes() for e in profile.profiler.kineto_results.events() if e.name() == "[memory]")

    losses: list[Tensor] = []

    def forward() -> None:
        found = token_log_probs(logits, token_ids, return_entropy=True, inplace_backward=in_place)
        losses.append(sum(t.sum() for t in found))

    assert largest(forward) < size / 4
    backward = largest(lambda: torch.autograd.grad(losses[0], logits))
    assert backward < size / 4 if in_place else backward == size


def test_the_entropys_gradient_alone() -> None:
    logits, token_ids = sample(5, 100)
    for in_place in (False, True):
        gradients = []
        for function in (naive.token_log_probs, token_log_probs):
            own = logits.detach().clone().requires_grad_()
            _, entropy = function(own, token_ids, return_entropy=True, softcap=3.0, inplace_backward=in_place)
            gradients.append(torch.autograd.grad(entropy.sum(), own)[0])
        torch.testing.assert_close(*gradients, **EXACT)


def test_rows_without_an_upstream_gradient_are_not_read_backward() -> None:
    logits, token_ids = sample(5, 100)
    with torch.no_grad():
        logits[2] = math.nan
    for in_place in (False, True):
        own = logits.detach().clone().requires_grad_()
        log_probs = token_log_probs(own, token_ids, inplace_backward=in_place)
        assert log_probs.isnan().nonzero().flatten().tolist() == [2]
        kept = torch.arange(5) != 2
        (gradient,) = torch.autograd.grad(log_probs.where(kept, 0).sum(), own)
        assert (gradient[2] == 0).all()
        assert gradient.isfinite().all()
        assert (gradient[kept] != 0).any(1).all()


def test_bitwise_repeatable_and_no_grad() -> None:
    logits, token_ids = sample(7, 4097, torch.float32)
    first = values_and_gradient(token_log_probs, logits, token_ids, softcap=9.0)
    for _ in range(2):
        assert all(map(torch.equal, values_and_gradient(token_log_probs, logits, token_ids, softcap=9.0), first))
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            found = token_log_probs(logits, token_ids, softcap=9.0, inplace_backward=True)
        assert torch.equal(found, first[0])
        assert not found.requires_grad


def test_autocast_changes_nothing() -> None:
    logits, token_ids = sample(7, 300, torch.float32)
    expected = values_and_gradient(token_log_probs, logits, token_ids, softcap=9.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = values_and_gradient(token_log_probs, logits, token_ids, softcap=9.0)
    assert all(map(torch.equal, found, expected))


def test_int32_ids_and_the_dtype_of_the_temperature() -> None:
    logits, token_ids = sample(5, 20)
    expected = token_log_probs(logits, token_ids, temperature=EACH)
    assert torch.equal(token_log_probs(logits, token_ids.int(), temperature=EACH), expected)
    narrow = token_log_probs(logits.detach().float(), token_ids, temperature=EACH)
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), expected.detach(), rtol=1e-5, atol=1e-5)


def test_the_temperature_gets_no_gradient() -> None:
    logits, token_ids = sample(5, 20)
    temperature = EACH.clone().requires_grad_()
    token_log_probs(logits, token_ids, temperature=temperature).sum().backward()
    assert temperature.grad is None
    assert logits.grad.isfinite().all()
