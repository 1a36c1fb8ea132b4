"""The linear functions among what training loops put around them: checkpointing, autocast, tied weights, hooks, scaled
losses, inputs of any layout and origin.

Names: B rows of L tokens, D hidden size, V vocabulary.
"""

import copy
import math
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pgkern import (
    PolicyObjective,
    linear_policy_loss,
    linear_token_log_probs,
    logits_policy_loss,
    policy_loss,
    token_log_probs,
)
from pgkern.policy import naive

EXACT = {"rtol": 1e-11, "atol": 1e-13}
Build = Callable[..., Any]
OBJECTIVES = {
    "one visit": PolicyObjective.grpo(entropy_coef=0.1),
    "whole sequences": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1),
    "per token": PolicyObjective.ppo(reduction="none", entropy_coef=0.1),
}


def log_prob_loss(p: Any, log_probs_of: Callable, **options: Any) -> Tensor:
    """Of log-probabilities and entropies; `naive` has the same signature."""
    given = {"bias": p.bias, "temperature": p.temperature, "return_entropy": True, **options}
    log_probs, entropy = log_probs_of(p.hidden, p.weight, p.token_ids, **given)
    return (log_probs * p.old_log_probs.clone() + 0.3 * entropy).masked_fill(~p.mask, 0).sum()


def losses(fast: bool) -> dict[str, Callable[[Any], Tensor]]:
    """Of a problem, as scalars."""
    of_policy = linear_policy_loss if fast else naive.linear_policy_loss
    of_log_probs = linear_token_log_probs if fast else naive.linear_token_log_probs

    def policy(objective: PolicyObjective, p: Any) -> Tensor:
        loss = p.loss(of_policy, objective=objective, **({"chunk_tokens": 10} if fast else {}))
        return (loss * torch.linspace(0.5, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)).sum()

    found = {name: partial(policy, objective) for name, objective in OBJECTIVES.items()}
    found["log-probabilities"] = partial(log_prob_loss, log_probs_of=of_log_probs)
    return found


FAST, SLOW = losses(True), losses(False)
every_loss = pytest.mark.parametrize("name", FAST)


def gradients(p: Any, loss: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, p.leaves)


class Body(nn.Module):
    """What makes hidden states of the leaf that stands for them."""

    def __init__(self, D: int, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(D, D), nn.Tanh(), nn.Linear(D, D)).to(dtype)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.layers(hidden)


def with_hidden(p: Any, hidden: Tensor) -> Any:
    q = copy.copy(p)
    q.hidden = hidden
    return q


@every_loss
@pytest.mark.parametrize("use_reentrant", [True, False])
@pytest.mark.parametrize("around", ["the loss", "the body and the loss", "the body"])
def test_activation_checkpointing(problem: Build, name: str, use_reentrant: bool, around: str) -> None:
    p = problem()
    body = Body(16)
    leaves = [*p.leaves, *body.parameters()]
    expected_loss = SLOW[name](with_hidden(p, body(p.hidden)))
    expected = torch.autograd.grad(expected_loss, leaves)
    saved = partial(checkpoint, use_reentrant=use_reentrant)

    if around == "the loss":
        loss = saved(lambda hidden: FAST[name](with_hidden(p, hidden)), body(p.hidden))
    elif around == "the body":
        loss = FAST[name](with_hidden(p, saved(body, p.hidden)))
    else:
        loss = saved(lambda leaf: FAST[name](with_hidden(p, body(leaf))), p.hidden)
    loss.backward()
    torch.testing.assert_close([loss, *(leaf.grad for leaf in leaves)], [expected_loss, *expected], **EXACT)


@every_loss
def test_saved_tensors_that_are_packed_away(problem: Build, name: str) -> None:
    p = problem()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().numpy().copy(), torch.from_numpy):
        loss = FAST[name](p)
    torch.testing.assert_close(gradients(p, loss), gradients(p, SLOW[name](p)), **EXACT)


@every_loss
def test_a_weight_that_changes_before_backward_is_noticed(problem: Build, name: str) -> None:
    p = problem()
    loss = FAST[name](p)
    with torch.no_grad():
        p.weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_rounds_nothing(problem: Build, name: str, dtype: torch.dtype) -> None:
    """Under it and after it, backward within and outside."""
    p = problem(dtype=dtype)
    loss = FAST[name](p)
    expected = [loss.detach(), *gradients(p, loss)]
    for backward_within in (True, False):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = FAST[name](p)
            found = gradients(p, loss) if backward_within else None
        found = gradients(p, loss) if found is None else found
        assert loss.dtype == torch.float32
        torch.testing.assert_close([loss.detach(), *found], expected, rtol=0, atol=0)


@every_loss
def test_a_body_under_autocast_and_a_head_in_fp32(problem: Build, name: str) -> None:
    p, truth = problem(dtype=torch.float32, bias=False), problem(bias=False)
    body = Body(16, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = body(p.hidden)
        assert hidden.dtype == torch.bfloat16
        with torch.no_grad():
            near = linear_token_log_probs(hidden, p.weight, p.token_ids, temperature=p.temperature)
        p.old_log_probs = truth.old_log_probs = near + 0.1 * p.token_ids.sin()
        loss = FAST[name](with_hidden(p, hidden))
    loss.backward()
    exact = SLOW[name](with_hidden(truth, hidden.detach().double()))
    torch.testing.assert_close(loss.double(), exact, rtol=2e-5, atol=1e-5)
    assert p.weight.grad.dtype == torch.float32
    torch.testing.assert_close(p.weight.grad.double(), *torch.autograd.grad(exact, truth.weight), rtol=1e-4, atol=1e-5)
    assert p.hidden.grad.norm() > 0


@every_loss
@pytest.mark.parametrize("narrow", ["hidden", "weight"])
def test_one_of_both_in_bf16(problem: Build, name: str, narrow: str) -> None:
    """A head kept in fp32 under bf16 hidden states, and the other way round."""
    p = problem(dtype=torch.float32, drift=0.05)
    setattr(p, narrow, getattr(p, narrow).detach().bfloat16().requires_grad_())
    p.__post_init__()
    exact = p.to(torch.float64)
    loss, truth = FAST[name](p), SLOW[name](exact)
    torch.testing.assert_close(loss.double(), truth, rtol=2e-5, atol=1e-5)
    for leaf, found, true in zip(p.leaves, gradients(p, loss), gradients(exact, truth), strict=True):
        assert found.dtype == leaf.dtype
        error = (found.double() - true).norm() / true.norm()
        assert error < (3e-3 if leaf.dtype == torch.bfloat16 else 2e-5)


@pytest.mark.parametrize("family", ["Qwen2", "Llama"])
@pytest.mark.parametrize("packed", [True, False])
@every_loss
def test_a_model_with_tied_embeddings(family: str, packed: bool, name: str) -> None:
    """The embedding's gradient comes from both of its uses, as by autograd through the logits."""
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{family}Config")(
        vocab_size=61,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, f"{family}ForCausalLM")(config).double()
    assert model.lm_head.weight is model.model.embed_tokens.weight
    random = torch.Generator().manual_seed(0)
    input_ids = torch.randint(0, 61, (3, 9), generator=random)
    ids, mask = input_ids[:, 1:], torch.ones(3, 8, dtype=torch.bool)
    mask[:, :3] = mask[2, 6:] = False
    advantages = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    with torch.no_grad():
        old = model(input_ids).logits[:, :-1].log_softmax(-1).gather(-1, ids[..., None])[..., 0]
        old += 0.2 * torch.randn(old.shape, generator=random, dtype=torch.float64)

    def found(fast: bool) -> list[Tensor]:
        model.zero_grad()
        hidden = model.model(input_ids).last_hidden_state[:, :-1]
        tokens, extra = (hidden, ids, mask, old), {}
        if packed:
            tokens = tuple(t.flatten(0, 1) for t in tokens)
            extra = {"sequence_ids": torch.arange(3)[:, None].expand(3, 8).flatten()}
        some, weight = tokens, model.lm_head.weight
        if name == "log-probabilities":
            log_probs = (linear_token_log_probs if fast else naive.linear_token_log_probs)(some[0], weight, some[1])
            loss = (log_probs * some[3]).masked_fill(~some[2], 0).sum()
        else:
            loss = (linear_policy_loss if fast else naive.linear_policy_loss)(
                *(some[0], weight, some[1], advantages, some[2]),
                old_log_probs=some[3],
                objective=OBJECTIVES[name],
                **extra,
            ).loss.sum()
        loss.backward()
        return [loss.detach(), *(parameter.grad for parameter in model.parameters())]

    torch.testing.assert_close(found(fast=True), found(fast=False), rtol=1e-9, atol=1e-12)


@every_loss
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients(problem: Build, name: str, mode: Callable[[], Any]) -> None:
    p = problem()
    expected = FAST[name](p).detach()
    with mode():
        found = FAST[name](p)
    assert not found.requires_grad
    torch.testing.assert_close(found.clone(), expected, rtol=1e-13, atol=1e-15)


@every_loss
def test_rollouts_that_were_made_in_inference_mode(problem: Build, name: str) -> None:
    """Tokens, masks, temperatures and numbers of the sampler: tensors that autograd may not save."""
    p = problem()
    expected = gradients(p, SLOW[name](p))
    with torch.inference_mode():
        for field in ("token_ids", "advantages", "mask", "old_log_probs"):
            setattr(p, field, getattr(p, field).clone())
        p.temperature = torch.full(p.mask.shape, p.temperature, dtype=torch.float64)
        sequence_ids = torch.arange(3)[:, None].expand(3, 7).contiguous()
    torch.testing.assert_close(gradients(p, FAST[name](p)), expected, **EXACT)
    if name != "log-probabilities":
        p.mask = p.mask.double()
        loss = p.loss(
            linear_policy_loss,
            objective=OBJECTIVES[name],
            sequence_ids=sequence_ids,
            ref_log_probs=p.old_log_probs,
            rollout_log_probs=p.old_log_probs,
        )
        assert all(gradient.isfinite().all() for gradient in gradients(p, loss.sum()))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_rollouts_made_in_inference_mode_with_logits(problem: Build, name: str) -> None:
    p = problem()
    logits = (p.hidden @ p.weight.T).detach().requires_grad_()
    log_probs = torch.randn(3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = []
    for mode in (torch.inference_mode, nullcontext):
        with mode():
            tokens, mask, advantages, old = (t.clone() for t in (p.token_ids, p.mask, p.advantages, p.old_log_probs))
            temperature = torch.full((3, 7), 0.7, dtype=torch.float64)
        options = {"old_log_probs": old, "objective": OBJECTIVES[name]}
        loss = logits_policy_loss(logits, tokens, advantages, mask, temperature=temperature, **options).loss.sum()
        options["entropy"] = log_probs.square()
        loss = loss + policy_loss(log_probs, advantages, mask, **options).loss.sum()
        loss = loss + token_log_probs(logits, tokens, temperature=temperature).sum()
        found.append(torch.autograd.grad(loss, (logits, log_probs)))
    torch.testing.assert_close(*found, rtol=0, atol=0)


@every_loss
def test_accumulation_over_micro_batches(problem: Build, name: str) -> None:
    p, q = problem(seed=1), problem(seed=2)
    q.hidden, q.weight, q.bias = p.hidden, p.weight, p.bias
    expected = [a + b for a, b in zip(gradients(p, SLOW[name](p)), gradients(p, SLOW[name](q)), strict=True)]
    FAST[name](p).backward()
    FAST[name](q).backward()
    torch.testing.assert_close([leaf.grad for leaf in p.leaves], expected, **EXACT)
    for leaf in p.leaves:
        leaf.grad = None
    (FAST[name](p) + FAST[name](q)).backward()  # one backward through both
    torch.testing.assert_close([leaf.grad for leaf in p.leaves], expected, **EXACT)


@every_loss
def test_gradients_that_are_handed_over_are_nobody_elses(problem: Build, name: str) -> None:
    """Clipping `.grad` in place, or zeroing it, changes no later gradient."""
    p = problem()
    loss = FAST[name](p)
    expected = gradients(p, SLOW[name](p))
    for _ in range(3):
        loss.backward(retain_graph=True)
        torch.testing.assert_close([leaf.grad for leaf in p.leaves], [*expected], **EXACT)
        for leaf in p.leaves:
            leaf.grad.zero_()


@every_loss
def test_hooks_on_parameters_and_hidden_states(problem: Build, name: str) -> None:
    p = problem()
    expected = dict(zip(("hidden", "weight", "bias"), gradients(p, SLOW[name](p)), strict=True))
    seen: dict[str, Tensor] = {}
    order: list[str] = []

    def doubled(field: str, gradient: Tensor) -> Tensor:
        seen[field] = gradient.clone()
        return 2 * gradient

    for field in expected:
        getattr(p, field).register_hook(partial(doubled, field))
        getattr(p, field).register_post_accumulate_grad_hook(lambda _, field=field: order.append(field))
    hidden = p.hidden * 1.0
    hidden.retain_grad()
    FAST[name](with_hidden(p, hidden)).backward()
    torch.testing.assert_close(seen, expected, **EXACT)
    torch.testing.assert_close(hidden.grad, expected["hidden"], **EXACT)
    assert sorted(order) == sorted(expected)
    torch.testing.assert_close(
        {f: getattr(p, f).grad for f in expected}, {f: 2 * g for f, g in expected.items()}, **EXACT
    )


@every_loss
@pytest.mark.parametrize("wanted", ["hidden", "weight", "bias", "hidden and weight"])
def test_gradients_of_some(problem: Build, name: str, wanted: str) -> None:
    p = problem()
    for field in ("hidden", "weight", "bias"):
        getattr(p, field).requires_grad_(field in wanted)
    p.__post_init__()
    assert len(p.leaves) == len(wanted.split(" and "))
    torch.testing.assert_close(gradients(p, FAST[name](p)), gradients(p, SLOW[name](p)), **EXACT)
    # And where all of them could have one but not all are asked for.
    whole = problem()
    some = [getattr(whole, field) for field in wanted.split(" and ")]
    found = torch.autograd.grad(FAST[name](whole), some)
    torch.testing.assert_close(found, torch.autograd.grad(SLOW[name](whole), some), **EXACT)


def strided(tensor: Tensor) -> Tensor:
    """The same numbers, every second of a storage of rubbish, and with the dimensions in another order there."""
    rubbish = math.nan if tensor.is_floating_point() else True if tensor.dtype == torch.bool else -7
    turned = tensor.permute(*reversed(range(tensor.dim())))
    storage = torch.stack([turned, torch.full_like(turned, rubbish)], -1)
    found = storage[..., 0].permute(*reversed(range(tensor.dim())))
    assert torch.equal(found, tensor)
    assert not found.is_contiguous()
    return found


@every_loss
def test_non_contiguous_everything(problem: Build, name: str) -> None:
    p = problem()
    p.temperature = torch.linspace(0.5, 1.5, 21, dtype=torch.float64).reshape(3, 7)
    expected = gradients(p, SLOW[name](p))
    for field in ("hidden", "weight", "bias", "token_ids", "advantages", "mask", "old_log_probs", "temperature"):
        tensor = getattr(p, field)
        setattr(p, field, strided(tensor.detach()).requires_grad_(tensor.requires_grad))
    p.__post_init__()
    torch.testing.assert_close(gradients(p, FAST[name](p)), expected, **EXACT)


@every_loss
def test_an_upstream_gradient_of_any_layout_and_origin(problem: Build, name: str) -> None:
    p = problem()
    loss = FAST[name](p)
    expected = gradients(p, 3 * SLOW[name](p))
    for upstream in (torch.tensor(3.0, dtype=torch.float64), torch.full((2,), 3.0, dtype=torch.float64)[1]):
        found = torch.autograd.grad(loss, p.leaves, upstream, retain_graph=True)
        torch.testing.assert_close(found, expected, **EXACT)


@every_loss
def test_a_scaled_loss_in_fp16_keeps_tiny_gradients(problem: Build, name: str) -> None:
    """As under a gradient scaler: 2 ** 16 times a gradient that fp16 has no number for."""
    scale = 2.0**16
    p = problem(dtype=torch.float16, bias=False, drift=0.05)
    exact = p.to(torch.float64)
    truths = gradients(exact, SLOW[name](exact))
    tiny = 1e-8 / max(truth.abs().max().item() for truth in truths)  # the least number of fp16 is 6e-8
    for found, truth in zip(gradients(p, FAST[name](p) * tiny * scale), truths, strict=True):
        assert found.dtype == torch.float16
        assert (found.double() / scale - tiny * truth).norm() < 3e-3 * tiny * truth.norm()


def test_metrics_are_copied_and_pickled(problem: Build) -> None:
    p = problem()
    found = linear_policy_loss(p.hidden, p.weight, p.token_ids, p.advantages, p.mask, bias=p.bias)
    found.loss.backward()
    for again in (copy.deepcopy(found.metrics), pickle.loads(pickle.dumps(found.metrics))):
        torch.testing.assert_close(dict(again), dict(found.metrics), rtol=0, atol=0)
    with torch.no_grad():
        found = linear_policy_loss(p.hidden, p.weight, p.token_ids, p.advantages, p.mask, bias=p.bias)
    again = pickle.loads(pickle.dumps(copy.deepcopy(found)))
    torch.testing.assert_close((again.loss, dict(again.metrics)), (found.loss, dict(found.metrics)), rtol=0, atol=0)


@every_loss
@pytest.mark.parametrize("checkpointed", [True, False])
def test_a_second_derivative_is_refused(problem: Build, name: str, checkpointed: bool) -> None:
    p = problem()
    loss = checkpoint(lambda: FAST[name](p), use_reentrant=False) if checkpointed else FAST[name](p)
    with pytest.raises(RuntimeError, match=r"no second derivative: call backward or torch\.autograd\.grad without"):
        torch.autograd.grad(loss, p.leaves, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        FAST[name](p).backward(create_graph=True)


@every_loss
def test_grad_mode_may_change_between_forward_and_backward(problem: Build, name: str) -> None:
    p = problem()
    expected = gradients(p, SLOW[name](p))
    loss = FAST[name](p)
    for mode in (torch.no_grad(), nullcontext()):
        with mode:
            torch.testing.assert_close(torch.autograd.grad(loss, p.leaves, retain_graph=True), expected, **EXACT)
