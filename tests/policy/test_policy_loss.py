"""The loss from log-probabilities: hand-worked numbers, the naive twin, masks, splits, packing and errors."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, policy_loss
from pgkern.policy import naive

OBJECTIVES = {
    "reinforce": PolicyObjective.reinforce(),
    "reinforce_off_policy": PolicyObjective.reinforce_off_policy(),
    "ppo": PolicyObjective.ppo(),
    "grpo": PolicyObjective.grpo(),
    "dr_grpo": PolicyObjective.dr_grpo(reduction_constant=11.0),
    "dapo": PolicyObjective.dapo(),
}
REDUCTIONS = ["token_mean", "sequence_mean_token_mean", "sequence_mean_token_sum", "sequence_sum_constant", "sum"]


def with_reduction(objective: PolicyObjective, reduction: str) -> PolicyObjective:
    constant = 11.0 if reduction == "sequence_sum_constant" else None
    return dataclasses.replace(objective, reduction=reduction, reduction_constant=constant)


@pytest.fixture
def batch() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    log_probs = -torch.rand(4, 6, generator=random, dtype=torch.float64) * 3
    mask = torch.rand(4, 6, generator=random) > 0.35
    mask[2] = False  # a sequence without a token
    return {
        "log_probs": log_probs,
        "advantages": torch.randn(4, generator=random, dtype=torch.float64),
        "mask": mask,
        "old_log_probs": log_probs + 0.4 * torch.randn(4, 6, generator=random, dtype=torch.float64),
    }


def value_and_gradient(function: Callable, batch: dict[str, Tensor], **options: object) -> tuple[Tensor, Tensor]:
    log_probs = batch["log_probs"].clone().requires_grad_()
    loss = function(**{**batch, "log_probs": log_probs}, **options).loss
    return loss.detach(), torch.autograd.grad(loss, log_probs)[0]


def test_reinforce_is_the_mean_of_advantage_times_log_prob() -> None:
    log_probs = torch.tensor([[-1.0, -2.0], [-3.0, -4.0]], requires_grad=True)
    loss = policy_loss(
        log_probs, torch.tensor([1.0, -0.5]), torch.tensor([[1, 1], [1, 0]]), objective=PolicyObjective.reinforce()
    ).loss
    assert loss.item() == pytest.approx(-(-1.0 - 2.0 + 1.5) / 3)
    loss.backward()
    torch.testing.assert_close(log_probs.grad, torch.tensor([[-1.0, -1.0], [0.5, 0.0]]) / 3)


def test_grpo_by_hand() -> None:
    ratios = torch.tensor([[1.5, 1.1], [0.5, 1.0]], dtype=torch.float64)
    log_probs = torch.full((2, 2), -2.0, dtype=torch.float64)
    old = log_probs - ratios.log()
    mask = torch.tensor([[True, True], [True, False]])
    found = policy_loss(log_probs, torch.tensor([2.0, -1.0]), mask, old_log_probs=old)
    # Sequence 0: min(1.5, 1.2) * 2 and 1.1 * 2; sequence 1: min(-0.5, -0.8), one token.
    assert found.loss.item() == pytest.approx(-((2.4 + 2.2) / 2 + -0.8) / 2)
    metrics = {name: value.item() for name, value in found.metrics.items()}
    assert metrics["tokens"] == 3
    assert metrics["ratio_mean"] == pytest.approx((1.5 + 1.1 + 0.5) / 3)
    assert metrics["ratio_max"] == pytest.approx(1.5)
    assert metrics["clip_fraction_high"] == pytest.approx(1 / 3)
    assert metrics["clip_fraction_low"] == pytest.approx(1 / 3)
    assert metrics["active_fraction"] == pytest.approx(1 / 3)
    assert metrics["approx_kl"] == pytest.approx(sum(r - 1 - math.log(r) for r in (1.5, 1.1, 0.5)) / 3)
    assert metrics["log_prob_mean"] == pytest.approx(-2.0)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("old", [True, False])
def test_equals_the_naive_twin(batch: dict[str, Tensor], name: str, reduction: str, old: bool) -> None:
    objective = with_reduction(OBJECTIVES[name], reduction)
    if not old:
        batch["old_log_probs"] = None
    for counts in ({}, {"num_tokens": 31, "num_sequences": 9}):
        found = value_and_gradient(policy_loss, batch, objective=objective, **counts)
        expected = value_and_gradient(naive.policy_loss, batch, objective=objective, **counts)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradcheck(batch: dict[str, Tensor], name: str) -> None:
    log_probs = batch.pop("log_probs").requires_grad_()
    batch["old_log_probs"] = log_probs.detach() + torch.linspace(-0.5, 0.5, 24, dtype=torch.float64).reshape(4, 6)
    assert torch.autograd.gradcheck(lambda x: policy_loss(x, **batch, objective=OBJECTIVES[name]).loss, (log_probs,))


@pytest.mark.parametrize("rubbish", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_masked_positions_may_hold_anything(batch: dict[str, Tensor], name: str, rubbish: float) -> None:
    expected = value_and_gradient(policy_loss, batch, objective=OBJECTIVES[name])
    mask = batch["mask"]
    spoiled = {key: batch[key].masked_fill(~mask, rubbish) for key in ("log_probs", "old_log_probs")}
    spoiled["advantages"] = batch["advantages"][:, None].expand(4, 6).masked_fill(~mask, rubbish)
    found = value_and_gradient(policy_loss, {**batch, **spoiled}, objective=OBJECTIVES[name])
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8])
def test_mask_of_any_dtype(batch: dict[str, Tensor], dtype: torch.dtype) -> None:
    expected = policy_loss(**batch).loss
    assert policy_loss(**{**batch, "mask": batch["mask"].to(dtype)}).loss == expected


@pytest.mark.parametrize("name", OBJECTIVES)
def test_packed_equals_padded(batch: dict[str, Tensor], name: str) -> None:
    loss, gradient = value_and_gradient(policy_loss, batch, objective=OBJECTIVES[name])
    mask = batch["mask"]
    sequence_ids = torch.arange(4)[:, None].expand(4, 6)[mask]
    packed = {key: batch[key][mask] for key in ("log_probs", "old_log_probs", "mask")}
    for advantages in (batch["advantages"], batch["advantages"][sequence_ids]):
        found = value_and_gradient(
            policy_loss,
            {**packed, "advantages": advantages, "sequence_ids": sequence_ids},
            objective=OBJECTIVES[name],
        )
        torch.testing.assert_close(found, (loss, gradient[mask]), rtol=1e-12, atol=1e-14)


def test_sequence_ids_at_masked_positions_may_be_anything(batch: dict[str, Tensor]) -> None:
    expected = value_and_gradient(policy_loss, batch)
    ids = torch.arange(4)[:, None].expand(4, 6)
    for rubbish in (-100, 1 << 40):
        found = value_and_gradient(policy_loss, {**batch, "sequence_ids": ids.masked_fill(~batch["mask"], rubbish)})
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_packed_without_sequence_ids_is_one_sequence(batch: dict[str, Tensor]) -> None:
    row = {key: value[1] for key, value in batch.items()}
    one = {key: value[1:2] for key, value in batch.items()}
    assert policy_loss(**{**row, "advantages": row["advantages"][None]}).loss == policy_loss(**one).loss


@pytest.mark.parametrize("name", OBJECTIVES)
def test_micro_batches_add_up_to_the_whole(batch: dict[str, Tensor], name: str) -> None:
    loss, gradient = value_and_gradient(policy_loss, batch, objective=OBJECTIVES[name])
    counts = {"num_tokens": int(batch["mask"].sum()), "num_sequences": int(batch["mask"].any(1).sum())}
    parts = [
        value_and_gradient(
            policy_loss, {key: value[rows] for key, value in batch.items()}, objective=OBJECTIVES[name], **counts
        )
        for rows in (slice(0, 1), slice(1, 3), slice(3, 4))
    ]
    torch.testing.assert_close(sum(part[0] for part in parts), loss, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(torch.cat([part[1] for part in parts]), gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("count", [torch.tensor(9), torch.tensor([9.0]), np.int64(9), np.float32(9)])
def test_counts_may_be_tensors_and_numpy_numbers(batch: dict[str, Tensor], count: object) -> None:
    expected = policy_loss(**batch, num_sequences=9).loss
    assert policy_loss(**batch, num_sequences=count).loss == expected


def test_reduction_none_is_the_loss_of_every_token(batch: dict[str, Tensor]) -> None:
    objective = PolicyObjective.ppo(reduction="none")
    found = policy_loss(**batch, objective=objective).loss
    assert found.shape == (4, 6)
    assert (found[~batch["mask"]] == 0).all()
    whole = policy_loss(**batch, objective=PolicyObjective.ppo(reduction="sum")).loss
    torch.testing.assert_close(found.sum(), whole)


def test_without_old_log_probs_the_ratio_is_one_and_has_the_policy_gradient(batch: dict[str, Tensor]) -> None:
    batch["old_log_probs"] = None
    _, ratio_gradient = value_and_gradient(policy_loss, batch, objective=PolicyObjective.ppo())
    _, log_gradient = value_and_gradient(policy_loss, batch, objective=PolicyObjective.reinforce())
    torch.testing.assert_close(ratio_gradient, log_gradient)
    assert policy_loss(**batch).metrics["ratio_max"] == 1


@pytest.mark.parametrize("clip", ["clip_low", "clip_high"])
@pytest.mark.parametrize("advantage", [1.5, -1.5])
def test_on_a_clip_edge_the_gradient_is_whole(advantage: float, clip: str) -> None:
    log_probs = torch.tensor([-1.0], requires_grad=True)  # ratio 1, and the bound is 1 too
    objective = PolicyObjective.ppo(**{clip: 0.0})
    loss = policy_loss(
        log_probs, torch.tensor([advantage]), torch.ones(1), old_log_probs=torch.tensor([-1.0]), objective=objective
    ).loss
    loss.backward()
    assert log_probs.grad.item() == -advantage


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("gap", [100.0, -100.0, 1e30])
def test_huge_log_ratios_stay_finite(name: str, gap: float) -> None:
    log_probs = torch.tensor([[-1.0, -1.0]], requires_grad=True)
    old = torch.tensor([[-1.0 - gap, -1.0]])
    for advantage in (1.0, -1.0):
        found = policy_loss(
            log_probs, torch.tensor([advantage]), torch.ones(1, 2), old_log_probs=old, objective=OBJECTIVES[name]
        )
        (gradient,) = torch.autograd.grad(found.loss, log_probs)
        assert found.loss.isfinite()
        assert gradient.isfinite().all()
        assert all(value.isfinite() for value in found.metrics.values())
        if OBJECTIVES[name].ratio == "token":
            assert gradient[0, 0] == 0


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4), (2, 3)])
def test_nothing_to_learn_from(name: str, shape: tuple[int, ...]) -> None:
    log_probs = torch.full(shape, math.nan, requires_grad=True)
    found = policy_loss(
        log_probs,
        torch.zeros(shape),
        torch.zeros(shape, dtype=torch.bool),
        old_log_probs=torch.full(shape, math.nan),
        objective=OBJECTIVES[name],
    )
    found.loss.backward()
    assert found.loss == 0
    assert (log_probs.grad == 0).all()
    assert all(value.isfinite() for value in found.metrics.values())


def test_advantage_zero_has_no_gradient(batch: dict[str, Tensor]) -> None:
    batch["advantages"] = torch.zeros(4, dtype=torch.float64)
    loss, gradient = value_and_gradient(policy_loss, batch)
    assert loss == 0
    assert (gradient == 0).all()
    assert policy_loss(**batch).metrics["active_fraction"] == 0


def test_bf16_log_probs_are_computed_in_fp32(batch: dict[str, Tensor]) -> None:
    narrow = {key: value.bfloat16() if value.is_floating_point() else value for key, value in batch.items()}
    expected = policy_loss(**{key: v.float() if v.is_floating_point() else v for key, v in narrow.items()}).loss
    assert policy_loss(**narrow).loss.dtype == torch.float32
    assert policy_loss(**narrow).loss == expected


def test_metrics_are_detached(batch: dict[str, Tensor]) -> None:
    batch["log_probs"].requires_grad_()
    metrics = policy_loss(**batch).metrics
    assert not any(value.requires_grad for value in metrics.values())
    assert all(value.shape == () for value in metrics.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": torch.ones(4, 5)}, r"mask has shape \[4, 5\], expected the tokens' shape \[4, 6\]"),
        ({"mask": torch.full((4, 6), 0.5)}, r"mask must hold 0 and 1 only, got 0.5 \(24 such values\)"),
        ({"mask": torch.full((4, 6), math.nan)}, r"mask must hold 0 and 1 only, got nan"),
        ({"mask": torch.ones(4, 6, dtype=torch.complex64)}, r"mask must be bool, or numbers 0 and 1, got torch.comp"),
        ({"advantages": torch.ones(5)}, r"advantages has shape \[5\], expected \[4\] .* shape \[4, 6\]"),
        ({"advantages": torch.ones(4, dtype=torch.bool)}, r"advantages must be real numbers, got torch.bool"),
        ({"old_log_probs": torch.zeros(6)}, r"old_log_probs has shape \[6\], expected the tokens' shape \[4, 6\]"),
        ({"old_log_probs": torch.zeros(4, 6, dtype=torch.int64)}, r"old_log_probs must be floating point"),
        ({"log_probs": torch.zeros(4, 6, dtype=torch.int64)}, r"log_probs must be floating point, got torch.int64"),
        ({"advantages": torch.ones(4, device="meta")}, r"advantages is on meta, the tokens are on cpu"),
        ({"log_probs": torch.zeros(4, 6, 2)}, r"expected tokens of shape \[T\] .* got \[4, 6, 2\]"),
        ({"sequence_ids": torch.zeros(4, 6)}, r"sequence_ids must be integers, got torch.float32"),
        ({"sequence_ids": torch.full((4, 6), 4)}, r"sequence_ids go up to 4, but advantages has 4 sequences"),
        ({"sequence_ids": torch.full((4, 6), -1)}, r"sequence_ids must be at least 0 where the mask is 1, got -1"),
        ({"num_sequences": -1}, r"num_sequences must be a finite number of at least 0, got -1"),
        ({"num_tokens": math.nan}, r"num_tokens must be a finite number of at least 0, got nan"),
        ({"num_sequences": torch.tensor(-2)}, r"num_sequences must be a finite number of at least 0, got -2"),
        ({"num_tokens": torch.tensor(-0.5)}, r"num_tokens must be a finite number of at least 0, got -0.5"),
        ({"num_tokens": torch.tensor(math.inf)}, r"num_tokens must be a finite number of at least 0, got inf"),
        ({"num_tokens": np.bool_(True)}, r"num_tokens must be a finite number"),
        ({"num_tokens": torch.ones(2)}, r"num_tokens must be one number, got a tensor of shape \(2,\)"),
    ],
)
def test_mistakes_are_named_with_their_numbers(batch: dict[str, Tensor], change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        policy_loss(**{**batch, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_probs": [-1.0, -2.0]}, r"log_probs must be a Tensor, got list: \[-1.0, -2.0\]"),
        ({"advantages": 1.0}, r"advantages must be a Tensor, got float: 1.0"),
        ({"advantages": None}, r"advantages must be a Tensor, got NoneType: None"),
        ({"mask": [1, 1]}, r"mask must be a Tensor, got list: \[1, 1\]"),
        ({"mask": None}, r"mask must be a Tensor, got NoneType"),
        ({"old_log_probs": np.zeros((4, 6))}, r"old_log_probs must be a Tensor, got ndarray: array"),
        ({"sequence_ids": [0, 1]}, r"sequence_ids must be a Tensor, got list: \[0, 1\]"),
        ({"objective": "grpo"}, r"objective must be a PolicyObjective, got str: 'grpo'"),
        ({"objective": None}, r"objective must be a PolicyObjective, got NoneType"),
    ],
)
def test_other_types_are_refused_by_name(batch: dict[str, Tensor], change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        policy_loss(**{**batch, **change})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("per_token", [True, False])
def test_unmasked_advantages_must_be_finite(batch: dict[str, Tensor], value: float, per_token: bool) -> None:
    batch["mask"][1, 0] = False
    batch["mask"][1, 1:3] = True
    batch["advantages"][1] = value
    if per_token:
        batch["advantages"] = batch["advantages"][:, None].expand(4, 6)
    message = rf"advantages must be finite where the mask is 1, got {value} at token 7 \(of sequence 1\)"
    with pytest.raises(ValueError, match=message):
        policy_loss(**batch)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_advantage_of_a_masked_sequence_may_be_anything(batch: dict[str, Tensor], value: float) -> None:
    expected = value_and_gradient(policy_loss, batch)
    batch["advantages"][2] = value  # its tokens are all masked
    torch.testing.assert_close(value_and_gradient(policy_loss, batch), expected, rtol=0, atol=0)
    ids = torch.arange(4)[:, None].expand(4, 6)
    found = value_and_gradient(policy_loss, {**batch, "sequence_ids": ids})
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_an_advantage_beyond_the_computed_dtype_is_not_finite() -> None:
    with pytest.raises(ValueError, match=r"advantages must be finite where the mask is 1, got inf at token 0"):
        policy_loss(torch.zeros(1, 1), torch.tensor([1e300], dtype=torch.float64), torch.ones(1, 1))


def test_unmasked_old_log_probs_must_not_be_nan(batch: dict[str, Tensor]) -> None:
    batch["mask"][3, 4] = True
    batch["old_log_probs"][3, 4] = math.nan
    with pytest.raises(ValueError, match=r"old_log_probs must not be NaN .* got nan at token 22 \(of sequence 3\)"):
        policy_loss(**batch)
    batch["mask"][3, 4] = False
    assert policy_loss(**batch).loss.isfinite()


def test_advantages_in_the_tokens_shape_are_per_token_also_with_as_many_sequences() -> None:
    ids, advantages = torch.tensor([2, 2, 0]), torch.tensor([1.0, 2.0, 4.0])
    log_probs, mask = torch.full((3,), -1.0), torch.ones(3)
    objective = PolicyObjective.reinforce(reduction="none")
    for given, expected in ((advantages, [1.0, 2.0, 4.0]), (advantages[ids], [4.0, 4.0, 1.0])):
        found = policy_loss(log_probs, given, mask, sequence_ids=ids, objective=objective).loss
        assert found.tolist() == expected


def test_packed_advantages_of_several_sequences_need_ids() -> None:
    with pytest.raises(ValueError, match=r"expected \[1\] .* packed sequences need sequence_ids"):
        policy_loss(torch.zeros(6), torch.ones(2), torch.ones(6))
