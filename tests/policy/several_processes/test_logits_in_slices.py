"""Logits in slices of the vocabulary on several gloo processes, against the whole rows in one process.

Names: B rows of L tokens, V vocabulary.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pgkern import PolicyObjective, logits_policy_loss, token_log_probs
from pgkern.policy.inputs import token_ids as token_ids_module
from pgkern.policy.logits import vocabulary_parallel
from pgkern.policy.logits.logit_statistics import logit_statistics_op

from .world import Cases, Ranks, Report, Reports, require_no_failure, run_world

B, L, V = 3, 4, 127
SLICES = {2: (50, 77), 3: (1, 100, 26)}
EXACT = {"rtol": 1e-12, "atol": 1e-12}
SINGLE = {"rtol": 1e-5, "atol": 1e-5}

Function = Callable[..., tuple[Tensor, dict[str, Tensor]]]


CASES, TRITON_CASES = Cases(), Cases()


def columns_of(ranks: Ranks, whole: Tensor, sizes: Sequence[int], padding: Sequence[int] = (0, 0, 0)) -> Tensor:
    """This rank's, as a view that is not contiguous, with rubbish for padding."""
    first = sum(sizes[: ranks.rank])
    mine = whole[..., first : first + sizes[ranks.rank]]
    rubbish = mine.new_full((*mine.shape[:-1], padding[ranks.rank]), math.nan)
    return torch.cat([mine, rubbish], -1) if padding[ranks.rank] else mine


def sample(dtype: torch.dtype = torch.float64, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits `[B, L, V]` and ids that include the first and the last column of every slice."""
    random = torch.Generator().manual_seed(0)
    logits = (torch.randn(B, L, V, generator=random, dtype=torch.float64) * scale).to(dtype)
    ids = torch.randint(0, V, (B, L), generator=random)
    ids.view(-1)[:8] = torch.tensor([0, V - 1, 49, 50, 1, 100, 101, 2])
    return logits, ids


def temperatures(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.linspace(0.4, 1.8, B * L, dtype=dtype).reshape(B, L)


def scored(ids: Tensor, use: Sequence[str] = ("log_probs", "entropy"), **options: Any) -> Function:
    """`token_log_probs`, and a sum of what is used of it with a weight for every token."""

    def function(logits: Tensor, **where: Any) -> tuple[Tensor, dict[str, Tensor]]:
        found = token_log_probs(logits, ids, return_entropy="entropy" in use, **options, **where)
        outputs = dict(zip(("log_probs", "entropy"), found if isinstance(found, tuple) else (found,), strict=False))
        weights = torch.linspace(-1, 2, ids.numel(), dtype=outputs["log_probs"].dtype).reshape(ids.shape)
        return sum((k + 1) * (weights.roll(k) * outputs[name]).sum() for k, name in enumerate(use)), outputs

    return function


def assert_equals_one_process(
    ranks: Ranks,
    whole: Tensor,
    function: Function,
    *,
    sizes: Sequence[int] | None = None,
    padding: Sequence[int] | None = None,
    reference: torch.dtype | None = None,
    tolerance: dict[str, float] | None = None,
) -> None:
    """The reference is computed in its own dtype, if it has one."""
    sizes = SLICES[ranks.count] if sizes is None else sizes
    padding = [0] * ranks.count if padding is None else padding
    leaf = whole.to(reference or whole.dtype, copy=True).requires_grad_()
    expected_loss, expected = function(leaf)
    (expected_gradient,) = torch.autograd.grad(expected_loss, leaf)

    mine = columns_of(ranks, whole.clone(memory_format=torch.preserve_format), sizes, padding).detach().requires_grad_()
    before = ranks.collectives()
    loss, found = function(mine, process_group=ranks.group, vocab_size=sizes[ranks.rank])
    after_forward = ranks.collectives()
    (gradient,) = torch.autograd.grad(loss, mine)
    assert after_forward - before == 2
    assert ranks.collectives() == after_forward, "backward needs no other rank"

    exact = whole.dtype == torch.float64
    tolerance = tolerance or (EXACT if exact else SINGLE)
    columns = sizes[ranks.rank]
    expected_mine = columns_of(ranks, expected_gradient, sizes)
    torch.testing.assert_close(
        {"loss": loss.detach(), **{name: value.detach() for name, value in found.items()}},
        {
            "loss": expected_loss.detach().to(loss.dtype),
            **{name: expected[name].detach().to(value.dtype) for name, value in found.items()},
        },
        equal_nan=True,
        **tolerance,
    )
    torch.testing.assert_close(
        gradient[..., :columns], expected_mine.to(gradient.dtype), equal_nan=True, **(tolerance if exact else SINGLE)
    )
    assert gradient.shape == mine.shape
    assert (gradient[..., columns:] == 0).all()
    ranks.assert_same_bits([loss, *found.values()])


@CASES.add
def every_output_in_double_and_single_precision(ranks: Ranks) -> None:
    for dtype in (torch.float64, torch.float32):
        logits, ids = sample(dtype)
        for use in (("log_probs", "entropy"), ("log_probs",)):
            assert_equals_one_process(ranks, logits, scored(ids, use))
    logits, ids = sample(torch.float32)
    assert_equals_one_process(ranks, logits, scored(ids.to(torch.int32)), reference=torch.float64)


@CASES.add
def gradients_of_one_output_alone(ranks: Ranks) -> None:
    logits, ids = sample()
    part = columns_of(ranks, logits, SLICES[ranks.count]).detach().requires_grad_()
    for index in (0, 1):
        leaf = logits.clone().requires_grad_()
        gradients = [
            torch.autograd.grad(token_log_probs(z, ids, return_entropy=True, **where)[index].square().sum(), z)[0]
            for z, where in ((leaf, {}), (part, {"process_group": ranks.group}))
        ]
        expected = columns_of(ranks, gradients[0], SLICES[ranks.count])
        torch.testing.assert_close(gradients[1], expected, **EXACT)


@CASES.add
def temperature_and_soft_cap(ranks: Ranks) -> None:
    for dtype in (torch.float64, torch.float32):
        logits, ids = sample(dtype)
        for softcap in (None, 4.0):
            for temperature in (0.3, temperatures(dtype)):
                assert_equals_one_process(ranks, logits, scored(ids, temperature=temperature, softcap=softcap))


@CASES.add
def slices_of_any_size(ranks: Ranks) -> None:
    logits, ids = sample()
    others = {
        2: [(0, 127), (127, 0), (126, 1)],
        3: [(0, 50, 77), (50, 0, 77), (50, 77, 0), (0, 127, 0), (0, 0, 127)],
    }
    for sizes in others[ranks.count]:
        for in_place in (False, True):
            assert_equals_one_process(ranks, logits, scored(ids, inplace_backward=in_place), sizes=sizes)


@CASES.add
def padded_columns(ranks: Ranks) -> None:
    logits, ids = sample()
    for padding in ((0, 0, 9)[-ranks.count :], (3, 1, 2)[: ranks.count]):
        for in_place in (False, True):
            assert_equals_one_process(
                ranks, logits, scored(ids, inplace_backward=in_place, softcap=5.0), padding=padding
            )
    sizes = (127, 0, 0)[: ranks.count]
    assert_equals_one_process(ranks, logits, scored(ids), sizes=sizes, padding=(0, 4, 5)[: ranks.count])


@CASES.add
def strided_logits(ranks: Ranks) -> None:
    logits, ids = sample()
    longer = torch.cat([logits, logits[:, :1]], 1)
    first = sum(SLICES[ranks.count][: ranks.rank])
    mine = slice(first, first + SLICES[ranks.count][ranks.rank])
    expected = token_log_probs(logits, ids, return_entropy=True)
    for strided in (
        longer[:, :-1],
        logits.transpose(0, 2).contiguous().transpose(0, 2),
        logits.repeat_interleave(2, 0)[::2],
    ):
        found = token_log_probs(strided[..., mine], ids, return_entropy=True, process_group=ranks.group)
        torch.testing.assert_close(found, expected, **EXACT)
        for in_place in (False, True):
            leaf = strided.clone(memory_format=torch.preserve_format).requires_grad_()
            whole = strided.clone(memory_format=torch.preserve_format).requires_grad_()
            log_probs = token_log_probs(leaf[..., mine], ids, process_group=ranks.group, inplace_backward=in_place)
            (gradient,) = torch.autograd.grad(log_probs.sum(), leaf)
            (whole_gradient,) = torch.autograd.grad(token_log_probs(whole, ids).sum(), whole)
            torch.testing.assert_close(gradient[..., mine], whole_gradient[..., mine], **EXACT)


@CASES.add
def backward_in_place_takes_no_second_array(ranks: Ranks) -> None:
    logits, ids = sample()
    mine = columns_of(ranks, logits, SLICES[ranks.count]).contiguous().requires_grad_()
    loss, _ = scored(ids, inplace_backward=True)(mine, process_group=ranks.group)
    (gradient,) = torch.autograd.grad(loss, mine)
    assert gradient.data_ptr() == mine.data_ptr()


@CASES.add
def logits_are_left_alone_and_backward_works_twice(ranks: Ranks) -> None:
    logits, ids = sample()
    mine = columns_of(ranks, logits, SLICES[ranks.count]).contiguous().requires_grad_()
    before = mine.detach().clone()
    loss, _ = scored(ids)(mine, process_group=ranks.group)
    first = torch.autograd.grad(loss, mine, retain_graph=True)[0]
    assert torch.equal(torch.autograd.grad(loss, mine)[0], first)
    assert torch.equal(mine.detach(), before)


@CASES.add
def banned_tokens(ranks: Ranks) -> None:
    """Whole slices of -inf, tokens among them; in one row everything."""
    for dtype in (torch.float64, torch.float32):
        logits, ids = sample(dtype)
        edges = [0, *torch.tensor(SLICES[ranks.count]).cumsum(0).tolist()]
        for row in range(ranks.count):
            logits[row, :, edges[row] : edges[row + 1]] = -math.inf
            logits[row, 0, : edges[row]] = -math.inf
            logits[row, 0, edges[row + 1] :] = -math.inf  # here nothing can be sampled: NaN
            logits[row, 1] = -math.inf
            logits[row, 1, ids[row, 1]] = 2.0  # one token left: certain
        logits[0, 2, ids[0, 2]] = -math.inf
        assert_equals_one_process(ranks, logits, scored(ids))
        assert_equals_one_process(ranks, logits[:, 1:].contiguous(), scored(ids[:, 1:]))


@CASES.add
def slices_banned_by_the_least_finite_number(ranks: Ranks) -> None:
    """Divided by a temperature below 1 it overflows, and 0 * inf is NaN."""
    for dtype in (torch.float64, torch.float32):
        logits, ids = sample(dtype)
        edges = [0, *torch.tensor(SLICES[ranks.count]).cumsum(0).tolist()]
        for row in range(ranks.count):
            logits[row, :, edges[row] : edges[row + 1]] = torch.finfo(dtype).min
        for temperature in (0.5, 1.0):
            assert_equals_one_process(ranks, logits, scored(ids, temperature=temperature))


@CASES.add
def huge_logits(ranks: Ranks) -> None:
    for offset, scale in ((-1e4, 3.0), (1e4, 3.0), (0.0, 1e4)):
        logits, ids = sample(scale=scale)
        logits += offset
        assert_equals_one_process(ranks, logits, scored(ids), tolerance={"rtol": 1e-12, "atol": 1e-11})
        # The reference starts from the numbers as fp32 has them.
        assert_equals_one_process(ranks, logits.float(), scored(ids, ("log_probs",)), reference=torch.float64)
        assert_equals_one_process(ranks, logits.float(), scored(ids), reference=torch.float64)


@CASES.add
def certain_tokens(ranks: Ranks) -> None:
    for dtype in (torch.float64, torch.float32):
        for height in (12.0, 30.0, 1e3):
            logits, ids = sample(dtype, scale=1.0)
            logits.scatter_(-1, ids[..., None], height)
            assert_equals_one_process(ranks, logits, scored(ids), reference=torch.float64)


@CASES.add
def sixteen_bits_are_computed_in_single_precision(ranks: Ranks) -> None:
    logits, ids = sample(torch.bfloat16)
    mine = columns_of(ranks, logits, SLICES[ranks.count]).detach().requires_grad_()
    whole = logits.double().requires_grad_()
    loss, found = scored(ids)(mine, process_group=ranks.group)
    expected_loss, expected = scored(ids)(whole)
    for name, value in found.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value.double(), expected[name], **SINGLE)
    (gradient,) = torch.autograd.grad(loss, mine)
    (truth,) = torch.autograd.grad(expected_loss, whole)
    truth = columns_of(ranks, truth, SLICES[ranks.count])
    assert gradient.dtype == torch.bfloat16
    assert (gradient.double() - truth).norm() < truth.norm() * torch.finfo(torch.bfloat16).eps


@CASES.add
def any_leading_shape_and_no_gradient(ranks: Ranks) -> None:
    logits, ids = sample()
    for rows in ((), (0,), (2, 0), (2, 2, 2)):
        count = math.prod(rows)
        flat, some = logits.reshape(-1, V)[:count].reshape(*rows, V), ids.reshape(-1)[:count].reshape(rows)
        if rows == ():
            flat, some = logits[0, 0], ids[0, 0]
        assert_equals_one_process(ranks, flat.contiguous(), scored(some))
    with torch.no_grad():
        mine = columns_of(ranks, logits, SLICES[ranks.count])
        found = token_log_probs(mine.requires_grad_(), ids, process_group=ranks.group)
    assert not found.requires_grad
    torch.testing.assert_close(found, token_log_probs(logits, ids), **EXACT)


def policy(ids: Tensor, objective: PolicyObjective, upstream: float = 1.0, **options: Any) -> Function:
    """`logits_policy_loss` of a batch that clips some ratios; its metrics are outputs."""
    dtype = options.pop("dtype", torch.float64)
    random = torch.Generator().manual_seed(3)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    plain, _ = sample()
    near = token_log_probs(plain, ids.clamp(0, V - 1), temperature=0.8)
    old = near + 0.3 * numbers(B, L)
    given = {
        "old_log_probs": old,
        "ref_log_probs": near + 0.4 * numbers(B, L),
        "rollout_log_probs": old + 0.2 * numbers(B, L),
    }
    given = {name: value.to(dtype) for name, value in given.items()}
    advantages, mask = numbers(B).to(dtype), options.pop("mask", torch.ones(B, L, dtype=torch.bool))

    def function(logits: Tensor, **where: Any) -> tuple[Tensor, dict[str, Tensor]]:
        found = logits_policy_loss(
            logits,
            ids,
            advantages.to(logits.dtype),
            mask,
            **{name: value.to(logits.dtype) for name, value in given.items()},
            objective=objective,
            **options,
            **where,
        )
        weights = torch.linspace(0.5, 1.5, found.loss.numel(), dtype=logits.dtype).reshape(found.loss.shape)
        outputs = {"the loss": found.loss, **found.metrics}
        return (upstream * weights * found.loss).sum() if found.loss.dim() else upstream * found.loss, outputs

    return function


LOADED: dict[str, Any] = {"kl_coef": 0.3, "entropy_coef": 0.2, "correction": "truncate", "correction_cap": 1.1}
OBJECTIVES = {
    "grpo": PolicyObjective.grpo(),
    "loaded": PolicyObjective.grpo(**LOADED),
    "an entropy bonus alone": PolicyObjective.reinforce(entropy_coef=-0.7),
    "gspo": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1, entropy_coef=0.2),
    "kimi": PolicyObjective.kimi_k15(mirror_coef=0.3),
    "a loss per token": PolicyObjective.ppo(reduction="none", **LOADED),
    "a loss per token of gspo": PolicyObjective.gspo(reduction="none", clip_low=0.1, clip_high=0.1),
    "cispo, sequences corrected": PolicyObjective.cispo(**{**LOADED, "correction_level": "sequence"}),
}


@CASES.add
def every_kind_of_policy_loss(ranks: Ranks) -> None:
    for objective in OBJECTIVES.values():
        for dtype in (torch.float64, torch.float32):
            logits, ids = sample(dtype)
            assert_equals_one_process(ranks, logits, policy(ids, objective, temperature=0.8))
        assert_equals_one_process(ranks, logits.double(), policy(ids, objective, upstream=-2.5))


@CASES.add
def policy_loss_with_every_option(ranks: Ranks) -> None:
    logits, ids = sample()
    for name in ("loaded", "gspo", "a loss per token"):
        for in_place in (False, True):
            assert_equals_one_process(
                ranks,
                logits,
                policy(
                    ids,
                    OBJECTIVES[name],
                    upstream=0.5,
                    temperature=temperatures(),
                    softcap=6.0,
                    inplace_backward=in_place,
                    num_tokens=31,
                    num_sequences=5,
                ),
                padding=(2, 0, 5)[-ranks.count :],
            )


@CASES.add
def masked_rows_may_hold_anything(ranks: Ranks) -> None:
    mask = torch.ones(B, L, dtype=torch.bool)
    mask[0, 1:3] = mask[2] = False
    logits, ids = sample()
    spoiled = logits.clone()
    spoiled[0, 1], spoiled[0, 2], spoiled[2] = math.nan, math.inf, -math.inf
    spoiled_ids = ids.masked_fill(~mask, -100)
    spoiled_ids[0, 1] = 10**9
    spoiled_temperatures = temperatures().masked_fill(~mask, math.nan)
    first = sum(SLICES[ranks.count][: ranks.rank])
    mine = slice(first, first + SLICES[ranks.count][ranks.rank])
    for objective in OBJECTIVES.values():
        leaf = logits.clone().requires_grad_()
        expected, outputs = policy(ids, objective, mask=mask, temperature=temperatures())(leaf)
        (expected_gradient,) = torch.autograd.grad(expected, leaf)
        for in_place in (False, True):
            part = spoiled[..., mine].clone().requires_grad_()
            loss, found = policy(
                spoiled_ids, objective, mask=mask, temperature=spoiled_temperatures, inplace_backward=in_place
            )(part, process_group=ranks.group)
            (gradient,) = torch.autograd.grad(loss, part)
            # The old log-probabilities of the masked rows differ with their ids, and nothing depends on them.
            torch.testing.assert_close({"": loss, **found}, {"": expected, **outputs}, **EXACT)
            torch.testing.assert_close(gradient, expected_gradient[..., mine], **EXACT)
            assert (gradient[~mask] == 0).all()


@CASES.add
def an_id_outside_the_vocabulary_is_refused_on_every_rank(ranks: Ranks) -> None:
    logits, ids = sample()
    mine = columns_of(ranks, logits, SLICES[ranks.count])
    for wrong in (V, -1):
        ids[1, 2] = wrong
        message = rf"token id {wrong} \(at token 6\) is outside the vocabulary of 127"
        with pytest.raises(ValueError, match=message):
            token_log_probs(mine, ids, process_group=ranks.group)
        with pytest.raises(ValueError, match=message):
            logits_policy_loss(mine, ids, torch.ones(B), torch.ones(B, L), process_group=ranks.group)


@CASES.add
def numbers_of_rows_that_differ_are_refused_on_every_rank(ranks: Ranks) -> None:
    logits, ids = sample()
    rows = B - (ranks.rank == 1)
    mine = columns_of(ranks, logits[:rows], SLICES[ranks.count])
    message = r"as many rows on every rank, got \[12, 8"
    with pytest.raises(ValueError, match=message):
        token_log_probs(mine, ids[:rows], process_group=ranks.group)
    with pytest.raises(ValueError, match=message):
        logits_policy_loss(mine, ids[:rows], torch.ones(rows), torch.ones(rows, L), process_group=ranks.group)


@CASES.add
def a_group_without_this_rank_is_refused(ranks: Ranks) -> None:
    logits, ids = sample()
    with pytest.raises(ValueError, match="process_group must be a ProcessGroup, got"):
        token_log_probs(logits, ids, process_group=dist.GroupMember.NON_GROUP_MEMBER)


@contextmanager
def values_unseen() -> Iterator[None]:
    """As on a GPU, which is not waited for."""
    with (
        mock.patch.object(token_ids_module, "look_at_values", return_value=False),
        mock.patch.object(vocabulary_parallel, "look_at_values", return_value=False),
    ):
        yield


@CASES.add
def where_values_are_unseen_an_id_outside_gives_nan(ranks: Ranks) -> None:
    logits, ids = sample()
    wrong = ids.clone()
    wrong[0, 1], wrong[1, 3], wrong[2, 0] = V, -1, 10**9
    bad = wrong != ids
    sizes = (*SLICES[ranks.count][:-1], 0)
    whole = logits[..., : sum(sizes)]  # the last rank has no columns, and the id V is not its either
    for these, part_sizes in ((logits, SLICES[ranks.count]), (whole, sizes)):
        inside = ids.clamp(max=these.shape[-1] - 1)
        expected = token_log_probs(these, inside, return_entropy=True)
        leaf = these.clone().requires_grad_()
        (expected_gradient,) = torch.autograd.grad(token_log_probs(leaf, inside).sum(), leaf)
        mine = columns_of(ranks, these, part_sizes).detach().requires_grad_()
        with values_unseen():
            log_probs, entropy = token_log_probs(
                mine, inside.where(~bad, wrong), return_entropy=True, process_group=ranks.group
            )
        assert log_probs[bad].isnan().all()
        torch.testing.assert_close(log_probs[~bad], expected[0][~bad], **EXACT)
        torch.testing.assert_close(entropy, expected[1], **EXACT)
        gradient = torch.autograd.grad(log_probs.sum(), mine, retain_graph=True)[0]
        assert gradient[bad].isnan().all()
        expected_mine = columns_of(ranks, expected_gradient, part_sizes)
        torch.testing.assert_close(gradient[~bad], expected_mine[~bad], **EXACT)


@CASES.add
def ids_that_differ_between_ranks_are_never_mixed(ranks: Ranks) -> None:
    """A result is that of the id its holder was given, or NaN where the holder knows of another one."""
    logits, ids = sample()
    mine = columns_of(ranks, logits, SLICES[ranks.count])
    ids[:] = V - 1 if ranks.rank == 0 else 0  # the first rank believes in the last one's column and the others in its
    found = token_log_probs(mine, ids, process_group=ranks.group)
    assert found.isnan().all()


@TRITON_CASES.add
def kernels_equal_one_process_in_double_precision(ranks: Ranks) -> None:
    logits, ids = sample(torch.float32)
    logits[0, :, : SLICES[2][0]] = -math.inf
    logits[1, :, SLICES[2][0] :] = -1e30
    logits[2, 1, ids[2, 1]] = 50.0
    for options, given in (
        ({}, {}),
        ({"temperature": temperatures(torch.float32), "softcap": 5.0}, {"padding": (3, 0)}),
        ({"temperature": 0.5, "inplace_backward": True}, {"padding": (0, 7)}),
        ({}, {"sizes": (0, 127)}),
        ({}, {"sizes": (127, 0), "padding": (0, 5)}),
    ):
        assert_equals_one_process(ranks, logits, scored(ids, **options), reference=torch.float64, **given)


@TRITON_CASES.add
def kernels_give_the_policy_loss(ranks: Ranks) -> None:
    mask = torch.ones(B, L, dtype=torch.bool)
    mask[0, 1:3] = False
    logits, ids = sample(torch.float32)
    logits[0, 1] = math.nan
    ids = ids.masked_fill(~mask, -100)
    for name in ("loaded", "gspo"):
        assert_equals_one_process(ranks, logits, policy(ids, OBJECTIVES[name], mask=mask), reference=torch.float64)


@TRITON_CASES.add
def an_id_outside_the_columns_changes_one_number(ranks: Ranks) -> None:
    logits, _ = sample(torch.float32)
    rows = logits[0].contiguous()
    one = torch.ones(1)
    outside = torch.tensor([V, -1, V + 4, 120])  # 120 is in the padding
    found = logit_statistics_op(rows, outside, one, None, 120, True)
    inside = logit_statistics_op(rows, torch.zeros(L, dtype=torch.int64), one, None, 120, True)
    assert found[0].isnan().all()
    assert all(torch.equal(*pair) for pair in zip(found[1:], inside[1:], strict=True))


class NothingRead(TorchDispatchMode):
    """Refuse what would make the host wait for a GPU: a value read, and a tensor made of the host's numbers."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert function.overloadpacket not in WAITS, f"{function} waits"
        return function(*args, **(kwargs or {}))


WAITS = {
    getattr(torch.ops.aten, name)
    for name in ("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "lift_fresh", "lift")
}


@TRITON_CASES.add
def nothing_waits_for_the_host(ranks: Ranks) -> None:
    logits, ids = sample(torch.float32)
    mine = columns_of(ranks, logits, SLICES[2]).detach().requires_grad_()
    with values_unseen(), NothingRead():
        log_probs, entropy = token_log_probs(mine, ids, temperature=0.7, return_entropy=True, process_group=ranks.group)
        (log_probs.sum() + entropy.sum()).backward()
        with pytest.raises(AssertionError, match="waits"):  # or nothing would be proved
            log_probs.sum().item()
        with pytest.raises(AssertionError, match="waits"):
            torch.tensor([1])


def run(whole: Ranks) -> dict[str, Report]:
    """The cases of the Triton interpreter, or all others by a subgroup of two ranks and by the world."""
    if os.environ.get("TRITON_INTERPRET") == "1":
        with np.errstate(all="ignore"):  # the interpreter computes by numpy, which would warn of inf - inf
            return {"triton": TRITON_CASES.failures(whole)}
    pair = CASES.failures(whole.subgroup([1, 2]))  # whose ranks are not the world's
    dist.barrier()
    return {"2": pair, "3": CASES.failures(whole)}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    worlds = [run_world(__name__, 3, tmp_path_factory.mktemp("three"), TRITON_INTERPRET="0")]
    worlds.append(run_world(__name__, 2, tmp_path_factory.mktemp("triton"), TRITON_INTERPRET="1"))
    together: Reports = {}
    for collect in worlds:
        together |= collect()
    return together


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_equals_one_process(reports: Reports, name: str, ranks: int) -> None:
    require_no_failure(reports[str(ranks)], ranks, name)


@pytest.mark.parametrize("name", TRITON_CASES)
def test_the_kernels(reports: Reports, name: str) -> None:
    require_no_failure(reports["triton"], 2, name)
