"""An adapter of a head whose weight, and with it lora_B, lies in slices of the vocabulary on two gloo processes.

Names: B rows of L tokens, D hidden size, V vocabulary, K the adapter's rank.
"""

import pytest
import torch
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import Shard, distribute_tensor

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs
from pgkern.policy.linear import linear_products

from .world import Cases, Ranks, Report, Reports, require_no_failure, run_world

B, L, D, V, K = 3, 6, 8, 127, 2
SLICES = [(50, 77), (0, 127), (126, 1)]
EXACT = {"rtol": 1e-11, "atol": 1e-12}
OBJECTIVES = {
    "grpo": PolicyObjective.grpo(entropy_coef=0.1),
    "gspo": PolicyObjective.gspo(clip_low=0.1, clip_high=0.1),
    "none": PolicyObjective.ppo(reduction="none"),
}
CASES = Cases()


def leaves(dtype: torch.dtype = torch.float64, mine: slice = slice(None)) -> list[Tensor]:
    """Hidden, weight, lora_A and lora_B, numbers that bf16 holds; of weight and lora_B these rows."""
    random = torch.Generator().manual_seed(0)
    hidden, weight, a, b = (
        torch.randn(*shape, generator=random, dtype=torch.float64).bfloat16().to(dtype)
        for shape in ((B, L, D), (V, D), (K, D), (V, K))
    )
    return [leaf.clone().requires_grad_() for leaf in (hidden, weight[mine], a, b[mine])]


def mine(ranks: Ranks, sizes: tuple[int, ...]) -> slice:
    first = sum(sizes[: ranks.rank])
    return slice(first, first + sizes[ranks.rank])


def run_loss(given: list[Tensor], name: str, **options: object) -> list[Tensor]:
    """The loss, and every leaf's gradient."""
    random = torch.Generator().manual_seed(1)
    hidden, weight, a, b = given
    ids = torch.randint(0, V, (B, L), generator=random)
    mask = torch.rand(B, L, generator=random) > 0.3
    advantages = torch.randn(B, generator=random, dtype=torch.float64).to(torch.promote_types(a.dtype, torch.float32))
    log_probs = linear_token_log_probs(*(whole.detach() for whole in leaves()[:2]), ids)
    old = (log_probs + 0.3 * torch.randn(B, L, generator=random, dtype=torch.float64)).to(advantages.dtype)
    loss = linear_policy_loss(
        hidden.where(mask[..., None], torch.nan),
        *(weight, ids.where(mask, -100), advantages, mask),
        old_log_probs=old,
        lora=(a, b, 1.5),
        objective=OBJECTIVES[name],
        **options,
    ).loss
    upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
    return [loss.detach(), *torch.autograd.grad(loss, given, upstream)]


@CASES.add
def losses_and_gradients(ranks: Ranks) -> None:
    for sizes in SLICES:
        rows = mine(ranks, sizes)
        for name in OBJECTIVES:
            for chunk_tokens in (None, 5):
                loss, *of_whole = run_loss(leaves(), name, chunk_tokens=chunk_tokens)
                expected = [loss, of_whole[0], of_whole[1][rows], of_whole[2], of_whole[3][rows]]
                found = run_loss(leaves(mine=rows), name, chunk_tokens=chunk_tokens, process_group=ranks.group)
                torch.testing.assert_close(found, expected, **EXACT)
                ranks.assert_same_bits([found[0], found[1], found[3]])


@CASES.add
def bf16_as_a_cpu_multiplies_it(ranks: Ranks) -> None:
    linear_products._cpu_multiplies_bf16 = lambda: True
    for sizes in SLICES:
        rows = mine(ranks, sizes)
        loss, *of_whole = run_loss(leaves(), "none", chunk_tokens=4)
        expected = [loss, of_whole[0], of_whole[1][rows], of_whole[2], of_whole[3][rows]]
        found = run_loss(leaves(torch.bfloat16, rows), "none", chunk_tokens=4, process_group=ranks.group)
        for ours, exact in zip(found, expected, strict=True):
            assert (ours.double() - exact).norm() <= 5e-2 * exact.norm()
        ranks.assert_same_bits([found[0], found[1], found[3]])


@CASES.add
def an_adapter_that_is_sharded(ranks: Ranks) -> None:
    """As FSDP2 has it: each rank keeps its part of the ranks' average. Both have the same tokens here."""
    mesh = DeviceMesh.from_group(ranks.group, "cpu")
    expected, given = run_loss(leaves(), "grpo"), leaves()
    for place in (2, 3):
        given[place] = distribute_tensor(given[place].detach(), mesh, [Shard(0)]).requires_grad_()
    found = run_loss(given, "grpo")
    assert found[4].to_local().shape[0] == (64, 63)[ranks.rank]
    found[3:] = [gradient.full_tensor() for gradient in found[3:]]
    torch.testing.assert_close(found, expected, **EXACT)
    with pytest.raises(ValueError, match="with process_group, weight, bias and lora_B are this rank's rows"):
        run_loss(given, "grpo", process_group=ranks.group)


def run(ranks: Ranks) -> dict[str, Report]:
    return {"2": CASES.failures(ranks)}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    return run_world(__name__, 2, tmp_path_factory.mktemp("two"), TRITON_INTERPRET="0")()


@pytest.mark.parametrize("name", CASES)
def test_equals_one_process(reports: Reports, name: str) -> None:
    require_no_failure(reports["2"], 2, name)
