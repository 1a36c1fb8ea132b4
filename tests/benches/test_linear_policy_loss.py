import argparse
from collections.abc import Callable
from typing import Any

import pytest
import torch
from benches import bare_products as floor
from benches.linear_policy_loss import _goals, add_options, grid
from benches.policy_case import PolicyCase
from benches.policy_inputs import policy_inputs
from benches.policy_providers import drop_gradients, providers
from benches.policy_suite import SUITE
from benches.policy_truth import errors
from benches.provider_names import CROSS_ENTROPY, NAIVE, PGKERN, PGKERN_ALL_ACTIVE, PRODUCTS
from torch.utils.flop_counter import FlopCounterMode

TRL = "TRL chunked_logprob"
TORCH, TORCH_CROSS_ENTROPY = "torch linear_cross_entropy", "torch linear_cross_entropy (cross-entropy only)"


def case(**more: Any) -> PolicyCase:
    return PolicyCase("cpu", **{"dtype": "float32", "tokens": 64, "hidden_size": 32, "vocabulary": 127, **more})


def options(*said: str, quick: bool = False) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return argparse.Namespace(**vars(parser.parse_args(said)), quick=quick)


def test_quick_form(run_quick: Callable[..., dict[str, Any]]) -> None:
    pytest.importorskip("trl")
    record = run_quick("linear_policy_loss", "--device", "cpu")
    rows = record["rows"]
    both, half, forward = (
        {row["provider"]: row for row in rows if (row["work"], row["active"]) == cell}
        for cell in (("both", 1.0), ("both", 0.5), ("forward", 1.0))
    )
    assert both.keys() == {PGKERN, NAIVE, PRODUCTS, CROSS_ENTROPY, TRL, TORCH, TORCH_CROSS_ENTROPY}
    assert half.keys() == {PGKERN, NAIVE, PRODUCTS, PGKERN_ALL_ACTIVE}
    assert forward.keys() == {PGKERN, NAIVE, PRODUCTS}
    for row in rows:
        median, p20, p80 = row["seconds"]
        assert 0 < p20 <= median <= p80
        operations = (6 if row["work"] == "both" else 2) * row["tokens"] * row["hidden_size"] * row["vocabulary"]
        assert row["tflop_per_second"] == pytest.approx(operations / median / 1e12, rel=1e-3)
        assert ("extra_bytes" in row) == (row["provider"] not in SUITE.time_only)
        assert row.get("extra_bytes", 0) >= 0
        assert {"date", "commit", "dirty", "load_average", "products_ratio"} <= row.keys()
    assert both[NAIVE]["time_ratio"] == both[PRODUCTS]["products_ratio"] == [1.0, 1.0, 1.0]
    assert half[PGKERN]["all_active_ratio"][0] > 0
    assert "all_active_ratio" not in both[PGKERN]
    assert both[PGKERN]["loss_error"] < 1e-5
    assert both[PGKERN]["hidden_gradient_error"] < 2e-5
    assert both[PGKERN]["weight_gradient_error"] < 2e-5
    assert "loss_error" not in both[PRODUCTS]
    assert forward[PGKERN]["log_prob_error"] < 1e-4  # bf16 inputs, fp32 logits
    assert forward[NAIVE]["log_prob_error"] > forward[PGKERN]["log_prob_error"]
    assert record["left_out"] == []


def test_providers_can_be_named(run_quick: Callable[..., dict[str, Any]]) -> None:
    record = run_quick("linear_policy_loss", "--device", "cpu", "--provider", CROSS_ENTROPY, "--provider", "nobody")
    found = {row["provider"] for row in record["rows"]}
    assert found == {PGKERN, NAIVE, PRODUCTS, PGKERN_ALL_ACTIVE, CROSS_ENTROPY}
    assert "no case has a provider 'nobody'" in record["notes"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"active": 0.5},
        {"active": 0.25},
        {"active": 0.5, "variation": "masked"},
        {"active": 0.25, "variation": "masked"},
        {"work": "forward"},
        {"work": "frozen_weight"},
        {"variation": "entropy_bonus"},
        {"variation": "peaked"},
        {"variation": "peers"},
    ],
    ids=str,
)
def test_every_provider_computes_the_same_thing(dtype: str, more: dict[str, Any]) -> None:
    """The naive twin in fp64 is the truth, or the cross-entropy for those whose name says so."""
    this = case(dtype=dtype, **more)
    found = {name: provider for name, provider in providers(this)[0].items() if name not in SUITE.time_only}
    bound = {"float32": 2e-5, "bfloat16": 6e-2}[dtype]  # some round the logits to bf16
    for name, of_name in errors(this, found).items():
        assert max(of_name.values()) < bound, name


def test_peers_that_run_on_a_cpu_are_among_the_providers() -> None:
    pytest.importorskip("trl")
    assert {TRL, TORCH, TORCH_CROSS_ENTROPY} <= providers(case())[0].keys()


def test_a_peer_of_another_release_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.nn, "LinearCrossEntropyOptions", raising=False)
    found, missing = providers(case())
    assert TORCH not in found
    assert any(line.startswith(f"{TORCH} is left out: ImportError: cannot import name") for line in missing)
    assert not any("/" in line for line in missing)


def test_inputs_are_as_active_as_they_say_and_nothing_is_clipped() -> None:
    inputs = policy_inputs(case(active=0.5))
    log_probs_N = torch.log_softmax(inputs.hidden_ND @ inputs.weight_VD.t(), -1).gather(1, inputs.token_ids_N[:, None])
    ratio_N = (log_probs_N[:, 0] - inputs.old_log_probs_N).exp()
    assert 0.8 < ratio_N.min() < 1 < ratio_N.max() < 1.2
    assert (inputs.advantages_B != 0).sum() == 4
    found = providers(case(active=0.5))[0]
    for name, active in ((NAIVE, [True] * 32 + [False] * 32), (PGKERN_ALL_ACTIVE, [True] * 64)):
        drop_gradients(inputs)
        found[name](inputs)
        assert inputs.hidden_ND.grad is not None
        assert (inputs.hidden_ND.grad.abs().amax(1) > 0).tolist() == active


def test_variations_of_the_inputs() -> None:
    masked = policy_inputs(case(active=0.25, variation="masked"))
    assert masked.mask_N.tolist() == [1.0] * 16 + [0.0] * 48
    assert (masked.advantages_B != 0).all()
    peaked = policy_inputs(case(hidden_size=256, variation="peaked"))
    log_probs_N = (peaked.hidden_ND @ peaked.weight_VD.t()).log_softmax(-1).gather(1, peaked.token_ids_N[:, None])
    assert log_probs_N.median() > -0.01
    frozen = policy_inputs(case(work="frozen_weight"))
    assert (frozen.hidden_ND.requires_grad, frozen.weight_VD.requires_grad) == (True, False)
    assert frozen.gradient_bytes == 64 * 32 * 4
    assert policy_inputs(case(work="forward")).gradient_bytes == 0


@pytest.mark.parametrize("length", [64, 24])
@pytest.mark.parametrize(("variation", "forward"), [("plain", 64), ("masked", 32)])
def test_the_floor_multiplies_what_is_needed(
    variation: str, forward: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "_chunk_length", lambda _case: length)
    this = case(active=0.5, variation=variation)
    inputs = policy_inputs(this)
    drop_gradients(inputs)
    with FlopCounterMode(display=False) as counted:
        floor.bare_products(this)(inputs)
    assert counted.get_total_flops() == 2 * 32 * 127 * (forward + 2 * 32)
    logits_AV = (inputs.hidden_ND @ inputs.weight_VD.t())[:32].detach()
    assert inputs.hidden_ND.grad is not None
    assert inputs.weight_VD.grad is not None
    torch.testing.assert_close(inputs.hidden_ND.grad[:32], logits_AV @ inputs.weight_VD)
    torch.testing.assert_close(inputs.weight_VD.grad, logits_AV.t() @ inputs.hidden_ND[:32])


def test_operations_by_hand() -> None:
    assert case(tokens=8, hidden_size=2, vocabulary=5).flop == 480
    assert case(tokens=8, hidden_size=2, vocabulary=5, work="frozen_weight").flop == 320
    assert case(tokens=8, hidden_size=2, vocabulary=5, work="forward").flop == 160


def test_the_gpu_begins_with_what_matters_most() -> None:
    cases = list(grid("cuda", options()))
    labels = [one.label for one in cases]
    assert len(set(labels)) == len(labels) == 7 * 6 * 10
    assert [label.partition(" bf16 ")[2] for label in labels[:5]] == [
        "loss and gradients",
        "loss and gradients, active 0.5",
        "forward only",
        "frozen weight",
        "loss and gradients, with peers",
    ]
    assert {(one.tokens, one.hidden_size, one.vocabulary) for one in cases[:10]} == {(16_384, 4096, 151_936)}
    assert all(one.compiled == one.beside_peers == (one.variation == "peers") for one in cases)
    assert {one.tokens for one in cases} == {1024, 4096, 8192, 16_384, 32_768, 65_536}


def test_the_cpu_has_its_own_grid() -> None:
    cases = list(grid("cpu", options()))
    assert {(one.tokens, one.hidden_size) for one in cases} == {(2048, 1024)}
    assert len(cases) == 2 * 2 * 3
    assert [(one.work, one.active) for one in cases[:3]] == [("both", 1.0), ("both", 0.5), ("forward", 1.0)]
    assert not any(one.compiled for one in cases)
    assert [one.compiled for one in grid("cpu", options("--compile"))][:3] == [True, False, False]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_options_pick_one_cell(device: str) -> None:
    said = ("--vocabulary", "151936", "--dtype", "float32")
    for more, expected in (
        (("--work", "both", "--active", "1"), ("both", 1.0, "plain")),
        (("--work", "both", "--active", "0.5"), ("both", 0.5, "plain")),
        (("--work", "forward"), ("forward", 1.0, "plain")),
        (("--work", "frozen_weight"), ("frozen_weight", 1.0, "plain")),
        (("--active", "0.25", "--variation", "masked"), ("both", 0.25, "masked")),
        (("--variation", "entropy_bonus"), ("both", 1.0, "entropy_bonus")),
    ):
        (one,) = grid(device, options(*said, *more))
        assert (one.vocabulary, one.dtype, one.work, one.active, one.variation) == (151_936, "float32", *expected)


def row(one: PolicyCase, **more: Any) -> dict[str, Any]:
    sizes = {name: getattr(one, name) for name in ("tokens", "hidden_size", "vocabulary", "dtype")}
    kind = {name: getattr(one, name) for name in ("device", "active", "work", "variation")}
    return {
        "case": one.label,
        "provider": PGKERN,
        **sizes,
        **kind,
        "extra_bytes": 1 << 30,
        "memory_ratio": 0.04,
        **more,
    }


def test_goals_of_the_cpu() -> None:
    large = case(vocabulary=151_936)
    ratios = {"time_ratio": [0.8, 0.7, 0.9], "all_active_ratio": [0.8, 0.7, 0.9]}
    time, own, memory = _goals([row(case(vocabulary=151_936, active=0.5), **ratios)])
    assert (time.value, time.limit, own.value, own.limit, own.met) == (0.8, 1.0, 0.8, 0.75, False)
    assert (memory.value, memory.limit) == (pytest.approx(4.0), 5.0)
    assert len(list(_goals([row(large, **ratios)]))) == 2
    assert len(list(_goals([row(case(), **ratios)]))) == 1


def test_goals_of_the_gpu() -> None:
    cases = list(grid("cuda", options()))
    ratios = {"products_ratio": [1.09, 1.0, 1.2], "all_active_ratio": [0.7, 0.6, 0.8]}
    found = [list(_goals([row(one, **ratios)])) for one in cases[:5]]
    assert [[goal.limit for goal in goals] for goals in found] == [[1.10, 1.0], [0.72, 1.0], [1.08, 1.0], [1.0], []]
    assert [goals[0].met for goals in found[:3]] == [True, True, False]
    assert found[0][1].value == pytest.approx((1 << 30) / (4 * 4096 * 151_936))
    assert [goal.limit for goal in _goals([row(cases[10], **ratios)])] == [1.0]  # another size: its memory alone


def test_tokens_that_do_not_make_equal_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match=r"63 tokens .* multiple of 8"):
        policy_inputs(case(tokens=63))
