"""Models whose parameters lie on several ranks (DDP, FSDP2, DTensors), every rank with tokens of its own: gradients
against one process that has them all.

Names: B rows of L tokens, D hidden size, V vocabulary.
"""

import copy
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode
from torch.nn.parallel import DistributedDataParallel

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs

from .world import Cases, Ranks, Report, Reports, require_no_failure, run_world

B, L, D, V = 2, 5, 6, 31  # V is odd: the ranks' slices differ
OBJECTIVES = {
    "dapo": PolicyObjective.dapo(entropy_coef=0.1),
    "gspo": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1),
    "per token": PolicyObjective.ppo(reduction="none"),
}
CASES = Cases()


@dataclass(frozen=True)
class Batch:
    """What one rank is given."""

    input_ids: Tensor
    token_ids: Tensor
    mask: Tensor
    advantages: Tensor
    old_log_probs: Tensor

    @classmethod
    def of_rank(cls, rank: int, dtype: torch.dtype = torch.float64) -> "Batch":
        """Ranks have different numbers of tokens."""
        random = torch.Generator().manual_seed(rank)
        input_ids, token_ids = torch.randint(0, V, (2, B, L), generator=random)
        mask = torch.ones(B, L, dtype=torch.bool)
        mask[0, L - rank :] = False
        numbers = torch.randn(B * L + B, generator=random, dtype=torch.float64).to(dtype)
        return cls(input_ids, token_ids, mask, numbers[:B], numbers[B:].reshape(B, L) * 0.2 - 3.4)

    @classmethod
    def together(cls, batches: "list[Batch]") -> "Batch":
        names = ("input_ids", "token_ids", "mask", "advantages", "old_log_probs")
        return cls(*(torch.cat([getattr(batch, name) for batch in batches]) for name in names))


class Policy(nn.Module):
    """An embedding, a body, a head; its forward is the loss if it is given a batch, else hidden states."""

    def __init__(self, *, bias: bool = True, tied: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, D)
        self.body = nn.Sequential(nn.Linear(D, 2 * D), nn.Tanh(), nn.Linear(2 * D, D), nn.Tanh())
        self.lm_head = nn.Linear(D, V, bias=bias)
        if tied:
            self.lm_head.weight = self.embedding.weight

    def forward(self, input_ids: Tensor, batch: Batch | None = None, **options: Any) -> Tensor:
        hidden = self.body(self.embedding(input_ids))
        return hidden if batch is None else loss_of(self, hidden, batch, **options)


def build(dtype: torch.dtype = torch.float64, **options: bool) -> Policy:
    """The same on every rank."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Policy(**options).to(dtype)


def loss_of(
    model: nn.Module, hidden: Tensor, batch: Batch, objective: PolicyObjective = OBJECTIVES["dapo"], **options: Any
) -> Tensor:
    found = linear_policy_loss(
        hidden,
        model.lm_head.weight,
        batch.token_ids,
        batch.advantages,
        batch.mask,
        bias=model.lm_head.bias,
        old_log_probs=batch.old_log_probs,
        objective=objective,
        chunk_tokens=4,
        **options,
    ).loss
    return found if found.dim() == 0 else found.sum()


def batches(ranks: Ranks, dtype: torch.dtype = torch.float64) -> list[Batch]:
    return [Batch.of_rank(rank, dtype) for rank in range(ranks.count)]


def counts(every: list[Batch]) -> dict[str, float]:
    """Of all ranks' tokens, divided by the number of ranks, as gradients are averaged."""
    return {
        "num_tokens": sum(int(batch.mask.sum()) for batch in every) / len(every),
        "num_sequences": sum(int(batch.mask.any(1).sum()) for batch in every) / len(every),
    }


def whole(tensor: Any) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: whole(parameter.grad) for name, parameter in model.named_parameters()}


def expected_gradients(every: list[Batch], **options: Any) -> dict[str, Tensor]:
    """Of one process that has the tokens of all ranks."""
    build_options = {name: options.pop(name) for name in ("bias", "tied") if name in options}
    model, batch = build(torch.float64, **build_options), Batch.together(every)
    model(batch.input_ids, batch, **options).backward()
    return gradients(model)


def average(every: list[Batch], **options: Any) -> dict[str, Tensor]:
    """Of the gradients that every rank would have alone."""
    alone = [expected_gradients([batch], **options) for batch in every]
    return {name: torch.stack([found[name] for found in alone]).mean(0) for name in alone[0]}


def assert_equal(model: nn.Module, expected: dict[str, Tensor], **tolerance: float) -> None:
    found = {name.removeprefix("module."): value for name, value in gradients(model).items()}
    tolerance = tolerance or {"rtol": 1e-12, "atol": 1e-13}
    torch.testing.assert_close({name: value.double() for name, value in found.items()}, expected, **tolerance)


def mesh_of(ranks: Ranks) -> DeviceMesh:
    return DeviceMesh.from_group(ranks.group, "cpu")


def shard(model: nn.Module, mesh: DeviceMesh, layout: str, **options: Any) -> nn.Module:
    """ "parts": every part by itself; "head": the head by itself and the rest together; "root": all together."""
    parts = {"parts": (model.embedding, model.body, model.lm_head), "head": (model.lm_head,), "root": ()}[layout]
    for part in parts:
        fully_shard(part, mesh=mesh, **options)
    return fully_shard(model, mesh=mesh, **options)


@CASES.add
def fsdp2_with_the_loss_in_forward(ranks: Ranks) -> None:
    """The average of the ranks' own gradients; with `num_tokens` of all of them, divided by their number, the
    gradient of the whole batch."""
    every = batches(ranks)
    mine = every[ranks.rank]
    for layout in ("root", "head", "parts"):
        for name, objective in OBJECTIVES.items():
            model = shard(build(), mesh_of(ranks), layout)
            model(mine.input_ids, mine, objective=objective).backward()
            assert_equal(model, average(every, objective=objective))
            if name != "per token":
                model.zero_grad()
                model(mine.input_ids, mine, objective=objective, **counts(every)).backward()
                assert_equal(model, expected_gradients(every, objective=objective))


@CASES.add
def fsdp2_with_the_loss_outside(ranks: Ranks) -> None:
    """The head's weight is a DTensor there, and gathered once a call."""
    every = batches(ranks)
    mine = every[ranks.rank]
    for layout in ("parts", "head"):
        for name, objective in OBJECTIVES.items():
            model = shard(build(), mesh_of(ranks), layout)
            assert isinstance(model.lm_head.weight, DTensor)
            hidden = model(mine.input_ids)
            with CommDebugMode() as meetings:
                loss = loss_of(model, hidden, mine, objective)
            assert gathers(meetings) == 2, meetings.get_comm_counts()  # weight and bias
            loss.backward()
            assert isinstance(model.lm_head.weight.grad, DTensor)
            assert model.lm_head.weight.grad.placements == model.lm_head.weight.placements
            assert_equal(model, average(every, objective=objective))
            if name != "per token":
                model.zero_grad()
                loss_of(model, model(mine.input_ids), mine, objective, **counts(every)).backward()
                assert_equal(model, expected_gradients(every, objective=objective))
    model = shard(build(), mesh_of(ranks), "root")
    loss_of(model, model(mine.input_ids), mine).backward()
    assert_equal(model, average(every))


def gathers(meetings: CommDebugMode) -> int:
    return sum(count for kind, count in meetings.get_comm_counts().items() if "all_gather" in str(kind))


@CASES.add
def fsdp2_steps_and_accumulates(ranks: Ranks) -> None:
    """Several batches before a step, and then a step: the parameters are those of one process."""
    every = [[Batch.of_rank(rank + 10 * step) for rank in range(ranks.count)] for step in range(2)]
    alone, model = build(), shard(build(), mesh_of(ranks), "parts")
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.5) for m in (alone, model)]
    for _ in range(2):
        for batches_of_step in every:
            for batch in batches_of_step:
                (alone(batch.input_ids, batch) / ranks.count).backward()
            mine = batches_of_step[ranks.rank]
            loss_of(model, model(mine.input_ids), mine).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    found = {name: whole(parameter.detach()) for name, parameter in model.named_parameters()}
    torch.testing.assert_close(
        found, {name: p.detach() for name, p in alone.named_parameters()}, rtol=1e-11, atol=1e-12
    )


@CASES.add
def fsdp2_with_tied_embeddings(ranks: Ranks) -> None:
    every = batches(ranks)
    mine = every[ranks.rank]
    for outside in (False, True):
        model = shard(build(tied=True), mesh_of(ranks), "root")
        if outside:
            loss_of(model, model(mine.input_ids), mine).backward()
        else:
            model(mine.input_ids, mine).backward()
        assert_equal(model, average(every, tied=True))


@CASES.add
def fsdp2_in_mixed_precision(ranks: Ranks) -> None:
    """Parameters in bf16, gradients summed in fp32: as near the truth as bf16 parameters allow."""
    every = batches(ranks)
    mine = Batch.of_rank(ranks.rank, torch.float32)
    truth = average(every)
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layout in ("root", "head", "parts"):
        for outside in (False, True):
            model = shard(build(torch.float32), mesh_of(ranks), layout, mp_policy=policy)
            if outside:
                loss_of(model, model(mine.input_ids), mine).backward()
            else:
                model(mine.input_ids, mine).backward()
            assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
            for name, gradient in gradients(model).items():
                assert (gradient - truth[name]).norm() < 0.03 * truth[name].norm(), (layout, outside, name)


@CASES.add
def a_rank_without_tokens(ranks: Ranks) -> None:
    """All of its tokens are masked: it meets the others all the same, with gradients of zero."""
    every = batches(ranks)
    every[1] = replace(every[1], mask=torch.zeros(B, L, dtype=torch.bool))
    mine = every[ranks.rank]
    for objective in OBJECTIVES.values():
        expected = average(every, objective=objective)
        model = shard(build(), mesh_of(ranks), "parts")
        loss_of(model, model(mine.input_ids), mine, objective).backward()
        assert_equal(model, expected)
        for parallel in (shard(build(), mesh_of(ranks), "root"), ddp(ranks)):
            parallel(mine.input_ids, mine, objective=objective).backward()
            assert_equal(parallel, expected)


@CASES.add
def frozen_heads(ranks: Ranks) -> None:
    every = batches(ranks)
    mine = every[ranks.rank]
    expected = average(every)
    for outside in (False, True):
        model = build()
        model.lm_head.requires_grad_(False)
        model = shard(model, mesh_of(ranks), "parts")
        loss = loss_of(model, model(mine.input_ids), mine) if outside else model(mine.input_ids, mine)
        loss.backward()
        assert model.lm_head.weight.grad is None
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                torch.testing.assert_close(whole(parameter.grad), expected[name], rtol=1e-12, atol=1e-13)


@CASES.add
def log_probabilities_of_a_sharded_head(ranks: Ranks) -> None:
    every = batches(ranks)
    mine = every[ranks.rank]
    alone, model = build(), shard(build(), mesh_of(ranks), "parts")
    hidden = model(mine.input_ids)
    with torch.no_grad(), CommDebugMode() as meetings:
        found = linear_token_log_probs(hidden, model.lm_head.weight, mine.token_ids, bias=model.lm_head.bias)
    assert gathers(meetings) == 2
    expected = linear_token_log_probs(
        alone(mine.input_ids), alone.lm_head.weight, mine.token_ids, bias=alone.lm_head.bias
    )
    torch.testing.assert_close(found, expected.detach(), rtol=1e-12, atol=1e-13)
    linear_token_log_probs(hidden, model.lm_head.weight, mine.token_ids).sum().backward()
    one = build()
    for batch in every:
        log_probs = linear_token_log_probs(one(batch.input_ids), one.lm_head.weight, batch.token_ids)
        (log_probs.sum() / ranks.count).backward()
    for name, parameter in one.named_parameters():
        if parameter.grad is not None:
            mine_too = dict(model.named_parameters())[name]
            torch.testing.assert_close(whole(mine_too.grad), parameter.grad, rtol=1e-12, atol=1e-13)


@CASES.add
def a_weight_in_any_placement(ranks: Ranks) -> None:
    """As tensor parallelism has it (the same tokens on every rank), and with tokens of their own."""
    meshes = [(mesh_of(ranks), placements) for placements in ((Shard(0),), (Shard(1),), (Replicate(),))]
    if ranks.count == 4:
        square = init_device_mesh("cpu", (2, 2), mesh_dim_names=("replicas", "shards"))
        for pair in ((Replicate(), Shard(0)), (Shard(0), Shard(0)), (Shard(0), Shard(1)), (Shard(1), Replicate())):
            meshes.append((square, pair))
    every = batches(ranks)
    one = build()
    for mesh, placements in meshes:
        for same in (True, False):
            tokens = [every[0]] * ranks.count if same else every
            mine = tokens[ranks.rank]
            hidden = one(mine.input_ids).detach().requires_grad_()
            head = nn.Linear(D, V).double()
            for name in ("weight", "bias"):
                whole_one = getattr(one.lm_head, name).detach()
                places = placements if name == "weight" else [Replicate() if p == Shard(1) else p for p in placements]
                setattr(head, name, nn.Parameter(distribute_tensor(whole_one.clone(), mesh, places)))
            model = nn.Module()
            model.lm_head = head
            loss_of(model, hidden, mine).backward()
            assert head.weight.grad.placements == head.weight.placements
            assert head.bias.grad.placements == head.bias.placements
            expected = average(tokens)
            for name, parameter in head.named_parameters():
                gradient = whole(parameter.grad)
                torch.testing.assert_close(gradient, expected[f"lm_head.{name}"], rtol=1e-12, atol=1e-13)
            plain = copy.deepcopy(one)
            again = hidden.detach().requires_grad_()
            loss_of(plain, again, mine).backward()
            torch.testing.assert_close(hidden.grad, again.grad, rtol=0, atol=0)


@CASES.add
def fsdp2_of_replicas(ranks: Ranks) -> None:
    """HSDP: two replicas of two shards."""
    if ranks.count != 4:
        return
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("replicas", "shards"))
    every = batches(ranks)
    mine = every[ranks.rank]
    for layout in ("root", "parts"):
        model = shard(build(), mesh, layout)
        model(mine.input_ids, mine).backward()
        assert_equal(model, average(every))
        model.zero_grad()
        loss_of(model, model(mine.input_ids), mine, **counts(every)).backward()
        assert_equal(model, expected_gradients(every))


@CASES.add
def a_sharded_weight_is_no_slice(ranks: Ranks) -> None:
    """A DTensor knows where its rows are; told besides that it is a slice, its rows would count once per rank."""
    mine = Batch.of_rank(0)
    model = shard(build(), mesh_of(ranks), "parts")
    hidden = model(mine.input_ids).detach()
    with pytest.raises(ValueError, match=r"process_group.*DTensor"):
        linear_token_log_probs(hidden, model.lm_head.weight, mine.token_ids, process_group=ranks.group)
    with pytest.raises(ValueError, match=r"process_group.*DTensor"):
        loss_of(model, hidden, mine, process_group=ranks.group)
    local = model.lm_head.weight.to_local().detach()
    found = linear_token_log_probs(hidden, local, mine.token_ids, process_group=ranks.group)
    expected = linear_token_log_probs(hidden, build().lm_head.weight.detach(), mine.token_ids)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


@CASES.add
def tokens_are_no_dtensors(ranks: Ranks) -> None:
    mine, head = Batch.of_rank(0), build().lm_head
    given = {"hidden": torch.zeros(B, L, D, dtype=torch.float64), "token_ids": mine.token_ids}
    for name, tensor in given.items():
        wrong = given | {name: distribute_tensor(tensor, mesh_of(ranks), [Replicate()])}
        message = rf"{name} must be this rank's own tokens.*got a DTensor of shape \[{B}, {L}"
        with pytest.raises(ValueError, match=message):
            linear_token_log_probs(wrong["hidden"], head.weight, wrong["token_ids"])
        with pytest.raises(ValueError, match=message):
            linear_policy_loss(wrong["hidden"], head.weight, wrong["token_ids"], mine.advantages, mine.mask)


def ddp(ranks: Ranks, **options: Any) -> nn.Module:
    return DistributedDataParallel(build(), process_group=ranks.group, **options)


@CASES.add
def ddp_averages(ranks: Ranks) -> None:
    every = batches(ranks)
    mine = every[ranks.rank]
    for objective in OBJECTIVES.values():
        expected = average(every, objective=objective)
        for options in ({}, {"gradient_as_bucket_view": True}, {"static_graph": True}):
            model = ddp(ranks, find_unused_parameters=False, **options)
            for _ in range(2):
                model.zero_grad()
                model(mine.input_ids, mine, objective=objective).backward()
                assert_equal(model, expected)
    model = ddp(ranks)
    model(mine.input_ids, mine, **counts(every)).backward()
    assert_equal(model, expected_gradients(every))


@CASES.add
def ddp_accumulates_without_meeting(ranks: Ranks) -> None:
    steps = [[Batch.of_rank(rank + 10 * step) for rank in range(ranks.count)] for step in range(3)]
    averages = [average(step) for step in steps]
    expected = {name: sum(found[name] for found in averages) for name in averages[0]}
    for head_outside in (False, True):
        model = ddp(ranks)
        for number, step in enumerate(steps):
            mine = step[ranks.rank]
            last = number == len(steps) - 1
            before = ranks.collectives()
            with nullcontext() if last else model.no_sync():
                if head_outside:
                    loss_of(model.module, model(mine.input_ids), mine).backward()
                else:
                    model(mine.input_ids, mine).backward()
            assert last or ranks.collectives() == before
        assert_equal(model, expected)


@CASES.add
def fsdp2_accumulates_without_meeting(ranks: Ranks) -> None:
    """Of a head that is gathered outside each part's gradient is handed over at once; the sum is the same."""
    steps = [[Batch.of_rank(rank + 10 * step) for rank in range(ranks.count)] for step in range(3)]
    averages = [average(step) for step in steps]
    expected = {name: sum(found[name] for found in averages) for name in averages[0]}
    for layout in ("parts", "head", "root"):
        for outside in (False, True):
            model = shard(build(), mesh_of(ranks), layout)
            for number, step in enumerate(steps):
                mine = step[ranks.rank]
                model.set_requires_gradient_sync(number == len(steps) - 1)
                if outside:
                    loss_of(model, model(mine.input_ids), mine).backward()
                else:
                    model(mine.input_ids, mine).backward()
            assert_equal(model, expected)


def run(world: Ranks) -> dict[str, Report]:
    pair = CASES.failures(world.subgroup([1, 2]))  # whose ranks are not the world's
    dist.barrier()
    return {"2": pair, "4": CASES.failures(world)}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    return run_world(__name__, 4, tmp_path_factory.mktemp("four"))()


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("name", CASES)
def test_equals_one_process(reports: Reports, name: str, ranks: int) -> None:
    require_no_failure(reports[str(ranks)], ranks, name)
