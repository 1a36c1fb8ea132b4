"""Objectives that look at whole sequences, from hidden states: how many products they take, and that all is right.

Products are counted as operations, each row's product with the whole weight being one.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss
from pgkern.policy import naive

EXACT = {"rtol": 1e-10, "atol": 1e-12}
Build = Callable[..., Any]
COUPLED = {
    "gspo": PolicyObjective.gspo(clip_low=0.05, clip_high=0.05),
    "gspo with everything": PolicyObjective.gspo(
        clip_low=0.2, clip_high=0.2, entropy_coef=0.1, kl_coef=0.3, reduction="sequence_mean_token_sum"
    ),
    "gspo corrected": PolicyObjective.gspo(clip_low=0.2, clip_high=0.2, correction="truncate", correction_cap=1.1),
    "plain": PolicyObjective.reinforce_off_policy(ratio="sequence", kl_coef=0.2, kl_estimator="k2"),
    "detach": PolicyObjective.cispo(ratio="sequence", clip_high=0.1, reduction="sum"),
    "gmpo": PolicyObjective.gmpo(clip_low=0.1, clip_high=0.1),
    "sapo": PolicyObjective.sapo(ratio="sequence", entropy_coef=0.1),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.3, kl_coef=0.1),
    "kimi_k15 corrected": PolicyObjective.kimi_k15(mirror_coef=0.3, correction="truncate", correction_cap=1.1),
}
CORRECTED = {  # known before the pass where old log-probabilities are
    name: replace(objective, correction="mask", correction_level="sequence", correction_cap=1.5)
    for name, objective in {
        "grpo masked": PolicyObjective.grpo(entropy_coef=0.1),
        "dapo masked": PolicyObjective.dapo(),
        "reinforce masked": PolicyObjective.reinforce(kl_coef=0.2),
        "gspo masked": COUPLED["gspo"],
    }.items()
}
EVERY = {**COUPLED, **CORRECTED}
ALONE_WITHOUT_OLD = {"gspo", "gspo with everything", "plain", "detach", "kimi_k15", "kimi_k15 corrected"}
LAYOUTS = ("padded", "packed", "interleaved")


def build(problem: Build, layout: str, *, old: bool = True, V: int = 64) -> tuple[Any, dict[str, Any]]:
    """Five sequences of 1, 3, 4, 6 and 6 unmasked tokens; a temperature per token and a cap. What the loss needs."""
    p = problem(B=5, L=8, V=V, masked=0.0, drift=0.1)
    for row, length in enumerate((1, 3, 4, 6, 6)):
        p.mask[row, length:] = False
    p.mask[4] = p.mask[4].roll(2)
    random = torch.Generator().manual_seed(5)
    ref, rollout = (p.old_log_probs + 0.2 * torch.randn(5, 8, generator=random) for _ in range(2))
    options: dict[str, Any] = {
        "ref_log_probs": ref,
        "rollout_log_probs": rollout,
        "temperature": torch.linspace(0.5, 1.5, 40, dtype=torch.float64).reshape(5, 8),
        "softcap": 9.0,
    }
    sequence_ids = torch.arange(5)[:, None].expand(5, 8)
    if layout != "padded":
        places = torch.arange(40) if layout == "packed" else torch.randperm(40, generator=random)
        p.hidden = p.hidden.detach().flatten(0, 1)[places].requires_grad_()
        p.__post_init__()
        for name in ("token_ids", "old_log_probs", "mask"):
            setattr(p, name, getattr(p, name).flatten()[places])
        options |= {k: v.flatten()[places] for k, v in options.items() if isinstance(v, Tensor)}
        options["sequence_ids"] = sequence_ids.flatten()[places]
    if not old:
        p.old_log_probs = None
    return p, options


def both(p: Any, products: Any, chunk_tokens: int | None, **options: Any) -> tuple[list[Tensor], list[Tensor]]:
    found = []
    for function, more in ((linear_policy_loss, {"chunk_tokens": chunk_tokens}), (naive.linear_policy_loss, {})):
        with products:
            loss = p.loss(function, **options, **more)
            upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
            gradients = torch.autograd.grad(loss, p.leaves, upstream)
        found.append([loss.detach(), *gradients])
        if function is linear_policy_loss:
            products.taken = products.rows(p) / int(p.mask.sum())
    return found[0], found[1]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk_tokens", [6, 13, None])
@pytest.mark.parametrize("name", EVERY)
def test_sequences_that_fit_a_chunk(
    problem: Build, products: Any, name: str, chunk_tokens: int | None, layout: str
) -> None:
    p, options = build(problem, layout)
    found, expected = both(p, products, chunk_tokens, objective=EVERY[name], **options)
    torch.testing.assert_close(found, expected, **EXACT)
    assert products.taken <= 3
    if EVERY[name].entropy_coef or EVERY[name].acts_without_advantage:
        assert products.taken == 3


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk_tokens", [1, 5])
@pytest.mark.parametrize("name", EVERY)
def test_a_sequence_longer_than_a_chunk(
    problem: Build, products: Any, name: str, chunk_tokens: int, layout: str
) -> None:
    """Four products, but where the correction is known before the pass, and the tokens stand alone."""
    p, options = build(problem, layout, V=200)
    found, expected = both(p, products, chunk_tokens, objective=EVERY[name], **options)
    torch.testing.assert_close(found, expected, **EXACT)
    coupled = EVERY[name].ratio == "sequence"
    assert products.taken <= (4 if coupled else 3)
    if EVERY[name].acts_without_advantage:
        assert products.taken == (4 if coupled else 3)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk_tokens", [1, 6, None])
@pytest.mark.parametrize("per_token", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_without_old_log_probs(
    problem: Build, products: Any, name: str, per_token: bool, chunk_tokens: int | None, layout: str
) -> None:
    """Every ratio is 1: three products at any length, but where something else ties the tokens together."""
    p, options = build(problem, layout, old=False)
    if per_token:
        p.advantages = torch.randn(p.mask.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        p.advantages.view(-1)[::5] = 0.0
    found, expected = both(p, products, chunk_tokens, objective=EVERY[name], **options)
    torch.testing.assert_close(found, expected, **EXACT)
    assert products.taken <= (3 if name in ALONE_WITHOUT_OLD or chunk_tokens != 1 else 4)


@pytest.mark.parametrize("name", sorted(ALONE_WITHOUT_OLD))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_metrics_without_old_log_probs_are_those_of_ratio_1(problem: Build, name: str, layout: str) -> None:
    p, options = build(problem, layout, old=False)
    inputs = (p.hidden, p.weight, p.token_ids, p.advantages, p.mask)
    metrics = linear_policy_loss(*inputs, bias=p.bias, objective=EVERY[name], **options).metrics
    assert metrics["ratio_mean"] == metrics["ratio_max"] == 1
    assert metrics["clip_fraction_low"] == metrics["clip_fraction_high"] == 0
    assert metrics["active_fraction"] == 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("chunk_tokens", [4, None])
@pytest.mark.parametrize("name", EVERY)
def test_a_loss_per_token(
    problem: Build, products: Any, name: str, chunk_tokens: int | None, old: bool, layout: str
) -> None:
    p, options = build(problem, layout, old=old)
    objective = replace(EVERY[name], reduction="none")
    found, expected = both(p, products, chunk_tokens, objective=objective, **options)
    assert found[0].shape == p.mask.shape
    torch.testing.assert_close(found, expected, **EXACT)
    assert products.taken <= 4


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("frozen", ["hidden", "weight", "bias"])
def test_frozen_inputs(problem: Build, products: Any, name: str, frozen: str) -> None:
    for chunk_tokens in (5, None):
        p, options = build(problem, "interleaved")
        setattr(p, frozen, getattr(p, frozen).detach())
        p.__post_init__()
        found, expected = both(p, products, chunk_tokens, objective=EVERY[name], **options)
        torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.parametrize("name", ["gspo", "kimi_k15"])
@pytest.mark.parametrize("chunk_tokens", [3, 6])
def test_groups_of_advantage_0_in_whole_sequences(problem: Build, products: Any, name: str, chunk_tokens: int) -> None:
    p, options = build(problem, "interleaved")
    p.advantages[[2, 3]] = 0.0
    found, expected = both(p, products, chunk_tokens, objective=EVERY[name], **options)
    torch.testing.assert_close(found, expected, **EXACT)
    quiet = torch.isin(options["sequence_ids"], torch.tensor([2, 3])) & p.mask
    assert (found[1][quiet] == 0).all() == (name == "gspo")
    assert (products.taken < 3) == (name == "gspo")


@pytest.mark.parametrize("chunk_tokens", [3, 8, None])
@pytest.mark.parametrize("name", EVERY)
def test_padding_of_sequences_may_hold_anything(problem: Build, name: str, chunk_tokens: int | None) -> None:
    p, options = build(problem, "padded")
    options |= {"objective": EVERY[name], "chunk_tokens": chunk_tokens}
    expected = p.loss_and_gradients(linear_policy_loss, **options)
    p.hidden.data[~p.mask] = torch.nan
    p.token_ids[~p.mask] = -100
    p.old_log_probs[~p.mask] = torch.inf
    for key in ("ref_log_probs", "rollout_log_probs", "temperature"):
        options[key] = options[key].masked_fill(~p.mask, torch.nan)
    torch.testing.assert_close(p.loss_and_gradients(linear_policy_loss, **options), expected, rtol=0, atol=0)
