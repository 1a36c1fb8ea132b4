"""`torch.compile(fullgraph=True)` of the losses: the eager numbers, and no compilation for every new length.

Names: B padded rows of L tokens, T packed tokens, V vocabulary.
"""

import functools
import math
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

import pgkern
from pgkern import PolicyObjective

# Importing inductor uses what torch itself deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")

needs_a_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None, reason="inductor needs a C++ compiler"
)
V = 33
OBJECTIVES = {
    "reinforce": PolicyObjective.reinforce(entropy_coef=0.2),
    "grpo": PolicyObjective.grpo(kl_coef=0.3),
    "dapo": PolicyObjective.dapo(correction="truncate", correction_cap=1.2),
    "dr_grpo": PolicyObjective.dr_grpo(reduction_constant=11.0),
    "gspo": PolicyObjective.gspo(clip_low=0.2, clip_high=0.2, entropy_coef=0.1),
    "cispo": PolicyObjective.cispo(correction="mask", correction_level="sequence", correction_cap=1.5),
    "gmpo": PolicyObjective.gmpo(),
    "sapo": PolicyObjective.sapo(),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.3),
    "none": PolicyObjective.gspo(clip_low=0.2, clip_high=0.2, reduction="none", entropy_coef=0.1),
}
Batch = dict[str, Any]


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

    logits = 2 * normal(*shape, V)
    token_ids = torch.randint(0, V, shape, generator=random)
    mask = torch.rand(shape, generator=random) > 0.3
    mask.reshape(-1)[1] = True
    old = logits.log_softmax(-1).gather(-1, token_ids[..., None])[..., 0] + 0.3 * normal(*shape)
    batch = {
        "logits": logits,
        "token_ids": token_ids,
        "advantages": normal(B),
        "mask": mask,
        "old_log_probs": old,
        "ref_log_probs": old + 0.3 * normal(*shape),
        "rollout_log_probs": old + 0.2 * normal(*shape),
    }
    return batch | ({"sequence_ids": torch.arange(B).repeat_interleave(L)} if packed else {})


def upstream_of(loss: Tensor) -> Tensor:
    return torch.linspace(0.5, 1.5, loss.numel(), dtype=loss.dtype).reshape(loss.shape)


# The three functions as one signature. They are reached through the package, as a user's code reaches them.


def from_logits(batch: Batch, **options: Any) -> tuple[Tensor, dict[str, Tensor]]:
    found = pgkern.logits_policy_loss(**batch, **options)
    return found.loss, dict(found.metrics)


def from_log_probs(batch: Batch, **options: Any) -> tuple[Tensor, dict[str, Tensor]]:
    log_probs, entropy = batch["logits"][..., 0], batch["logits"][..., 1]
    rest = {key: value for key, value in batch.items() if key not in ("logits", "token_ids")}
    found = pgkern.policy_loss(log_probs, entropy=entropy, **rest, **options)
    return found.loss, dict(found.metrics)


def in_two_steps(batch: Batch, **options: Any) -> tuple[Tensor, dict[str, Tensor]]:
    log_probs, entropy = pgkern.token_log_probs(
        batch["logits"], batch["token_ids"], temperature=0.8, softcap=5.0, return_entropy=True
    )
    rest = {key: value for key, value in batch.items() if key not in ("logits", "token_ids")}
    found = pgkern.policy_loss(log_probs, entropy=entropy, **rest, **options)
    return found.loss, dict(found.metrics)


FUNCTIONS = {function.__name__: function for function in (from_logits, from_log_probs, in_two_steps)}


def run(function: Callable, batch: Batch, **options: Any) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    leaf = batch["logits"].detach().clone().requires_grad_()
    loss, metrics = function({**batch, "logits": leaf}, **options)
    (gradient,) = torch.autograd.grad(loss, leaf, upstream_of(loss))
    assert not any(value.requires_grad for value in metrics.values())
    return loss.detach(), gradient, metrics


def assert_same(found: object, expected: object, **tolerance: float) -> None:
    torch.testing.assert_close(found, expected, **({"rtol": 1e-9, "atol": 1e-12} | tolerance))


@pytest.mark.parametrize(
    ("name", "form"),
    [(name, "from_logits") for name in OBJECTIVES]
    + [("grpo", "in_two_steps"), ("gspo", "from_log_probs"), ("none", "from_log_probs"), ("none", "in_two_steps")],
)
def test_equals_eager(name: str, form: str) -> None:
    function = functools.partial(FUNCTIONS[form], objective=OBJECTIVES[name])
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    batch = build_batch(packed=name in ("dapo", "gspo", "none"))
    assert_same(run(compiled, batch), run(function, batch))


@needs_a_compiler
@pytest.mark.parametrize(
    ("name", "form"),
    [("grpo", "from_logits"), ("gspo", "in_two_steps")],
)
def test_equals_eager_in_machine_code(name: str, form: str) -> None:
    function = functools.partial(FUNCTIONS[form], objective=OBJECTIVES[name])
    compiled = torch.compile(function, fullgraph=True, backend="inductor")
    batch = build_batch(dtype=torch.float32)
    assert_same(run(compiled, batch), run(function, batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "dtype"), [("grpo", torch.bfloat16), ("grpo", torch.float16), ("gspo", torch.bfloat16)]
)
def test_fewer_bits(name: str, dtype: torch.dtype) -> None:
    batch = build_batch(dtype=torch.float32)
    batch["logits"] = batch["logits"].to(dtype)
    function = functools.partial(from_logits, objective=OBJECTIVES[name])
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    found, expected = run(compiled, batch), run(function, batch)
    assert found[1].dtype == dtype
    rounding = 1e-2 if dtype == torch.bfloat16 else 1e-3
    assert_same((found[0], found[2]), (expected[0], expected[2]), rtol=1e-6, atol=1e-6)
    assert_same(found[1], expected[1], rtol=rounding, atol=1e-7)


@pytest.mark.parametrize("form", FUNCTIONS)
def test_without_a_gradient(form: str) -> None:
    function = functools.partial(FUNCTIONS[form], objective=OBJECTIVES["grpo"])
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    batch = build_batch()
    assert_same(compiled(batch), function(batch))
    batch["logits"].requires_grad_()
    with torch.no_grad():
        loss, metrics = compiled(batch)
        assert not loss.requires_grad
        assert_same((loss, metrics), function(batch))


@pytest.mark.parametrize("form", ["from_logits", "in_two_steps"])
def test_an_objective_made_in_compiled_code(form: str) -> None:
    def function(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return FUNCTIONS[form](batch, objective=pgkern.PolicyObjective.grpo(clip_high=0.28, kl_coef=0.2))

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    assert_same(run(compiled, build_batch()), run(function, build_batch()))


@pytest.mark.parametrize("form", ["from_logits", "in_two_steps"])
def test_autocast(form: str) -> None:
    function = functools.partial(FUNCTIONS[form], objective=OBJECTIVES["grpo"])
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    batch = build_batch(dtype=torch.float32)
    expected = run(function, batch)
    with torch.autocast("cpu", torch.bfloat16):
        assert_same(run(compiled, batch), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["grpo", "gspo"])
def test_everything_that_can_be_said_of_logits(name: str) -> None:
    """A temperature per token, a cap, padding, a slice of a model's output, whole-batch counts, bad masked values."""

    def function(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        options = {"softcap": 4.0, "vocab_size": 30, "num_sequences": 9, "inplace_backward": True}
        return from_logits({**batch, "logits": batch["logits"][:, :-1]}, objective=OBJECTIVES[name], **options)

    batch = build_batch()
    batch["token_ids"] = batch["token_ids"].clamp(max=29).masked_fill(~batch["mask"], -100)
    batch["logits"] = torch.nn.functional.pad(batch["logits"], (0, 0, 0, 1), value=math.nan)
    batch["logits"][..., 30:] = math.nan
    batch["temperature"] = torch.linspace(0.5, 1.5, 15, dtype=torch.float64).reshape(3, 5)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    found = run(compiled, batch)
    assert_same(found, run(function, batch))
    assert (found[1][..., 30:] == 0).all()
    assert (found[1][:, -1] == 0).all()


@pytest.mark.parametrize("name", ["reinforce", "grpo", "gspo"])
def test_a_token_outside_the_vocabulary_is_nan(name: str) -> None:
    function = functools.partial(from_logits, objective=OBJECTIVES[name])
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    batch = build_batch()
    batch["mask"][0, 1] = True
    for wrong in (V, -1):
        batch["token_ids"][0, 1] = wrong
        with pytest.raises(ValueError, match=rf"token id {wrong} \(at token 1\) is outside the vocabulary of 33"):
            function(batch)
        loss, gradient, _ = run(compiled, batch)
        assert loss.isnan()
        assert gradient[0, 1].isnan().all()


@pytest.mark.parametrize(
    ("name", "packed", "form"),
    [
        ("grpo", False, "from_logits"),
        ("gspo", True, "in_two_steps"),
        ("dapo", True, "from_logits"),
        ("gspo", False, "from_log_probs"),
    ],
)
def test_twenty_lengths_compile_twice(name: str, packed: bool, form: str) -> None:
    """Once for the first length and once for any."""
    counter = CompileCounterWithBackend("aot_eager")
    function = functools.partial(FUNCTIONS[form], objective=OBJECTIVES[name])
    compiled = torch.compile(function, fullgraph=True, backend=counter)
    for L in range(5, 25):
        batch = build_batch(L=L, packed=packed)
        found = run(compiled, batch)
        if L % 5 == 0:
            assert_same(found, run(function, batch))
        assert counter.frame_count <= (1 if L == 5 else 2), f"compiled again for length {L}"


@pytest.mark.parametrize("name", ["grpo", "dapo"])
def test_other_batches_temperatures_and_counts_compile_twice(name: str) -> None:
    """All of them change from step to step."""
    counter = CompileCounterWithBackend("aot_eager")

    def function(batch: Batch, step: int, temperature: float) -> tuple[Tensor, dict[str, Tensor]]:
        options = {"num_tokens": 100 + step, "num_sequences": 50 + step, "temperature": temperature}
        return from_logits(batch, objective=OBJECTIVES[name], **options)

    compiled = torch.compile(function, fullgraph=True, backend=counter)
    for step in range(2, 8):
        batch, options = build_batch(step, step + 4), {"step": step, "temperature": 0.5 + 0.1 * step}
        assert_same(run(compiled, batch, **options), run(function, batch, **options))
    assert counter.frame_count <= 2


def test_mistakes_are_named_with_their_numbers_in_compiled_code() -> None:
    compiled = torch.compile(from_logits, backend="aot_eager")
    batch = build_batch()
    with pytest.raises(ValueError, match=r"mask has shape \[3, 4\], expected the tokens' shape \[3, 5\]"):
        compiled({**batch, "mask": torch.ones(3, 4)})
    with pytest.raises(ValueError, match=r"kl_coef 0.04, so ref_log_probs must be given"):
        compiled({**batch, "ref_log_probs": None}, objective=PolicyObjective.grpo(kl_coef=0.04))
