"""On a CUDA device: real sizes, more than 2**31 logits, more than 65,535 rows, no waiting, no recompiling.

Names: N tokens, D hidden size, V vocabulary.
"""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from pgkern import (
    PolicyObjective,
    linear_policy_loss,
    linear_token_log_probs,
    logits_policy_loss,
    policy_loss,
    token_log_probs,
)
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


# ---- from logits and from log-probabilities

EVERY = {
    "reinforce": PolicyObjective.reinforce(entropy_coef=0.1),
    "grpo": PolicyObjective.grpo(kl_coef=0.2),
    "dapo": PolicyObjective.dapo(correction="truncate", correction_cap=1.1),
    "dr_grpo": PolicyObjective.dr_grpo(reduction_constant=64.0, dual_clip=1.3),
    "cispo": PolicyObjective.cispo(clip_high=0.1, correction="mask", correction_level="sequence", correction_cap=3.0),
    "sapo": PolicyObjective.sapo(),
    "gspo": PolicyObjective.gspo(clip_low=0.05, clip_high=0.05, entropy_coef=0.1),
    "gmpo": PolicyObjective.gmpo(),
    "kimi_k15": PolicyObjective.kimi_k15(mirror_coef=0.1),
    "none": PolicyObjective.ppo(reduction="none"),
}
FUNCTIONS = ("token_log_probs", "policy_loss", "logits_policy_loss", "logits_policy_loss in place")


def logit_inputs(N: int, V: int, dtype: torch.dtype, sequences: int = 4) -> dict[str, Tensor]:
    """Packed: `[N, V]` and whose tokens they are."""
    random = torch.Generator("cuda").manual_seed(N)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, device="cuda")

    logits = (2 * normal(N, V)).to(dtype)
    token_ids = torch.randint(0, V, (N,), generator=random, device="cuda")
    token_ids[0] = V - 1
    with torch.no_grad():
        old = token_log_probs(logits, token_ids) + 0.1 * normal(N)
    return {
        "logits": logits,
        "token_ids": token_ids,
        "advantages": normal(sequences),
        "mask": torch.rand(N, generator=random, device="cuda") > 0.2,
        "sequence_ids": torch.arange(N, device="cuda") * sequences // N,
        "old_log_probs": old,
        "ref_log_probs": old + 0.1 * normal(N),
        "rollout_log_probs": old + 0.05 * normal(N),
    }


def outputs_and_gradient(name: str, batch: dict[str, Tensor], **options: Any) -> list[Tensor]:
    """The loss, the metrics, and the gradient in the logits (for `policy_loss`, in log-probabilities)."""
    given = dict(batch)
    leaf = given.pop("logits").detach().requires_grad_()
    upstream: Tensor | None = None
    if name == "token_log_probs":
        log_probs, entropy = token_log_probs(leaf, given["token_ids"], return_entropy=True)
        loss, metrics = (log_probs * given["old_log_probs"] - entropy).sum(), {}
    elif name == "policy_loss":
        del given["token_ids"]
        leaf = leaf[:, 0].detach().float().requires_grad_()
        found = policy_loss(leaf, entropy=leaf.detach().square(), **given, **options)
        loss, metrics = found.loss, found.metrics
    else:
        leaf = leaf.detach().clone().requires_grad_() if name.endswith("in place") else leaf
        found = logits_policy_loss(leaf, **given, **options, inplace_backward=name.endswith("in place"))
        loss, metrics = found.loss, found.metrics
    if loss.dim():
        upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype, device=loss.device)
    (gradient,) = torch.autograd.grad(loss, leaf, upstream)
    return [loss.detach(), gradient, *metrics.values()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("V", [2, 127, 4097, 50257])
@pytest.mark.parametrize("name", EVERY)
def test_logits_policy_loss(name: str, V: int, dtype: torch.dtype) -> None:
    batch = logit_inputs(60, V, dtype)
    truth = outputs_and_gradient("logits_policy_loss", in_fp64(batch), objective=EVERY[name])
    for function in ("logits_policy_loss", "logits_policy_loss in place"):
        found = outputs_and_gradient(function, batch, objective=EVERY[name])
        assert found[1].dtype == dtype
        assert error(found[0], truth[0]) < 2e-5
        assert error(found[1], truth[1]) < {torch.float32: 2e-5, torch.bfloat16: 5e-3, torch.float16: 1e-3}[dtype]
        for ours, exact in zip(found[2:], truth[2:], strict=True):
            assert abs(ours.item() - exact.item()) < 1e-4 * max(1.0, abs(exact.item()))


@pytest.mark.parametrize("name", EVERY)
def test_policy_loss(name: str) -> None:
    batch = logit_inputs(5000, 3, torch.float32, sequences=200)
    truth = outputs_and_gradient("policy_loss", in_fp64(batch), objective=EVERY[name])
    for ours, exact in zip(outputs_and_gradient("policy_loss", batch, objective=EVERY[name]), truth, strict=True):
        assert error(ours, exact) < 2e-5


@pytest.mark.parametrize("name", ["grpo", "gspo"])
@pytest.mark.parametrize("in_place", [False, True])
def test_slices_padding_softcap_and_a_temperature_per_token(in_place: bool, name: str) -> None:
    batch = logit_inputs(60, 1000, torch.float32)
    batch["temperature"] = torch.linspace(0.5, 1.5, 60, device="cuda")
    options: dict[str, Any] = {"objective": EVERY[name], "softcap": 5.0}
    truth = outputs_and_gradient("logits_policy_loss", in_fp64(batch), **options)
    masked = ~batch["mask"]
    full = torch.full((70, 1064), math.nan, device="cuda")
    full[5:65, :1000] = batch["logits"].masked_fill(masked[:, None], math.nan)
    batch["token_ids"] = batch["token_ids"].masked_fill(masked, -100)
    batch["temperature"] = batch["temperature"].masked_fill(masked, math.nan)
    for logits in (full[5:65], full[5:65].t().contiguous().t()):
        leaf = logits.detach().requires_grad_()
        loss = logits_policy_loss(
            **{**batch, "logits": leaf}, **options, vocab_size=1000, inplace_backward=in_place
        ).loss
        (gradient,) = torch.autograd.grad(loss, leaf)
        assert error(loss.detach(), truth[0]) < 2e-5
        assert error(gradient[:, :1000], truth[1]) < 2e-5
        assert (gradient[:, 1000:] == 0).all()
        assert (gradient[masked] == 0).all()
        full[5:65, :1000] = in_fp64(batch)["logits"].masked_fill(masked[:, None], math.nan).float()
        full[5:65, 1000:] = math.nan


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("objective", [PolicyObjective.ppo(reduction="sum"), PolicyObjective.gspo(reduction="sum")])
def test_the_loss_of_more_than_two_to_the_31_logits(objective: PolicyObjective, in_place: bool) -> None:
    N, V, edge = 16384, 151936, 8
    assert N * V > 2**31
    logits = torch.empty(N, V, dtype=torch.bfloat16, device="cuda").normal_()
    ends = torch.cat([logits[:edge], logits[-edge:]]).clone()
    token_ids = torch.randint(0, V, (N,), device="cuda")
    old = torch.full((N,), -12.0, device="cuda")
    sequence_ids = torch.arange(N, device="cuda") // edge  # the first and the last rows are sequences of their own
    advantages, mask = torch.randn(N, device="cuda"), torch.ones(N, dtype=torch.bool, device="cuda")
    options = {"objective": objective, "inplace_backward": in_place}

    def gradient(rows: slice | Tensor, logits: Tensor) -> Tensor:
        leaf = logits.detach().requires_grad_()
        loss = logits_policy_loss(
            leaf,
            token_ids[rows],
            advantages[rows],
            mask[rows],
            old_log_probs=old[rows],
            sequence_ids=sequence_ids[rows],
            **options,
        ).loss
        return torch.autograd.grad(loss, leaf)[0]

    found = gradient(slice(None), logits)
    rows = torch.cat([torch.arange(edge), torch.arange(N - edge, N)]).cuda()
    expected = gradient(rows, ends)
    assert expected.abs().max() > 0
    assert torch.equal(found[rows], expected)
    assert found[:: N // 8].isfinite().all()


@pytest.mark.parametrize("name", ["grpo", "gspo", "kimi_k15", "none"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_more_than_65535_tokens(function: str, name: str) -> None:
    batch = logit_inputs(70_001, 32, torch.float32, sequences=300)
    truth = outputs_and_gradient(function, in_fp64(batch), objective=EVERY[name])
    found = outputs_and_gradient(function, batch, objective=EVERY[name])
    assert error(found[0], truth[0]) < 1e-4
    assert error(found[1], truth[1]) < 1e-4


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_waits_for_the_device(function: str, name: str) -> None:
    batch = logit_inputs(300, 1000, torch.bfloat16)
    counts = {"num_tokens": batch["mask"].sum(), "num_sequences": 4, "objective": EVERY[name]}
    expected = outputs_and_gradient(function, batch, **counts)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = outputs_and_gradient(function, batch, **counts)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(map(torch.equal, found, expected))
    assert all(value.is_cuda for value in found)


@pytest.mark.parametrize("name", ["reinforce", "grpo", "gspo", "none"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_cuda_graphs(function: str, name: str) -> None:
    """Captured once, replayed with other numbers in the same memory."""
    batch, other = (logit_inputs(N, 1000, torch.bfloat16) for N in (300, 301))
    other = {key: value if key == "advantages" else value[:300] for key, value in other.items()}
    options: dict[str, Any] = {"objective": EVERY[name]}
    expected = outputs_and_gradient(function, other, **options)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # kernels are compiled before the capture
        for _ in range(2):
            outputs_and_gradient(function, batch, **options)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = outputs_and_gradient(function, batch, **options)
    for key, value in other.items():
        batch[key].copy_(value)
    graph.replay()
    torch.cuda.synchronize()
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", ["grpo", "gspo"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_functions_on_another_stream(function: str, name: str) -> None:
    batch = logit_inputs(300, 1000, torch.float32)
    expected = outputs_and_gradient(function, batch, objective=EVERY[name])
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        found = outputs_and_gradient(function, batch, objective=EVERY[name])
    stream.synchronize()
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", EVERY)
def test_the_functions_repeat_bit_for_bit(name: str) -> None:
    batch = logit_inputs(3000, 1000, torch.bfloat16, sequences=40)
    for function in FUNCTIONS:
        first = outputs_and_gradient(function, batch, objective=EVERY[name])
        for _ in range(3):
            assert all(map(torch.equal, outputs_and_gradient(function, batch, objective=EVERY[name]), first))


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", ["grpo", "gspo"])
@pytest.mark.parametrize("function", ["policy_loss", "logits_policy_loss"])
def test_in_compiled_code(function: str, name: str) -> None:
    torch.compiler.reset()
    objective = EVERY[name]

    def losses(logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
        if function == "logits_policy_loss":
            return logits_policy_loss(logits, **batch, objective=objective).loss
        log_probs, entropy = token_log_probs(logits, batch["token_ids"], return_entropy=True)
        rest = {key: value for key, value in batch.items() if key != "token_ids"}
        return policy_loss(log_probs, entropy=entropy, **rest, objective=objective).loss

    compiled = torch.compile(losses, fullgraph=True)
    for N in (64, 96, 100):
        batch = logit_inputs(N, 1000, torch.float32)
        leaf = batch.pop("logits").requires_grad_()
        found, expected = compiled(leaf, batch), losses(leaf, batch)
        assert error(found.detach(), expected.detach()) < 1e-5
        gradients = [torch.autograd.grad(loss, leaf)[0] for loss in (found, expected)]
        assert error(gradients[0], gradients[1]) < 1e-5
    torch.compiler.reset()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_twenty_lengths_of_the_functions_compile_at_most_twice(function: str) -> None:
    from pgkern.kernels.policy_loss_rows import policy_loss_rows_kernel
    from pgkern.kernels.token_log_probs_backward import token_log_probs_backward_kernel
    from pgkern.kernels.token_log_probs_forward import token_log_probs_forward_kernel
    from pgkern.kernels.token_losses import token_losses_kernel

    kernels = (
        policy_loss_rows_kernel,
        token_log_probs_backward_kernel,
        token_log_probs_forward_kernel,
        token_losses_kernel,
    )

    def compiled() -> list[int]:
        return [len(kernel.device_caches[torch.cuda.current_device()][0]) for kernel in kernels]

    batches = [logit_inputs(N, 1024, torch.bfloat16) for N in range(31, 51)]
    before = compiled()
    for batch in batches:
        for objective in (PolicyObjective.grpo(), PolicyObjective.gspo()):
            outputs_and_gradient(function, batch, objective=objective)
    assert all(now - then <= 2 for now, then in zip(compiled(), before, strict=True)), (before, compiled())


@pytest.mark.parametrize("name", ["grpo", "gspo"])
def test_in_place_there_is_no_second_array_of_the_logits_size(name: str) -> None:
    batch = logit_inputs(4096, 32000, torch.bfloat16)
    size = batch["logits"].numel() * 2
    leaf = batch.pop("logits").requires_grad_()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    loss = logits_policy_loss(leaf, **batch, objective=EVERY[name], inplace_backward=True).loss
    (gradient,) = torch.autograd.grad(loss, leaf)
    assert gradient.data_ptr() == leaf.data_ptr()
    assert torch.cuda.max_memory_allocated() - before < size / 20


@pytest.mark.parametrize("name", EVERY)
def test_a_token_outside_the_vocabulary_makes_the_loss_nan_and_reads_nothing(name: str) -> None:
    batch = logit_inputs(64, 1000, torch.float32)
    batch["mask"][:] = True
    for wrong in (1000, -1, 1 << 40):
        batch["token_ids"][5] = wrong
        found = outputs_and_gradient("logits_policy_loss", batch, objective=EVERY[name])
        assert found[0].sum().isnan()
        assert found[1][5].isnan().all()
        torch.cuda.synchronize()  # no device-side assertion
    batch["mask"][5] = False
    found = outputs_and_gradient("logits_policy_loss", batch, objective=EVERY[name])
    assert all(value.isfinite().all() for value in found)


def test_rollout_log_probs_without_a_correction_change_nothing() -> None:
    batch = logit_inputs(64, 1000, torch.float32)
    without = {key: value for key, value in batch.items() if key != "rollout_log_probs"}
    for function in ("policy_loss", "logits_policy_loss"):
        found, expected = (outputs_and_gradient(function, given)[:2] for given in (batch, without))
        assert all(map(torch.equal, found, expected))


# ---- from hidden states, every kind of objective


def packed_inputs(N: int, D: int, V: int, dtype: torch.dtype, sequences: int = 4) -> dict[str, Tensor]:
    """Packed: `[N, D]` and whose tokens they are; ratios around 1, so that some are clipped."""
    arguments = inputs(N, D, V, dtype, seed=N)
    old = arguments["old_log_probs"]
    random = torch.Generator(old.device).manual_seed(N)
    return {
        **arguments,
        "advantages": torch.randn(sequences, generator=random, device=old.device),
        "sequence_ids": torch.arange(N, device=old.device) * sequences // N,
        "ref_log_probs": old + 0.1 * torch.randn(N, generator=random, device=old.device),
        "rollout_log_probs": old + 0.05 * torch.randn(N, generator=random, device=old.device),
    }


def linear_outputs(arguments: dict[str, Tensor], **options: Any) -> list[Tensor]:
    """The loss, gradients of hidden and weight, and the metrics."""
    leaves = {name: arguments[name].detach().requires_grad_() for name in ("hidden", "weight")}
    found = linear_policy_loss(**{**arguments, **leaves}, **options)
    loss = found.loss
    upstream = torch.linspace(-1, 2, loss.numel(), dtype=loss.dtype, device=loss.device) if loss.dim() else None
    gradients = torch.autograd.grad(loss, list(leaves.values()), upstream)
    return [loss.detach(), *gradients, *found.metrics.values()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("chunk_tokens", [80, 16])
@pytest.mark.parametrize("name", EVERY)
def test_linear_objectives(name: str, chunk_tokens: int, dtype: torch.dtype) -> None:
    """Sequences that fit a chunk and that do not."""
    batch = packed_inputs(200, 64, 1000, dtype)
    truth = linear_outputs(in_fp64(batch), objective=EVERY[name])
    found = linear_outputs(batch, objective=EVERY[name], chunk_tokens=chunk_tokens)
    assert (found[0] - truth[0]).norm() < 1e-4 * truth[0].norm().clamp(min=0.1)  # a sum of both signs may be small
    for ours, exact in zip(found[1:3], truth[1:3], strict=True):
        assert ours.dtype == dtype
        assert error(ours, exact) < (2e-5 if dtype == torch.float32 else 5e-3)
    for ours, exact in zip(found[3:], truth[3:], strict=True):
        assert abs(ours.item() - exact.item()) < 1e-4 * max(1.0, abs(exact.item()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_clipped_rows_are_left_out(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    from pgkern.policy.linear import linear_losses

    batch = packed_inputs(300, 64, 1000, dtype)
    batch["advantages"] = batch["advantages"].abs() + 0.1
    clipped = torch.arange(300, device=batch["hidden"].device) % 3 == 0
    batch["old_log_probs"] = torch.where(clipped, batch["old_log_probs"] - 3, batch["old_log_probs"])
    moved = []
    original = linear_losses.move_active_rows_up_
    monkeypatch.setattr(
        linear_losses, "move_active_rows_up_", lambda *given: moved.append(original(*given)) or moved[-1]
    )
    found = linear_outputs(batch, objective=PolicyObjective.dapo(), chunk_tokens=128)
    assert moved
    assert all(order is not None and order.shape[0] < 100 for order in moved)
    monkeypatch.setattr(linear_losses, "move_active_rows_up_", lambda rows, active: None)
    expected = linear_outputs(batch, objective=PolicyObjective.dapo(), chunk_tokens=128)
    assert (found[1][clipped] == 0).all()
    for ours, same in zip(found, expected, strict=True):
        assert error(ours, same) < (1e-5 if dtype == torch.float32 else 5e-3)


@pytest.mark.parametrize("name", ["grpo", "gspo", "kimi_k15", "none"])
def test_linear_more_than_65535_tokens(name: str) -> None:
    batch = packed_inputs(70_001, 16, 32, torch.float32, sequences=300)
    truth = linear_outputs(in_fp64(batch), objective=EVERY[name])
    found = linear_outputs(batch, objective=EVERY[name], chunk_tokens=70_001)
    for ours, exact in zip(found[:3], truth[:3], strict=True):
        assert error(ours, exact) < 1e-4


@pytest.mark.parametrize("name", ["gspo", "none"])
def test_whole_sequences_and_blocks_of_more_than_two_to_the_31_logits(name: str) -> None:
    """In chunks of whole sequences, and in two visits, in which case a block of the vocabulary is all of it."""
    N, V = 16384, 151936
    assert N * V > 2**31
    batch = packed_inputs(N, 128, V, torch.bfloat16, sequences=16)
    found = linear_outputs(batch, objective=EVERY[name], chunk_tokens=N)
    expected = linear_outputs(batch, objective=EVERY[name], chunk_tokens=2048)
    for one, eight in zip(found, expected, strict=True):
        assert error(one, eight) < 5e-3


@pytest.mark.parametrize("name", ["reinforce", "grpo", "gspo", "none"])
def test_linear_cuda_graphs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Captured once, replayed with other numbers, also another mask, in the same memory."""
    from pgkern.policy.linear import linear_gradient, visited_rows

    batch, other = (packed_inputs(N, 64, 1000, torch.bfloat16) for N in (300, 301))
    whole = ("advantages", "weight")
    other = {key: value if key in whole else value[:300] for key, value in other.items()}
    options: dict[str, Any] = {"objective": EVERY[name], "chunk_tokens": 100}
    expected = linear_outputs(other, **options)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream), monkeypatch.context() as patch:
        linear_outputs(batch, **options)
        for module in (visited_rows, linear_gradient):  # whatever is compiled or loaded, before the capture
            patch.setattr(module, "capturing", lambda tensor: True)
        for _ in range(2):
            linear_outputs(batch, **options)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = linear_outputs(batch, **options)
    for key, value in other.items():
        batch[key].copy_(value)
    graph.replay()
    torch.cuda.synchronize()
    for ours, eager in zip(found, expected, strict=True):  # other rows in a product, other sums
        assert error(ours, eager) < 5e-3
    assert (found[1][~other["mask"]] == 0).all()
    once = [tensor.clone() for tensor in found]
    graph.replay()
    torch.cuda.synchronize()
    assert all(map(torch.equal, found, once))


@pytest.mark.parametrize("name", ["grpo", "gspo", "none"])
def test_linear_objectives_on_another_stream(name: str) -> None:
    batch = packed_inputs(300, 64, 1000, torch.float32)
    expected = linear_outputs(batch, objective=EVERY[name], chunk_tokens=100)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        found = linear_outputs(batch, objective=EVERY[name], chunk_tokens=100)
    stream.synchronize()
    assert all(map(torch.equal, found, expected))


def waits(function: Callable[[], object]) -> int:
    """How often the host waits for the device."""
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            function()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing CUDA operation" in str(warning.message) for warning in seen)


def test_the_host_waits_for_row_numbers_and_nothing_else() -> None:
    batch = packed_inputs(400, 64, 1000, torch.bfloat16)
    batch["hidden"].requires_grad_()
    inputs_of = (batch["hidden"], batch["weight"], batch["token_ids"])
    linear_token_log_probs(*inputs_of)  # whatever happens once
    assert waits(lambda: linear_token_log_probs(*inputs_of, return_entropy=True)) == 0

    def forward(objective: PolicyObjective) -> int:
        run = partial(linear_policy_loss, **batch, objective=objective, chunk_tokens=100)
        run()
        return waits(run)

    assert forward(PolicyObjective.grpo(kl_coef=0.1)) <= 1  # which rows are not masked
    assert forward(PolicyObjective.reinforce()) <= 2  # and which of them have an advantage
    assert forward(PolicyObjective.dapo()) <= 2 + 2 * 4  # and, chunk by chunk, which are not clipped
    assert forward(PolicyObjective.gspo()) <= 5 + 2 * 4  # and how long the sequences are


@pytest.mark.parametrize(("name", "chunk"), [("grpo", 1024), ("gspo", 1024), ("gspo", 256), ("none", 1024)])
def test_linear_memory_of_every_way(name: str, chunk: int) -> None:
    N, D, V = 8192, 1024, 151936
    batch = packed_inputs(N, D, V, torch.bfloat16, sequences=16)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    linear_outputs(batch, objective=EVERY[name], chunk_tokens=chunk)
    peak = torch.cuda.max_memory_allocated() - before
    gradients = (V * D + N * D) * (4 + 2)  # fp32 sums, and in bf16
    logits = (chunk * V + 64 * N) * (4 + 2)  # fp32 logits and their bf16 gradient
    rows = N * D * (4 + 2) * 2  # hidden states of the rows that are visited
    assert peak < 1.05 * (gradients + logits + rows)


@pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
@pytest.mark.parametrize("name", ["grpo", "gspo"])
def test_linear_in_compiled_code(name: str, mode: str) -> None:
    """Also where the compiler captures CUDA graphs by itself."""
    torch.compiler.reset()
    objective = EVERY[name]

    def losses(hidden: Tensor, weight: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return linear_policy_loss(hidden, weight, **batch, objective=objective, chunk_tokens=100).loss

    compiled = torch.compile(losses, fullgraph=True, mode=mode, dynamic=False)
    batch = packed_inputs(300, 64, 1000, torch.bfloat16)
    hidden, weight = (batch.pop(key).requires_grad_() for key in ("hidden", "weight"))
    expected = losses(hidden, weight, batch)
    gradients = torch.autograd.grad(expected, (hidden, weight))
    for _ in range(4):
        torch.compiler.cudagraph_mark_step_begin()
        found = compiled(hidden, weight, batch)
        assert error(found.detach(), expected.detach()) < 1e-4
        for ours, eager in zip(torch.autograd.grad(found, (hidden, weight)), gradients, strict=True):
            assert error(ours, eager) < 5e-3
    torch.compiler.reset()
