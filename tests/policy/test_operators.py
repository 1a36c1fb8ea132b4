"""The registered operators: what torch checks of them, and what their descriptions promise.

Names: N tokens, V vocabulary.
"""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective
from pgkern.policy import naive
from pgkern.policy.logits.logit_gradient import logit_gradient_in_place_op, logit_gradient_op
from pgkern.policy.logits.logit_losses import logit_losses_in_place_op, logit_losses_op
from pgkern.policy.logits.logit_statistics import logit_statistics_op
from pgkern.policy.terms.token_losses import token_losses_op

GRPO = PolicyObjective.grpo()
LOADED = PolicyObjective.ppo(
    kl_coef=0.3, entropy_coef=0.1, correction="truncate", correction_cap=1.2, correction_floor=0.1
)


def normal(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def rows(shape: tuple[int, ...], V: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, ids, a temperature for all and one for each."""
    N = math.prod(shape)
    token_ids = torch.randint(0, V, (N,), generator=torch.Generator().manual_seed(1))
    wide = torch.promote_types(dtype, torch.float32)
    temperatures = torch.linspace(0.5, 2.0, N, dtype=wide)
    return normal(*shape, V, dtype=dtype), token_ids, torch.full((1,), 0.7, dtype=wide), temperatures


def row_cases(*, leaf: bool) -> Iterator[tuple[Tensor, Tensor, Tensor, float | None, int]]:
    """Logits (contiguous, and a slice), ids, temperature (one, and one for each), soft cap, vocabulary."""
    for shape, dtype, plain in (
        ((6,), torch.float32, True),
        ((2, 3), torch.float32, False),
        ((6,), torch.bfloat16, False),
        ((2, 3), torch.float64, True),
        ((0,), torch.float32, True),
        ((2, 0), torch.bfloat16, False),
    ):
        logits, token_ids, one, each = rows(shape, 9, dtype)
        if not plain:
            logits = torch.nn.functional.pad(logits, (1, 2))[..., 1:-2]
        logits.requires_grad_(leaf)
        yield (logits, token_ids, one, None, 9) if plain else (logits, token_ids.clamp(max=6), each, 3.0, 7)


@pytest.mark.parametrize("with_entropy", [True, False])
@pytest.mark.parametrize("leaf", [True, False])
def test_logit_statistics(leaf: bool, with_entropy: bool) -> None:
    for case in row_cases(leaf=leaf):
        found = torch.library.opcheck(logit_statistics_op, (*case, True))
        assert set(found.values()) == {"SUCCESS"}, (found, case)
        logits, token_ids, temperature, softcap, vocab_size = case
        log_probs, entropy, largest, log_sums = logit_statistics_op(*case, with_entropy)
        assert log_probs.shape == entropy.shape == largest.shape == log_sums.shape == token_ids.shape
        options = {"softcap": softcap, "vocab_size": vocab_size, "return_entropy": True}
        scales = (temperature if temperature.numel() > 1 else temperature.expand(token_ids.shape)).double()
        exact_log_probs, exact_entropy = naive.token_log_probs(
            logits.detach().double().reshape(-1, 9), token_ids, temperature=scales, **options
        )
        torch.testing.assert_close(log_probs.double(), exact_log_probs, rtol=1e-5, atol=1e-6)
        if with_entropy:
            torch.testing.assert_close(entropy.double(), exact_entropy, rtol=1e-5, atol=1e-6)
        if token_ids.numel():
            z = logits.detach().double().reshape(-1, 9)[:, :vocab_size]
            z = z if softcap is None else softcap * (z / softcap).tanh()
            torch.testing.assert_close(largest.double(), z.amax(1), rtol=1e-5, atol=1e-6)
            shifted = (z - z.amax(1, keepdim=True)) / scales[:, None]
            torch.testing.assert_close(log_sums.double(), shifted.logsumexp(1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("with_entropy", [True, False])
def test_logit_gradient(with_entropy: bool) -> None:
    for logits, token_ids, temperature, softcap, vocab_size in row_cases(leaf=False):
        statistics = logit_statistics_op(logits, token_ids, temperature, softcap, vocab_size, True)
        N = token_ids.numel()
        coefficients = normal(N, dtype=statistics[0].dtype, seed=3)
        entropy_coefficients = normal(N, dtype=statistics[0].dtype, seed=4) if with_entropy else None
        coefficients[:1] = 0.0
        case = (logits, token_ids, temperature, softcap, vocab_size, *statistics, coefficients, entropy_coefficients)
        found = torch.library.opcheck(logit_gradient_op, case)
        assert set(found.values()) == {"SUCCESS"}, (found, logits.shape, logits.dtype)
        gradient = logit_gradient_op(*case)
        assert (gradient.shape, gradient.dtype) == (logits.shape, logits.dtype)
        assert (gradient[..., vocab_size:] == 0).all()
        wide = logits.detach().double().reshape(-1, 9).requires_grad_()
        log_probs, entropy = naive.token_log_probs(
            wide,
            token_ids,
            temperature=temperature.double().expand(N),
            softcap=softcap,
            vocab_size=vocab_size,
            return_entropy=True,
        )
        loss = (coefficients * log_probs).sum()
        if entropy_coefficients is not None:
            loss = loss + (entropy_coefficients * entropy).sum()
        (exact,) = torch.autograd.grad(loss, wide)
        tolerance = 1e-2 if logits.dtype == torch.bfloat16 else 1e-5
        torch.testing.assert_close(gradient.double().reshape(-1, 9), exact, rtol=tolerance, atol=tolerance / 10)

        over = logits.clone()
        found = torch.library.opcheck(logit_gradient_in_place_op, (over, *case[1:]))
        assert set(found.values()) == {"SUCCESS"}, (found, logits.shape, logits.dtype)
        version = over._version
        assert logit_gradient_in_place_op(over, *case[1:]) is None
        assert over._version > version
        over = logits.clone()
        logit_gradient_in_place_op(over, *case[1:])
        assert torch.equal(over, gradient)


def token_inputs(N: int, dtype: torch.dtype, objective: PolicyObjective) -> list[Any]:
    """Advantages, weights, old, reference and rollout log-probabilities."""
    base = -normal(N, dtype=dtype, seed=5).abs()
    weights = torch.full((N,), 1 / max(N, 1), dtype=dtype)
    weights[1:2] = 0.0
    old = base + normal(N, dtype=dtype, seed=6) * 0.3
    ref = base + normal(N, dtype=dtype, seed=7) * 0.3 if objective.kl_coef else None
    rollout = base + normal(N, dtype=dtype, seed=8) * 0.1 if objective.correction else None
    return [normal(N, dtype=dtype, seed=9), weights, old, ref, rollout]


@pytest.mark.parametrize(
    ("objective", "old"), [(GRPO, True), (LOADED, False), (PolicyObjective.reinforce(entropy_coef=0.2), True)]
)
def test_logit_losses(objective: PolicyObjective, old: bool) -> None:
    for case in [*row_cases(leaf=True), *row_cases(leaf=False)]:
        logits, token_ids, *_ = case
        inputs = token_inputs(token_ids.numel(), torch.promote_types(logits.dtype, torch.float32), objective)
        inputs[2] = inputs[2] if old else None
        found = torch.library.opcheck(logit_losses_op, (*case, *inputs, objective.key, True))
        assert set(found.values()) == {"SUCCESS"}, (found, logits.shape, logits.dtype)
        *results, gradient = logit_losses_op(*case, *inputs, objective.key, True)
        assert (gradient.shape, gradient.dtype) == (logits.shape, logits.dtype)
        assert all(result.shape == token_ids.shape and result[1:2].sum() == 0 for result in results)
        if logits.requires_grad:
            # The whole gradient is that of the losses' sum, and an own upstream gradient scales every row.
            losses = logit_losses_op(*case, *inputs, objective.key, True)[0]
            up = torch.linspace(-1, 2, losses.numel(), dtype=losses.dtype)
            (scaled,) = torch.autograd.grad(losses, logits, up)
            torch.testing.assert_close(scaled, (gradient * up.reshape(*logits.shape[:-1], 1)).to(logits.dtype))
            continue
        found = torch.library.opcheck(logit_losses_op, (*case, *inputs, objective.key, False))
        assert set(found.values()) == {"SUCCESS"}, (found, logits.shape, logits.dtype)
        without = logit_losses_op(*case, *inputs, objective.key, False)
        assert without[-1].shape == (0,)
        torch.testing.assert_close(without[:-1], tuple(result.detach() for result in results), rtol=0, atol=0)
        over = logits.clone()
        found = torch.library.opcheck(logit_losses_in_place_op, (over, *case[1:], *inputs, objective.key))
        assert set(found.values()) == {"SUCCESS"}, (found, logits.shape, logits.dtype)
        over = logits.clone()
        in_place = logit_losses_in_place_op(over, *case[1:], *inputs, objective.key)
        torch.testing.assert_close(in_place, tuple(results), rtol=0, atol=0)
        assert torch.equal(over, gradient)


@pytest.mark.parametrize("leaf", [True, False])
@pytest.mark.parametrize(
    "objective",
    [
        GRPO,
        LOADED,
        PolicyObjective.gspo(),
        PolicyObjective.gmpo(kl_coef=0.2),
        PolicyObjective.kimi_k15(mirror_coef=0.2, reduction="none"),
        PolicyObjective.reinforce(correction="mask", correction_level="sequence", correction_cap=2.0),
    ],
)
def test_token_losses(objective: PolicyObjective, leaf: bool) -> None:
    for N, dtype, old in ((6, torch.float32, True), (6, torch.float64, False), (0, torch.float32, True)):
        inputs = token_inputs(N, dtype, objective)
        inputs[2] = inputs[2] if old else None
        log_probs = (-normal(N, dtype=dtype, seed=11).abs()).requires_grad_(leaf)
        index, mask = torch.tensor([0, 0, 1, 1, 1, 2])[:N], torch.arange(N) != 1
        entropy = normal(N, dtype=dtype, seed=12).abs().requires_grad_(leaf) if objective.entropy_coef else None
        case = (log_probs, entropy, *inputs, index, mask, 3, objective.key)
        found = torch.library.opcheck(token_losses_op, case)
        assert set(found.values()) == {"SUCCESS"}, (found, N, dtype)
        losses, coefficients = token_losses_op(*case)
        assert losses.shape == coefficients.shape == (N,)
        assert not coefficients.requires_grad
        if leaf:
            (gradient,) = torch.autograd.grad(losses.sum(), log_probs, retain_graph=True)
            torch.testing.assert_close(gradient, coefficients)
        if leaf and entropy is not None:
            (gradient,) = torch.autograd.grad(losses.sum(), entropy)
            torch.testing.assert_close(gradient, -objective.entropy_coef * inputs[1])


@pytest.mark.parametrize("objective", [GRPO, LOADED, PolicyObjective.reinforce(entropy_coef=0.2)])
@pytest.mark.parametrize("wrong", [-1, 9, 1 << 40])
def test_a_token_outside_the_vocabulary_makes_its_row_nan(wrong: int, objective: PolicyObjective) -> None:
    """Nobody looks at the ids before an operator that runs on a GPU or in compiled code."""
    logits, token_ids, temperature, _ = rows((6,), 9, torch.float32)
    token_ids[3] = wrong
    inputs = token_inputs(6, torch.float32, objective)
    *results, gradient = logit_losses_op(logits, token_ids, temperature, None, 9, *inputs, objective.key, True)
    for result in (results[0], results[1], results[3], gradient.sum(1)):
        assert result.isnan().nonzero()[:, 0].tolist() == [3]
    assert gradient[3].isnan().all()
    log_probs, *_ = logit_statistics_op(logits.requires_grad_(), token_ids, temperature, None, 9, True)
    assert log_probs.isnan().nonzero()[:, 0].tolist() == [3]
    (gradient,) = torch.autograd.grad(log_probs.sum(), logits)
    assert gradient.isnan().all(1).nonzero()[:, 0].tolist() == [3]
    assert not gradient[[0, 1, 2, 4, 5]].isnan().any()
    inputs[1][3] = 0.0  # masked
    *results, gradient = logit_losses_op(logits, token_ids, temperature, None, 9, *inputs, objective.key, True)
    assert all(result.isfinite().all() and result[3] == 0 for result in results)
    assert (gradient[3] == 0).all()


def test_no_columns() -> None:
    """A rank's slice of a vocabulary may be empty."""
    logits, token_ids, temperature, _ = rows((4,), 9, torch.float32)
    log_probs, entropy, largest, log_sums = logit_statistics_op(logits, token_ids, temperature, None, 0, True)
    assert log_probs.isnan().all()
    assert (entropy == 0).all()
    assert (largest == -math.inf).all()
    assert (log_sums == -math.inf).all()
    case = (logits, token_ids, temperature, None, 0, *([torch.zeros(4)] * 4), torch.ones(4), None)
    assert torch.equal(logit_gradient_op(*case), torch.zeros(4, 9))
