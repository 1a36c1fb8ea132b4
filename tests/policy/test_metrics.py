"""Every metric by hand, from tokens whose ratios, weights and advantages are plain numbers.

Names: B padded rows of L tokens.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, logits_policy_loss, policy_loss

RATIOS = [[1.5, 1.1, 0.9], [0.5, 1.6, 7.0]]
"""Of new to old; the last token is masked."""
ADVANTAGES = [2.0, -1.0]
NEW = [[-0.5, -1.0, -1.5], [-2.0, -3.0, -9.0]]
MASK = [[1, 1, 1], [1, 1, 0]]
ENTROPY = [[0.1, 0.2, 0.3], [0.4, 0.5, math.nan]]


def fp64(rows: object) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def metrics_of(objective: PolicyObjective, **given: Any) -> dict[str, float]:
    new = fp64(NEW)
    batch = {"advantages": fp64(ADVANTAGES), "mask": fp64(MASK), "old_log_probs": new - fp64(RATIOS).log(), **given}
    found = policy_loss(new, batch.pop("advantages"), batch.pop("mask"), **batch, objective=objective).metrics
    return {name: value.item() for name, value in found.items()}


def test_what_is_always_there() -> None:
    found = metrics_of(PolicyObjective.reinforce(), old_log_probs=None)
    assert set(found) == {"tokens", "log_prob_mean", "active_fraction"}
    assert found == pytest.approx({"tokens": 5, "log_prob_mean": -8.0 / 5, "active_fraction": 1.0})


def test_the_entropy_is_there_where_it_is_known() -> None:
    assert "entropy" not in metrics_of(PolicyObjective.grpo())
    assert metrics_of(PolicyObjective.grpo(), entropy=fp64(ENTROPY))["entropy"] == pytest.approx(1.5 / 5)
    logits = torch.zeros(2, 3, 8)
    arguments = (torch.zeros(2, 3, dtype=torch.int64), fp64(ADVANTAGES), fp64(MASK))
    assert logits_policy_loss(logits, *arguments).metrics["entropy"].item() == pytest.approx(math.log(8))
    found = linear_policy_loss(torch.zeros(2, 3, 4), torch.ones(8, 4), *arguments).metrics
    assert found["entropy"].item() == pytest.approx(math.log(8))


def test_token_ratios() -> None:
    found = metrics_of(PolicyObjective.grpo())
    kept = [1.5, 1.1, 0.9, 0.5, 1.6]
    assert found["ratio_mean"] == pytest.approx(sum(kept) / 5)
    assert found["ratio_max"] == pytest.approx(1.6)
    assert found["approx_kl"] == pytest.approx(sum(r - 1 - math.log(r) for r in kept) / 5)


def test_sequence_ratios() -> None:
    first, second = (1.5 * 1.1 * 0.9) ** (1 / 3), (0.5 * 1.6) ** (1 / 2)
    found = metrics_of(PolicyObjective.gspo(clip_low=0.2, clip_high=0.1))
    assert found["ratio_mean"] == pytest.approx((3 * first + 2 * second) / 5)
    assert found["ratio_max"] == pytest.approx(first)
    # The divergence is a mean over tokens whatever the objective's level.
    assert found["approx_kl"] == pytest.approx(sum(r - 1 - math.log(r) for r in (1.5, 1.1, 0.9, 0.5, 1.6)) / 5)
    assert first > 1.1  # with A = 2, the three of them lose their gradient
    assert 0.8 < second < 1.1
    assert (found["clip_fraction_high"], found["clip_fraction_low"]) == pytest.approx((3 / 5, 0))
    assert found["active_fraction"] == pytest.approx(2 / 5)


def test_without_old_log_probs_the_ratio_is_one() -> None:
    found = metrics_of(PolicyObjective.grpo(), old_log_probs=None)
    names = ("ratio_mean", "ratio_max", "approx_kl", "clip_fraction_low", "clip_fraction_high", "active_fraction")
    assert [found[name] for name in names] == [1, 1, 0, 0, 0, 1]


def test_old_log_probs_without_a_ratio_still_tell_the_divergence() -> None:
    found = metrics_of(PolicyObjective.reinforce())
    assert found["ratio_mean"] == pytest.approx((1.5 + 1.1 + 0.9 + 0.5 + 1.6) / 5)
    assert (found["clip_fraction_low"], found["clip_fraction_high"], found["active_fraction"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("objective", "low", "high", "active"),
    [
        # A = 2: 1.5 is above 1.2; A = -1: 0.5 is below 0.8. What 1.6 does to a negative advantage no clip stops.
        (PolicyObjective.ppo(), 1, 1, 3),
        (PolicyObjective.ppo(clip_low=0.6), 0, 1, 4),
        (PolicyObjective.ppo(clip_high=0.05), 1, 2, 2),
        (PolicyObjective.ppo(dual_clip=1.55), 1, 2, 2),  # and this is what stops it
        (PolicyObjective.ppo(delta=1.55), 1, 2, 2),
        (PolicyObjective.ppo(delta=1.7, dual_clip=1.65), 1, 1, 3),
        # A weight outside of its bounds is moved, whatever the advantage, and every token keeps its gradient.
        (PolicyObjective.cispo(clip_low=0.2, clip_high=0.2), 1, 2, 5),
        (PolicyObjective.cispo(clip_high=0.2), 0, 2, 5),
        (PolicyObjective.cispo(clip_high=None), 0, 0, 5),
        # log-ratios: 0.405 and -0.693 lie outside of ±0.4
        (PolicyObjective.gmpo(), 1, 1, 3),
        (PolicyObjective.gmpo(clip_low=0.7, clip_high=0.09), 0, 2, 3),
        (PolicyObjective.sapo(), 0, 0, 5),
        (PolicyObjective.kimi_k15(mirror_coef=0.3), 0, 0, 5),
        (PolicyObjective.reinforce_off_policy(), 0, 0, 5),
    ],
)
def test_clip_fractions(objective: PolicyObjective, low: int, high: int, active: int) -> None:
    found = metrics_of(objective)
    counted = {name: round(5 * found[name], 9) for name in found if name.startswith(("clip", "active"))}
    assert counted == {"clip_fraction_low": low, "clip_fraction_high": high, "active_fraction": active}


def test_active_fraction() -> None:
    grpo = PolicyObjective.grpo()
    assert metrics_of(grpo)["active_fraction"] == pytest.approx(3 / 5)
    assert metrics_of(grpo, advantages=fp64([2.0, 0.0]))["active_fraction"] == pytest.approx(2 / 5)
    assert metrics_of(grpo, advantages=fp64([0.0, 0.0]))["active_fraction"] == 0
    assert metrics_of(grpo, mask=fp64([[0, 1, 1], [0, 0, 0]]))["active_fraction"] == 1
    # A penalty and a bonus reach clipped tokens too, and those of advantage 0; a masked token nothing reaches.
    reference = {"ref_log_probs": fp64(NEW) - 0.1}
    penalised = metrics_of(PolicyObjective.grpo(kl_coef=0.1), advantages=fp64([0.0, -1.0]), **reference)
    assert penalised["active_fraction"] == 1
    with_bonus = metrics_of(PolicyObjective.grpo(entropy_coef=0.1), advantages=fp64([0.0, -1.0]), entropy=fp64(ENTROPY))
    assert with_bonus["active_fraction"] == 1
    # An entropy that is only told is no bonus.
    assert metrics_of(grpo, entropy=fp64(ENTROPY))["active_fraction"] == pytest.approx(3 / 5)
    # A correction that drops a token takes its gradient.
    dropped = PolicyObjective.reinforce(correction="mask", correction_cap=1.5)
    old = fp64(NEW) - fp64(RATIOS).log()
    rollout = old - fp64([[2.0, 1.0, 1.0], [1.0, 1.4, 1.0]]).log()
    assert metrics_of(dropped, rollout_log_probs=rollout)["active_fraction"] == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    ("estimator", "value"),
    [("k1", lambda d: d), ("k2", lambda d: d * d / 2), ("k3", lambda d: math.exp(-d) - 1 + d)],
)
@pytest.mark.parametrize("coefficient", [0.0, 0.3])
def test_ref_kl(estimator: str, value: Any, coefficient: float) -> None:
    gaps = [[0.3, -0.2, 0.1], [0.7, -0.4, 5.0]]
    objective = PolicyObjective.grpo(kl_coef=coefficient, kl_estimator=estimator)
    found = metrics_of(objective, ref_log_probs=fp64(NEW) - fp64(gaps))
    assert found["ref_kl"] == pytest.approx(sum(value(d) for d in (0.3, -0.2, 0.1, 0.7, -0.4)) / 5)
    assert "ref_kl" not in metrics_of(PolicyObjective.grpo())


def test_rollout_mismatch_and_correction() -> None:
    rhos = [[2.0, 0.5, 1.0], [0.25, 1.2, 50.0]]
    old = fp64(NEW) - fp64(RATIOS).log()
    given = {"rollout_log_probs": old - fp64(rhos).log()}
    mismatch = sum(abs(math.log(r)) for r in (2.0, 0.5, 1.0, 0.25, 1.2)) / 5
    bare = metrics_of(PolicyObjective.grpo(), **given)
    assert bare["rollout_mismatch"] == pytest.approx(mismatch)
    assert bare["rollout_mismatch_max"] == pytest.approx(math.log(4.0))  # what is masked, 50, does not count
    assert not [name for name in bare if name.startswith("correction")]
    assert not [name for name in metrics_of(PolicyObjective.grpo()) if name.startswith(("rollout", "correction"))]
    for kind, weights in (("truncate", (1.5, 0.5, 1.0, 0.4, 1.2)), ("mask", (0.0, 0.5, 1.0, 0.0, 1.2))):
        objective = PolicyObjective.grpo(correction=kind, correction_cap=1.5, correction_floor=0.4)
        found = metrics_of(objective, **given)
        assert found["correction_mean"] == pytest.approx(sum(weights) / 5)
        assert found["correction_kept_fraction"] == pytest.approx(3 / 5)
        assert found["rollout_mismatch"] == pytest.approx(mismatch)
    # Of sequences: 2 * 0.5 * 1 = 1, and 0.25 * 1.2 = 0.3.
    for kind, second in (("truncate", 0.4), ("mask", 0.0)):
        objective = PolicyObjective.grpo(
            correction=kind, correction_level="sequence", correction_cap=1.5, correction_floor=0.4
        )
        for name in ("grpo", "gspo"):
            if name == "gspo":
                objective = PolicyObjective.gspo(
                    correction=kind, correction_level="sequence", correction_cap=1.5, correction_floor=0.4
                )
            found = metrics_of(objective, **given)
            assert found["correction_mean"] == pytest.approx((3 * 1.0 + 2 * second) / 5)
            assert found["correction_kept_fraction"] == pytest.approx(3 / 5)
            assert found["rollout_mismatch"] == pytest.approx(mismatch)  # of tokens, whatever the level
    # Without old log-probabilities the policy's own stand for them.
    found = metrics_of(PolicyObjective.grpo(), old_log_probs=None, rollout_log_probs=fp64(NEW) - fp64(rhos).log())
    assert found["rollout_mismatch"] == pytest.approx(mismatch)


EVERYTHING = {
    "token": PolicyObjective.ppo(kl_coef=0.2, entropy_coef=0.1, correction="mask", correction_cap=1.4),
    "sequence": PolicyObjective.gspo(
        kl_coef=0.2, entropy_coef=0.1, correction="truncate", correction_level="sequence", correction_cap=1.4
    ),
    "none": PolicyObjective.ppo(reduction="none", kl_coef=0.2, entropy_coef=0.1, correction="mask", correction_cap=1.4),
}


def build_batch() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    log_probs = -normal(6, 5).abs()
    old = log_probs + 0.3 * normal(6, 5)
    mask = torch.rand(6, 5, generator=random) > 0.4
    mask[4] = False
    return {
        "log_probs": log_probs,
        "advantages": normal(6),
        "mask": mask,
        "old_log_probs": old,
        "ref_log_probs": log_probs + 0.5 * normal(6, 5),
        "rollout_log_probs": old + 0.3 * normal(6, 5),
        "entropy": normal(6, 5).abs(),
    }


@pytest.mark.parametrize("name", EVERYTHING)
def test_weighing_parts_by_their_tokens_gives_the_whole(name: str) -> None:
    batch = build_batch()
    whole = policy_loss(**batch, objective=EVERYTHING[name]).metrics
    assert len(whole) == 14
    parts = [
        policy_loss(**{key: value[rows] for key, value in batch.items()}, objective=EVERYTHING[name]).metrics
        for rows in (slice(0, 1), slice(1, 4), slice(4, 5), slice(5, 6))  # one of them without a token
    ]
    tokens = torch.stack([part["tokens"] for part in parts])
    assert (tokens.sum(), tokens[2]) == (whole["tokens"], 0)
    for key, value in whole.items():
        each = torch.stack([part[key] for part in parts])
        if key.endswith("_max"):
            torch.testing.assert_close(each.max(), value)
        elif key != "tokens":
            torch.testing.assert_close((each * tokens).sum() / tokens.sum(), value, msg=key)


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_detached_scalars_on_the_device(name: str, dtype: torch.dtype) -> None:
    batch = {key: v.to(dtype) if v.is_floating_point() else v for key, v in build_batch().items()}
    for key in ("log_probs", "entropy"):
        batch[key].requires_grad_()
    given = {key: value for key, value in batch.items() if key not in ("log_probs", "entropy")}
    logits = torch.randn(6, 5, 9, dtype=torch.float64).to(dtype).requires_grad_()
    hidden, weight = torch.randn(6, 5, 4).to(dtype).requires_grad_(), torch.randn(9, 4).to(dtype).requires_grad_()
    token_ids = torch.zeros(6, 5, dtype=torch.int64)
    computed = torch.promote_types(dtype, torch.float32)
    for found in (
        policy_loss(**batch, objective=EVERYTHING[name]),
        logits_policy_loss(logits, token_ids, **given, objective=EVERYTHING[name]),
        linear_policy_loss(hidden, weight, token_ids, **given, objective=EVERYTHING[name]),
    ):
        assert found.loss.requires_grad
        assert len(found.metrics) == 14
        for key, value in found.metrics.items():
            assert (value.shape, value.requires_grad, value.device.type) == ((), False, "cpu"), key
            assert value.dtype == computed, key


def test_packed_metrics_are_the_padded_ones() -> None:
    batch = build_batch()
    mask = batch["mask"]
    ids = torch.arange(6)[:, None].expand(6, 5)[mask]
    packed = {key: value[mask] if value.shape == mask.shape else value for key, value in batch.items()}
    for objective in EVERYTHING.values():
        padded = policy_loss(**batch, objective=objective).metrics
        found = policy_loss(**packed, sequence_ids=ids, objective=objective).metrics
        torch.testing.assert_close(dict(found), dict(padded))
