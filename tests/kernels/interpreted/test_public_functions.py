"""The public functions with every row done by a kernel, against the naive twins in fp64."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import (
    PolicyObjective,
    linear_policy_loss,
    linear_token_log_probs,
    logits_policy_loss,
    policy_loss,
    token_log_probs,
)
from pgkern.kernels import token_losses
from pgkern.policy import naive
from pgkern.policy.backend import use_triton
from pgkern.policy.logits import logit_loss_rows, logit_statistics
from pgkern.policy.logits.logit_gradient_rows import GradientRows
from pgkern.policy.logits.logit_loss_rows import LossRows

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
    for module in (logit_loss_rows, logit_statistics):
        original = module.use_triton
        monkeypatch.setattr(module, "use_triton", lambda *a, original=original: calls.append(original(*a)) or calls[-1])
    yield
    assert calls
    assert all(calls), "the Triton path was not taken"


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


FURTHER = {
    "entropy": PolicyObjective.reinforce(entropy_coef=0.2),
    "kl": PolicyObjective.grpo(kl_coef=0.4, entropy_coef=0.1),
    "truncated": PolicyObjective.dapo(correction="truncate", correction_cap=1.2, correction_floor=0.9),
    "masked": PolicyObjective.cispo(
        clip_low=0.2, clip_high=0.3, correction="mask", correction_level="sequence", correction_cap=1.5, kl_coef=0.2
    ),
    "dual": PolicyObjective.ppo(dual_clip=1.3, delta=1.5, kl_coef=0.3, kl_estimator="k2"),
    "sapo": PolicyObjective.sapo(kl_coef=0.3, kl_estimator="k1"),
    "gspo": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1, entropy_coef=0.1),
    "gmpo": PolicyObjective.gmpo(clip_low=0.2, clip_high=0.2),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.3, kl_coef=0.1),
    "none": PolicyObjective.ppo(reduction="none", entropy_coef=0.1),
}


def with_others(arguments: dict[str, Any]) -> dict[str, Any]:
    """What further objectives ask for."""
    random = torch.Generator().manual_seed(4)
    old = arguments["old_log_probs"]
    return {
        **arguments,
        "ref_log_probs": old + 0.4 * torch.randn(old.shape, generator=random),
        "rollout_log_probs": old + 0.3 * torch.randn(old.shape, generator=random),
    }


@pytest.mark.usefixtures("_kernels_do_the_rows")
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("name", FURTHER)
def test_linear_policy_loss_with_everything(name: str, old: bool) -> None:
    arguments = with_others(inputs(torch.float32, V=130))
    arguments["old_log_probs"] = arguments["old_log_probs"] if old else None
    options = {"objective": FURTHER[name], "softcap": 8.0, "temperature": torch.linspace(0.5, 1.5, 15).reshape(3, 5)}
    truth = loss_and_gradients(naive.linear_policy_loss, arguments, torch.float64, **options)
    found = loss_and_gradients(linear_policy_loss, arguments, torch.float32, chunk_tokens=4, **options)
    assert [error(ours, exact) < 1e-5 for ours, exact in zip(found, truth, strict=True)] == [True] * 4


# ---- from logits


def logit_inputs(V: int = 300, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    random = torch.Generator().manual_seed(2)
    logits = (2 * torch.randn(3, 4, V, generator=random)).to(dtype)
    token_ids = torch.randint(0, V, (3, 4), generator=random)
    token_ids[0, 0] = V - 1
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 1, 0, 0]]) == 1
    drift = torch.randn(3, 4, generator=random) * 0.3
    old = (naive.token_log_probs(logits.double(), token_ids) + drift).float()
    advantages = torch.tensor([1.2, -0.7, 0.4])
    batch = {"logits": logits, "token_ids": token_ids, "advantages": advantages, "mask": mask, "old_log_probs": old}
    return with_others(batch)


def loss_and_gradient(function: Callable, batch: dict[str, Any], **options: object) -> list[Tensor]:
    logits = batch["logits"].detach().requires_grad_()
    loss = function(**{**batch, "logits": logits}, **options).loss
    upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape) if loss.dim() else None
    return [loss.detach(), torch.autograd.grad(loss, logits, upstream)[0]]


def in_fp64(batch: dict[str, Any]) -> dict[str, Any]:
    return {k: v.double() if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in batch.items()}


@pytest.fixture
def _no_torch_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """fp64 may take plain torch, as ever: that is the truth."""

    def forbid(module: object, name: str, which: int) -> None:
        original = getattr(module, name)

        def checked(*arguments: Any) -> object:
            logits = arguments[which]
            assert logits.dtype == torch.float64, f"{name} took {logits.dtype} rows away from the kernels"
            return original(*arguments)

        monkeypatch.setattr(module, name, checked)

    forbid(LossRows, "_by_torch", 1)
    forbid(GradientRows, "_by_torch", 1)
    forbid(logit_statistics, "_by_torch", 1)


def assert_judged(found: list[Tensor], truth: list[Tensor], dtype: torch.dtype = torch.float32) -> None:
    assert error(found[0], truth[0]) < 1e-5
    assert found[1].dtype == dtype
    assert error(found[1], truth[1]) < {torch.float32: 1e-5, torch.bfloat16: BF16_TRUNCATED, torch.float16: 1e-3}[dtype]


EVERY = {**{f"named {number}": objective for number, objective in enumerate(OBJECTIVES)}, **FURTHER}


@pytest.mark.usefixtures("_no_torch_rows")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", EVERY)
def test_logits_policy_loss(name: str, dtype: torch.dtype) -> None:
    batch = logit_inputs(dtype=dtype)
    truth = loss_and_gradient(naive.logits_policy_loss, in_fp64(batch), objective=EVERY[name])
    assert_judged(loss_and_gradient(logits_policy_loss, batch, objective=EVERY[name]), truth, dtype)
    fresh = {**batch, "logits": batch["logits"].clone(), "inplace_backward": True}
    assert_judged(loss_and_gradient(logits_policy_loss, fresh, objective=EVERY[name]), truth, dtype)


@pytest.mark.usefixtures("_no_torch_rows")
@pytest.mark.parametrize("name", FURTHER)
def test_logits_policy_loss_with_everything(name: str) -> None:
    """No old policy; a temperature per token, a soft cap, and columns of padding that hold NaN."""
    batch = {**logit_inputs(V=130), "old_log_probs": None, "softcap": 6.0}
    batch["temperature"] = torch.linspace(0.5, 1.5, 12).reshape(3, 4)
    truth = loss_and_gradient(naive.logits_policy_loss, in_fp64(batch), objective=FURTHER[name])
    masked = ~batch["mask"]
    batch["logits"] = torch.nn.functional.pad(batch["logits"], (0, 14), value=math.nan)
    batch["logits"] = batch["logits"].masked_fill(masked[..., None], math.nan)
    batch["token_ids"] = batch["token_ids"].masked_fill(masked, -100)
    batch["temperature"] = batch["temperature"].masked_fill(masked, math.nan)
    for in_place in (False, True):
        given = {**batch, "logits": batch["logits"].clone(), "vocab_size": 130, "inplace_backward": in_place}
        found = loss_and_gradient(logits_policy_loss, given, objective=FURTHER[name])
        assert (found[1][..., 130:] == 0).all()
        assert (found[1][masked] == 0).all()
        assert_judged([found[0], found[1][..., :130]], truth)


def strided_forms(logits: Tensor) -> Iterator[tuple[str, Tensor]]:
    B, L, V = logits.shape
    yield "[:, :-1]", torch.nn.functional.pad(logits, (0, 0, 0, 1), value=math.nan)[:, :-1]
    yield "[..., 3:]", torch.nn.functional.pad(logits, (3, 0), value=math.nan)[..., 3:]
    yield "V first", logits.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    yield "every second", logits.new_full((2 * B, 2 * L, 2 * V), math.nan)[::2, ::2, ::2].copy_(logits)


@pytest.mark.usefixtures("_no_torch_rows")
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", ["kl", "gspo"])
def test_strides(name: str, in_place: bool) -> None:
    batch = logit_inputs(V=65)
    truth = loss_and_gradient(naive.logits_policy_loss, in_fp64(batch), objective=FURTHER[name])
    for _form, logits in strided_forms(batch["logits"]):
        given = {**batch, "logits": logits, "inplace_backward": in_place}
        assert_judged(loss_and_gradient(logits_policy_loss, given, objective=FURTHER[name]), truth)
    if not in_place:
        one = {**batch, "logits": batch["logits"][:1].expand(3, 4, 65)}
        expected = loss_and_gradient(naive.logits_policy_loss, in_fp64(one), objective=FURTHER[name])
        assert_judged(loss_and_gradient(logits_policy_loss, one, objective=FURTHER[name]), expected)


@pytest.mark.usefixtures("_no_torch_rows")
@pytest.mark.parametrize("name", ["kl", "gspo"])
def test_logits_backward_twice_and_in_place_once(name: str) -> None:
    batch = logit_inputs(V=65)
    logits = batch["logits"].requires_grad_()
    loss = logits_policy_loss(**batch, objective=FURTHER[name]).loss
    (first,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (second,) = torch.autograd.grad(loss * -2, logits)
    torch.testing.assert_close(second, first * -2, rtol=1e-5, atol=1e-7)
    hidden = logits.detach().clone().requires_grad_() * 1.0
    seen = []
    hidden.register_hook(lambda gradient: seen.append(gradient.data_ptr()))
    loss = logits_policy_loss(**{**batch, "logits": hidden}, objective=FURTHER[name], inplace_backward=True).loss
    loss.backward(retain_graph=True)
    assert seen == [hidden.data_ptr()]
    torch.testing.assert_close(hidden.detach(), first, rtol=1e-5, atol=1e-7)
    with pytest.raises(RuntimeError, match="this backward has happened"):
        loss.backward()


@pytest.mark.usefixtures("_no_torch_rows")
@pytest.mark.parametrize("name", FURTHER)
@pytest.mark.parametrize("shape", [(0,), (3, 0), (2, 2)])
def test_nothing_to_learn_from(name: str, shape: tuple[int, ...]) -> None:
    rubbish = torch.full(shape, math.nan)
    logits = torch.full((*shape, 9), math.nan, requires_grad=True)
    others = dict.fromkeys(("old_log_probs", "ref_log_probs", "rollout_log_probs"), rubbish)
    no_tokens, no_ids = torch.zeros(shape, dtype=torch.bool), torch.full(shape, -100)
    found = logits_policy_loss(logits, no_ids, rubbish, no_tokens, **others, objective=FURTHER[name])
    found.loss.sum().backward()
    assert (found.loss == 0).all()
    assert (logits.grad == 0).all()
    assert all(value == 0 for value in found.metrics.values())
    log_probs = rubbish.clone().requires_grad_()
    found = policy_loss(log_probs, rubbish, no_tokens, **others, entropy=rubbish, objective=FURTHER[name])
    found.loss.sum().backward()
    assert (found.loss == 0).all()
    assert (log_probs.grad == 0).all()


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("name", EVERY)
def test_policy_loss(name: str, old: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every token stands alone a kernel does them; with whole sequences torch does."""
    calls = []
    original = token_losses.token_losses
    monkeypatch.setattr(token_losses, "token_losses", lambda *a: (calls.append(a), original(*a))[1])
    objective = EVERY[name]
    random = torch.Generator().manual_seed(3)
    old_log_probs = -3 * torch.rand(4, 300, generator=random)
    batch = {
        "log_probs": old_log_probs + 0.4 * torch.randn(4, 300, generator=random),
        "entropy": torch.rand(4, 300, generator=random),
        "old_log_probs": old_log_probs,
        "advantages": torch.randn(4, generator=random),
        "mask": torch.rand(4, 300, generator=random) > 0.3,
    }
    # (as long a product of ratios as here would reach the clamp)
    batch = with_others(batch)
    batch["rollout_log_probs"] = old_log_probs + 0.03 * (batch["rollout_log_probs"] - old_log_probs)
    for key in ("log_probs", "entropy", "old_log_probs", "ref_log_probs", "rollout_log_probs"):
        batch[key] = batch[key].masked_fill(~batch["mask"], math.nan)
    if not old:
        batch["old_log_probs"] = None

    def run(function: Callable, batch: dict[str, Any]) -> list[Tensor]:
        leaves = {key: batch[key].detach().requires_grad_() for key in ("log_probs", "entropy")}
        loss = function(**{**batch, **leaves}, objective=objective).loss
        upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape) if loss.dim() else None
        gradients = torch.autograd.grad(loss, list(leaves.values()), upstream, materialize_grads=True)
        return [loss.detach(), *gradients]

    found, truth = run(policy_loss, batch), run(naive.policy_loss, in_fp64(batch))
    # (Without old log-probabilities every ratio is 1, and these are the plain surrogate.)
    alone = not objective.couples_tokens(batch["old_log_probs"]) or (not old and name in ("gspo", "kimi_k15"))
    assert bool(calls) == alone
    for ours, exact in zip(found, truth, strict=True):
        assert error(ours, exact) < 1e-5


def test_rollout_log_probs_without_a_correction_change_nothing() -> None:
    batch = logit_inputs()
    for objective in (PolicyObjective.grpo(), PolicyObjective.reinforce()):
        expected = loss_and_gradient(logits_policy_loss, {**batch, "rollout_log_probs": None}, objective=objective)
        found = loss_and_gradient(logits_policy_loss, batch, objective=objective)
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
        log_probs = naive.token_log_probs(batch["logits"], batch["token_ids"])
        rest = {key: value for key, value in batch.items() if key not in ("logits", "token_ids")}
        loss = policy_loss(log_probs, **rest, objective=objective).loss
        torch.testing.assert_close(loss, expected[0], rtol=1e-5, atol=1e-6)
        # Hidden states that are the logits, under an identity.
        hidden = batch["logits"].detach().requires_grad_()
        loss = linear_policy_loss(hidden, torch.eye(300), batch["token_ids"], **rest, objective=objective).loss
        torch.testing.assert_close(loss.detach(), expected[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(torch.autograd.grad(loss, hidden)[0], expected[1], rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("_no_torch_rows")
@pytest.mark.parametrize("with_entropy", [True, False])
@pytest.mark.parametrize("per_token", [True, False])
@pytest.mark.parametrize("softcap", [None, 4.0])
@pytest.mark.parametrize("layout", ["rows", "transposed", "padded", "in place", "transposed in place"])
def test_token_log_probs(layout: str, softcap: float | None, per_token: bool, with_entropy: bool) -> None:
    plain = 2 * torch.randn(4, 300, generator=torch.Generator().manual_seed(0))
    logits = plain.t().contiguous().t() if layout.startswith("transposed") else plain.clone()
    options: dict[str, Any] = {"softcap": softcap, "temperature": torch.tensor([0.6, 1.0, 2.0, 0.3])}
    if not per_token:
        options["temperature"] = 0.6
    if layout == "padded":
        logits = torch.nn.functional.pad(logits, (0, 20), value=math.nan)
    logits.requires_grad_()
    assert use_triton(logits, torch.float32)
    token_ids = torch.tensor([0, 299, 5, 17])

    def run(function: Callable, logits: Tensor, **more: Any) -> tuple[Tensor, Tensor]:
        found = function(logits, token_ids, **options, return_entropy=with_entropy, **more)
        log_probs = found[0] + 0.4 * found[1] if with_entropy else found
        return log_probs.detach(), torch.autograd.grad(log_probs[::2].sum() * 3, logits)[0]

    truth = run(naive.token_log_probs, plain.double().requires_grad_())
    more = {"vocab_size": 300} if layout == "padded" else {"inplace_backward": layout.endswith("in place")}
    log_probs, gradient = run(token_log_probs, logits, **more)
    assert (gradient[:, 300:] == 0).all()
    torch.testing.assert_close(log_probs.double(), truth[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient[:, :300].double(), truth[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["kl", "gspo", "entropy"])
def test_a_token_outside_the_vocabulary_is_nan(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where nobody looks at the values first."""
    from pgkern.policy.inputs import token_ids as module

    monkeypatch.setattr(module, "look_at_values", lambda device: False)
    batch = logit_inputs(V=65)
    for wrong in (65, -1, 1 << 40):
        batch["token_ids"][0, 1] = wrong
        log_probs = token_log_probs(batch["logits"], batch["token_ids"])
        assert log_probs.isnan().nonzero().tolist() == [[0, 1]]
        loss, gradient = loss_and_gradient(logits_policy_loss, batch, objective=FURTHER[name])
        assert loss.isnan()
        assert gradient[0, 1].isnan().all()
        if not FURTHER[name].couples_tokens(batch["old_log_probs"]):
            assert gradient.isnan().all(2).sum() == gradient.isnan().any(2).sum() == 1
        batch["mask"][0, 1] = False
        assert all(t.isfinite().all() for t in loss_and_gradient(logits_policy_loss, batch, objective=FURTHER[name]))
        batch["mask"][0, 1] = True


def test_metrics_are_those_of_plain_torch() -> None:
    batch = logit_inputs()
    for name, objective in EVERY.items():
        found = logits_policy_loss(**batch, objective=objective).metrics
        expected = logits_policy_loss(**in_fp64(batch), objective=objective).metrics
        assert found.keys() == expected.keys()
        for key, value in found.items():
            assert value.item() == pytest.approx(expected[key].item(), rel=1e-4, abs=1e-5), (name, key)


def test_parts_add_up() -> None:
    batch = logit_inputs()
    counts = {"num_tokens": 7, "num_sequences": 3}
    for name, objective in FURTHER.items():
        if objective.reduction == "none":
            continue
        whole = loss_and_gradient(logits_policy_loss, batch, objective=objective)
        parts = [
            loss_and_gradient(logits_policy_loss, {k: v[s] for k, v in batch.items()}, objective=objective, **counts)
            for s in (slice(0, 1), slice(1, 3))
        ]
        torch.testing.assert_close(parts[0][0] + parts[1][0], whole[0], rtol=1e-5, atol=1e-6, msg=name)
        torch.testing.assert_close(torch.cat([part[1] for part in parts]), whole[1], rtol=1e-5, atol=1e-7, msg=name)


def test_fp64_takes_plain_torch() -> None:
    assert not use_triton(torch.zeros(1), torch.float64)


@pytest.mark.usefixtures("_no_torch_rows")
@pytest.mark.parametrize("ids", [torch.arange(12).reshape(6, 2)[:, 0], torch.tensor([3]).expand(6)])
def test_token_ids_may_have_any_strides(ids: Tensor) -> None:
    logits = torch.randn(6, 12, generator=torch.Generator().manual_seed(0))
    expected = logits.double().log_softmax(-1).gather(1, ids[:, None])[:, 0]
    torch.testing.assert_close(token_log_probs(logits, ids).double(), expected, rtol=1e-5, atol=1e-5)
