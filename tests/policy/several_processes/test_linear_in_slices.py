"""The head's weight in slices of the vocabulary on several gloo processes, against the whole weight in one process.

Names: B rows of L tokens, D hidden size, V vocabulary.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs

from .world import Cases, Ranks, Report, Reports, require_no_failure, run_world

B, L, D, V = 3, 6, 8, 127
SLICES = {2: (50, 77), 3: (1, 100, 26)}
OTHER_SLICES = {2: [(0, 127), (126, 1)], 3: [(0, 50, 77), (50, 77, 0), (0, 0, 127)]}
EXACT = {"rtol": 1e-12, "atol": 1e-13}
SINGLE = {"rtol": 2e-5, "atol": 1e-5}
CASES, TRITON_CASES = Cases(), Cases()


@dataclass(frozen=True)
class Problem:
    """Leaves and what else the losses take; ids that are the first and the last of every slice, and masked tokens."""

    hidden: Tensor
    weight: Tensor
    bias: Tensor | None
    token_ids: Tensor
    mask: Tensor
    advantages: Tensor
    old_log_probs: Tensor
    ref_log_probs: Tensor
    rollout_log_probs: Tensor
    temperature: Tensor

    @classmethod
    def of(cls, dtype: torch.dtype = torch.float64) -> "Problem":
        random = torch.Generator().manual_seed(0)

        def numbers(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=random, dtype=torch.float64)

        hidden, weight, bias = numbers(B, L, D), numbers(V, D), numbers(V)
        ids = torch.randint(0, V, (B, L), generator=random)
        ids.view(-1)[:8] = torch.tensor([0, V - 1, 49, 50, 1, 100, 101, 2])
        mask = torch.ones(B, L, dtype=torch.bool)
        mask[0, 4:] = mask[1, 2] = mask[2, 1] = False
        temperature = torch.linspace(0.6, 1.7, B * L, dtype=torch.float64).reshape(B, L)
        near = linear_token_log_probs(hidden, weight, ids, bias=bias, temperature=temperature)
        old = near + 0.3 * numbers(B, L)
        wide = torch.promote_types(dtype, torch.float32)
        of_tokens = (numbers(B), old, near + 0.4 * numbers(B, L), old + 0.2 * numbers(B, L), temperature)
        leaves = (tensor.to(dtype).requires_grad_() for tensor in (hidden, weight, bias))
        return cls(*leaves, ids, mask, *(tensor.to(wide) for tensor in of_tokens))

    def to(self, dtype: torch.dtype) -> "Problem":
        """Leaves of its own in this dtype."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("hidden", "weight", "bias"):
            if given[name] is not None:
                given[name] = given[name].detach().to(dtype, copy=True).requires_grad_(given[name].requires_grad)
        for name in ("advantages", "old_log_probs", "ref_log_probs", "rollout_log_probs", "temperature"):
            given[name] = given[name].to(torch.promote_types(dtype, torch.float32))
        return Problem(**given)

    def part(self, ranks: Ranks, sizes: Sequence[int] | None = None) -> "Problem":
        """With this rank's rows of the weight and bias, which are views."""
        sizes = SLICES[ranks.count] if sizes is None else sizes
        first = sum(sizes[: ranks.rank])
        mine = slice(first, first + sizes[ranks.rank])
        whole = self.to(self.hidden.dtype)
        weight, bias = (
            None if t is None else t.detach()[mine].requires_grad_(t.requires_grad) for t in (whole.weight, whole.bias)
        )
        return replace(whole, weight=weight, bias=bias)

    @property
    def leaves(self) -> list[Tensor]:
        return [t for t in (self.hidden, self.weight, self.bias) if t is not None and t.requires_grad]


Outputs = dict[str, Tensor]
Function = Callable[..., tuple[Tensor, Outputs]]


def policy(objective: PolicyObjective, upstream: float = 1.0, **options: Any) -> Function:
    """`linear_policy_loss`; its metrics are outputs."""

    def function(p: Problem, **where: Any) -> tuple[Tensor, Outputs]:
        found = linear_policy_loss(
            *(p.hidden, p.weight, p.token_ids, p.advantages, p.mask),
            **{
                "bias": p.bias,
                "old_log_probs": p.old_log_probs,
                "ref_log_probs": p.ref_log_probs,
                "rollout_log_probs": p.rollout_log_probs,
                "temperature": p.temperature,
                "objective": objective,
                **options,
            },
            **where,
        )
        weights = torch.linspace(0.5, 1.5, found.loss.numel(), dtype=found.loss.dtype).reshape(found.loss.shape)
        loss = (upstream * weights * found.loss).sum() if found.loss.dim() else upstream * found.loss
        return loss, {"the loss": found.loss, **found.metrics}

    return function


def scored(use: Sequence[str] = ("log_probs", "entropy"), **options: Any) -> Function:
    """`linear_token_log_probs`, and a sum of what is used of it with a weight for every token."""

    def function(p: Problem, **where: Any) -> tuple[Tensor, Outputs]:
        given = {"bias": p.bias, "temperature": p.temperature, "return_entropy": "entropy" in use, **options}
        found = linear_token_log_probs(p.hidden, p.weight, p.token_ids, **given, **where)
        outputs = dict(zip(("log_probs", "entropy"), found if isinstance(found, tuple) else (found,), strict=False))
        weights = torch.linspace(-1, 2, B * L, dtype=outputs["log_probs"].dtype).reshape(B, L)
        return sum((k + 1) * (weights.roll(k) * outputs[name]).sum() for k, name in enumerate(use)), outputs

    return function


@contextmanager
def collectives(ranks: Ranks, expected: int | None = None) -> Iterator[list[int]]:
    """How many there are within: as many on every rank, and as many as expected."""
    found = [-ranks.collectives()]
    yield found
    found[0] += ranks.collectives()
    if expected is not None:
        assert found[0] == expected, f"{found[0]} collectives, expected {expected}"
    ranks.assert_same_bits([torch.tensor(found)])


def assert_equals_one_process(
    ranks: Ranks,
    whole: Problem,
    function: Function,
    *,
    sizes: Sequence[int] | None = None,
    backward: int = 0,
    forward: int | None = None,
) -> None:
    """`backward` and `forward` are numbers of collectives."""
    dtype = whole.hidden.dtype
    exact, tolerance = whole.to(torch.float64), EXACT if dtype == torch.float64 else SINGLE
    expected_loss, expected = function(exact)
    expected_gradients = torch.autograd.grad(expected_loss, exact.leaves)
    sizes = SLICES[ranks.count] if sizes is None else sizes
    mine = whole.part(ranks, sizes)
    with collectives(ranks, forward):
        loss, found = function(mine, process_group=ranks.group)
    with collectives(ranks, backward):
        gradients = torch.autograd.grad(loss, mine.leaves)
    first = sum(sizes[: ranks.rank])
    for leaf, gradient, truth in zip(mine.leaves, gradients, expected_gradients, strict=True):
        assert gradient.dtype == dtype
        if leaf is mine.hidden:
            ranks.assert_same_bits([gradient])
        else:
            truth = truth[first : first + sizes[ranks.rank]]
        torch.testing.assert_close(gradient.double(), truth, **tolerance)
    ranks.assert_same_bits([loss, *found.values()])
    expected = {"": expected_loss.detach(), **{name: value.detach() for name, value in expected.items()}}
    found = {"": loss.detach().double(), **{name: value.detach().double() for name, value in found.items()}}
    torch.testing.assert_close(found, expected, **tolerance)


LOADED: dict[str, Any] = {"kl_coef": 0.3, "entropy_coef": 0.2, "correction": "truncate", "correction_cap": 1.1}
ONE_VISIT = {
    "grpo": PolicyObjective.grpo(),
    "loaded": PolicyObjective.grpo(**LOADED),
    "masked by the correction": PolicyObjective.dapo(correction="mask", correction_cap=1.1),
    "an entropy bonus alone": PolicyObjective.reinforce(entropy_coef=-0.7),
    "cispo, sequences corrected": PolicyObjective.cispo(**{**LOADED, "correction_level": "sequence"}),
    "sapo": PolicyObjective.sapo(kl_coef=0.1),
}
COUPLED = {
    "gspo": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1),
    "gspo, loaded": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1, **LOADED),
    "kimi": PolicyObjective.kimi_k15(mirror_coef=0.3),
    "gmpo": PolicyObjective.gmpo(kl_coef=0.2, entropy_coef=0.1),
}
PER_TOKEN = {
    "a loss per token": PolicyObjective.ppo(reduction="none", **LOADED),
    "a loss per token of gspo": PolicyObjective.gspo(reduction="none", clip_low=0.1, clip_high=0.1),
}
SIZES, STATISTICS, HIDDEN = 1, 1, 1  # collectives: what every rank has; what a chunk says of its rows; dX


@CASES.add
def objectives_whose_tokens_stand_alone(ranks: Ranks) -> None:
    """One exchange a chunk: chunks are as many on a rank of one column as on one of a hundred."""
    tokens = int(Problem.of().mask.sum())
    for objective in ONE_VISIT.values():
        for chunk_tokens, dtype in ((None, torch.float64), (5, torch.float64), (1, torch.float64), (5, torch.float32)):
            chunks = 1 if chunk_tokens is None else -(-tokens // chunk_tokens)
            forward = SIZES + chunks * STATISTICS + HIDDEN
            options = {"chunk_tokens": chunk_tokens, "softcap": 5.0, "upstream": -2.5}
            assert_equals_one_process(ranks, Problem.of(dtype), policy(objective, **options), forward=forward)


@CASES.add
def objectives_that_look_at_whole_sequences(ranks: Ranks) -> None:
    """Chunks of 6 tokens hold a sequence each (of 4, 5 and 5 unmasked ones); of 4, not all of them do."""
    for objective in COUPLED.values():
        for chunk_tokens, exchanges in ((None, 1), (6, 3), (10, 2), (4, 1), (1, 1)):
            for dtype in (torch.float64, torch.float32):
                assert_equals_one_process(
                    ranks,
                    Problem.of(dtype),
                    policy(objective, chunk_tokens=chunk_tokens, upstream=0.5),
                    forward=SIZES + exchanges * STATISTICS + HIDDEN,
                )


@CASES.add
def losses_per_token(ranks: Ranks) -> None:
    for objective in PER_TOKEN.values():
        for chunk_tokens in (None, 4, 1):
            for dtype in (torch.float64, torch.float32):
                assert_equals_one_process(
                    ranks,
                    Problem.of(dtype),
                    policy(objective, chunk_tokens=chunk_tokens, softcap=5.0),
                    forward=SIZES + STATISTICS,
                    backward=HIDDEN,
                )


@CASES.add
def log_probabilities_and_entropies(ranks: Ranks) -> None:
    for use in (("log_probs", "entropy"), ("log_probs",)):
        for options in ({}, {"chunk_tokens": 2, "softcap": 4.0}, {"temperature": 0.7, "chunk_tokens": 5}):
            for dtype in (torch.float64, torch.float32):
                assert_equals_one_process(
                    ranks, Problem.of(dtype), scored(use, **options), forward=SIZES + STATISTICS, backward=HIDDEN
                )


@CASES.add
def slices_of_any_size(ranks: Ranks) -> None:
    for sizes in OTHER_SLICES[ranks.count]:
        for chunk_tokens in (None, 4):
            for objective in (ONE_VISIT["loaded"], COUPLED["gspo"]):
                function = policy(objective, chunk_tokens=chunk_tokens, softcap=5.0)
                assert_equals_one_process(ranks, Problem.of(), function, sizes=sizes)
            function = policy(PER_TOKEN["a loss per token"], chunk_tokens=chunk_tokens)
            assert_equals_one_process(ranks, Problem.of(), function, sizes=sizes, backward=HIDDEN)
            function = scored(chunk_tokens=chunk_tokens)
            assert_equals_one_process(ranks, Problem.of(), function, sizes=sizes, backward=HIDDEN)


@CASES.add
def frozen_inputs(ranks: Ranks) -> None:
    for frozen in (("hidden",), ("weight",), ("bias",), ("hidden", "weight"), ("weight", "bias")):
        p = Problem.of()
        for name in frozen:
            getattr(p, name).requires_grad_(False)
        sums = HIDDEN if "hidden" not in frozen else 0
        for objective in (ONE_VISIT["loaded"], COUPLED["gspo"]):
            function = policy(objective, chunk_tokens=100)
            assert_equals_one_process(ranks, p, function, forward=SIZES + STATISTICS + sums)
        function = policy(PER_TOKEN["a loss per token"])
        assert_equals_one_process(ranks, p, function, forward=SIZES + STATISTICS, backward=sums)
        assert_equals_one_process(ranks, p, scored(), forward=SIZES + STATISTICS, backward=sums)


@CASES.add
def no_gradient_is_wanted(ranks: Ranks) -> None:
    """No collective but those of the values; chunks or not."""
    p = Problem.of()
    for objective in (*ONE_VISIT.values(), *COUPLED.values(), *PER_TOKEN.values()):
        expected = policy(objective)(p)[1]
        for mode in (torch.no_grad, torch.inference_mode):
            with mode(), collectives(ranks, SIZES + STATISTICS):
                found = policy(objective, chunk_tokens=4)(p.part(ranks), process_group=ranks.group)[1]
            assert not found["the loss"].requires_grad
            torch.testing.assert_close(found, {name: value.detach() for name, value in expected.items()}, **EXACT)
        frozen = p.part(ranks)
        for leaf in frozen.leaves:
            leaf.requires_grad_(False)
        with collectives(ranks, SIZES + STATISTICS):
            policy(objective, chunk_tokens=4)(frozen, process_group=ranks.group)
    with torch.no_grad(), collectives(ranks, SIZES + STATISTICS):
        scored(chunk_tokens=4)(p.part(ranks), process_group=ranks.group)


@CASES.add
def nothing_to_score(ranks: Ranks) -> None:
    """All masked, no advantage, all clipped, no tokens at all: every rank still meets the others as often."""
    p = Problem.of()
    silent = {
        "masked": replace(p, mask=torch.zeros_like(p.mask)),
        "without advantage": replace(p, advantages=torch.zeros_like(p.advantages)),
        "clipped": replace(p, advantages=p.advantages.abs(), old_log_probs=p.old_log_probs - 9),
    }
    for name, q in silent.items():
        for objective in (PolicyObjective.grpo(), COUPLED["gspo"], COUPLED["gspo, loaded"], *PER_TOKEN.values()):
            for chunk_tokens in (None, 4):
                per_token = objective.reduction == "none"
                function = policy(objective, chunk_tokens=chunk_tokens)
                assert_equals_one_process(ranks, q, function, backward=HIDDEN if per_token else 0)
                if name == "masked":
                    assert function(q)[0] == 0
    for shape in ((0,), (2, 0), (0, 3)):
        empty = replace(
            p,
            hidden=p.hidden.detach().new_zeros(*shape, D).requires_grad_(),
            token_ids=torch.zeros(shape, dtype=torch.int64),
            mask=torch.zeros(shape, dtype=torch.bool),
            advantages=torch.zeros(shape, dtype=torch.float64),
            **{
                name: torch.zeros(shape, dtype=torch.float64)
                for name in ("old_log_probs", "ref_log_probs", "rollout_log_probs", "temperature")
            },
        )
        for objective in (ONE_VISIT["loaded"], COUPLED["gspo"]):
            assert_equals_one_process(ranks, empty, policy(objective))
        for function in (policy(PER_TOKEN["a loss per token"]), policy(PER_TOKEN["a loss per token of gspo"])):
            assert_equals_one_process(ranks, empty, function, backward=HIDDEN)


@CASES.add
def a_gradient_of_zero_from_above(ranks: Ranks) -> None:
    """In backward, too, every rank meets the others, whatever the numbers are."""
    for function in (policy(PER_TOKEN["a loss per token"], upstream=0.0), scored(use=())):
        p = Problem.of().part(ranks)
        _, outputs = function(p, process_group=ranks.group)
        output = next(iter(outputs.values()))
        with collectives(ranks, HIDDEN):
            gradients = torch.autograd.grad((0 * output).sum(), p.leaves)
        assert all((gradient == 0).all() for gradient in gradients)
    # A caller may use some tokens on one rank and others on another, as long as the sum of the ranks is meant.
    p, whole = Problem.of().part(ranks), Problem.of()
    of_rank = torch.zeros(B, L, dtype=torch.float64)
    of_rank[0] = 1.0
    expected = torch.autograd.grad((of_rank * scored()(whole)[1]["log_probs"]).sum(), whole.hidden)
    loss = (of_rank * scored()(p, process_group=ranks.group)[1]["log_probs"]).sum()
    torch.testing.assert_close(torch.autograd.grad(loss, p.hidden), expected, **EXACT)


@CASES.add
def masked_positions_may_hold_anything(ranks: Ranks) -> None:
    p = Problem.of()
    off = ~p.mask
    for objective in (*ONE_VISIT.values(), *COUPLED.values(), *PER_TOKEN.values()):
        function = policy(objective, chunk_tokens=5, softcap=5.0)
        whole = p.to(torch.float64)
        expected, outputs = function(whole)
        expected_gradients = torch.autograd.grad(expected, whole.hidden)
        spoiled = replace(
            p.part(ranks),
            hidden=p.hidden.detach().masked_fill(off[..., None], math.nan).requires_grad_(),
            token_ids=p.token_ids.masked_fill(off, -100),
            **{
                name: getattr(p, name).masked_fill(off, math.nan)
                for name in ("old_log_probs", "ref_log_probs", "rollout_log_probs", "temperature")
            },
        )
        loss, found = function(spoiled, process_group=ranks.group)
        gradients = torch.autograd.grad(loss, spoiled.hidden)
        torch.testing.assert_close([loss, found, gradients], [expected, outputs, expected_gradients], **EXACT)


@CASES.add
def backward_twice_meets_again(ranks: Ranks) -> None:
    """The gradients found in forward are handed over by the first backward; the second finds them again."""
    whole, p = Problem.of(), Problem.of().part(ranks)
    function = policy(ONE_VISIT["loaded"], chunk_tokens=7)
    expected = torch.autograd.grad(function(whole)[0], whole.hidden)
    loss, _ = function(p, process_group=ranks.group)
    for meetings in (0, 2 * STATISTICS + HIDDEN):
        with collectives(ranks, meetings):
            found = torch.autograd.grad(loss, p.hidden, retain_graph=True)
        torch.testing.assert_close(found, expected, **EXACT)


@CASES.add
def activation_checkpointing_meets_again(ranks: Ranks) -> None:
    for function in (policy(ONE_VISIT["loaded"]), policy(PER_TOKEN["a loss per token"]), scored()):
        whole, p = Problem.of(), Problem.of().part(ranks)
        expected = torch.autograd.grad(function(whole)[0], whole.hidden)
        again = partial(function, process_group=ranks.group)
        for use_reentrant in (True, False):
            loss = checkpoint(
                lambda hidden, p=p, again=again: again(replace(p, hidden=hidden))[0],
                p.hidden,
                use_reentrant=use_reentrant,
            )
            p.hidden.grad = None
            loss.backward()
            torch.testing.assert_close(p.hidden.grad, *expected, **EXACT)


@CASES.add
def bf16_is_computed_in_single_precision(ranks: Ranks) -> None:
    """Also slices without a column, and chunks that take the products in bf16."""
    for sizes in (SLICES[ranks.count], *OTHER_SLICES[ranks.count]):
        for chunk_tokens in (None, 4):
            for function, collective in (
                (policy(ONE_VISIT["loaded"], chunk_tokens=chunk_tokens), 0),
                (policy(COUPLED["gspo"], chunk_tokens=chunk_tokens), 0),
                (policy(PER_TOKEN["a loss per token"], chunk_tokens=chunk_tokens), HIDDEN),
                (scored(chunk_tokens=chunk_tokens), HIDDEN),
            ):
                p = Problem.of(torch.bfloat16)
                exact, mine = p.to(torch.float64), p.part(ranks, sizes)
                truths = torch.autograd.grad(function(exact)[0], exact.leaves)
                loss, found = function(mine, process_group=ranks.group)
                with collectives(ranks, collective):
                    gradients = torch.autograd.grad(loss, mine.leaves)
                ranks.assert_same_bits([loss, *found.values(), gradients[0]])
                first = sum(sizes[: ranks.rank])
                for leaf, gradient, truth in zip(mine.leaves, gradients, truths, strict=True):
                    assert gradient.dtype == torch.bfloat16
                    if leaf is not mine.hidden:
                        truth = truth[first : first + sizes[ranks.rank]]
                    assert (gradient.double() - truth).norm() <= 0.02 * truth.norm()


@CASES.add
def numbers_of_tokens_that_differ_are_refused_on_every_rank(ranks: Ranks) -> None:
    p = Problem.of().part(ranks)
    rows = B - (ranks.rank == 1)
    given = (p.hidden[:rows], p.weight, p.token_ids[:rows])
    message = r"as many rows on every rank, got \[18, 12"
    with pytest.raises(ValueError, match=message), collectives(ranks, SIZES):
        linear_token_log_probs(*given, process_group=ranks.group)
    for objective in (PolicyObjective.reinforce(), PolicyObjective.reinforce(reduction="none")):
        with pytest.raises(ValueError, match=message), collectives(ranks, SIZES):
            linear_policy_loss(
                *given, p.advantages[:rows], p.mask[:rows], objective=objective, process_group=ranks.group
            )


@CASES.add
def an_id_outside_the_vocabulary_is_refused_on_every_rank(ranks: Ranks) -> None:
    p = Problem.of().part(ranks)
    for wrong in (V, -1):
        p.token_ids[1, 3] = wrong
        message = rf"token id {wrong} \(at token 9\) is outside the vocabulary of 127"
        for function in (scored(), policy(ONE_VISIT["grpo"])):
            with pytest.raises(ValueError, match=message), collectives(ranks, SIZES):
                function(p, process_group=ranks.group)


@TRITON_CASES.add
def kernels_equal_one_process_in_double_precision(ranks: Ranks) -> None:
    for function, backward in (
        (policy(ONE_VISIT["grpo"], chunk_tokens=8), 0),
        (policy(ONE_VISIT["loaded"], softcap=5.0), 0),
        (policy(COUPLED["gspo, loaded"], chunk_tokens=6), 0),
        (policy(COUPLED["kimi"], chunk_tokens=4), 0),
        (policy(PER_TOKEN["a loss per token"], chunk_tokens=4), HIDDEN),
        (scored(chunk_tokens=4), HIDDEN),
    ):
        for sizes in (SLICES[2], (0, 127)):
            assert_equals_one_process(ranks, Problem.of(torch.float32), function, sizes=sizes, backward=backward)


@TRITON_CASES.add
def kernels_take_bf16(ranks: Ranks) -> None:
    bf16_is_computed_in_single_precision(ranks)


def run(whole: Ranks) -> dict[str, Report]:
    if os.environ.get("TRITON_INTERPRET") == "1":
        with np.errstate(all="ignore"):  # the interpreter computes by numpy, which would warn of inf - inf
            return {"triton": TRITON_CASES.failures(whole)}
    pair = CASES.failures(whole.subgroup([1, 2]))  # whose ranks are not the world's
    dist.barrier()
    return {"2": pair, "3": CASES.failures(whole)}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    three = run_world(__name__, 3, tmp_path_factory.mktemp("three"), TRITON_INTERPRET="0")
    two = run_world(__name__, 2, tmp_path_factory.mktemp("triton"), TRITON_INTERPRET="1")
    return three() | two()


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_equals_one_process(reports: Reports, name: str, ranks: int) -> None:
    require_no_failure(reports[str(ranks)], ranks, name)


@pytest.mark.parametrize("name", TRITON_CASES)
def test_the_kernels(reports: Reports, name: str) -> None:
    require_no_failure(reports["triton"], 2, name)
