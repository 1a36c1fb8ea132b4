"""On a CUDA device: real sizes, more than 2**31 logits, more than 65,535 rows, no waiting, no recompiling.

Names: N tokens, D hidden size, V vocabulary.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, linear_token_log_probs, token_log_probs
from pgkern.policy import naive

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
OBJECTIVES = [
    PolicyObjective.reinforce(),
    PolicyObjective.reinforce_off_policy(),
    PolicyObjective.grpo(),
    PolicyObjective.dapo(),
    PolicyObjective.dr_grpo(reduction_constant=64.0),
]


def error(found: Tensor, truth: Tensor) -> float:
    return ((found.double() - truth.double()).norm() / truth.double().norm().clamp(min=1e-300)).item()


def inputs(N: int, D: int, V: int, dtype: torch.dtype, seed: int = 0) -> dict[str, Tensor]:
    random = torch.Generator("cuda").manual_seed(seed)
    hidden = torch.randn(N, D, generator=random, device="cuda").to(dtype)
    weight = (torch.randn(V, D, generator=random, device="cuda") * D**-0.5).to(dtype)
    token_ids = torch.randint(0, V, (N,), generator=random, device="cuda")
    with torch.no_grad():
        log_probs = linear_token_log_probs(hidden, weight, token_ids)
    return {
        "hidden": hidden,
        "weight": weight,
        "token_ids": token_ids,
        "advantages": torch.randn(N, generator=random, device="cuda"),
        "mask": torch.rand(N, generator=random, device="cuda") > 0.2,
        "old_log_probs": log_probs + 0.1 * torch.randn(N, generator=random, device="cuda"),
    }


def loss_and_gradients(function: Callable, arguments: dict[str, Tensor], **options: object) -> list[Tensor]:
    leaves = {name: arguments[name].detach().requires_grad_() for name in ("hidden", "weight")}
    loss = function(**{**arguments, **leaves}, **options).loss
    return [loss.detach(), *torch.autograd.grad(loss, list(leaves.values()))]


def in_fp64(arguments: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.double() if t.is_floating_point() else t for name, t in arguments.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("V", [127, 1000, 50257])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_linear_policy_loss(objective: PolicyObjective, V: int, dtype: torch.dtype) -> None:
    arguments = inputs(200, 64, V, dtype)
    found = loss_and_gradients(linear_policy_loss, arguments, objective=objective, chunk_tokens=64)
    truth = loss_and_gradients(linear_policy_loss, in_fp64(arguments), objective=objective)
    assert error(found[0], truth[0]) < 1e-4
    for ours, exact in zip(found[1:], truth[1:], strict=True):
        assert ours.dtype == dtype
        assert error(ours, exact) < (2e-5 if dtype == torch.float32 else 5e-3)


@pytest.mark.parametrize("V", [128256, 129920, 151936, 152064, 262144])
def test_real_vocabularies_in_bf16(V: int) -> None:
    arguments = inputs(1500, 512, V, torch.bfloat16)
    found = loss_and_gradients(linear_policy_loss, arguments, chunk_tokens=1024, objective=PolicyObjective.ppo())
    truth = loss_and_gradients(linear_policy_loss, in_fp64(arguments), objective=PolicyObjective.ppo())
    for ours, exact in zip(found[1:], truth[1:], strict=True):
        assert error(ours, exact) < 5e-3
    log_probs, entropy = linear_token_log_probs(
        arguments["hidden"], arguments["weight"], arguments["token_ids"], return_entropy=True
    )
    exact_arguments = in_fp64(arguments)
    exact_log_probs, exact_entropy = naive.linear_token_log_probs(
        exact_arguments["hidden"], exact_arguments["weight"], arguments["token_ids"], return_entropy=True
    )
    assert (log_probs - exact_log_probs).abs().max() < 1e-4
    assert (entropy - exact_entropy).abs().max() < 1e-3


def test_more_than_two_to_the_31_logits() -> None:
    N, V = 16384, 151936
    assert N * V > 2**31
    logits = torch.empty(N, V, dtype=torch.bfloat16, device="cuda").normal_()
    token_ids = torch.randint(0, V, (N,), device="cuda")
    leaf = logits.detach().requires_grad_()
    log_probs, entropy = token_log_probs(leaf, token_ids, return_entropy=True)
    (log_probs.sum() + entropy.sum()).backward()
    for rows in (slice(0, 8), slice(N - 8, N)):
        few = logits[rows].clone().requires_grad_()
        expected, expected_entropy = token_log_probs(few, token_ids[rows], return_entropy=True)
        (expected.sum() + expected_entropy.sum()).backward()
        assert torch.equal(log_probs[rows], expected)
        assert torch.equal(entropy[rows], expected_entropy)
        assert torch.equal(leaf.grad[rows], few.grad)


def test_a_chunk_of_more_than_two_to_the_31_logits() -> None:
    arguments = inputs(16384, 256, 151936, torch.bfloat16)
    found = loss_and_gradients(linear_policy_loss, arguments, chunk_tokens=16384)
    expected = loss_and_gradients(linear_policy_loss, arguments, chunk_tokens=2048)
    for one, eight in zip(found, expected, strict=True):
        assert error(one, eight) < 5e-3


def test_more_than_65535_rows() -> None:
    arguments = inputs(70_001, 16, 32, torch.float32)
    found = loss_and_gradients(linear_policy_loss, arguments, chunk_tokens=70_001)
    truth = loss_and_gradients(linear_policy_loss, in_fp64(arguments))
    for ours, exact in zip(found, truth, strict=True):
        assert error(ours, exact) < 2e-5


def test_backward_does_not_wait_for_the_device() -> None:
    arguments = inputs(300, 64, 1000, torch.bfloat16)
    arguments["weight"].requires_grad_()
    loss = linear_policy_loss(**arguments).loss * 0.5
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert arguments["weight"].grad.isfinite().all()


def test_a_token_outside_the_vocabulary_is_nan_and_reads_nothing() -> None:
    arguments = inputs(64, 32, 1000, torch.float32)
    arguments["mask"][:] = True
    arguments["token_ids"][5] = 1 << 40
    log_probs = linear_token_log_probs(arguments["hidden"], arguments["weight"], arguments["token_ids"])
    assert log_probs.isnan().nonzero().flatten().tolist() == [5]
    loss, grad_hidden, _ = loss_and_gradients(linear_policy_loss, arguments)
    assert loss.isnan()
    assert grad_hidden[5].isnan().all()
    torch.cuda.synchronize()  # no device-side assertion
    arguments["mask"][5] = False
    assert all(t.isfinite().all() for t in loss_and_gradients(linear_policy_loss, arguments))


def test_twenty_lengths_compile_nothing_new() -> None:
    from pgkern.kernels.policy_loss_rows import policy_loss_rows_kernel

    def compiled() -> int:
        return len(policy_loss_rows_kernel.device_caches[torch.cuda.current_device()][0])

    loss_and_gradients(linear_policy_loss, inputs(10, 32, 1024, torch.bfloat16))
    before = compiled()
    for N in range(11, 31):
        loss_and_gradients(linear_policy_loss, inputs(N, 32, 1024, torch.bfloat16))
    assert compiled() == before


def test_bitwise_repeatable() -> None:
    arguments = inputs(3000, 256, 50257, torch.bfloat16)
    first = loss_and_gradients(linear_policy_loss, arguments, chunk_tokens=512)
    for _ in range(3):
        assert all(map(torch.equal, loss_and_gradients(linear_policy_loss, arguments, chunk_tokens=512), first))


def test_on_another_stream() -> None:
    arguments = inputs(300, 64, 1000, torch.float32)
    expected = loss_and_gradients(linear_policy_loss, arguments)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        found = loss_and_gradients(linear_policy_loss, arguments)
    stream.synchronize()
    assert all(map(torch.equal, found, expected))


def test_memory_is_a_chunk_and_the_gradients() -> None:
    N, D, V, chunk = 8192, 1024, 151936, 1024
    arguments = inputs(N, D, V, torch.bfloat16)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    loss_and_gradients(linear_policy_loss, arguments, chunk_tokens=chunk)
    peak = torch.cuda.max_memory_allocated() - before
    sums = (V * D + N * D) * (4 + 2)  # fp32 sums and their bf16 copies
    logits = chunk * V * (4 + 2)  # fp32 logits and their bf16 gradient
    assert peak < 1.1 * (sums + logits)
