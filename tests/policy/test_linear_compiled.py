"""`torch.compile(fullgraph=True)` of the functions over hidden states, and what torch checks of their operators.

Names: B padded rows of L tokens, D hidden size, N tokens, V vocabulary.
"""

import functools
import shutil
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

import pgkern
from pgkern import PolicyObjective
from pgkern.policy.linear.linear_operators import linear_gradient_op, linear_losses_op, linear_statistics_op

# Importing inductor uses what torch itself deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")

D, V = 8, 33
OBJECTIVES = {
    "reinforce": PolicyObjective.reinforce(entropy_coef=0.2),
    "grpo": PolicyObjective.grpo(kl_coef=0.3),
    "dapo": PolicyObjective.dapo(correction="truncate", correction_cap=1.2),
    "dr_grpo": PolicyObjective.dr_grpo(reduction_constant=11.0, dual_clip=1.5),
    "gspo": PolicyObjective.gspo(clip_low=0.2, clip_high=0.2, entropy_coef=0.1),
    "cispo": PolicyObjective.cispo(correction="mask", correction_level="sequence", correction_cap=1.5),
    "gmpo": PolicyObjective.gmpo(),
    "sapo": PolicyObjective.sapo(),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.3),
    "none": PolicyObjective.gspo(clip_low=0.2, clip_high=0.2, reduction="none", entropy_coef=0.1),
}
Batch = dict[str, Any]
LEAVES = ("hidden", "weight", "bias")


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def build_batch(B: int = 3, L: int = 5, *, dtype: torch.dtype = torch.float64, packed: bool = False) -> Batch:
    random = torch.Generator().manual_seed(L)
    shape = (B * L,) if packed else (B, L)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

    wide = torch.promote_types(dtype, torch.float32)
    hidden, weight, bias = normal(*shape, D), normal(V, D), normal(V)
    token_ids = torch.randint(0, V, shape, generator=random)
    mask = torch.rand(shape, generator=random) > 0.3
    mask.reshape(-1)[1] = True
    log_p = (hidden @ weight.t() + bias).to(wide).log_softmax(-1).gather(-1, token_ids[..., None])[..., 0]
    old = log_p + 0.3 * normal(*shape)
    batch = {
        "hidden": hidden,
        "weight": weight,
        "bias": bias,
        "token_ids": token_ids,
        "advantages": normal(B).to(wide),
        "mask": mask,
        "old_log_probs": old,
        "ref_log_probs": old + 0.3 * normal(*shape),
        "rollout_log_probs": old + 0.2 * normal(*shape),
    }
    return batch | ({"sequence_ids": torch.arange(B).repeat_interleave(L)} if packed else {})


def loss_of(batch: Batch, **options: Any) -> tuple[Tensor, dict[str, Tensor]]:
    found = pgkern.linear_policy_loss(**batch, **options)
    return found.loss, dict(found.metrics)


def log_probs_of(batch: Batch, **options: Any) -> tuple[Tensor, dict[str, Tensor]]:
    inputs = (batch[key] for key in ("hidden", "weight", "token_ids"))
    log_probs, entropy = pgkern.linear_token_log_probs(*inputs, bias=batch["bias"], return_entropy=True, **options)
    return log_probs - 0.3 * entropy, {}


def run(function: Callable, batch: Batch, leaves: tuple[str, ...] = LEAVES, **options: Any) -> Any:
    given = {**batch, **{key: batch[key].detach().clone().requires_grad_() for key in leaves}}
    loss, metrics = function(given, **options)
    upstream = torch.linspace(0.5, 1.5, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
    gradients = torch.autograd.grad(loss, [given[key] for key in leaves], upstream)
    assert not any(value.requires_grad for value in metrics.values())
    return loss.detach(), gradients, metrics


def assert_same(found: object, expected: object, **tolerance: float) -> None:
    torch.testing.assert_close(found, expected, **({"rtol": 1e-9, "atol": 1e-12} | tolerance))


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_equals_eager(name: str, old: bool) -> None:
    """And an autograd function that torch cannot trace would be told of by a warning, which is an error here."""
    function = functools.partial(loss_of, objective=OBJECTIVES[name], chunk_tokens=4)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    batch = build_batch(packed=name in ("dapo", "gspo", "none"))
    batch["old_log_probs"] = batch["old_log_probs"] if old else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(compiled, batch)
    assert_same(found, run(function, batch))


@pytest.mark.parametrize("leaves", [("hidden",), ("weight",), ("hidden", "bias")])
@pytest.mark.parametrize("function", [functools.partial(loss_of, objective=OBJECTIVES["grpo"]), log_probs_of])
def test_frozen_inputs(function: Callable, leaves: tuple[str, ...]) -> None:
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    assert_same(run(compiled, build_batch(), leaves), run(function, build_batch(), leaves))


@pytest.mark.parametrize("packed", [True, False])
def test_log_probs(packed: bool) -> None:
    function = functools.partial(log_probs_of, temperature=0.7, softcap=6.0, chunk_tokens=4)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    assert_same(run(compiled, build_batch(packed=packed)), run(function, build_batch(packed=packed)))


@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("name", ["grpo", "gspo", "log_probs"])
def test_equals_eager_in_machine_code(name: str) -> None:
    function = functools.partial(loss_of, objective=OBJECTIVES[name]) if name in OBJECTIVES else log_probs_of
    compiled = torch.compile(function, fullgraph=True, backend="inductor")
    batch = build_batch(dtype=torch.float32)
    assert_same(run(compiled, batch), run(function, batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["grpo", "gspo", "none"])
def test_fewer_bits(name: str, dtype: torch.dtype) -> None:
    function = functools.partial(loss_of, objective=OBJECTIVES[name], chunk_tokens=4)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    found, expected = run(compiled, build_batch(dtype=dtype)), run(function, build_batch(dtype=dtype))
    assert [gradient.dtype for gradient in found[1]] == [dtype] * 3
    assert_same((found[0], found[2]), (expected[0], expected[2]), rtol=1e-6, atol=1e-6)
    assert_same(found[1], expected[1], rtol=1e-2 if dtype == torch.bfloat16 else 1e-3, atol=1e-7)


def test_without_a_gradient() -> None:
    for function in (functools.partial(loss_of, objective=OBJECTIVES["grpo"]), log_probs_of):
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        batch = build_batch()
        assert_same(compiled(batch), function(batch))
        batch["hidden"].requires_grad_()
        with torch.no_grad():
            found = compiled(batch)
            assert not found[0].requires_grad
            assert_same(found, function(batch))


def test_backward_twice_through_a_compiled_graph() -> None:
    batch = build_batch()
    batch["weight"].requires_grad_()
    loss, _ = torch.compile(loss_of, fullgraph=True, backend="eager")(batch, objective=OBJECTIVES["grpo"])
    (first,) = torch.autograd.grad(loss, batch["weight"], retain_graph=True)
    (second,) = torch.autograd.grad(loss * -2, batch["weight"])
    assert_same(second, first * -2)


@pytest.mark.parametrize("name", ["grpo", "gspo", "none", "log_probs"])
@pytest.mark.parametrize("packed", [True, False])
def test_twenty_lengths_compile_twice(name: str, packed: bool) -> None:
    """Once for the first length and once for any."""
    counter = CompileCounterWithBackend("aot_eager")
    function = functools.partial(loss_of, objective=OBJECTIVES[name]) if name in OBJECTIVES else log_probs_of
    compiled = torch.compile(function, fullgraph=True, backend=counter)
    for L in range(5, 25):
        batch = build_batch(L=L, packed=packed)
        found = run(compiled, batch)
        if L % 5 == 0:
            assert_same(found, run(function, batch))
        assert counter.frame_count <= (1 if L == 5 else 2), f"compiled again for length {L}"


# ---- operators


def head_of(dtype: torch.dtype, leaf: bool) -> Batch:
    batch = build_batch(dtype=dtype)
    wide = torch.promote_types(dtype, torch.float32)
    keys = ("hidden", "weight", "bias")
    found = {key: batch[key].reshape(-1, D) if key == "hidden" else batch[key] for key in keys}
    found = {key: value.detach().clone().requires_grad_(leaf) for key, value in found.items()}
    rest = {key: value.reshape(-1) for key, value in batch.items() if key not in keys}
    numbers = {"temperature": torch.full((1,), 0.7, dtype=wide), "softcap": 6.0, "exact": False, "chunk_tokens": 4}
    return rest | found | numbers


def filled(op: Any, given: dict[str, Any]) -> tuple[Any, ...]:
    """By the names of the schema; what is not given is None, and no gradient is wanted."""
    names = [argument.name for argument in op._opoverload._schema.arguments]
    assert {"hidden", "weight", "token_ids"} < set(names)
    return tuple(given.get(name, False if name.startswith("of_") else None) for name in names)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("leaf", [True, False])
@pytest.mark.parametrize("name", ["reinforce", "grpo", "gspo", "cispo"])
def test_linear_losses(name: str, leaf: bool, dtype: torch.dtype) -> None:
    given = head_of(dtype, leaf)
    wide = given["temperature"].dtype
    given |= {
        "advantages": torch.linspace(-1, 1, 15, dtype=wide),
        "weights": given["mask"].to(wide) / 15,
        "sequence_index": torch.arange(15) // 5,
        "num_sequences": 3,
        "objective": OBJECTIVES[name].key,
        "with_quiet": True,
    }
    for wanted in (True, False):
        case = filled(linear_losses_op, given | dict.fromkeys(("of_hidden", "of_weight", "of_bias"), wanted))
        if leaf and not wanted:
            continue
        assert set(torch.library.opcheck(linear_losses_op, case).values()) == {"SUCCESS"}
        loss, log_probs, entropy, coefficients, *gradients = linear_losses_op(*case)
        assert loss.shape == ()
        assert all(values.shape == (15,) for values in (log_probs, entropy, coefficients))
        for gradient, tensor in zip(gradients, (given[key] for key in ("hidden", "weight", "bias")), strict=False):
            assert gradient.shape == (tensor.shape if wanted else (0,))
            assert gradient.dtype == tensor.dtype


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("leaf", [True, False])
@pytest.mark.parametrize("scored", [True, False])
def test_linear_statistics_and_gradient(scored: bool, leaf: bool, dtype: torch.dtype) -> None:
    given = head_of(dtype, leaf)
    given |= {"scored": given["mask"] if scored else None, "with_entropy": True}
    case = filled(linear_statistics_op, given)
    assert set(torch.library.opcheck(linear_statistics_op, case).values()) == {"SUCCESS"}
    found = [values.detach() for values in linear_statistics_op(*case)]
    assert all(values.shape == (15,) for values in found)
    if scored:
        assert all((values[~given["mask"]] == 0).all() for values in found)
    given = head_of(dtype, leaf=False) | {"scored": given["scored"]}
    given |= dict(zip(("log_probs", "entropy", "largest", "log_sums"), found, strict=True))
    given |= {"coefficients": torch.linspace(-1, 1, 15, dtype=found[0].dtype), "of_hidden": True, "of_bias": True}
    for entropy_coefficients in (None, torch.linspace(0, 1, 15, dtype=found[0].dtype)):
        case = filled(linear_gradient_op, given | {"entropy_coefficients": entropy_coefficients})
        assert set(torch.library.opcheck(linear_gradient_op, case).values()) == {"SUCCESS"}
        grad_hidden, grad_weight, grad_bias, *_ = linear_gradient_op(*case)
        assert (grad_hidden.shape, grad_weight.shape, grad_bias.shape) == ((15, D), (0,), (V,))
