"""Both functions over hidden states against the truth in fp64, as far from it as plain torch in the same dtype at most.

An error may be 3 times torch's for losses and log-probabilities and 2 times for gradients, and a rounding more.
Names: B padded rows of L tokens, D hidden size, V vocabulary.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs
from pgkern.policy import naive
from pgkern.policy.linear import linear_products

Build = Callable[..., Any]
REINFORCE = {"objective": PolicyObjective.reinforce(entropy_coef=0.1)}
ROUNDING = {torch.float32: 2e-6, torch.bfloat16: 2.5e-3}  # of a result, relative to its norm

# dtype and options. On a CPU that multiplies bf16, logits from bf16 are rounded beyond one chunk, unless fp32 is asked
# for.
WAYS = {
    "fp32": (torch.float32, {}),
    "fp32, chunks": (torch.float32, {"chunk_tokens": 4}),
    "bf16, one chunk": (torch.bfloat16, {}),
    "bf16, chunks": (torch.bfloat16, {"chunk_tokens": 4}),
    "bf16, chunks, fp32 logits": (torch.bfloat16, {"chunk_tokens": 4, "logits_dtype": torch.float32}),
}
EXACT_WAYS = {name: way for name, way in WAYS.items() if name != "bf16, chunks"}


def error(found: Tensor, truth: Tensor) -> float:
    """Frobenius error relative to the truth's norm."""
    return ((found.double() - truth).norm() / truth.norm().clamp(min=1e-300)).item()


def outputs(p: Any, functions: Any, **options: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Of both functions: losses and log-probabilities; gradients."""
    of_log_probs = {key: value for key, value in options.items() if key != "objective"}
    loss = p.loss(functions.linear_policy_loss, **{**REINFORCE, **options})
    gradients = torch.autograd.grad(loss, p.leaves)
    log_probs, entropy = functions.linear_token_log_probs(
        p.hidden, p.weight, p.token_ids, bias=p.bias, temperature=p.temperature, return_entropy=True, **of_log_probs
    )
    up = torch.linspace(-1, 1, log_probs.numel(), dtype=log_probs.dtype).reshape(log_probs.shape)
    of_both = torch.autograd.grad((up * log_probs - 0.3 * up.flip(0) * entropy).sum(), p.leaves)
    return [loss.detach(), log_probs.detach(), entropy.detach()], [*gradients, *of_both]


class Ours:
    linear_policy_loss = staticmethod(linear_policy_loss)
    linear_token_log_probs = staticmethod(linear_token_log_probs)


def assert_judged(
    p: Any, dtype: torch.dtype, options: dict[str, Any], **more: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """And what was found."""
    values, gradients = outputs(p, Ours, **options, **more)
    torch_values, torch_gradients = outputs(p, naive, **more)
    exact_values, exact_gradients = outputs(p.to(torch.float64), naive, **more)
    of_torch = [error(torchs, exact) for torchs, exact in zip(torch_values, exact_values, strict=True)]
    of_torch[0] = max(of_torch[:2])  # a sum of few numbers is sometimes right by chance
    for ours, torchs, exact in zip(values, of_torch, exact_values, strict=True):
        assert ours.isfinite().all()
        assert ours.dtype == torch.float32
        assert error(ours, exact) <= 3 * torchs + ROUNDING[torch.float32]
    for ours, torchs, exact in zip(gradients, torch_gradients, exact_gradients, strict=True):
        assert ours.isfinite().all()
        assert ours.dtype == dtype
        assert error(ours, exact) <= 2 * error(torchs, exact) + ROUNDING[dtype]
    return values, gradients


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("V", [2, 127, 4097, 50257, 128256, 129920, 151936, 152064, 262144])
def test_vocabularies(problem: Build, V: int, way: str) -> None:
    dtype, options = WAYS[way]
    p = problem(B=2, L=4, D=8, V=V, dtype=dtype, temperature=1.0)
    p.token_ids[0, 1] = V - 1
    assert_judged(p, dtype, options)


def extreme(p: Any, kind: str) -> Any:
    weight, hidden = p.weight.detach().float().clone(), p.hidden.detach().float().clone()
    if kind == "peaked":
        hidden *= 20
    elif kind == "all_low":  # every logit about -1e4
        hidden[..., 0], weight[:, 0] = 100.0, -100.0
    elif kind == "huge":  # |z| about 1e4
        hidden *= 2500
    elif kind == "certain":  # the sampled token has p -> 1
        hidden = 3 * weight[p.token_ids]
    elif kind == "last":  # the last column, in the last partial block of 64, far above all others
        p.token_ids[:] = weight.shape[0] - 1
        weight[-1] *= 30
    elif kind == "one far above":  # and it is not the token, nor one of those that are looked at first
        weight[5] *= 30
        p.token_ids[p.token_ids == 5] = 6
    elif kind == "flat":
        hidden[:] = 0.0
    p.hidden, p.weight = hidden.to(p.hidden.dtype).requires_grad_(), weight.to(p.weight.dtype).requires_grad_()
    p.__post_init__()
    return p


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["peaked", "all_low", "huge", "certain", "last", "one far above", "flat"])
def test_extreme_logits(problem: Build, kind: str, way: str) -> None:
    dtype, options = WAYS[way]
    p = extreme(problem(V=301, dtype=dtype, bias=False, temperature=1.0), kind)
    values, _ = assert_judged(p, dtype, options)
    assert (values[1] <= 0).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
@pytest.mark.parametrize(
    "more", [{}, {"softcap": 30.0}, {"temperature": 0.3}, {"softcap": 5.0, "temperature": torch.linspace(0.2, 3, 48)}]
)
def test_caps_and_temperatures(problem: Build, more: dict[str, Any], scale: float, way: str) -> None:
    dtype, options = WAYS[way]
    p = problem(B=4, L=12, D=32, V=1001, dtype=dtype, scale=scale)
    temperature = more.get("temperature", 1.0)
    p.temperature = temperature.reshape(4, 12) if isinstance(temperature, Tensor) else temperature
    assert_judged(p, dtype, options, softcap=more.get("softcap"))


@pytest.mark.parametrize("way", EXACT_WAYS)
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_logits_are_not_rounded(problem: Build, scale: float, way: str) -> None:
    """Log-probabilities to 1e-5 of the largest logit in fp32, whatever the inputs are; gradients are rounded once."""
    dtype, options = EXACT_WAYS[way]
    p = problem(B=4, L=16, D=64, V=1000, dtype=dtype, bias=False, temperature=1.0, scale=scale, drift=0.05)
    values, gradients = outputs(p, Ours, **options)
    exact_values, exact_gradients = outputs(p.to(torch.float64), naive)
    for found, exact in zip(values, exact_values, strict=True):
        assert (found - exact).abs().max() < 1e-6 * scale * 10
    for found, exact in zip(gradients, exact_gradients, strict=True):
        assert error(found, exact) < (scale * 2e-6 if dtype == torch.float32 else 5e-3)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_bf16_in_chunks_is_closer_to_the_truth_than_torch(problem: Build, scale: float) -> None:
    p = problem(B=4, L=32, D=64, V=4096, dtype=torch.bfloat16, bias=False, temperature=1.0, scale=scale)
    values, gradients = outputs(p, Ours, chunk_tokens=32)
    torch_values, torch_gradients = outputs(p, naive)
    exact_values, exact_gradients = outputs(p.to(torch.float64), naive)
    triples = zip(values + gradients, torch_values + torch_gradients, exact_values + exact_gradients, strict=True)
    for ours, torchs, exact in triples:
        assert error(ours, exact) <= 1.1 * error(torchs, exact) + 1e-6
    if scale == 1.0:
        for ours, exact in zip(gradients, exact_gradients, strict=True):
            assert error(ours, exact) < 6e-3
            assert torch.cosine_similarity(ours.double().flatten(), exact.flatten(), dim=0) > 0.99998


@pytest.mark.parametrize("way", WAYS)
def test_banned_tokens(problem: Build, way: str) -> None:
    """A bias of -inf, for single tokens, for a whole block of columns, and for every column that is looked at first."""
    dtype, options = WAYS[way]
    for banned in (slice(3, 4), slice(0, 200), slice(0, None, 64), slice(200, None)):
        p = problem(V=301, dtype=dtype, temperature=1.0)
        with torch.no_grad():
            p.bias[banned] = -torch.inf
        allowed = (p.bias != -torch.inf).nonzero()[:, 0]
        p.token_ids = allowed[p.token_ids % allowed.shape[0]]
        _, gradients = assert_judged(p, dtype, options)
        assert all((grad[banned] == 0).all() for grad in (gradients[1], gradients[2], gradients[4], gradients[5]))


@pytest.mark.parametrize("way", WAYS)
def test_any_layout(problem: Build, way: str) -> None:
    dtype, options = WAYS[way]
    p = problem(dtype=dtype, V=200)
    expected = outputs(p, Ours, **options)
    hidden, weight = p.hidden.detach(), p.weight.detach()
    transposed = hidden.permute(2, 1, 0).contiguous().permute(2, 1, 0), weight.t().contiguous().t()
    strided = torch.stack([hidden, hidden], -1)[..., 0], torch.stack([weight, weight], -1)[..., 0]
    wide = torch.nn.functional.pad(hidden, (3, 5))[..., 3:-5], torch.nn.functional.pad(weight, (3, 5, 1, 1))[1:-1, 3:-5]
    for layout in (transposed, strided, wide):
        p.hidden, p.weight = (tensor.detach().requires_grad_() for tensor in layout)
        p.__post_init__()
        for found, same in zip(chain(*outputs(p, Ours, **options)), chain(*expected), strict=True):
            assert error(found, same.double()) < 3 * ROUNDING[dtype]


def test_weights_are_converted_a_slab_at_a_time(problem: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(V=127, dtype=torch.bfloat16)
    for options in ({}, {"chunk_tokens": 4}, {"chunk_tokens": 4, "logits_dtype": torch.float32}):
        expected = p.loss_and_gradients(linear_policy_loss, **options)
        with monkeypatch.context() as patch:
            patch.setattr(linear_products, "_SLAB_NUMBERS", 16 * 50)  # slabs of 50, 50 and 27 rows
            found = p.loss_and_gradients(linear_policy_loss, **options)
        for slabs, whole in zip(found, expected, strict=True):
            assert (slabs - whole).norm() < 5e-3 * whole.norm()


@pytest.mark.parametrize("chunk_tokens", [4, None])
@pytest.mark.parametrize(
    ("of_hidden", "of_weight", "computed"),
    [
        (torch.bfloat16, torch.float32, torch.float32),
        (torch.float32, torch.bfloat16, torch.float32),
        (torch.float16, torch.bfloat16, torch.float32),
        (torch.float16, torch.float16, torch.float32),
        (torch.bfloat16, torch.float64, torch.float64),
        (torch.float64, torch.float32, torch.float64),
    ],
)
def test_mixed_dtypes(
    problem: Build, of_hidden: torch.dtype, of_weight: torch.dtype, computed: torch.dtype, chunk_tokens: int | None
) -> None:
    p, truth = problem(), problem()
    p.hidden, p.weight = (
        p.hidden.detach().to(of_hidden).requires_grad_(),
        p.weight.detach().to(of_weight).requires_grad_(),
    )
    truth.hidden, truth.weight = (tensor.detach().double().requires_grad_() for tensor in (p.hidden, p.weight))
    p.bias = p.bias.detach().to(computed).requires_grad_()
    truth.bias = p.bias.detach().double().requires_grad_()
    p.__post_init__()
    truth.__post_init__()
    found = p.loss_and_gradients(linear_policy_loss, **REINFORCE, chunk_tokens=chunk_tokens)
    expected = truth.loss_and_gradients(naive.linear_policy_loss, **REINFORCE)
    assert [t.dtype for t in found] == [computed, of_hidden, of_weight, computed]
    rounding = {torch.float64: 1e-7, torch.float32: 1e-5, torch.float16: 6e-4, torch.bfloat16: 3e-3}
    for ours, exact in zip(found, expected, strict=True):
        assert error(ours, exact) < rounding[ours.dtype]
