"""The policy loss from logits: the naive twin in fp64, torch's own error in fewer bits, layouts, memory and errors.

Names: B padded rows of L tokens, T tokens in all, V vocabulary.
"""

import dataclasses
import importlib
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor

from pgkern import PolicyObjective, logits_policy_loss, policy_loss, token_log_probs
from pgkern.policy import naive
from pgkern.policy.logits import logit_rows

NAMED = {
    "reinforce": PolicyObjective.reinforce(),
    "reinforce_off_policy": PolicyObjective.reinforce_off_policy(),
    "ppo, dual clip": PolicyObjective.ppo(dual_clip=1.7),
    "grpo": PolicyObjective.grpo(),
    "grpo, delta": PolicyObjective.grpo(delta=1.6),
    "dr_grpo": PolicyObjective.dr_grpo(reduction_constant=11.0),
    "dapo": PolicyObjective.dapo(),
    "gspo": PolicyObjective.gspo(),
    "cispo": PolicyObjective.cispo(clip_high=0.3),
    "gmpo": PolicyObjective.gmpo(),
    "sapo": PolicyObjective.sapo(),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.3),
    "none": PolicyObjective.ppo(reduction="none"),
    "sum": PolicyObjective.ppo(reduction="sum"),
}
LOADED: list[dict[str, Any]] = [
    {},
    {"entropy_coef": 0.2},
    {"kl_coef": 0.7, "kl_estimator": "k3"},
    {"correction": "truncate", "correction_cap": 1.2, "correction_floor": 0.8},
    {
        "kl_coef": 0.4,
        "kl_estimator": "k2",
        "entropy_coef": -0.1,
        "correction": "mask",
        "correction_level": "sequence",
        "correction_cap": 1.4,
        "correction_floor": 0.6,
    },
]
EVERY = {
    f"{name}, {'+'.join(extra) or 'bare'}": dataclasses.replace(objective, **extra)
    for (name, objective), extra in itertools.product(NAMED.items(), LOADED)
}
FEW = {
    "grpo": PolicyObjective.grpo(),
    "reinforce with entropy": PolicyObjective.reinforce(entropy_coef=0.2),
    "gspo with entropy": PolicyObjective.gspo(entropy_coef=0.2, clip_low=0.3, clip_high=0.3),
    "none": PolicyObjective.ppo(reduction="none", kl_coef=0.3),
}
EXACT = {"rtol": 1e-9, "atol": 1e-13}
Batch = dict[str, Any]


def build_batch(B: int = 7, L: int = 5, V: int = 33, *, scale: float = 2.0, seed: int = 0, **given: Any) -> Batch:
    """fp64. Ratios on either side of every clip; a sequence without a token, one of a single token, one of A = 0."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    logits = normal(B, L, V) * scale
    token_ids = torch.randint(0, V, (B, L), generator=generator)
    token_ids[0, 0] = V - 1
    mask = torch.rand(B, L, generator=generator) > 0.3
    mask[0, 0] = True
    if B > 2:
        mask[1] = False
        mask[2] = torch.arange(L) == 1
    advantages = normal(B)
    advantages[-1] = 0.0 if B > 5 else advantages[-1]
    log_probs = naive.token_log_probs(logits, token_ids, **given)
    drift = 0.4 * normal(B, L) + 0.3 * normal(B)[:, None]
    return {
        "logits": logits,
        "token_ids": token_ids,
        "advantages": advantages,
        "mask": mask,
        "old_log_probs": log_probs - drift,
        "ref_log_probs": log_probs + 0.6 * normal(B, L),
        "rollout_log_probs": log_probs - drift + 0.2 * normal(B, L),
        **given,
    }


def in_dtype(batch: Batch, dtype: torch.dtype) -> Batch:
    """The logits in this dtype, what goes with them in fp32 (fp64 for fp64)."""
    wide = torch.promote_types(dtype, torch.float32)
    return {
        key: value.to(dtype if key == "logits" else wide)
        if isinstance(value, Tensor) and value.is_floating_point()
        else value
        for key, value in batch.items()
    }


def upstream_of(loss: Tensor) -> Tensor:
    return torch.linspace(0.5, 1.5, loss.numel(), dtype=loss.dtype).reshape(loss.shape)


def value_and_gradient(function: Callable, batch: Batch, **options: Any) -> tuple[Tensor, Tensor]:
    logits = batch["logits"].detach().requires_grad_()
    loss = function(**{**batch, "logits": logits}, **options).loss
    (gradient,) = torch.autograd.grad(loss, logits, upstream_of(loss))
    return loss.detach(), gradient


def assert_same(found: object, expected: object, case: object = "", **tolerance: float) -> None:
    torch.testing.assert_close(
        found, expected, **(EXACT | tolerance), msg=lambda message: f"{message}\nof {case}", check_stride=False
    )


def error(found: Tensor, truth: Tensor) -> float:
    return (found.double() - truth).norm().item()


def sequence_ids_of(batch: Batch) -> Tensor:
    mask = batch["mask"]
    return torch.arange(mask.shape[0])[:, None].expand(mask.shape)


def packed(batch: Batch, kept: Tensor | None = None) -> Batch:
    """The unmasked tokens (or these) alone, in an order that mixes the sequences."""
    kept = batch["mask"] if kept is None else kept
    order = torch.randperm(int(kept.sum()), generator=torch.Generator().manual_seed(1))
    pick = {
        key: value[kept][order] if isinstance(value, Tensor) and value.shape[:2] == kept.shape else value
        for key, value in batch.items()
    }
    return {**pick, "sequence_ids": sequence_ids_of(batch)[kept][order]}


# ---- against the twin, in fp64


@pytest.mark.parametrize("name", EVERY)
def test_equals_the_naive_twin(name: str) -> None:
    objective = EVERY[name]
    batch = build_batch()
    # Advantages per sequence and per token, with and without the old policy, padded and packed, own and given counts.
    forms = {
        "padded": batch,
        "no old": {**batch, "old_log_probs": None},
        "per token": {**batch, "advantages": batch["advantages"][:, None] + torch.linspace(-1.0, 1.0, 5)},
        "packed": packed(batch),
        "counts": {**batch, "num_tokens": 31, "num_sequences": 9},
    }
    for form, given in forms.items():
        found = value_and_gradient(logits_policy_loss, given, objective=objective)
        assert_same(found, value_and_gradient(naive.logits_policy_loss, given, objective=objective), (form, objective))


@pytest.mark.parametrize(("name", "visits"), [("gspo", 1), ("cispo", 1), ("kimi_k15", 1), ("gmpo", 2)])
def test_visits_without_old_log_probs(name: str, visits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ratios of sequences are 1 then, and where that makes a surrogate plain its tokens stand alone."""
    first_visits: list[int] = []
    module = importlib.import_module("pgkern.policy.logits_policy_loss")
    real = module.differentiable_log_probs
    monkeypatch.setattr(module, "differentiable_log_probs", lambda *a, **k: first_visits.append(1) or real(*a, **k))
    objective = NAMED[name]
    batch = build_batch()
    del batch["old_log_probs"]
    found, expected = (
        value_and_gradient(f, batch, objective=objective) for f in (logits_policy_loss, naive.logits_policy_loss)
    )
    assert_same(found, expected, name, **EXACT)
    assert len(first_visits) == visits - 1


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("temperature", ["number", "per token"])
@pytest.mark.parametrize("softcap", [None, 1.5])
@pytest.mark.parametrize("vocab_size", [None, 20])
def test_temperature_softcap_and_padding(
    name: str, temperature: str, softcap: float | None, vocab_size: int | None
) -> None:
    divisor = 0.7 if temperature == "number" else torch.linspace(0.3, 2.0, 35, dtype=torch.float64).reshape(7, 5)
    batch = build_batch(V=vocab_size or 33, temperature=divisor, softcap=softcap)
    expected = value_and_gradient(naive.logits_policy_loss, batch, objective=FEW[name])
    if vocab_size is not None:
        batch["vocab_size"] = vocab_size
        batch["logits"] = torch.nn.functional.pad(batch["logits"], (0, 13), value=math.nan)
        expected = expected[0], torch.nn.functional.pad(expected[1], (0, 13))
    for in_place in (False, True):
        given = {**batch, "logits": batch["logits"].clone(), "inplace_backward": in_place}
        assert_same(value_and_gradient(logits_policy_loss, given, objective=FEW[name]), expected, in_place)


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("V", [1, 2, 127, 4097, 50257, 128256, 129920, 151936, 152064, 262144])
def test_vocabularies(V: int, name: str) -> None:
    batch = build_batch(2, 2, V)
    assert batch["token_ids"][0, 0] == V - 1
    found = value_and_gradient(logits_policy_loss, batch, objective=FEW[name])
    assert_same(found, value_and_gradient(naive.logits_policy_loss, batch, objective=FEW[name]), V)


def test_more_tokens_than_two_bytes_can_count() -> None:
    tokens = 70_001
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(tokens, 5, generator=random, dtype=torch.float64)
    rest = {
        "token_ids": torch.randint(0, 5, (tokens,), generator=random),
        "advantages": torch.randn(tokens, generator=random, dtype=torch.float64),
        "mask": torch.rand(tokens, generator=random) > 0.2,
    }
    for objective in (PolicyObjective.ppo(), PolicyObjective.gspo()):  # the last sequence goes on to the end
        batch = {"logits": logits, **rest}
        found = value_and_gradient(logits_policy_loss, batch, objective=objective)
        assert_same(found, value_and_gradient(naive.logits_policy_loss, batch, objective=objective), tokens)


@pytest.mark.parametrize("name", FEW)
def test_rows_in_several_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logit_rows, "_BLOCK_NUMBERS", 100)  # three rows of 33
    batch = build_batch(temperature=torch.linspace(0.3, 2.0, 35, dtype=torch.float64).reshape(7, 5))
    for in_place in (False, True):
        given = {**batch, "logits": batch["logits"].clone()}
        found = value_and_gradient(logits_policy_loss, given, objective=FEW[name], inplace_backward=in_place)
        assert_same(found, value_and_gradient(naive.logits_policy_loss, batch, objective=FEW[name]), in_place)


@pytest.mark.parametrize("name", [name for name in NAMED if name != "cispo"])  # (whose weight is held constant)
def test_gradcheck(name: str) -> None:
    batch = build_batch(4, 3, 6)
    objective = dataclasses.replace(NAMED[name], entropy_coef=0.2, kl_coef=0.3)
    logits = batch.pop("logits").requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: logits_policy_loss(z, **batch, objective=objective, softcap=4.0, temperature=0.8).loss,
        (logits,),
        nondet_tol=1e-14,  # a second backward computes the gradient again, by another order of operations
    )


# ---- fewer bits, judged by torch's own error


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("scale", [2.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_no_less_exact_than_torch(dtype: torch.dtype, scale: float, name: str) -> None:
    for V in (2, 127, 4097):
        narrow = in_dtype(build_batch(V=V, scale=scale), dtype)
        objective = FEW[name]
        truth = value_and_gradient(naive.logits_policy_loss, in_dtype(narrow, torch.float64), objective=objective)
        torchs = value_and_gradient(naive.logits_policy_loss, narrow, objective=objective)
        found = value_and_gradient(logits_policy_loss, narrow, objective=objective)
        assert (found[0].dtype, found[1].dtype) == (torch.float32, dtype)
        size = max(1.0, truth[0].norm().item())
        assert error(found[0], truth[0]) <= 3 * error(torchs[0], truth[0]) + 2e-6 * size
        assert error(found[1], truth[1]) <= 2 * error(torchs[1], truth[1]) + 1e-6 * truth[1].norm().item()


@pytest.mark.parametrize("name", FEW)
def test_the_scaled_loss_of_fp16_keeps_small_gradients(name: str) -> None:
    """A loss is scaled so that fp16 gradients do not vanish: nothing may be rounded to fp16 before the scale."""
    batch = in_dtype(build_batch(V=4097), torch.float16) | {"num_tokens": 1 << 17, "num_sequences": 1 << 17}
    scale = 65536.0

    def scaled(function: Callable, given: Batch) -> Tensor:
        logits = given["logits"].detach().clone().requires_grad_()
        loss = function(**{**given, "logits": logits}, objective=FEW[name]).loss
        return torch.autograd.grad(loss.sum() / (1 if loss.dim() == 0 else 1 << 17), logits, torch.tensor(scale))[0]

    truth = scaled(naive.logits_policy_loss, in_dtype(batch, torch.float64))
    torchs = error(scaled(naive.logits_policy_loss, batch), truth)
    assert 0 < torchs < 0.01 * truth.norm()
    for in_place in (False, True):
        found = scaled(logits_policy_loss, {**batch, "inplace_backward": in_place})
        assert error(found, truth) <= 2 * torchs


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("offset", [-1e4, 1e4])
def test_an_offset_changes_nothing(offset: float, name: str) -> None:
    batch = in_dtype(build_batch(), torch.float32)
    batch["logits"] = batch["logits"] + offset
    truth = value_and_gradient(naive.logits_policy_loss, in_dtype(batch, torch.float64), objective=FEW[name])
    found = value_and_gradient(logits_policy_loss, batch, objective=FEW[name])
    assert_same([t.double() for t in found], list(truth), offset, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("peak", [8.0, 16.0, 30.0])
def test_a_token_that_is_nearly_certain(peak: float, name: str) -> None:
    """32 others have e^-peak of its weight each."""
    batch = build_batch(scale=0.1)
    certain = torch.full((7, 5, 1), peak, dtype=torch.float64)
    batch["logits"] = batch["logits"].scatter_add(2, batch["token_ids"][..., None], certain)
    batch["old_log_probs"] = torch.full((7, 5), -0.1, dtype=torch.float64)
    truth = value_and_gradient(naive.logits_policy_loss, batch, objective=FEW[name])
    assert 1e-14 < truth[1].norm() < 0.03
    assert_same(value_and_gradient(logits_policy_loss, batch, objective=FEW[name]), truth, rtol=1e-9, atol=1e-15)
    narrow = in_dtype(batch, torch.float32)
    truth = value_and_gradient(naive.logits_policy_loss, in_dtype(narrow, torch.float64), objective=FEW[name])
    torchs = value_and_gradient(naive.logits_policy_loss, narrow, objective=FEW[name])
    found = value_and_gradient(logits_policy_loss, narrow, objective=FEW[name])
    assert error(found[0], truth[0]) <= 3 * error(torchs[0], truth[0]) + 1e-7
    assert error(found[1], truth[1]) <= 2 * error(torchs[1], truth[1]) + 3e-8  # a quarter of the last digit of p


@pytest.mark.parametrize("gap", [100.0, -100.0])
def test_huge_log_ratios(gap: float) -> None:
    batch = build_batch()
    for key in ("old_log_probs", "ref_log_probs", "rollout_log_probs"):
        batch[key] = batch[key].clone()
        batch[key][:, ::2] -= gap
    for name, objective in EVERY.items():
        found = value_and_gradient(logits_policy_loss, batch, objective=objective)
        assert all(value.isfinite().all() for value in found), name
        assert_same(found, value_and_gradient(naive.logits_policy_loss, batch, objective=objective), name)
        narrow = value_and_gradient(logits_policy_loss, in_dtype(batch, torch.float32), objective=objective)
        assert all(value.isfinite().all() for value in narrow), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_changes_nothing(dtype: torch.dtype) -> None:
    batch = in_dtype(build_batch(), dtype)
    for name, objective in FEW.items():
        expected = value_and_gradient(logits_policy_loss, batch, objective=objective)
        with torch.autocast("cpu", torch.bfloat16):
            found = value_and_gradient(logits_policy_loss, batch, objective=objective)
        assert found[0].dtype == torch.float32
        assert_same(found, expected, name, rtol=0, atol=0)


# ---- layouts


def strided_forms(logits: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The same numbers, `[B, L, V]`, in other strides."""
    B, L, V = logits.shape
    yield "[:, :-1]", torch.nn.functional.pad(logits, (0, 0, 0, 1), value=math.nan)[:, :-1]
    yield "[:, 1:]", torch.nn.functional.pad(logits, (0, 0, 1, 0), value=math.nan)[:, 1:]
    yield "[..., :V]", torch.nn.functional.pad(logits, (0, 5), value=math.nan)[..., :V]
    yield "[..., 3:]", torch.nn.functional.pad(logits, (3, 0), value=math.nan)[..., 3:]
    yield "V first", logits.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    yield "L first", logits.transpose(0, 1).contiguous().transpose(0, 1)
    yield "every second", logits.new_full((2 * B, 2 * L, 2 * V), math.nan)[::2, ::2, ::2].copy_(logits)
    yield "odd", torch.full((20000,), math.nan, dtype=logits.dtype).as_strided((B, L, V), (2001, 301, 7)).copy_(logits)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", FEW)
def test_strides(name: str, in_place: bool) -> None:
    batch = build_batch()
    expected = value_and_gradient(naive.logits_policy_loss, batch, objective=FEW[name])
    for form, logits in strided_forms(batch["logits"]):
        assert torch.equal(logits, batch["logits"]), form
        found = value_and_gradient(
            logits_policy_loss, {**batch, "logits": logits}, objective=FEW[name], inplace_backward=in_place
        )
        assert_same(found, expected, form)


@pytest.mark.parametrize("name", FEW)
def test_the_gradient_of_a_slice_leaves_the_rest_zero(name: str) -> None:
    """As a trainer has it: the model's last position predicts nothing."""
    batch = build_batch()
    full = torch.nn.functional.pad(batch["logits"], (0, 0, 0, 1), value=7.0).requires_grad_()
    loss = logits_policy_loss(**{**batch, "logits": full[:, :-1]}, objective=FEW[name]).loss
    (gradient,) = torch.autograd.grad(loss, full, upstream_of(loss))
    _, expected = value_and_gradient(naive.logits_policy_loss, batch, objective=FEW[name])
    assert_same(gradient[:, :-1], expected)
    assert (gradient[:, -1] == 0).all()


@pytest.mark.parametrize("name", FEW)
def test_expanded_logits(name: str) -> None:
    batch = build_batch()
    one = batch["logits"][:1].clone().requires_grad_()
    found = []
    for function in (logits_policy_loss, naive.logits_policy_loss):
        loss = function(**{**batch, "logits": one.expand(7, 5, 33)}, objective=FEW[name]).loss
        found.append((loss.detach(), *torch.autograd.grad(loss, one, upstream_of(loss))))
    assert_same(*found)


@pytest.mark.parametrize("name", FEW)
def test_expanded_logits_are_not_overwritten(name: str) -> None:
    """Several rows in the same memory cannot each become their own gradient."""
    batch = build_batch()
    for shape in ((1, 5, 33), (7, 1, 33), (7, 5, 1)):
        logits = batch["logits"][: shape[0], : shape[1], : shape[2]].clone().requires_grad_()
        with pytest.raises(ValueError, match=r"inplace_backward .* of shape \[7, 5, 33\] and strides \[[\d, ]*0"):
            logits_policy_loss(
                **{**batch, "logits": logits.expand(7, 5, 33)}, objective=FEW[name], inplace_backward=True
            )


@pytest.mark.parametrize("name", EVERY)
def test_any_split_over_whole_sequences_adds_up(name: str) -> None:
    objective = EVERY[name]
    batch = build_batch()
    loss, gradient = value_and_gradient(logits_policy_loss, batch, objective=objective)
    counts = {"num_tokens": int(batch["mask"].sum()), "num_sequences": int(batch["mask"].any(1).sum())}
    for parts in ([[0], [1], [2], [3], [4], [5], [6]], [[3, 0, 6], [1, 5], [2, 4]]):
        rows = torch.tensor([row for part in parts for row in part])
        losses, gradients = [], []
        for part in parts:
            given = {key: value[part] for key, value in batch.items()}
            logits = given.pop("logits").requires_grad_()
            part_loss = logits_policy_loss(logits, **given, objective=objective, **counts).loss
            up = upstream_of(loss)[part] if loss.dim() else torch.tensor(0.5, dtype=torch.float64)
            gradients.append(torch.autograd.grad(part_loss, logits, up)[0])
            losses.append(part_loss.detach())
        joined = torch.cat(losses)[rows.argsort()] if loss.dim() else sum(losses)
        assert_same((joined, torch.cat(gradients)[rows.argsort()]), (loss, gradient), (name, parts))


# ---- what is masked, empty or zero


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("rubbish", [math.nan, math.inf, -math.inf])
def test_masked_rows_may_hold_anything(rubbish: float, in_place: bool) -> None:
    batch = build_batch(temperature=torch.linspace(0.3, 2.0, 35, dtype=torch.float64).reshape(7, 5))
    masked = ~batch["mask"]
    for name, objective in EVERY.items():
        expected = value_and_gradient(logits_policy_loss, batch, objective=objective)
        spoiled = {
            key: value.masked_fill(masked[..., None] if key == "logits" else masked, rubbish)
            if key.endswith(("logits", "log_probs", "temperature"))
            else value
            for key, value in batch.items()
        }
        spoiled["token_ids"] = batch["token_ids"].masked_fill(masked, -100)
        found = value_and_gradient(logits_policy_loss, spoiled, objective=objective, inplace_backward=in_place)
        assert_same(found, expected, name, rtol=0, atol=0)
        assert (found[1][masked] == 0).all()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4), (2, 3)])
def test_nothing_to_learn_from(name: str, shape: tuple[int, ...]) -> None:
    rubbish = torch.full(shape, math.nan)
    for in_place in (False, True):
        logits = torch.full((*shape, 9), math.nan, requires_grad=True)
        found = logits_policy_loss(
            logits,
            torch.full(shape, -100),
            rubbish,
            torch.zeros(shape, dtype=torch.bool),
            old_log_probs=rubbish,
            ref_log_probs=rubbish,
            rollout_log_probs=rubbish,
            temperature=rubbish,
            objective=EVERY[name],
            inplace_backward=in_place,
        )
        found.loss.sum().backward()
        assert (found.loss == 0).all()
        assert logits.grad.shape == logits.shape
        assert (logits.grad == 0).all()
        assert found.metrics["tokens"] == 0
        assert all(value == 0 for value in found.metrics.values()), found.metrics


@pytest.mark.parametrize("name", NAMED)
def test_one_token(name: str) -> None:
    batch = packed(build_batch(1, 1))
    for given in (batch, build_batch(1, 1)):
        found = value_and_gradient(logits_policy_loss, given, objective=NAMED[name])
        assert_same(found, value_and_gradient(naive.logits_policy_loss, given, objective=NAMED[name]), name)


def test_an_advantage_of_zero_has_no_gradient() -> None:
    batch = build_batch()
    batch["advantages"] = torch.zeros(7, dtype=torch.float64)
    for name in ("reinforce", "grpo", "gspo", "cispo", "gmpo", "sapo"):
        loss, gradient = value_and_gradient(logits_policy_loss, batch, objective=NAMED[name])
        assert loss == 0
        assert (gradient == 0).all()
        assert logits_policy_loss(**batch, objective=NAMED[name]).metrics["active_fraction"] == 0


def test_banned_tokens() -> None:
    batch = build_batch()
    batch["logits"][..., 3] = -math.inf
    batch["logits"][3, 1] = -math.inf
    batch["logits"][3, 1, 5] = 2.0  # certain
    batch["token_ids"][batch["token_ids"] == 3] = 4
    batch["token_ids"][3, 1] = 5
    batch["mask"][3, 1] = True
    for name, objective in FEW.items():
        for in_place in (False, True):
            given = {**batch, "logits": batch["logits"].clone(), "inplace_backward": in_place}
            found = value_and_gradient(logits_policy_loss, given, objective=objective)
            assert all(value.isfinite().all() for value in found), name
            assert (found[1][..., 3] == 0).all()
            assert_same(found[0], value_and_gradient(naive.logits_policy_loss, batch, objective=objective)[0], name)


# ---- backward


@pytest.mark.parametrize("scale", [0.0, -3.0, 0.25])
@pytest.mark.parametrize("name", FEW)
def test_the_upstream_gradient_scales(name: str, scale: float) -> None:
    batch = build_batch()
    _, gradient = value_and_gradient(logits_policy_loss, batch, objective=FEW[name])
    for in_place in (False, True):
        logits = batch["logits"].clone().requires_grad_()
        loss = logits_policy_loss(**{**batch, "logits": logits}, objective=FEW[name], inplace_backward=in_place).loss
        (found,) = torch.autograd.grad(loss, logits, upstream_of(loss) * scale)
        assert_same(found, gradient * scale, scale)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", EVERY)
def test_backward_works_twice(name: str, dtype: torch.dtype) -> None:
    batch = in_dtype(build_batch(softcap=5.0, temperature=0.8), dtype)
    logits = batch["logits"].requires_grad_()
    before = logits.detach().clone()
    loss = logits_policy_loss(**batch, objective=EVERY[name]).loss.sum()
    (first,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (second,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (third,) = torch.autograd.grad(loss * -2, logits)
    rounding = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 1e-2}[dtype]
    for other, factor in ((second, 1), (third, -2)):
        assert error(other.double(), first.double() * factor) <= rounding * first.double().norm()
    assert torch.equal(logits.detach(), before)


@pytest.mark.parametrize("name", FEW)
def test_backward_in_place_works_once(name: str) -> None:
    batch = build_batch()
    logits = (batch["logits"].requires_grad_() * 1.0).contiguous()
    loss = logits_policy_loss(**{**batch, "logits": logits}, objective=FEW[name], inplace_backward=True).loss.sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match=r"this backward has happened: with inplace_backward=True .* call backward"):
        loss.backward()


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", FEW)
def test_second_derivatives_are_refused(name: str, in_place: bool) -> None:
    batch = build_batch()
    batch["logits"].requires_grad_()
    loss = logits_policy_loss(**batch, objective=FEW[name], inplace_backward=in_place).loss.sum()
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(loss, batch["logits"], create_graph=True)


@pytest.mark.parametrize("in_place", [False, True])
def test_without_a_gradient_the_logits_are_left_alone(in_place: bool) -> None:
    batch = build_batch()
    before = batch["logits"].clone()
    expected = value_and_gradient(logits_policy_loss, batch)[0]
    for wants in (False, True):
        batch["logits"].requires_grad_(wants)
        with torch.no_grad():
            loss = logits_policy_loss(**batch, inplace_backward=in_place).loss
        assert loss == expected
        assert not loss.requires_grad
        assert torch.equal(batch["logits"], before)
    with torch.inference_mode():
        assert logits_policy_loss(**batch, inplace_backward=in_place).loss == expected


# ---- in place


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_gradient_lies_where_the_logits_lay(name: str, dtype: torch.dtype) -> None:
    batch = in_dtype(build_batch(), dtype)
    expected = value_and_gradient(logits_policy_loss, batch, objective=FEW[name])
    leaf = batch["logits"].clone().requires_grad_()
    hidden = leaf * 1.0
    seen = []
    hidden.register_hook(lambda gradient: seen.append((gradient.data_ptr(), gradient.clone())))
    loss = logits_policy_loss(**{**batch, "logits": hidden}, objective=FEW[name], inplace_backward=True).loss
    loss.backward(upstream_of(loss))
    ((address, gradient),) = seen
    assert address == hidden.data_ptr()
    assert_same((loss.detach(), gradient), expected, rtol=1e-9 if dtype == torch.float64 else 1e-2)
    assert_same(leaf.grad, gradient)


@pytest.mark.parametrize("name", FEW)
def test_in_place_on_a_leaf(name: str) -> None:
    batch = build_batch()
    _, expected = value_and_gradient(logits_policy_loss, batch, objective=FEW[name])
    leaf = batch["logits"].clone().requires_grad_()
    for times in (1, 2):  # gradients add up as ever
        loss = logits_policy_loss(**{**batch, "logits": leaf}, objective=FEW[name], inplace_backward=True).loss
        loss.backward(upstream_of(loss))
        assert_same(leaf.grad, expected * times)
        with torch.no_grad():
            leaf.copy_(batch["logits"])


@pytest.mark.parametrize("name", FEW)
def test_torch_refuses_when_another_function_saved_the_logits(name: str) -> None:
    batch = build_batch()
    hidden = batch["logits"].requires_grad_() * 1.0
    other = hidden.square().sum()  # saves its input
    loss = logits_policy_loss(**{**batch, "logits": hidden}, objective=FEW[name], inplace_backward=True).loss.sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (loss + other).backward()


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", FEW)
def test_checkpointed(name: str, in_place: bool) -> None:
    """A head under activation checkpointing: its logits are computed again."""
    batch = build_batch()
    leaf = batch["logits"].requires_grad_()

    def loss(leaf: Tensor) -> Tensor:
        given = {**batch, "logits": leaf * 1.0, "inplace_backward": in_place}
        return logits_policy_loss(**given, objective=FEW[name]).loss.sum()

    (expected,) = torch.autograd.grad(loss(leaf), leaf)
    (found,) = torch.autograd.grad(torch.utils.checkpoint.checkpoint(loss, leaf, use_reentrant=False), leaf)
    assert expected.abs().max() > 0
    assert_same(found, expected, rtol=0, atol=0)


def largest_allocation(action: Callable[[], object]) -> int:
    """Bytes of the largest single allocation meanwhile."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        action()
    events = profile.profiler.kineto_results.events()
    return max(event.nbytes() for event in events if event.name() == "[memory]")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", FEW)
def test_memory(name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place nothing of the logits' size is allocated; else the gradient is, once."""
    monkeypatch.setattr(logit_rows, "_BLOCK_NUMBERS", 1 << 12)
    batch = in_dtype(build_batch(8, 16, 1024), dtype)
    size = batch["logits"].numel() * dtype.itemsize
    for in_place in (True, False):
        leaf = batch["logits"].clone().requires_grad_()

        def train(leaf: Tensor = leaf, in_place: bool = in_place) -> None:
            loss = logits_policy_loss(
                **{**batch, "logits": leaf}, objective=FEW[name], inplace_backward=in_place
            ).loss.sum()
            torch.autograd.grad(loss, leaf)

        largest = largest_allocation(train)
        assert largest < size / 4 if in_place else largest == size
    with torch.no_grad():
        assert largest_allocation(lambda: logits_policy_loss(**batch, objective=FEW[name])) < size / 4


# ---- repeatability, outputs


def test_bitwise_repeatable() -> None:
    batch = in_dtype(build_batch(V=4097), torch.float32)
    for name, objective in EVERY.items():
        first = value_and_gradient(logits_policy_loss, batch, objective=objective)
        assert all(map(torch.equal, value_and_gradient(logits_policy_loss, batch, objective=objective), first)), name


def test_every_output_element_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = build_batch()
    batch["vocab_size"] = 33
    batch["logits"] = torch.nn.functional.pad(batch["logits"], (0, 4), value=math.nan)
    cases = [(objective, in_place) for objective in EVERY.values() for in_place in (False, True)]

    def run() -> list[object]:
        found: list[object] = []
        for objective, in_place in cases:
            given = {**batch, "logits": batch["logits"].clone().requires_grad_(), "inplace_backward": in_place}
            result = logits_policy_loss(**given, objective=objective)
            found.append((result.loss.detach(), dict(result.metrics)))
            found.append(torch.autograd.grad(result.loss.sum(), given["logits"])[0])
        return found

    expected = run()
    empty, empty_like, new_empty = torch.empty, torch.empty_like, Tensor.new_empty

    def poisoned(tensor: Tensor) -> Tensor:
        return tensor.fill_(math.nan) if tensor.is_floating_point() else tensor

    monkeypatch.setattr(torch, "empty", lambda *args, **options: poisoned(empty(*args, **options)))
    monkeypatch.setattr(torch, "empty_like", lambda *args, **options: poisoned(empty_like(*args, **options)))
    monkeypatch.setattr(Tensor, "new_empty", lambda *args, **options: poisoned(new_empty(*args, **options)))
    for (case, found), exact in zip(enumerate(run()), expected, strict=True):
        assert_same(found, exact, cases[case // 2], rtol=0, atol=0)


@pytest.mark.parametrize("name", EVERY)
def test_metrics_are_those_of_the_policy_loss(name: str) -> None:
    for batch in (build_batch(temperature=0.7), {**build_batch(temperature=0.7), "old_log_probs": None}):
        objective = EVERY[name]
        logits, token_ids, temperature = (batch[key] for key in ("logits", "token_ids", "temperature"))
        log_probs, entropy = token_log_probs(logits, token_ids, temperature=temperature, return_entropy=True)
        rest = {k: v for k, v in batch.items() if k not in ("logits", "token_ids", "temperature")}
        expected = policy_loss(log_probs, entropy=entropy, **rest, objective=objective)
        for wants in (False, True):
            found = logits_policy_loss(
                **{**batch, "logits": logits.detach().requires_grad_(wants)}, objective=objective
            )
            assert_same(found.loss.detach(), expected.loss, name)
            assert found.metrics.keys() == expected.metrics.keys()
            assert_same(dict(found.metrics), dict(expected.metrics), name)
            assert not any(value.requires_grad for value in found.metrics.values())


# ---- mistakes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_ids": torch.full((7, 5), 33)}, r"token id 33 \(at token \d+\) is outside the vocabulary of 33"),
        ({"token_ids": torch.full((7, 5), -1)}, r"token id -1 .* expected 0 to 32"),
        ({"vocab_size": 20, "token_ids": torch.full((7, 5), 20)}, r"token id 20 .* vocabulary of 20: expected 0 to 19"),
        ({"token_ids": torch.zeros(7, 4, dtype=torch.int64)}, r"token_ids has shape \[7, 4\], expected .* \[7, 5\]"),
        ({"token_ids": torch.zeros(7, 5)}, r"token_ids must be int64 or int32, got torch.float32"),
        ({"token_ids": torch.zeros(7, 5, dtype=torch.int64, device="meta")}, r"token_ids is on meta, logits on cpu"),
        ({"token_ids": [1]}, r"token_ids must be a Tensor, got list: \[1\]"),
        ({"logits": torch.zeros(7, 5, 33, dtype=torch.int64)}, r"logits must be floating point .* torch.int64 \[7, 5"),
        ({"logits": None}, r"logits must be a Tensor, got NoneType"),
        (
            {"logits": torch.zeros(1, 7, 5, 33), "token_ids": torch.zeros(1, 7, 5, dtype=torch.int64)},
            r"expected tokens of shape \[T\] .* got \[1, 7, 5\]",
        ),
        ({"mask": torch.ones(7, 4)}, r"mask has shape \[7, 4\], expected the tokens' shape \[7, 5\]"),
        ({"mask": torch.ones(7, 5, device="meta")}, r"mask is on meta, the tokens are on cpu"),
        ({"mask": torch.full((7, 5), 2)}, r"mask must hold 0 and 1 only, got 2 \(35 such values\)"),
        ({"advantages": torch.ones(6)}, r"advantages has shape \[6\], expected \[7\] .* shape \[7, 5\]"),
        ({"advantages": torch.full((7,), math.inf)}, r"advantages must be finite .* got inf at token \d+"),
        ({"old_log_probs": torch.full((7, 5), math.nan)}, r"old_log_probs must not be NaN .* at token \d+ \(of sequ"),
        ({"old_log_probs": torch.zeros(7)}, r"old_log_probs has shape \[7\], expected the tokens' shape \[7, 5\]"),
        (
            {"objective": PolicyObjective.grpo(kl_coef=0.04), "ref_log_probs": None},
            r"kl_coef 0.04, so ref_log_probs must be given",
        ),
        (
            {"objective": PolicyObjective.grpo(correction="mask", correction_cap=2.0), "rollout_log_probs": None},
            r"correction 'mask', so rollout_log_probs must be given",
        ),
        ({"objective": "grpo"}, r"objective must be a PolicyObjective, got str: 'grpo'"),
        ({"num_sequences": -1}, r"num_sequences must be a finite number of at least 0, got -1"),
        ({"temperature": 0}, r"temperature must be finite and above 0, got 0"),
        ({"temperature": -1.0}, r"temperature must be finite and above 0, got -1.0"),
        ({"temperature": math.inf}, r"temperature must be finite and above 0, got inf"),
        ({"temperature": True}, r"temperature must be a number, or a tensor of one per token, got True"),
        ({"temperature": None}, r"temperature must be a number, or a tensor of one per token, got None"),
        ({"temperature": torch.ones(7)}, r"temperature has shape \[7\], expected the tokens' shape \[7, 5\] or one"),
        ({"temperature": torch.ones(7, 5, device="meta")}, r"temperature is on meta, the tokens are on cpu"),
        ({"temperature": torch.ones(7, 5, dtype=torch.bool)}, r"temperature must be real, got torch.bool"),
        ({"temperature": torch.zeros(())}, r"temperature must be finite and above 0, got 0.0"),
        ({"temperature": torch.full((7, 5), math.nan)}, r"temperature must be finite and above 0, got nan at token 0"),
        ({"temperature": torch.full((7, 5), -2.0)}, r"temperature must be finite and above 0, got -2.0 at token 0"),
        ({"softcap": 0}, r"softcap must be None or a finite number above 0, got 0"),
        ({"softcap": -1.5}, r"softcap must be None or a finite number above 0, got -1.5"),
        ({"softcap": math.nan}, r"softcap must be None or a finite number above 0, got nan"),
        ({"softcap": True}, r"softcap must be None or a finite number above 0, got True"),
        ({"vocab_size": 34}, r"vocab_size must be an integer from 0 to the logits' 33 columns, got 34"),
        ({"vocab_size": -1}, r"vocab_size must be an integer from 0 to the logits' 33 columns, got -1"),
        ({"vocab_size": 20.0}, r"vocab_size must be an integer .* got 20.0"),
        ({"vocab_size": True}, r"vocab_size must be an integer .* got True"),
    ],
)
def test_mistakes_are_named_with_their_numbers(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        logits_policy_loss(**{**build_batch(), **change})


def test_a_temperature_is_asked_for_where_the_mask_is_1_only() -> None:
    batch = build_batch()
    temperature = torch.full((7, 5), 0.7, dtype=torch.float64)
    expected = value_and_gradient(logits_policy_loss, {**batch, "temperature": 0.7})
    for wrong in (math.nan, 0.0, -1.0, math.inf):
        found = value_and_gradient(
            logits_policy_loss, {**batch, "temperature": temperature.masked_fill(~batch["mask"], wrong)}
        )
        assert_same(found, expected, wrong)
        with pytest.raises(ValueError, match=rf"temperature must be finite and above 0, got {wrong} at token 0"):
            logits_policy_loss(**batch, temperature=temperature.masked_fill(batch["mask"], wrong))
