"""The public functions with every row done by a kernel, against the naive twins in fp64."""

import math

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs, token_log_probs
from pgkern.policy import linear_pass_triton, naive
from pgkern.policy.backend import use_triton

OBJECTIVES = [
    PolicyObjective.reinforce(),
    PolicyObjective.reinforce_off_policy(),
    PolicyObjective.grpo(),
    PolicyObjective.dapo(),
    PolicyObjective.dr_grpo(reduction_constant=9.0),
    PolicyObjective.ppo(reduction="none"),
]

BF16_TRUNCATED = 8e-3
"""The interpreter cuts fp32 off to bf16 where a GPU rounds: twice the error. The GPU test asks for 5e-3."""


def error(found: Tensor, truth: Tensor) -> float:
    return ((found.double() - truth).norm() / truth.norm().clamp(min=1e-300)).item()


def inputs(dtype: torch.dtype, V: int = 600) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 5, 16, generator=random).to(dtype)
    weight = torch.randn(V, 16, generator=random).to(dtype)
    token_ids = torch.randint(0, V, (3, 5), generator=random)
    mask = torch.rand(3, 5, generator=random) > 0.3
    log_probs = naive.linear_token_log_probs(hidden.double(), weight.double(), token_ids)
    old = log_probs + 0.3 * torch.randn(3, 5, generator=random)
    return {
        "hidden": hidden,
        "weight": weight,
        "token_ids": token_ids,
        "advantages": torch.randn(3, generator=random),
        "mask": mask,
        "old_log_probs": old.float(),
        "bias": torch.randn(V, generator=random).to(dtype),
    }


def loss_and_gradients(function, arguments: dict[str, Tensor], dtype: torch.dtype, **options) -> list[Tensor]:  # noqa: ANN001, ANN003
    names = ("hidden", "weight", "bias")
    leaves = {name: arguments[name].to(dtype).requires_grad_() for name in names}
    loss = function(**{**arguments, **leaves}, **options).loss
    upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
    return [loss.detach(), *torch.autograd.grad(loss, list(leaves.values()), upstream)]


@pytest.fixture
def _kernels_do_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = linear_pass_triton.logit_chunks
    monkeypatch.setattr(linear_pass_triton, "logit_chunks", lambda *a: (calls.append(1), original(*a))[1])
    yield
    assert calls, "the Triton path was not taken"


@pytest.mark.usefixtures("_kernels_do_the_rows")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_linear_policy_loss(objective: PolicyObjective, dtype: torch.dtype) -> None:
    arguments = inputs(dtype)
    options = {"objective": objective, "temperature": 0.9}
    truth = loss_and_gradients(naive.linear_policy_loss, arguments, torch.float64, **options)
    found = loss_and_gradients(linear_policy_loss, arguments, dtype, chunk_tokens=4, **options)
    assert error(found[0], truth[0]) < 1e-5
    tolerance = {torch.float32: 1e-5, torch.bfloat16: BF16_TRUNCATED, torch.float16: 1e-3}[dtype]
    for ours, exact in zip(found[1:], truth[1:], strict=True):
        assert ours.dtype == dtype
        assert error(ours, exact) < tolerance


@pytest.mark.usefixtures("_kernels_do_the_rows")
def test_masked_positions_may_hold_anything() -> None:
    arguments = inputs(torch.float32)
    expected = loss_and_gradients(linear_policy_loss, arguments, torch.float32)
    masked = ~arguments["mask"]
    arguments["hidden"] = arguments["hidden"].detach().masked_fill(masked[..., None], math.nan)
    arguments["token_ids"][masked] = -100
    arguments["old_log_probs"][masked] = math.inf
    found = loss_and_gradients(linear_policy_loss, arguments, torch.float32)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.usefixtures("_kernels_do_the_rows")
def test_backward_twice() -> None:
    arguments = inputs(torch.float32)
    arguments["weight"].requires_grad_()
    loss = linear_policy_loss(**arguments, chunk_tokens=4).loss
    (first,) = torch.autograd.grad(loss, arguments["weight"], retain_graph=True)
    (second,) = torch.autograd.grad(loss * -2, arguments["weight"])
    torch.testing.assert_close(second, first * -2, rtol=1e-5, atol=1e-7)


@pytest.mark.usefixtures("_kernels_do_the_rows")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_linear_token_log_probs(dtype: torch.dtype) -> None:
    arguments = {name: inputs(dtype)[name] for name in ("hidden", "weight", "token_ids", "bias")}

    def run(function, dtype: torch.dtype) -> list[Tensor]:  # noqa: ANN001
        leaves = {name: arguments[name].to(dtype).requires_grad_() for name in ("hidden", "weight", "bias")}
        log_probs, entropy = function(**{**arguments, **leaves}, return_entropy=True, temperature=0.8)
        loss = (log_probs * torch.arange(5)).sum() - 0.7 * entropy.sum()
        return [log_probs.detach(), entropy.detach(), *torch.autograd.grad(loss, list(leaves.values()))]

    found, truth = run(linear_token_log_probs, dtype), run(naive.linear_token_log_probs, torch.float64)
    for ours, exact in zip(found[:2], truth[:2], strict=True):
        assert (ours - exact).abs().max() < 1e-4
    for ours, exact in zip(found[2:], truth[2:], strict=True):
        assert error(ours, exact) < (1e-5 if dtype == torch.float32 else BF16_TRUNCATED)


@pytest.mark.parametrize("with_entropy", [True, False])
@pytest.mark.parametrize("layout", ["rows", "transposed"])
def test_token_log_probs(layout: str, with_entropy: bool) -> None:
    logits = torch.randn(4, 300, generator=torch.Generator().manual_seed(0))
    logits = (logits if layout == "rows" else logits.t().contiguous().t()).requires_grad_()
    assert use_triton(logits, torch.float32)
    token_ids = torch.tensor([0, 299, 5, 17])

    def run(function, logits: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN001
        if with_entropy:
            log_probs, entropy = function(logits, token_ids, temperature=0.6, return_entropy=True)
            log_probs = log_probs + 0.4 * entropy
        else:
            log_probs = function(logits, token_ids, temperature=0.6)
        return log_probs.detach(), torch.autograd.grad(log_probs[::2].sum() * 3, logits)[0]

    truth = run(naive.token_log_probs, logits.detach().double().requires_grad_())
    for ours, exact in zip(run(token_log_probs, logits), truth, strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=1e-5, atol=1e-5)


def test_fp64_takes_plain_torch() -> None:
    assert not use_triton(torch.zeros(1), torch.float64)
