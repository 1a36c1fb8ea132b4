"""No tensor of tokens by vocabulary: what the functions over hidden states hold is one chunk of logits.

The functions are called as they are without a compiler, where every allocation can be seen.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs
from pgkern.policy import naive
from pgkern.policy.logits import logit_rows, row_exponentials

Build = Callable[..., Any]
B, L, D, V, CHUNK = 4, 16, 4, 1000, 8
NUMBERS = CHUNK * V + 64 * B * L
"""One chunk's; blocks of the vocabulary, which are multiples of 64 columns, may be that much larger."""

OBJECTIVES = {
    "one visit": PolicyObjective.grpo(),
    "entropy bonus": PolicyObjective.reinforce(entropy_coef=0.1),
    "two visits": PolicyObjective.gspo(),
    "two visits, entropy bonus": PolicyObjective.kimi_k15(mirror_coef=0.1, entropy_coef=0.1),
    "none": PolicyObjective.ppo(reduction="none"),
}


class Allocations(TorchDispatchMode):
    """The storages of at least `threshold` bytes that operations hand out, and the size of the largest of all.

    `known` are there already: views of them are no allocations.
    """

    def __init__(self, threshold: int, known: tuple[Tensor, ...] = ()) -> None:
        super().__init__()
        self.threshold = threshold
        self.known = {tensor.untyped_storage().data_ptr() for tensor in known}
        self.largest = 0
        self.storages: dict[int, torch.UntypedStorage] = {}  # kept alive, so that no address is used twice

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, tuple | list) else (found,):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if storage.data_ptr() in self.known:
                    continue
                self.largest = max(self.largest, storage.nbytes())
                if storage.nbytes() >= self.threshold:
                    self.storages[storage.data_ptr()] = storage
        return found


@pytest.fixture(autouse=True)
def _a_row_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that scratch of the row work is small beside a chunk."""
    for module in (row_exponentials, logit_rows):
        monkeypatch.setattr(module, "_BLOCK_NUMBERS", V)


def build(problem: Build, dtype: torch.dtype, drop: bool) -> Any:
    p = problem(B=B, L=L, D=D, V=V, dtype=dtype, bias=False)
    if drop:
        p.advantages[1::2] = 0
    return p


@pytest.mark.parametrize("drop", [True, False])
def test_one_chunk_of_logits_is_alive(problem: Build, drop: bool) -> None:
    """One buffer for all chunks, also when rows are left out of the gradient products."""
    p = build(problem, torch.float32, drop)
    with Allocations(CHUNK * V * 4) as allocations:
        loss = p.loss(linear_policy_loss, chunk_tokens=CHUNK)
        assert len(allocations.storages) == 1
        loss.backward()
    assert len(allocations.storages) == 1


@pytest.mark.parametrize("drop", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_loss_holds_no_more_than_a_chunk(problem: Build, name: str, dtype: torch.dtype, drop: bool) -> None:
    p = build(problem, dtype, drop)
    with Allocations(0, p.leaves) as allocations:
        p.loss(linear_policy_loss, objective=OBJECTIVES[name], chunk_tokens=CHUNK).sum().backward()
    assert allocations.largest <= NUMBERS * torch.promote_types(dtype, torch.float32).itemsize


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_log_probs_hold_no_more_than_a_chunk(problem: Build, dtype: torch.dtype) -> None:
    p = build(problem, dtype, drop=False)
    with Allocations(0, p.leaves) as allocations:
        log_probs, entropy = linear_token_log_probs(
            p.hidden, p.weight, p.token_ids, return_entropy=True, chunk_tokens=CHUNK
        )
        (log_probs.sum() + entropy.sum()).backward()
    assert allocations.largest <= NUMBERS * 4


@pytest.mark.parametrize("name", OBJECTIVES)
def test_without_gradients_there_is_one_chunk_and_nothing_of_the_weights_size(problem: Build, name: str) -> None:
    p = problem(B=B, L=L, D=64, V=V, dtype=torch.float32)
    with torch.no_grad(), Allocations(0, p.leaves) as allocations:
        p.loss(linear_policy_loss, objective=OBJECTIVES[name], chunk_tokens=CHUNK)
    assert allocations.largest <= NUMBERS * 4 < 64 * V * 4


def test_plain_torch_is_found_out(problem: Build) -> None:
    p = build(problem, torch.float32, drop=False)
    with Allocations(B * L * V * 4, p.leaves) as allocations:
        p.loss(naive.linear_policy_loss).backward()
    assert allocations.largest >= B * L * V * 4
    assert len(allocations.storages) > 2
