"""What has broken such functions elsewhere: empty, huge, clipped on the edge, unwritten, out of range.

Names: B padded rows of L tokens, D hidden size, N tokens, V vocabulary.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs
from pgkern.policy import naive

EXACT = {"rtol": 1e-11, "atol": 1e-13}
Build = Callable[..., Any]
OBJECTIVES = {
    "reinforce": PolicyObjective.reinforce(entropy_coef=0.1),
    "grpo": PolicyObjective.grpo(),
    "dapo": PolicyObjective.dapo(kl_coef=0.1),
    "gspo": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1),
    "gmpo": PolicyObjective.gmpo(),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.1, entropy_coef=0.1),
    "none": PolicyObjective.ppo(reduction="none"),
    "masked": PolicyObjective.dapo(correction="mask", correction_level="sequence", correction_cap=1.5),
}


def with_others(p: Any, name: str) -> dict[str, Any]:
    old = p.old_log_probs
    return {"objective": OBJECTIVES[name], "ref_log_probs": old - 0.2, "rollout_log_probs": old + 0.01}


def run(p: Any, function: Callable, **options: Any) -> list[Tensor]:
    loss = p.loss(function, **options)
    upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
    return [loss.detach(), *torch.autograd.grad(loss, p.leaves, upstream)]


def run_log_probs(p: Any, function: Callable, **options: Any) -> list[Tensor]:
    log_probs, entropy = function(
        p.hidden, p.weight, p.token_ids, bias=p.bias, temperature=p.temperature, return_entropy=True, **options
    )
    up = torch.linspace(-1, 2, log_probs.numel(), dtype=log_probs.dtype).reshape(log_probs.shape)
    gradients = torch.autograd.grad((up * log_probs).sum() - (up.flip(0) * entropy).sum(), p.leaves)
    return [log_probs.detach(), entropy.detach(), *gradients]


@contextmanager
def uninitialised_memory_is_nan() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    try:
        assert torch.empty(3).isnan().all()
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("chunk_tokens", [1, 4, None])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_unwritten_is_read(problem: Build, name: str, chunk_tokens: int | None, dtype: torch.dtype) -> None:
    """All rows, some clipped and quiet ones, none; every result has been written."""
    for change in ("none", "quiet", "masked"):
        p = problem(dtype=dtype, drift=0.5, V=200)
        if change == "quiet":
            p.advantages[1:] = 0.0
        elif change == "masked":
            p.mask[:] = False
        options = {**with_others(p, name), "chunk_tokens": chunk_tokens}
        expected = run(p, linear_policy_loss, **options)
        expected_log_probs = run_log_probs(p, linear_token_log_probs, chunk_tokens=chunk_tokens)
        with uninitialised_memory_is_nan():
            found = run(p, linear_policy_loss, **options)
            metrics = linear_policy_loss(
                p.hidden, p.weight, p.token_ids, p.advantages, p.mask, old_log_probs=p.old_log_probs, **options
            ).metrics
            found_log_probs = run_log_probs(p, linear_token_log_probs, chunk_tokens=chunk_tokens)
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
        torch.testing.assert_close(found_log_probs, expected_log_probs, rtol=0, atol=0)
        assert all(value.isfinite() for value in metrics.values())


@pytest.mark.parametrize("logits_dtype", [None, torch.float32])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("chunk_tokens", [5, None])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_bit_for_bit(
    problem: Build, name: str, chunk_tokens: int | None, dtype: torch.dtype, logits_dtype: torch.dtype | None
) -> None:
    p = problem(B=4, L=8, dtype=dtype, V=300)
    more = {"chunk_tokens": chunk_tokens, "logits_dtype": logits_dtype}
    options = {**with_others(p, name), **more}
    first, first_log_probs = run(p, linear_policy_loss, **options), run_log_probs(p, linear_token_log_probs, **more)
    for _ in range(2):
        torch.testing.assert_close(run(p, linear_policy_loss, **options), first, rtol=0, atol=0)
        found = run_log_probs(p, linear_token_log_probs, **more)
        torch.testing.assert_close(found, first_log_probs, rtol=0, atol=0)


@pytest.mark.parametrize("chunk_tokens", [1, None])
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("shape", [(0,), (1,), (0, 3), (3, 0), (1, 1), (2, 3)])
@pytest.mark.parametrize("masked", [True, False])
def test_small_and_empty_batches(name: str, shape: tuple[int, ...], masked: bool, chunk_tokens: int | None) -> None:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(*shape, 4, generator=random, requires_grad=True)
    weight, bias = (torch.randn(*size, generator=random, requires_grad=True) for size in ((9, 4), (9,)))
    mask = torch.zeros(shape) if masked else torch.ones(shape)
    others = {key: torch.zeros(shape) - 2 for key in ("old_log_probs", "ref_log_probs", "rollout_log_probs")}
    found = linear_policy_loss(
        hidden,
        weight,
        torch.zeros(shape, dtype=torch.int64),
        torch.ones(shape),
        mask,
        bias=bias,
        objective=OBJECTIVES[name],
        chunk_tokens=chunk_tokens,
        **others,
    )
    found.loss.sum().backward()
    gradients = [hidden.grad, weight.grad, bias.grad]
    if masked or 0 in shape:
        assert (found.loss == 0).all()
        assert all((gradient == 0).all() for gradient in gradients)
        assert all(value == 0 for value in found.metrics.values())
    else:
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert all(value.isfinite() for value in found.metrics.values())
        assert found.metrics["tokens"] == hidden.shape[:-1].numel()


@pytest.mark.parametrize("chunk_tokens", [2, None])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_empty_sequence_is_not_counted(problem: Build, name: str, chunk_tokens: int | None) -> None:
    p = problem()
    p.mask[1] = False
    options = with_others(p, name)
    found = run(p, linear_policy_loss, chunk_tokens=chunk_tokens, **options)
    torch.testing.assert_close(found, run(p, naive.linear_policy_loss, **options), **EXACT)


@pytest.mark.parametrize("name", ["grpo", "gspo", "kimi_k15", "none"])
@pytest.mark.parametrize("chunk_tokens", [70_001, 7_000])
def test_more_than_65535_tokens(name: str, chunk_tokens: int) -> None:
    N, S = 70_001, 700
    random = torch.Generator().manual_seed(0)
    hidden, weight = (torch.randn(*shape, 4, generator=random, dtype=torch.float64) for shape in ((N,), (5,)))
    hidden.requires_grad_()
    weight.requires_grad_()
    token_ids, sequence_ids = torch.randint(0, 5, (N,), generator=random), torch.arange(N) * S // N
    mask = torch.rand(N, generator=random) > 0.2
    with torch.no_grad():
        old = naive.linear_token_log_probs(hidden, weight, token_ids) + 0.1 * torch.randn(N, generator=random)
    options = {"old_log_probs": old, "sequence_ids": sequence_ids, "objective": OBJECTIVES[name]}
    found = []
    for function, more in ((linear_policy_loss, {"chunk_tokens": chunk_tokens}), (naive.linear_policy_loss, {})):
        loss = function(hidden, weight, token_ids, torch.linspace(-1, 1, S), mask, **options, **more).loss
        found.append([loss.detach(), *torch.autograd.grad(loss.sum(), (hidden, weight))])
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("gap", [100.0, -100.0, math.inf])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_log_ratios_that_cannot_be_exponentiated(problem: Build, name: str, gap: float, dtype: torch.dtype) -> None:
    """Beyond ±20 the log-ratio is held, and has no slope."""
    p = problem(dtype=dtype)
    p.old_log_probs += gap
    options = with_others(p, name)
    if math.isinf(gap):  # a token that the old policy could not have sampled
        p.old_log_probs = torch.where(torch.arange(7) == 2, -torch.inf, p.old_log_probs.new_full((3, 7), -4.0))
        options |= {"ref_log_probs": p.old_log_probs.clamp(min=-9), "rollout_log_probs": p.old_log_probs.clamp(min=-9)}
        if name == "masked":
            return
    found = run(p, linear_policy_loss, chunk_tokens=4, **options)
    assert all(value.isfinite().all() for value in found)
    if dtype == torch.float64:
        torch.testing.assert_close(found, run(p, naive.linear_policy_loss, **options), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("chunk_tokens", [1, None])
@pytest.mark.parametrize("side", ["low", "high"])
def test_on_an_edge_of_the_clip_the_gradient_is_whole(side: str, chunk_tokens: int | None) -> None:
    """Two tokens of probability 1/2 in every row, and bounds that are the very ratio."""
    hidden = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=torch.float64, requires_grad=True)
    sign = 1.0 if side == "high" else -1.0
    log_probs = torch.full((3,), 0.5, dtype=torch.float64).log()
    old = log_probs - sign * 0.4
    ratio = (log_probs - old).exp()[0].item()
    bound = abs(ratio - 1)
    assert 1 + sign * bound == ratio
    old += sign * torch.tensor([0.0, -1e-9, 1e-9])  # on the edge, beyond it, within it
    loss = linear_policy_loss(
        hidden,
        weight,
        torch.zeros(3, dtype=torch.int64),
        torch.full((3,), sign, dtype=torch.float64),
        torch.ones(3),
        old_log_probs=old,
        objective=PolicyObjective.ppo(clip_low=bound, clip_high=bound, reduction="sum"),
        chunk_tokens=chunk_tokens,
    ).loss
    (gradient,) = torch.autograd.grad(loss, hidden)
    whole = -sign * ratio * 0.5 * (weight[0] - weight[1]).detach()
    torch.testing.assert_close(gradient[0], whole, rtol=1e-12, atol=0)
    assert (gradient[1] == 0).all()
    torch.testing.assert_close(gradient[2], whole, rtol=1e-6, atol=0)


@pytest.mark.parametrize("chunk_tokens", [4, None])
@pytest.mark.parametrize("upstream", [0.0, -1.0, 2.5, 65536.0])
@pytest.mark.parametrize("name", ["grpo", "gspo", "none"])
def test_upstream_gradients(problem: Build, name: str, upstream: float, chunk_tokens: int | None) -> None:
    p = problem()
    options = with_others(p, name)
    once = torch.autograd.grad(p.loss(naive.linear_policy_loss, **options).sum(), p.leaves)
    loss = p.loss(linear_policy_loss, chunk_tokens=chunk_tokens, **options).sum() * upstream
    torch.testing.assert_close(torch.autograd.grad(loss, p.leaves), tuple(g * upstream for g in once), **EXACT)
    log_probs = linear_token_log_probs(p.hidden, p.weight, p.token_ids, bias=p.bias, chunk_tokens=chunk_tokens)
    once = torch.autograd.grad(log_probs.sum(), p.leaves, retain_graph=True)
    found = torch.autograd.grad(log_probs.sum() * upstream, p.leaves)
    torch.testing.assert_close(found, tuple(g * upstream for g in once), **EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("wrong", [127, -1, 1 << 40])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_token_outside_the_vocabulary(
    problem: Build, monkeypatch: pytest.MonkeyPatch, name: str, wrong: int, dtype: torch.dtype
) -> None:
    """Named on the CPU. Where nobody looks first, as on a GPU: NaN, and nothing is read that is not there."""
    p = problem(dtype=dtype)
    p.mask[:] = True
    p.token_ids[1, 2] = wrong
    options = with_others(p, name)
    message = rf"token id {wrong} \(at token 9\) is outside the vocabulary of 127: expected 0 to 126"
    for chunk_tokens in (4, None):
        with pytest.raises(ValueError, match=message):
            p.loss(linear_policy_loss, **options)
        with pytest.raises(ValueError, match=message):
            linear_token_log_probs(p.hidden, p.weight, p.token_ids)
        with monkeypatch.context() as patch:
            for module in ("inputs.token_ids", "inputs.temperature", "linear.linear_head"):
                patch.setattr(f"pgkern.policy.{module}.look_at_values", lambda device: False)
            loss, grad_hidden, *_ = run(p, linear_policy_loss, chunk_tokens=chunk_tokens, **options)
            assert loss[1, 2].isnan() if name == "none" else loss.isnan()
            assert grad_hidden[1, 2].isnan().all()
            assert grad_hidden[2].isfinite().all()
            log_probs, *_ = run_log_probs(p, linear_token_log_probs, chunk_tokens=chunk_tokens)
            assert log_probs.isnan().nonzero().tolist() == [[1, 2]]
            p.mask[1, 2] = False
            assert all(t.isfinite().all() for t in run(p, linear_policy_loss, chunk_tokens=chunk_tokens, **options))
            p.mask[1, 2] = True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_tokens": 0}, r"chunk_tokens must be an integer of at least 1, got 0"),
        ({"chunk_tokens": -3}, r"chunk_tokens must be an integer of at least 1, got -3"),
        ({"chunk_tokens": 8.0}, r"chunk_tokens must be an integer of at least 1, got 8.0"),
        ({"chunk_tokens": True}, r"chunk_tokens must be an integer of at least 1, got True"),
        ({"chunk_tokens": "8"}, r"chunk_tokens must be an integer of at least 1, got '8'"),
        ({"logits_dtype": torch.bfloat16}, r"logits_dtype must be None or torch.float64 .* got torch.bfloat16"),
        ({"logits_dtype": torch.float32}, r"None or torch.float64 for hidden of torch.float64 .* got torch.float32"),
        ({"logits_dtype": "fp32"}, r"logits_dtype must be None or torch.float64 .* got 'fp32'"),
    ],
)
def test_mistakes_in_how_it_is_done(problem: Build, options: dict[str, Any], message: str) -> None:
    p = problem()
    with pytest.raises(ValueError, match=message):
        p.loss(linear_policy_loss, **options)
    with pytest.raises(ValueError, match=message):
        linear_token_log_probs(p.hidden, p.weight, p.token_ids, **options)


def test_the_same_rows_in_one_piece_of_memory(problem: Build) -> None:
    """Hidden states of which every sequence is the same memory."""
    p = problem()
    p.hidden = p.hidden.detach()[:1].expand(3, -1, -1).requires_grad_()
    p.__post_init__()
    torch.testing.assert_close(run(p, linear_policy_loss), run(p, naive.linear_policy_loss), **EXACT)
