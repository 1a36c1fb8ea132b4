"""The passes over hidden states with every row done by a kernel: which rows reach which product, and the naive twin.

Products are counted as operations, each row's product with the whole weight being one.
Names: D hidden size, V vocabulary.
"""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs
from pgkern.policy import naive
from pgkern.policy.linear.logit_buffer import LogitBuffer
from pgkern.policy.logits import logit_statistics
from pgkern.policy.logits.logit_gradient_rows import GradientRows
from pgkern.policy.logits.logit_loss_rows import LossRows

D = 8
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 8e-3}  # the interpreter cuts bf16 off where a GPU rounds
OBJECTIVES = {
    "grpo": PolicyObjective.grpo(),
    "bonus": PolicyObjective.reinforce(entropy_coef=0.2),
    "kl": PolicyObjective.dapo(kl_coef=0.3),
    "gspo": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1),
    "gspo bonus": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1, entropy_coef=0.1),
    "gmpo": PolicyObjective.gmpo(clip_low=0.1, clip_high=0.1),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.3),
    "none": PolicyObjective.ppo(reduction="none", entropy_coef=0.1),
}


class Products(TorchDispatchMode):
    """Counts the floating-point operations of every matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("mm", "addmm", "addmm_"):
            left, right = args[-2:] if name == "mm" else args[1:3]
            self.operations += 2 * left.numel() * right.shape[-1]
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def _no_torch_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """fp64 may take plain torch: that is the truth."""

    def forbid(module: object, name: str, which: int) -> None:
        original = getattr(module, name)

        def checked(*arguments: Any) -> object:
            assert arguments[which].dtype == torch.float64, f"{name} took rows away from the kernels"
            return original(*arguments)

        monkeypatch.setattr(module, name, checked)

    forbid(LossRows, "_by_torch", 1)
    forbid(GradientRows, "_by_torch", 1)
    forbid(logit_statistics, "_by_torch", 1)


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def dtype(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    return request.param


def inputs(dtype: torch.dtype, V: int = 67) -> dict[str, Any]:
    """Four sequences of 3 unmasked tokens each, the last of advantage 0; the first token's ratio is far above any clip.

    The others' lie close to 1 on the side where nothing is clipped.
    """
    random = torch.Generator().manual_seed(0)
    hidden, weight, bias = (torch.randn(*shape, generator=random).to(dtype) for shape in ((4, 4, D), (V, D), (V,)))
    token_ids = torch.randint(0, V, (4, 4), generator=random)
    token_ids[0, 1] = V - 1
    log_probs = naive.linear_token_log_probs(hidden.double(), weight.double(), token_ids, bias=bias.double())
    old = (log_probs + 0.05 * torch.randn(4, 4, generator=random)).float()
    old[0, 0] -= 3
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[:, 3] = False
    return {
        "hidden": hidden.masked_fill(~mask[..., None], math.nan),
        "weight": weight,
        "bias": bias,
        "token_ids": token_ids.masked_fill(~mask, -100),
        "advantages": torch.tensor([1.0, 0.7, -0.4, 0.0]),
        "mask": mask,
        "old_log_probs": old,
        "ref_log_probs": old - 0.1,
    }


def run(function: Any, given: dict[str, Any], dtype: torch.dtype, **options: Any) -> tuple[list[Tensor], float]:
    """Loss and gradients, and the rows' products."""
    leaves = {name: given[name].to(dtype).detach().requires_grad_() for name in ("hidden", "weight", "bias")}
    with Products() as products:
        loss = function(**{**given, **leaves}, **options).loss
        upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
        gradients = torch.autograd.grad(loss, list(leaves.values()), upstream)
    return [loss.detach(), *gradients], products.operations / (2 * given["weight"].numel())


def assert_judged(found: list[Tensor], truth: list[Tensor], dtype: torch.dtype) -> None:
    for ours, exact in zip(found, truth, strict=True):
        tolerance = TOLERANCE[dtype] if ours is not found[0] else 1e-5
        assert (ours.double() - exact).norm() <= tolerance * exact.norm()
    assert [gradient.dtype for gradient in found[1:]] == [dtype] * 3


@pytest.mark.parametrize(
    ("chunk_tokens", "dtype"), [(1, torch.float32), (5, torch.float32), (5, torch.bfloat16)], indirect=["dtype"]
)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_equals_the_naive_twin(name: str, chunk_tokens: int | None, dtype: torch.dtype) -> None:
    given = inputs(dtype)
    found, products = run(linear_policy_loss, given, dtype, objective=OBJECTIVES[name], chunk_tokens=chunk_tokens)
    truth, _ = run(naive.linear_policy_loss, given, torch.float64, objective=OBJECTIVES[name])
    assert_judged(found, truth, dtype)
    two_visits = name == "none" or (OBJECTIVES[name].ratio == "sequence" and chunk_tokens == 1)
    assert products <= 12 * (4 if two_visits else 3)
    if name == "grpo":
        assert products == 12 + 2 * 8  # three of advantage 0, and one that is clipped
    elif name in ("bonus", "kl", "gspo bonus", "kimi_k15"):
        assert products == 12 * (4 if two_visits else 3)


@pytest.mark.parametrize("name", ["gspo", "gspo bonus", "kimi_k15"])
def test_without_old_log_probs_three_products_at_any_length(name: str, dtype: torch.dtype) -> None:
    given = {**inputs(dtype), "old_log_probs": None}
    found, products = run(linear_policy_loss, given, dtype, objective=OBJECTIVES[name], chunk_tokens=1)
    truth, _ = run(naive.linear_policy_loss, given, torch.float64, objective=OBJECTIVES[name])
    assert_judged(found, truth, dtype)
    assert products <= 36


def test_quiet_rows_cost_nothing_without_metrics() -> None:
    found, products = run(linear_policy_loss, inputs(torch.float32), torch.float32, return_metrics=False)
    assert products == 9 + 2 * 8
    truth, _ = run(naive.linear_policy_loss, inputs(torch.float32), torch.float64)
    assert_judged(found, truth, torch.float32)


@pytest.mark.parametrize("V", [1, 64, 127])
@pytest.mark.parametrize("name", ["grpo", "gspo bonus"])
def test_vocabularies_in_blocks(name: str, V: int, dtype: torch.dtype) -> None:
    """Two visits to blocks of the vocabulary, of which the last is not full; a cap, and a temperature per token."""
    given = {**inputs(dtype, V), "temperature": torch.linspace(0.5, 1.5, 16).reshape(4, 4), "softcap": 6.0}
    options = {"objective": OBJECTIVES[name], "chunk_tokens": 2 if name == "grpo" else 1}
    found, _ = run(linear_policy_loss, given, dtype, **options)
    truth, _ = run(naive.linear_policy_loss, given, torch.float64, objective=OBJECTIVES[name])
    if V > 1:
        assert_judged(found, truth, dtype)
    else:
        assert all(gradient.abs().max() < 1e-6 for gradient in found[1:])


@pytest.mark.parametrize("chunk_tokens", [2, None])
def test_log_probs(chunk_tokens: int | None, dtype: torch.dtype) -> None:
    given = inputs(dtype)
    given = {name: given[name][:, :3] if name in ("hidden", "token_ids") else given[name] for name in given}

    def results(function: Any, dtype: torch.dtype, **options: Any) -> list[Tensor]:
        leaves = [given[name].to(dtype).detach().requires_grad_() for name in ("hidden", "weight", "bias")]
        log_probs, entropy = function(
            *leaves[:2], given["token_ids"], bias=leaves[2], return_entropy=True, temperature=0.8, **options
        )
        loss = (log_probs * torch.arange(3)).sum() - 0.7 * entropy.sum()
        return [torch.stack([log_probs, entropy]).detach(), *torch.autograd.grad(loss, leaves)]

    found = results(linear_token_log_probs, dtype, chunk_tokens=chunk_tokens)
    assert_judged(found, results(naive.linear_token_log_probs, torch.float64), dtype)


def test_bf16_has_a_gradient_buffer_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = LogitBuffer.rows

    def rows(self: LogitBuffer, *shape: int) -> tuple[Tensor, Tensor]:
        found = original(self, *shape)
        seen.append(tuple(tensor.dtype for tensor in found))
        assert (found[0] is found[1]) == (found[0].dtype == found[1].dtype)
        return found

    monkeypatch.setattr(LogitBuffer, "rows", rows)
    run(linear_policy_loss, inputs(torch.bfloat16), torch.bfloat16, return_metrics=False)
    assert set(seen) == {(torch.float32, torch.bfloat16)}
    seen.clear()
    run(linear_policy_loss, inputs(torch.float32), torch.float32, return_metrics=False)
    assert set(seen) == {(torch.float32, torch.float32)}


class NoWaiting(TorchDispatchMode):
    """Refuses every operation whose result a host would have to wait for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in ("nonzero", "_local_scalar_dense", "is_nonzero", "unique_consecutive", "_unique2"), name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_while_a_graph_is_captured_nobody_waits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is visited then, and masked ones change nothing."""
    given = inputs(torch.float32)
    truth, _ = run(naive.linear_policy_loss, given, torch.float64, objective=OBJECTIVES[name])
    policy = "pgkern.policy"
    for module in ("token_ids", "temperature", "policy_batch", "packed_sequences", "token_weights"):
        monkeypatch.setattr(f"{policy}.inputs.{module}.look_at_values", lambda device: False)
    monkeypatch.setattr(f"{policy}.linear.linear_head.look_at_values", lambda device: False)
    for module in ("visited_rows", "linear_gradient"):
        monkeypatch.setattr(f"{policy}.linear.{module}.capturing", lambda tensor: True)
    monkeypatch.setattr(f"{policy}.linear.linear_losses.move_active_rows_up_", None)
    with NoWaiting():
        found, _ = run(linear_policy_loss, given, torch.float32, objective=OBJECTIVES[name], chunk_tokens=5)
    assert_judged(found, truth, torch.float32)
    assert (found[1][~given["mask"]] == 0).all()
