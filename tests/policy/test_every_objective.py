"""Every objective in every combination with penalties, corrections and reductions: numbers by hand, and the naive twin.

Names: B padded rows of L tokens.
"""

import itertools
import math
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, policy_loss
from pgkern.policy import naive

NAMED = {
    "reinforce": PolicyObjective.reinforce(),
    "reinforce_off_policy": PolicyObjective.reinforce_off_policy(),
    "ppo": PolicyObjective.ppo(),
    "ppo, dual clip": PolicyObjective.ppo(dual_clip=1.7),
    "grpo": PolicyObjective.grpo(),
    "grpo, delta": PolicyObjective.grpo(delta=1.6),
    "grpo with its penalty": PolicyObjective.grpo(kl_coef=0.04, entropy_coef=0.01),
    "dr_grpo": PolicyObjective.dr_grpo(reduction_constant=11.0),
    "dapo": PolicyObjective.dapo(),
    "dapo, truncated": PolicyObjective.dapo(correction="truncate", correction_cap=1.2),
    "gspo": PolicyObjective.gspo(),
    "gspo, masked": PolicyObjective.gspo(
        correction="mask", correction_level="sequence", correction_cap=1.5, correction_floor=0.5
    ),
    "cispo": PolicyObjective.cispo(),
    "gmpo": PolicyObjective.gmpo(),
    "sapo": PolicyObjective.sapo(),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.3),
}

CLIP = {"surrogate": "clip", "clip_low": 0.2, "clip_high": 0.3}
GATE = {"surrogate": "soft_gate", "gate_temperature_positive": 1.0, "gate_temperature_negative": 1.4}
SURROGATES: dict[str, dict[str, Any]] = {
    "plain, none": {},
    "geometric_clip": {"ratio": "sequence", "surrogate": "geometric_clip", "clip_low": 0.3, "clip_high": 0.4},
    "mirror": {"ratio": "sequence", "surrogate": "mirror", "mirror_coef": 0.3},
    **{
        f"{name}, {ratio}": {"ratio": ratio, **fields}
        for ratio in ("token", "sequence")
        for name, fields in {
            "plain": {},
            "clip": CLIP,
            "clip, dual": {**CLIP, "dual_clip": 1.7},
            "clip, delta": {**CLIP, "delta": 1.6},
            "clip, dual and delta": {**CLIP, "dual_clip": 1.5, "delta": 1.6},
            "detach": {"surrogate": "detach"},
            "detach above": {"surrogate": "detach", "clip_high": 0.3},
            "detach both": {"surrogate": "detach", "clip_low": 0.2, "clip_high": 0.3},
            "soft_gate": GATE,
        }.items()
    },
}
KLS: list[dict[str, Any]] = [{}, *({"kl_coef": 0.7, "kl_estimator": estimator} for estimator in ("k1", "k2", "k3"))]
CORRECTIONS: list[dict[str, Any]] = [
    {},
    *(
        {"correction": kind, "correction_level": level, "correction_cap": 1.3, "correction_floor": floor}
        for kind, level, floor in (
            ("truncate", "token", 0.0),
            ("truncate", "sequence", 0.7),
            ("mask", "token", 0.7),
            ("mask", "sequence", 0.5),
        )
    ),
]
ENTROPIES: list[dict[str, Any]] = [{}, {"entropy_coef": 0.2}]
REDUCTIONS: list[dict[str, Any]] = [
    {"reduction": "sequence_sum_constant", "reduction_constant": 11.0},
    *(
        {"reduction": name}
        for name in ("token_mean", "sequence_mean_token_mean", "sequence_mean_token_sum", "sum", "none")
    ),
]
Batch = dict[str, Tensor | None]


def build_batch(B: int = 7, L: int = 5, *, dtype: torch.dtype = torch.float64) -> Batch:
    """The ratios fall on either side of every clip with advantages of either sign (`test_the_batch_reaches...`)."""
    generator = torch.Generator().manual_seed(5)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    log_probs = -3 * torch.rand(B, L, generator=generator, dtype=torch.float64) - 0.01
    mask = torch.rand(B, L, generator=generator) > 0.3
    mask[1] = False  # a sequence without a token
    mask[2] = torch.arange(L) == 1  # and one with a single token
    # A sequence's mean has to move as well as its tokens, and one stays within GSPO's clip of 3e-4.
    drift = 0.5 * normal(B, L) + 0.4 * torch.tensor([1, 0, -1, 2, -2, 1.5, 0])[:, None]
    drift[6] = 1e-4 * normal(L)
    old_log_probs = log_probs - drift
    advantages = torch.tensor([1.3, 0.4, -0.6, -1.1, 0.9, 0.0, -0.7], dtype=torch.float64)
    batch: Batch = {
        "log_probs": log_probs,
        "advantages": advantages,
        "mask": mask,
        "old_log_probs": old_log_probs,
        "ref_log_probs": log_probs + 0.6 * normal(B, L),
        "rollout_log_probs": old_log_probs + 0.25 * normal(B, L),
        "entropy": torch.rand(B, L, generator=generator, dtype=torch.float64) * 2,
    }
    return {k: v.to(dtype) if v is not None and v.is_floating_point() else v for k, v in batch.items()}


def per_token(batch: Batch) -> Batch:
    """With an advantage of its own for every token, of both signs within a sequence."""
    advantages = batch["advantages"]
    shift = torch.linspace(-1.2, 1.2, batch["mask"].shape[-1], dtype=advantages.dtype)
    return {**batch, "advantages": advantages[:, None] + shift}


def packed(batch: Batch) -> Batch:
    """The unmasked tokens alone, in an order that mixes the sequences."""
    mask = batch["mask"]
    ids = torch.arange(mask.shape[0])[:, None].expand(mask.shape)[mask]
    order = torch.randperm(ids.numel(), generator=torch.Generator().manual_seed(1))
    pick = {k: v if v is None or v.shape != mask.shape else v[mask][order] for k, v in batch.items()}
    return {**pick, "sequence_ids": ids[order]}


def value_and_gradients(function: Callable, batch: Batch, **options: object) -> tuple[Tensor, Tensor, Tensor]:
    """The loss, and its gradients in the log-probabilities and in the entropy. Token losses are weighed apart."""
    log_probs, entropy = (batch[key].detach().clone().requires_grad_() for key in ("log_probs", "entropy"))
    loss = function(**{**batch, "log_probs": log_probs, "entropy": entropy}, **options).loss
    upstream = torch.linspace(0.5, 1.5, loss.numel(), dtype=loss.dtype).reshape(loss.shape) if loss.dim() else None
    gradients = torch.autograd.grad(loss, (log_probs, entropy), upstream, allow_unused=True)
    zeros = torch.zeros_like(log_probs)
    return loss.detach(), *(zeros if gradient is None else gradient for gradient in gradients)


def assert_same(
    found: object, expected: object, objective: PolicyObjective, case: str = "", **tolerance: float
) -> None:
    torch.testing.assert_close(
        found,
        expected,
        **({"rtol": 1e-10, "atol": 1e-13} | tolerance),
        msg=lambda message: f"{message}\nof {objective}{', ' + case if case else ''}",
    )


def cases() -> Iterable[tuple[str, Batch]]:
    """With and without the old policy, one advantage per sequence and per token, padded and packed."""
    for form, batch in (("padded", build_batch()), ("per token", per_token(build_batch()))):
        yield form, batch
        yield f"{form}, no old", {**batch, "old_log_probs": None}
    yield "packed", packed(build_batch())
    yield "packed, per token", packed(per_token(build_batch()))


def test_the_batch_reaches_both_sides_of_every_bound() -> None:
    batch = build_batch()
    mask = batch["mask"]
    log_ratio = (batch["log_probs"] - batch["old_log_probs"]) * mask
    token = log_ratio.exp()[mask]
    advantage = batch["advantages"][:, None].expand(mask.shape)[mask]
    sequence = (log_ratio.sum(1) / mask.sum(1).clamp(min=1)).exp()[:, None].expand(mask.shape)[mask]
    for ratio in (token, sequence):
        assert (ratio < 0.7).any()
        assert (ratio > 1.7).any()
        assert (advantage[ratio > 1.7] < 0).any()
        assert (advantage[ratio > 1.3] > 0).any()
        assert (advantage[ratio < 0.8] < 0).any()
        assert (advantage[ratio < 0.8] > 0).any()
        assert ((ratio > 0.8) & (ratio < 1.3) & (advantage != 0)).any()
    assert (((sequence - 1).abs() < 3e-4) & (advantage != 0)).any()
    weight = (batch["old_log_probs"] - batch["rollout_log_probs"]) * mask
    for rho in (weight.exp()[mask], weight.sum(1).exp()[mask.any(1)]):
        for low, high in ((0, 0.7), (0.7, 1.3), (1.3, 9)):
            assert ((rho > low) & (rho < high)).any()


@pytest.mark.parametrize("name", NAMED)
def test_named_objectives_equal_the_naive_twin(name: str) -> None:
    objective = NAMED[name]
    for case, batch in cases():
        for counts in ({}, {"num_tokens": 31, "num_sequences": 9}):
            found = value_and_gradients(policy_loss, batch, objective=objective, **counts)
            expected = value_and_gradients(naive.policy_loss, batch, objective=objective, **counts)
            assert_same(found, expected, objective, f"{case}, {counts}")


@pytest.mark.parametrize("name", SURROGATES)
def test_every_combination_equals_the_naive_twin(name: str) -> None:
    """Surrogates x KL x corrections x entropy, each with one of the reductions and one of the batch's forms."""
    choose = random.Random(name)
    batches = list(cases())
    for kl, correction, entropy in itertools.product(KLS, CORRECTIONS, ENTROPIES):
        objective = PolicyObjective(**SURROGATES[name], **kl, **correction, **entropy, **choose.choice(REDUCTIONS))
        case, batch = choose.choice(batches)
        found = value_and_gradients(policy_loss, batch, objective=objective)
        assert_same(found, value_and_gradients(naive.policy_loss, batch, objective=objective), objective, case)


@pytest.mark.parametrize("name", SURROGATES)
def test_every_reduction_equals_the_naive_twin(name: str) -> None:
    full = {"kl_coef": 0.7, "kl_estimator": "k2", "entropy_coef": 0.2, **CORRECTIONS[3]}
    for reduction, extra in itertools.product(REDUCTIONS, ({}, full)):
        objective = PolicyObjective(**SURROGATES[name], **reduction, **extra)
        for case, batch in cases():
            found = value_and_gradients(policy_loss, batch, objective=objective)
            assert_same(found, value_and_gradients(naive.policy_loss, batch, objective=objective), objective, case)


@pytest.mark.parametrize("name", [name for name in SURROGATES if not name.startswith("detach")])
def test_gradcheck(name: str) -> None:
    batch = {key: value[[0, 2, 3, 4]] for key, value in build_batch().items()}
    forms = (batch, per_token(batch))
    for form, kl in zip(itertools.cycle(forms), KLS, strict=False):
        given = {**form}
        leaves = [given.pop(key).requires_grad_() for key in ("log_probs", "entropy")]
        objective = PolicyObjective(**SURROGATES[name], **kl, **CORRECTIONS[1], entropy_coef=0.2)

        def loss(log_probs: Tensor, entropy: Tensor, given: Batch = given, objective: object = objective) -> Tensor:
            return policy_loss(log_probs, entropy=entropy, **given, objective=objective).loss

        assert torch.autograd.gradcheck(loss, leaves), objective


@pytest.mark.parametrize("name", [name for name in SURROGATES if name.startswith("detach")])
def test_a_detached_weight_is_constant(name: str) -> None:
    """Finite differences would move the weight with the log-probability, so the gradient is written down instead."""
    objective = PolicyObjective(**SURROGATES[name], reduction="sum")
    batch = build_batch()
    mask = batch["mask"]
    log_ratio = torch.where(mask, batch["log_probs"] - batch["old_log_probs"], 0)
    if objective.ratio == "sequence":
        log_ratio = (log_ratio.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)).expand(mask.shape)
    low = 0.0 if objective.clip_low is None else 1 - objective.clip_low
    high = math.inf if objective.clip_high is None else 1 + objective.clip_high
    gradient = -batch["advantages"][:, None] * log_ratio.exp().clamp(low, high) * mask
    found = value_and_gradients(policy_loss, batch, objective=objective)
    assert_same(found[:2], ((gradient * batch["log_probs"]).sum(), gradient), objective)


EVERY = {**NAMED, **{f"matrix: {name}": PolicyObjective(**fields) for name, fields in SURROGATES.items()}}
LOADED = {"kl_coef": 0.7, "entropy_coef": 0.2, **CORRECTIONS[2]}
EVERY |= {f"loaded: {name}": PolicyObjective(**fields, **LOADED) for name, fields in SURROGATES.items()}


def test_packed_equals_padded() -> None:
    for (name, objective), batch in itertools.product(EVERY.items(), (build_batch(), per_token(build_batch()))):
        mask = batch["mask"]
        loss, *gradients = value_and_gradients(policy_loss, batch, objective=objective)
        positions = packed({**batch, "log_probs": torch.arange(mask.numel()).reshape(mask.shape)})["log_probs"]
        found = value_and_gradients(policy_loss, packed(batch), objective=objective)
        assert_same(found, (loss, *(gradient.reshape(-1)[positions] for gradient in gradients)), objective, name)


def test_any_split_over_whole_sequences_adds_up() -> None:
    batch = build_batch()
    mask = batch["mask"]
    counts = {"num_tokens": int(mask.sum()), "num_sequences": int(mask.any(1).sum())}
    splits = ([[0], [1], [2], [3], [4], [5], [6]], [[3, 0, 6], [1, 5], [2, 4]], [[5, 4, 3, 2, 1, 0, 6]])
    for (name, objective), parts in itertools.product(EVERY.items(), splits):
        loss, *gradients = value_and_gradients(policy_loss, batch, objective=objective)
        found = [
            value_and_gradients(policy_loss, {k: v[part] for k, v in batch.items()}, objective=objective, **counts)
            for part in parts
        ]
        back = torch.tensor([row for part in parts for row in part]).argsort()
        joined = [torch.cat([part[i] for part in found])[back] for i in (1, 2)]
        assert_same((sum(part[0] for part in found), *joined), (loss, *gradients), objective, f"{name}, {parts}")


@pytest.mark.parametrize("rubbish", [math.nan, math.inf, -math.inf])
def test_masked_positions_may_hold_anything(rubbish: float) -> None:
    batch = per_token(build_batch())
    spoiled = {k: v if k == "mask" else v.masked_fill(~batch["mask"], rubbish) for k, v in batch.items()}
    for name, objective in EVERY.items():
        for function in (policy_loss, naive.policy_loss):
            expected = value_and_gradients(function, batch, objective=objective)
            found = value_and_gradients(function, spoiled, objective=objective)
            assert_same(found, expected, objective, f"{name}, {function.__module__}", rtol=0, atol=0)


@pytest.mark.parametrize("gap", [100.0, -100.0, 1e30])
@pytest.mark.parametrize("moved", ["old_log_probs", "ref_log_probs", "rollout_log_probs"])
def test_huge_log_ratios_stay_finite(moved: str, gap: float) -> None:
    batch = build_batch(dtype=torch.float32)
    batch[moved] = batch[moved].clone()
    batch[moved][:, ::2] -= gap
    for name, objective in EVERY.items():
        options = {"objective": objective}
        found = value_and_gradients(policy_loss, batch, **options)
        assert all(value.isfinite().all() for value in found), f"{name}: {objective}"
        metrics = policy_loss(**batch, **options).metrics
        assert all(value.isfinite() for value in metrics.values()), f"{name}: {objective}: {metrics}"
        # Against fp64, because at exp(20) fp32 has no digits left to compare two orders of summation by.
        wide = {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}
        exact = value_and_gradients(policy_loss, wide, **options)
        assert_same(exact, value_and_gradients(naive.policy_loss, wide, **options), objective, name, rtol=1e-9)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4), (2, 3)])
def test_nothing_to_learn_from(shape: tuple[int, ...]) -> None:
    rubbish = torch.full(shape, math.nan)
    names = ("log_probs", "old_log_probs", "ref_log_probs", "rollout_log_probs", "entropy", "advantages")
    batch = dict.fromkeys(names, rubbish) | {"mask": torch.zeros(shape, dtype=torch.bool)}
    for name, objective in {**EVERY, "none": PolicyObjective.grpo(reduction="none")}.items():
        for function in (policy_loss, naive.policy_loss):
            found = value_and_gradients(function, batch, objective=objective)
            assert all((value == 0).all() for value in found), f"{name}, {function.__module__}: {objective}"


# By hand: two sequences of two tokens, the last one masked. Every expected number is made of Python floats alone.

RATIOS = [[1.5, 1.1], [0.5, 9.0]]
NEW = [[-0.5, -1.0], [-2.0, -3.0]]
ADVANTAGES = [2.0, -1.0]


def loss_by_hand(objective: PolicyObjective, **given: list[list[float]]) -> tuple[float, list[list[float]]]:
    log_probs = torch.tensor(NEW, dtype=torch.float64, requires_grad=True)
    found = {}
    for function in (policy_loss, naive.policy_loss):
        loss = function(
            log_probs,
            torch.tensor(ADVANTAGES, dtype=torch.float64),
            torch.tensor([[True, True], [True, False]]),
            old_log_probs=log_probs.detach() - torch.tensor(RATIOS, dtype=torch.float64).log(),
            **{name: torch.tensor(values, dtype=torch.float64) for name, values in given.items()},
            objective=objective,
        ).loss
        found[function] = loss.item(), torch.autograd.grad(loss, log_probs)[0].tolist()
    loss, gradient = found[policy_loss]
    assert found[naive.policy_loss][0] == pytest.approx(loss, rel=1e-12)
    return loss, gradient


def test_gspo_by_hand() -> None:
    ratio = math.sqrt(1.5 * 1.1)  # of the first sequence; above 1 + 0.4
    objective = PolicyObjective.gspo(clip_low=0.2, clip_high=0.2)
    loss, gradient = loss_by_hand(objective)
    assert loss == pytest.approx(-(2.0 * 1.2 + -1.0 * 0.8) / 2)
    assert gradient == [[0, 0], [0, 0]]
    loss, gradient = loss_by_hand(PolicyObjective.gspo(clip_low=0.9, clip_high=0.9))
    assert loss == pytest.approx(-(2.0 * ratio + -1.0 * 0.5) / 2)
    # Each of the two tokens moves the ratio by half, and the loss of both.
    assert gradient[0] == pytest.approx([-2.0 * ratio / 2 / 2] * 2)
    assert gradient[1] == pytest.approx([0.5 / 2, 0])


def test_cispo_by_hand() -> None:
    loss, gradient = loss_by_hand(PolicyObjective.cispo(clip_high=0.2))
    assert loss == pytest.approx(-(2.0 * 1.2 * -0.5 + 2.0 * 1.1 * -1.0 + -1.0 * 0.5 * -2.0) / 3)
    assert gradient[0] == pytest.approx([-2.0 * 1.2 / 3, -2.0 * 1.1 / 3])
    assert gradient[1] == pytest.approx([0.5 / 3, 0])


def test_gmpo_by_hand() -> None:
    # log 1.5 = 0.405 is clipped to 0.4, log 1.1 is not; log 0.5 = -0.69 is, because the advantage is negative.
    first, second = math.exp((0.4 + math.log(1.1)) / 2), math.exp(-0.4)
    loss, gradient = loss_by_hand(PolicyObjective.gmpo())
    assert loss == pytest.approx(-(2.0 * first + -1.0 * second) / 2)
    assert gradient[0] == pytest.approx([0, -2.0 * first / 2 / 2])
    assert gradient[1] == [0, 0]


def test_sapo_by_hand() -> None:
    def gate(ratio: float, tau: float) -> float:
        return 4 / tau / (1 + math.exp(-tau * (ratio - 1)))

    def slope(ratio: float, tau: float) -> float:
        share = gate(ratio, tau) * tau / 4
        return 4 * share * (1 - share) * ratio

    loss, gradient = loss_by_hand(PolicyObjective.sapo())
    assert loss == pytest.approx(-(2.0 * (gate(1.5, 1.0) + gate(1.1, 1.0)) / 2 - gate(0.5, 1.05)) / 2)
    assert gradient[0] == pytest.approx([-2.0 * slope(1.5, 1.0) / 4, -2.0 * slope(1.1, 1.0) / 4])
    assert gradient[1] == pytest.approx([slope(0.5, 1.05) / 2, 0])


def test_kimi_k15_by_hand() -> None:
    tau, first, second = 0.3, math.log(1.5) + math.log(1.1), math.log(0.5)
    loss, gradient = loss_by_hand(PolicyObjective.kimi_k15(mirror_coef=tau))
    assert loss == pytest.approx((-2.0 * (-0.5 - 1.0) + tau / 2 * first**2 + -2.0 + tau / 2 * second**2) / 2)
    assert gradient[0] == pytest.approx([(-2.0 + tau * first) / 2] * 2)
    assert gradient[1] == pytest.approx([(1.0 + tau * second) / 2, 0])


def test_dual_clip_and_delta_by_hand() -> None:
    log_probs = torch.tensor([-1.0, -1.0, -1.0], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([-1.0 - math.log(r) for r in (4.0, 2.0, 4.0)], dtype=torch.float64)
    advantages = torch.tensor([-2.0, -2.0, 2.0], dtype=torch.float64)
    for fields, expected, slopes in (
        ({}, [8.0, 4.0, -2.4], [8.0, 4.0, 0.0]),
        ({"dual_clip": 3.0}, [6.0, 4.0, -2.4], [0.0, 4.0, 0.0]),
        ({"delta": 2.5}, [5.0, 4.0, -2.4], [0.0, 4.0, 0.0]),
        ({"delta": 2.5, "dual_clip": 1.5}, [3.0, 3.0, -2.4], [0.0, 0.0, 0.0]),
        ({"delta": 2.5, "dual_clip": 3.0}, [5.0, 4.0, -2.4], [0.0, 4.0, 0.0]),
    ):
        objective = PolicyObjective.ppo(reduction="none", **fields)
        for function in (policy_loss, naive.policy_loss):
            loss = function(log_probs, advantages, torch.ones(3), old_log_probs=old, objective=objective).loss
            (gradient,) = torch.autograd.grad(loss.sum(), log_probs)
            assert loss.tolist() == pytest.approx(expected), (function.__module__, objective)
            assert gradient.tolist() == pytest.approx(slopes), (function.__module__, objective)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"correction": "truncate", "correction_cap": 1.5}, [[1.5, 0.5], [0.25, 0.0]]),
        ({"correction": "truncate", "correction_cap": 1.5, "correction_floor": 0.3}, [[1.5, 0.5], [0.3, 0.0]]),
        ({"correction": "mask", "correction_cap": 2.5, "correction_floor": 0.3}, [[2.0, 0.5], [0.0, 0.0]]),
        ({"correction": "mask", "correction_cap": 1.5}, [[0.0, 0.5], [0.25, 0.0]]),
        ({"correction": "truncate", "correction_cap": 0.8}, [[0.8, 0.5], [0.25, 0.0]]),
        (
            {"correction": "truncate", "correction_level": "sequence", "correction_cap": 0.8},
            [[0.8, 0.8], [0.25, 0.0]],
        ),
        (
            {"correction": "mask", "correction_level": "sequence", "correction_cap": 2.0, "correction_floor": 0.3},
            [[1.0, 1.0], [0.0, 0.0]],
        ),
    ],
)
def test_corrections_by_hand(fields: dict[str, Any], expected: list[list[float]]) -> None:
    # old / rollout is 2 and 1/2 in the first sequence (1 in all), 1/4 in the second.
    rhos = [[2.0, 0.5], [0.25, 7.0]]
    rollout = [[NEW[s][t] - math.log(RATIOS[s][t]) - math.log(rhos[s][t]) for t in (0, 1)] for s in (0, 1)]
    objective = PolicyObjective.reinforce(reduction="sum", **fields)
    loss, gradient = loss_by_hand(objective, rollout_log_probs=rollout)
    terms = [[-ADVANTAGES[s] * expected[s][t] for t in (0, 1)] for s in (0, 1)]
    assert loss == pytest.approx(sum(terms[s][t] * NEW[s][t] for s in (0, 1) for t in (0, 1)))
    assert [gradient[0], gradient[1]] == [pytest.approx(terms[0]), pytest.approx(terms[1])]


@pytest.mark.parametrize(
    ("estimator", "value", "slope"),
    [
        ("k1", lambda d: d, lambda d: 1.0),
        ("k2", lambda d: d * d / 2, lambda d: d),
        ("k3", lambda d: math.exp(-d) - 1 + d, lambda d: 1 - math.exp(-d)),
    ],
)
def test_kl_and_entropy_by_hand(
    estimator: str, value: Callable[[float], float], slope: Callable[[float], float]
) -> None:
    gaps = [[0.3, -0.2], [0.7, 5.0]]
    reference = [[NEW[s][t] - gaps[s][t] for t in (0, 1)] for s in (0, 1)]
    # A correction of 0 everywhere would silence the surrogate, and must leave the penalty and the bonus alone.
    silent = {"correction": "mask", "correction_cap": 0.1, "rollout": [[-9.0, -9.0], [-9.0, -9.0]]}
    for kind in ({}, silent):
        objective = PolicyObjective.reinforce(
            kl_coef=0.4,
            kl_estimator=estimator,
            entropy_coef=0.1,
            reduction="sum",
            **{name: field for name, field in kind.items() if name != "rollout"},
        )
        given = {"rollout_log_probs": kind["rollout"]} if kind else {}
        loss, gradient = loss_by_hand(objective, ref_log_probs=reference, entropy=[[1.0, 2.0], [0.5, 8.0]], **given)
        surrogate = 0.0 if kind else -(2.0 * (-0.5 - 1.0) + -1.0 * -2.0)
        penalty = 0.4 * (value(0.3) + value(-0.2) + value(0.7))
        assert loss == pytest.approx(surrogate + penalty - 0.1 * (1.0 + 2.0 + 0.5))
        own = [0.0, 0.0] if kind else [-2.0, 1.0]
        assert gradient[0] == pytest.approx([own[0] + 0.4 * slope(0.3), own[0] + 0.4 * slope(-0.2)])
        assert gradient[1] == pytest.approx([own[1] + 0.4 * slope(0.7), 0])


def test_the_twins_from_logits_and_from_hidden_states() -> None:
    """They are what other tests believe, so here they are spelled out once, with rubbish in every masked row."""
    generator = torch.Generator().manual_seed(2)
    batch = build_batch()
    mask = batch["mask"]
    hidden, weight, bias = (
        torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in ((*mask.shape, 4), (9, 4), (9,))
    )
    ids = torch.randint(0, 7, mask.shape, generator=generator)
    temperature = 0.5 + torch.rand(mask.shape, generator=generator, dtype=torch.float64)
    given = {key: batch[key] for key in ("old_log_probs", "ref_log_probs", "rollout_log_probs")}
    given |= {"objective": PolicyObjective.gspo(clip_low=0.9, clip_high=0.9, **LOADED)}

    logits = hidden @ weight.T + bias
    for size in (9, 7):
        capped = 2.0 * torch.tanh(logits[..., :size] / 2.0) / temperature[..., None]
        log_p = capped - capped.exp().sum(-1, keepdim=True).log()
        log_probs = log_p.gather(-1, ids[..., None])[..., 0]
        entropy = -(log_p.exp() * log_p).sum(-1)
        expected = policy_loss(log_probs, batch["advantages"], mask, entropy=entropy, **given).loss
        leaves = (hidden, weight, bias) if size == 9 else (logits,)
        expected = [expected, *torch.autograd.grad(expected, leaves, retain_graph=True)]

        spoiled = {"temperature": temperature.masked_fill(~mask, math.nan), "softcap": 2.0, **given}
        rows, wrong_ids = (hidden if size == 9 else logits), ids.masked_fill(~mask, -100)
        rows = rows.detach().masked_fill(~mask[..., None], math.nan).requires_grad_()
        if size == 9:
            found = naive.linear_policy_loss(
                rows, weight, wrong_ids, batch["advantages"], mask, bias=bias, **spoiled
            ).loss
            found = [found, *torch.autograd.grad(found, (rows, weight, bias))]
        else:
            found = naive.logits_policy_loss(
                rows, wrong_ids, batch["advantages"], mask, vocab_size=size, **spoiled
            ).loss
            found = [found, *torch.autograd.grad(found, rows)]
        assert_same(found, expected, given["objective"], f"{size} columns")


RATIO = torch.tensor(0.5, dtype=torch.float64).exp().item()


@pytest.mark.parametrize(
    ("objective", "gap", "advantage", "slope"),
    [
        (PolicyObjective.ppo(delta=RATIO), 0.5, -1.0, RATIO),
        (PolicyObjective.ppo(dual_clip=RATIO), 0.5, -1.0, RATIO),
        (PolicyObjective.ppo(dual_clip=RATIO, delta=RATIO), 0.5, -1.0, RATIO),
        (PolicyObjective.gmpo(clip_high=0.5), 0.5, 1.0, -RATIO),
        (PolicyObjective.gmpo(clip_low=0.5), -0.5, -1.0, 1 / RATIO),
        (PolicyObjective.gspo(clip_low=0.0, clip_high=0.0), 0.0, 1.0, -1.0),
        (PolicyObjective.reinforce_off_policy(), -20.0, 1.0, -math.exp(-20)),
        (PolicyObjective.reinforce(kl_coef=1.0, kl_estimator="k1"), 20.0, 0.0, 1.0),
        (PolicyObjective.reinforce(kl_coef=1.0, kl_estimator="k2"), -20.0, 0.0, -20.0),
    ],
)
def test_on_an_edge_the_gradient_is_whole(
    objective: PolicyObjective, gap: float, advantage: float, slope: float
) -> None:
    log_probs = torch.tensor([[-1.0]], dtype=torch.float64, requires_grad=True)
    before = log_probs.detach() - gap
    for function in (policy_loss, naive.policy_loss):
        loss = function(
            log_probs,
            torch.tensor([advantage], dtype=torch.float64),
            torch.ones(1, 1),
            old_log_probs=before,
            ref_log_probs=before,
            objective=objective,
        ).loss
        assert torch.autograd.grad(loss, log_probs)[0].item() == pytest.approx(slope, rel=1e-12), function.__module__


@pytest.mark.parametrize("kind", ["truncate", "mask"])
@pytest.mark.parametrize("level", ["token", "sequence"])
def test_a_weight_on_its_bound_is_kept(kind: str, level: str) -> None:
    for cap, floor, gap in ((RATIO, 0.0, 0.5), (2.0, RATIO, 0.5)):
        objective = PolicyObjective.reinforce(
            correction=kind, correction_level=level, correction_cap=cap, correction_floor=floor
        )
        log_probs = torch.tensor([[-1.0]], dtype=torch.float64)
        for function in (policy_loss, naive.policy_loss):
            given = {"old_log_probs": log_probs, "rollout_log_probs": log_probs - gap, "objective": objective}
            loss = function(log_probs, torch.tensor([2.0]), torch.ones(1, 1), **given).loss
            assert loss.item() == pytest.approx(2 * RATIO, rel=1e-15), function.__module__
