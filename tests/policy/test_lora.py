"""A LoRA adapter on the head: against the naive twin, against the weight with its delta added, and what it costs.

Names: B rows of L tokens, D hidden size, V vocabulary, K the adapter's rank.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs
from pgkern.policy import naive
from pgkern.policy.linear import linear_gradient, linear_products, low_rank, visited_rows
from pgkern.policy.linear.linear_operators import linear_gradient_op, linear_losses_op, linear_statistics_op

SCALING = 1.5
EXACT = {"rtol": 1e-10, "atol": 1e-12}
OBJECTIVES = {
    "reinforce": PolicyObjective.reinforce(),
    "grpo": PolicyObjective.grpo(),
    "entropy": PolicyObjective.dapo(entropy_coef=0.1),
    "gspo": PolicyObjective.gspo(clip_low=0.2, clip_high=0.2),
    "none": PolicyObjective.ppo(reduction="none"),
}
Build = Callable[..., Any]


def adapter(p: Any, *, K: int = 3, dtype: torch.dtype | None = None, seed: int = 5) -> tuple[Tensor, Tensor, float]:
    """Of the problem's dtype, unless another is given."""
    random = torch.Generator().manual_seed(seed)
    (V, D), dtype = p.weight.shape, dtype or p.weight.dtype

    def leaf(*shape: int) -> Tensor:
        values = torch.randn(*shape, generator=random, dtype=torch.float64) / math.sqrt(shape[1])
        return values.to(dtype).requires_grad_()

    return leaf(K, D), leaf(V, K), SCALING


def wide(lora: tuple[Tensor, Tensor, float]) -> tuple[Tensor, Tensor, float]:
    a, b, scaling = lora
    return a.detach().double().requires_grad_(), b.detach().double().requires_grad_(), scaling


def loss_and_gradients(p: Any, lora: tuple[Tensor, Tensor, float], function: Callable, **options: Any) -> list[Tensor]:
    """The loss, then the gradients of hidden, weight and bias where they want one, of lora_A and of lora_B."""
    loss = p.loss(function, lora=lora, **options)
    upstream = torch.linspace(0.5, 1.5, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
    leaves = [leaf for leaf in (*p.leaves, *lora[:2]) if leaf.requires_grad]
    return [loss.detach(), *torch.autograd.grad(loss, leaves, upstream)]


def both(p: Any, lora: tuple[Tensor, Tensor, float], function: Callable, **options: Any) -> list[Tensor]:
    """Log-probabilities, entropies, and gradients of both together."""
    found = function(
        p.hidden, p.weight, p.token_ids, bias=p.bias, temperature=0.8, lora=lora, return_entropy=True, **options
    )
    random = torch.Generator().manual_seed(3)
    c, h = (torch.randn(p.token_ids.shape, generator=random, dtype=torch.float64) for _ in range(2))
    gradients = torch.autograd.grad((c * found[0] + h * found[1]).sum(), (*p.leaves, *lora[:2]))
    return [*(values.detach() for values in found), *gradients]


def error(found: Tensor, truth: Tensor) -> float:
    return ((found.double() - truth).norm() / truth.norm().clamp(min=1e-300)).item()


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("chunk_tokens", [1, 4, 7, None])
def test_equals_the_naive_twin(problem: Build, name: str, chunk_tokens: int | None) -> None:
    p = problem()
    lora = adapter(p)
    options = {"objective": OBJECTIVES[name], "chunk_tokens": chunk_tokens}
    found = loss_and_gradients(p, lora, linear_policy_loss, **options)
    torch.testing.assert_close(found, loss_and_gradients(p, lora, naive.linear_policy_loss, **options), **EXACT)


@pytest.mark.parametrize("chunk_tokens", [1, 4, None])
def test_log_probs_equal_the_naive_twins(problem: Build, chunk_tokens: int | None) -> None:
    p = problem()
    lora = adapter(p)
    found = both(p, lora, linear_token_log_probs, chunk_tokens=chunk_tokens)
    torch.testing.assert_close(found, both(p, lora, naive.linear_token_log_probs), **EXACT)
    with torch.no_grad():
        alone = linear_token_log_probs(p.hidden, p.weight, p.token_ids, bias=p.bias, temperature=0.8, lora=lora)
    torch.testing.assert_close(alone, found[0], **EXACT)


@pytest.mark.parametrize("name", ["grpo", "gspo"])
def test_equals_the_weight_with_its_delta_and_not_the_weight_alone(problem: Build, name: str) -> None:
    p = problem()
    lora = adapter(p)
    options = {"objective": OBJECTIVES[name], "chunk_tokens": 4}
    found = loss_and_gradients(p, lora, linear_policy_loss, **options)
    without = p.loss(linear_policy_loss, **options)
    assert (found[0] - without).abs() > 1e-3
    base, (a, b, scaling) = p.weight, lora
    p.weight = base + scaling * b @ a
    loss = p.loss(linear_policy_loss, **options)
    gradients = torch.autograd.grad(loss, (*p.leaves, a, b), 0.5 * torch.ones_like(loss))
    torch.testing.assert_close(found, [loss.detach(), *gradients], **EXACT)


def test_a_fresh_adapter_changes_no_bit(problem: Build) -> None:
    p = problem(dtype=torch.float32)
    a, b, scaling = adapter(p)
    fresh = a, torch.zeros_like(b), scaling
    torch.testing.assert_close(p.loss(linear_policy_loss, lora=fresh), p.loss(linear_policy_loss), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["grpo", "gspo", "none"])
def test_gradcheck(problem: Build, name: str) -> None:
    p = problem(B=2, L=3, D=3, V=5)
    a, b, scaling = adapter(p, K=2)

    def loss(hidden: Tensor, weight: Tensor, bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return linear_policy_loss(
            *(hidden, weight, p.token_ids, p.advantages, p.mask),
            old_log_probs=p.old_log_probs,
            bias=bias,
            lora=(a, b, scaling),
            objective=OBJECTIVES[name],
            chunk_tokens=4,
        ).loss

    def log_probs(hidden: Tensor, weight: Tensor, bias: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return linear_token_log_probs(
            hidden, weight, p.token_ids, bias=bias, lora=(a, b, scaling), softcap=3.0, return_entropy=True
        )

    assert torch.autograd.gradcheck(loss, (*p.leaves, a, b))
    assert torch.autograd.gradcheck(log_probs, (*p.leaves, a, b))


def test_the_loss_has_no_second_derivative(problem: Build) -> None:
    p = problem()
    lora = adapter(p)
    with pytest.raises(RuntimeError, match="this loss has no second derivative"):
        torch.autograd.grad(p.loss(linear_policy_loss, lora=lora), lora[0], create_graph=True)


def test_backward_twice(problem: Build) -> None:
    p = problem()
    lora = adapter(p)
    loss = p.loss(linear_policy_loss, lora=lora)
    first = torch.autograd.grad(loss, lora[:2], retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, lora[:2]), first, **EXACT)


@pytest.mark.parametrize("frozen", ["hidden", "weight", "lora_A", "lora_B", "all but lora_A", "all but lora_B"])
@pytest.mark.parametrize("name", ["grpo", "gspo", "none"])
def test_frozen_inputs(problem: Build, frozen: str, name: str) -> None:
    p = problem()
    tensors = dict(zip(("hidden", "weight", "bias", "lora_A", "lora_B"), (*p.leaves, *adapter(p)[:2]), strict=True))
    for key in tensors:
        if (key not in frozen) == frozen.startswith("all") and (key == frozen or frozen.startswith("all")):
            tensors[key] = tensors[key].detach()
    p.hidden, p.weight, p.bias, a, b = tensors.values()
    p.__post_init__()
    options = {"objective": OBJECTIVES[name], "chunk_tokens": 4}
    found = loss_and_gradients(p, (a, b, SCALING), linear_policy_loss, **options)
    assert len(found) == 1 + sum(tensor.requires_grad for tensor in tensors.values()) < 6
    torch.testing.assert_close(
        found, loss_and_gradients(p, (a, b, SCALING), naive.linear_policy_loss, **options), **EXACT
    )


@pytest.mark.parametrize("capturing", [False, True])
@pytest.mark.parametrize("rubbish", [math.nan, math.inf])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_masked_positions_may_hold_anything(
    problem: Build, monkeypatch: pytest.MonkeyPatch, name: str, rubbish: float, capturing: bool
) -> None:
    """Also where no row can be left out, as in a CUDA graph that is being captured."""
    p = problem()
    lora = adapter(p)
    options = {"objective": OBJECTIVES[name], "chunk_tokens": 4}
    expected = loss_and_gradients(p, lora, linear_policy_loss, **options)
    p.hidden = p.hidden.detach().masked_fill(~p.mask[..., None], rubbish).requires_grad_()
    p.token_ids = p.token_ids.masked_fill(~p.mask, -100)
    p.__post_init__()
    if capturing:
        for module in (visited_rows, linear_gradient):
            monkeypatch.setattr(module, "capturing", lambda _: True)
    torch.testing.assert_close(loss_and_gradients(p, lora, linear_policy_loss, **options), expected, **EXACT)


def test_rows_without_a_gradient(problem: Build) -> None:
    """Rows of advantage 0, and clipped ones, are left out of the adapter's gradients too."""
    p = problem(B=4)
    lora = adapter(p)
    p.advantages[1] = 0
    p.old_log_probs[2, :4] -= 5
    for chunk_tokens in (3, 5, None):
        found = loss_and_gradients(p, lora, linear_policy_loss, chunk_tokens=chunk_tokens)
        torch.testing.assert_close(found, loss_and_gradients(p, lora, naive.linear_policy_loss), **EXACT)


@pytest.mark.parametrize("of_adapter", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("chunk_tokens", [None, 16])
@pytest.mark.parametrize("narrow", [False, True])
def test_bf16_is_closer_to_the_truth_than_torch(
    problem: Build, monkeypatch: pytest.MonkeyPatch, of_adapter: torch.dtype, chunk_tokens: int | None, narrow: bool
) -> None:
    """`narrow`: on a CPU that multiplies bf16; beyond one chunk, what is rounded there is a distance."""
    monkeypatch.setattr(linear_products, "_cpu_multiplies_bf16", lambda: narrow)
    monkeypatch.setattr(low_rank, "_SLAB_NUMBERS", 1000)
    rounds = narrow and chunk_tokens is not None
    p = problem(B=4, L=16, D=64, V=1000, dtype=torch.bfloat16, bias=False, temperature=1.0)
    lora = adapter(p, dtype=of_adapter)
    options = {"objective": PolicyObjective.reinforce(), "chunk_tokens": chunk_tokens}
    found = loss_and_gradients(p, lora, linear_policy_loss, **options)
    in_torch = loss_and_gradients(p, lora, naive.linear_policy_loss, **options)
    truth = loss_and_gradients(p.to(torch.float64), wide(lora), naive.linear_policy_loss, **options)
    assert [values.dtype for values in found] == [torch.float32, *[torch.bfloat16] * 2, *[of_adapter] * 2]
    for ours, torchs, exact in zip(found, in_torch, truth, strict=True):
        assert error(ours, exact) <= (2.5 if rounds else 1.5) * error(torchs, exact) + 1e-6
        assert error(ours, exact) <= (2e-2 if rounds else 5e-3)


def test_rounded_logits_are_rounded_by_their_own_distance(problem: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU's bf16 products: the adapter's part is in what is rounded, so that it costs no digits of its own."""
    monkeypatch.setattr(linear_products, "_cpu_multiplies_bf16", lambda: True)
    p = problem(B=4, L=16, D=64, V=1000, dtype=torch.bfloat16, bias=False)
    # The weight gives every logit about 60 of its own, which the adapter takes away again.
    with torch.no_grad():
        p.hidden[..., 0], p.weight[:, 0] = 8.0, 8.0
        a = torch.zeros(1, 64, dtype=torch.bfloat16)
        a[0, 0] = -1.0
    b = torch.ones(1000, 1, dtype=torch.bfloat16)
    options = {"chunk_tokens": 4, "return_entropy": True}
    found = linear_token_log_probs(p.hidden, p.weight, p.token_ids, lora=(a, b, 8.0), **options)
    with torch.no_grad():
        p.weight[:, 0] = 0.0
    without = linear_token_log_probs(p.hidden, p.weight, p.token_ids, **options)
    q = p.to(torch.float64)
    truth = naive.linear_token_log_probs(q.hidden, q.weight, q.token_ids, return_entropy=True)
    for values, plain, exact in zip(found, without, truth, strict=True):
        assert (values - exact).abs().max() < 1.5 * (plain - exact).abs().max() < 0.1


def test_fp32_is_as_close_to_the_truth_as_torch(problem: Build) -> None:
    p = problem(B=4, L=16, D=64, V=1000, dtype=torch.float32)
    lora = adapter(p)
    options = {"objective": PolicyObjective.reinforce(), "chunk_tokens": 10}
    found = loss_and_gradients(p, lora, linear_policy_loss, **options)
    in_torch = loss_and_gradients(p, lora, naive.linear_policy_loss, **options)
    truth = loss_and_gradients(p.to(torch.float64), wide(lora), naive.linear_policy_loss, **options)
    for ours, torchs, exact in zip(found, in_torch, truth, strict=True):
        assert error(ours, exact) <= 2 * error(torchs, exact) + 1e-6


def test_under_autocast_nothing_is_rounded(problem: Build) -> None:
    p = problem(dtype=torch.float32)
    lora = adapter(p)
    expected = loss_and_gradients(p, lora, linear_policy_loss)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(loss_and_gradients(p, lora, linear_policy_loss), expected, rtol=0, atol=0)


class LargestAllocation(TorchDispatchMode):
    """Bytes of the largest storage that an operation hands out."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, tuple | list) else (found,):
            if isinstance(tensor, Tensor) and tensor.untyped_storage().data_ptr() not in self.known:
                self.bytes = max(self.bytes, tensor.untyped_storage().nbytes())
        return found

    def without(self, *inputs: Tensor) -> "LargestAllocation":
        self.known = {tensor.untyped_storage().data_ptr() for tensor in inputs}
        return self


@pytest.mark.parametrize("name", ["grpo", "gspo", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_of_the_weights_size_is_made(
    problem: Build, monkeypatch: pytest.MonkeyPatch, name: str, dtype: torch.dtype
) -> None:
    for module in (linear_products, low_rank):
        monkeypatch.setattr(module, "_SLAB_NUMBERS", 1 << 12)
    p = problem(B=4, L=8, D=256, V=2000, dtype=dtype, bias=False)
    p.weight = p.weight.detach()
    p.__post_init__()
    lora = adapter(p, K=4, dtype=torch.float32)
    with LargestAllocation().without(p.weight) as largest:
        loss_and_gradients(p, lora, linear_policy_loss, objective=OBJECTIVES[name], chunk_tokens=4)
    assert 0 < largest.bytes < p.weight.numel() * dtype.itemsize / 3


@pytest.mark.parametrize(("name", "products"), [("reinforce", 2), ("gspo", 2), ("none", 3)])
def test_a_frozen_weight_costs_no_product(problem: Build, name: str, products: int) -> None:
    p = problem(B=4, L=8, D=128, V=500, bias=False, masked=0)
    p.weight = p.weight.detach()
    p.__post_init__()
    lora = adapter(p, K=1)
    with FlopCounterMode(display=False) as counter:
        loss_and_gradients(p, lora, linear_policy_loss, objective=OBJECTIVES[name], old_log_probs=None)
    assert counter.get_total_flops() / (2 * 32 * 128 * 500) == pytest.approx(products, abs=0.1)


@pytest.fixture
def _fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("name", OBJECTIVES)
def test_compiled(problem: Build, name: str) -> None:
    p = problem()
    lora = adapter(p)

    def loss(hidden: Tensor, weight: Tensor, bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return linear_policy_loss(
            *(hidden, weight, p.token_ids, p.advantages, p.mask),
            old_log_probs=p.old_log_probs,
            bias=bias,
            lora=(a, b, SCALING),
            objective=OBJECTIVES[name],
            chunk_tokens=4,
        ).loss.sum()

    compiled, leaves = torch.compile(loss, fullgraph=True, backend="aot_eager"), (*p.leaves, *lora[:2])
    found, expected = compiled(*leaves), loss(*leaves)
    torch.testing.assert_close(found, expected, **EXACT)
    torch.testing.assert_close(torch.autograd.grad(found, leaves), torch.autograd.grad(expected, leaves), **EXACT)


@pytest.mark.usefixtures("_fresh_compiler")
def test_compiled_log_probs(problem: Build) -> None:
    p = problem()
    lora = adapter(p)
    compiled = torch.compile(linear_token_log_probs, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(both(p, lora, compiled), both(p, lora, linear_token_log_probs), **EXACT)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_operators(problem: Build, dtype: torch.dtype, bias: bool) -> None:
    p = problem(dtype=dtype, bias=bias)
    a, b, scaling = adapter(p, dtype=torch.float32)
    N, one = p.token_ids.numel(), torch.ones(1)
    up = b.detach().t().contiguous().t().requires_grad_()  # whatever its strides are
    hidden = p.hidden.detach().reshape(N, -1).requires_grad_()
    for down in ((scaling * a).detach().requires_grad_(), None):
        head = (hidden, p.weight, p.bias, down, None if down is None else up, p.token_ids.flatten(), one, None, False)
        wanted = True, True, bias, down is not None, down is not None
        terms = (
            *(p.advantages.float().repeat_interleave(7), p.mask.flatten() / N, p.old_log_probs.flatten().float()),
            *(None, None, torch.arange(3).repeat_interleave(7), p.mask.flatten(), 3, PolicyObjective.grpo().key),
        )
        found = torch.library.opcheck(linear_losses_op, (*head, *terms, True, 8, *wanted))
        assert set(found.values()) == {"SUCCESS"}, found
        gradients = linear_losses_op(*head, *terms, True, 8, *wanted)[-5:]
        shapes = [torch.Size([0]) if tensor is None else tensor.shape for tensor in head[:5]]
        assert [gradient.shape for gradient in gradients] == shapes
        found = torch.library.opcheck(linear_statistics_op, (*head, p.mask.flatten(), True, 8))
        assert set(found.values()) == {"SUCCESS"}, found
        statistics = [values.detach() for values in linear_statistics_op(*head, p.mask.flatten(), True, 8)]
        still = tuple(value.detach() if isinstance(value, Tensor) else value for value in head)
        arguments = (*still, p.mask.flatten(), *statistics, torch.ones(N), None, 8, *wanted)
        found = torch.library.opcheck(linear_gradient_op, arguments)
        assert set(found.values()) == {"SUCCESS"}, found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b: [a, b, 1.0], r"lora must be None or \(lora_A, lora_B, scaling\), got list"),
        (lambda a, b: (a, b), r"lora must be None or \(lora_A, lora_B, scaling\), got tuple"),
        (lambda a, b: (a.tolist(), b, 1.0), r"lora_A must be a Tensor, got list"),
        (lambda a, b: (a, None, 1.0), r"lora_B must be a Tensor, got NoneType"),
        (lambda a, b: (a, b.long(), 1.0), r"lora_B must be floating point, got torch.int64"),
        (lambda a, b: (a.to("meta"), b, 1.0), r"lora_A is on meta, weight on cpu"),
        (lambda a, b: (a[0], b, 1.0), r"lora_A has shape \[16\], expected lora_A \[r, D\] .* weight's \[127, 16\]"),
        (lambda a, b: (b, a, 1.0), r"lora_A has shape \[127, 3\] and lora_B \[3, 16\], expected .* \[127, 16\]"),
        (lambda a, b: (a[:2], b, 1.0), r"lora_A has shape \[2, 16\] and lora_B \[127, 3\], expected"),
        (lambda a, b: (a, b[:-1], 1.0), r"lora_A has shape \[3, 16\] and lora_B \[126, 3\], expected"),
        (lambda a, b: (a, b, math.nan), r"lora's scaling must be a finite number, got nan"),
        (lambda a, b: (a, b, True), r"lora's scaling must be a finite number, got True"),
        (lambda a, b: (a, b, "1"), r"lora's scaling must be a finite number, got '1'"),
    ],
)
def test_mistakes_are_named_with_their_numbers(problem: Build, change: Callable, message: str) -> None:
    p = problem()
    a, b, _ = adapter(p)
    for call in (
        lambda lora: p.loss(linear_policy_loss, lora=lora),
        lambda lora: linear_token_log_probs(p.hidden, p.weight, p.token_ids, lora=lora),
    ):
        with pytest.raises(ValueError, match=message):
            call(change(a.detach(), b.detach()))
